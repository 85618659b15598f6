//! RFC 3161 tokens, responses, requests and certificates, and the stored record of an anchor.

use std::sync::LazyLock;

use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Response, Token};
use vm_anchor::{
    AnchorRecord, RootCertificate, TrustPolicy, TrustedAuthority, VerifiedAnchor, verify_response, verify_token,
};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

/// What was stamped.
pub const STAMPED: &[u8] = b"bundle";
/// Nonce of the request.
pub const NONCE: [u8; 16] = [1; 16];
/// A response of an authority that lived for this alone, its root, and its key: worthless anywhere else.
const RESPONSE: &[u8] = include_bytes!("../../seeds/rfc3161_response/granted");
const ROOT: &[u8] = include_bytes!("../../seeds/rfc3161_certificate/root.der");
const CERTIFICATE: &[u8] = include_bytes!("../fixtures/authority.der");
const KEY: &[u8] = include_bytes!("../fixtures/authority.pkcs8");

struct Known {
    authority: LocalAuthority,
    policy: TrustPolicy,
    anchor: VerifiedAnchor,
    record: Option<AnchorRecord>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let authority = LocalAuthority::from_pkcs8(KEY, CERTIFICATE, ROOT).expect("the fixtures are one authority");
    let policy = TrustPolicy::new(vec![authority.trusted().expect("its name is one")]).expect("one authority");
    let (_, anchor) = verify_response(RESPONSE, &stamped(), Some(&NONCE), &policy, at());
    let anchor = anchor.expect("the response holds");
    let record = AnchorRecord::parse(include_bytes!("../../seeds/anchor_record/embedded")).ok();
    Known { authority, policy, anchor, record }
});

/// When the response was given, and is verified.
#[must_use]
pub fn at() -> Instant {
    "2026-01-02T03:04:05.000006Z".parse().expect("an instant")
}

/// SHA-256 of what was stamped.
#[must_use]
pub fn stamped() -> Sha256Digest {
    Sha256Digest::of(STAMPED)
}

/// A token is refused, or differs from the true one only where nobody signs and says the same.
pub fn rfc3161_token(data: &[u8]) {
    let (report, anchor) = verify_token(data, &stamped(), None, &KNOWN.policy, at());
    check(anchor, report.verdict());
    let (report, anchor) = verify_token(data, &Sha256Digest::of(b"other"), None, &KNOWN.policy, at());
    assert!(anchor.is_none() && report.verdict() != Verdict::Verified, "believed for what was never stamped");
    let (report, anchor) = verify_token(data, &stamped(), None, &TrustPolicy::default(), at());
    assert!(anchor.is_none() && report.verdict() != Verdict::Verified, "believed without a root");
    if let Ok(token) = Token::parse(data) {
        assert!(token.certificates().all(|certificate| !certificate.is_empty()));
    }
}

/// As [`rfc3161_token`], for a whole response, whose nonce is that of the request.
pub fn rfc3161_response(data: &[u8]) {
    let (report, anchor) = verify_response(data, &stamped(), Some(&NONCE), &KNOWN.policy, at());
    check(anchor, report.verdict());
    let (_, anchor) = verify_response(data, &stamped(), Some(&[2; 16]), &KNOWN.policy, at());
    assert!(anchor.is_none(), "believed for another request");
    if let Ok(response) = Response::parse(data)
        && let Some(token) = response.token()
        && !response.is_reencoded()
    {
        assert!(data.windows(token.len()).any(|window| window == token), "the token is part of the response");
    }
}

fn check(anchor: Option<VerifiedAnchor>, verdict: Verdict) {
    assert_eq!(
        anchor.is_some(),
        verdict == Verdict::Verified || (anchor.is_some() && verdict != Verdict::Contradicted)
    );
    if let Some(anchor) = anchor {
        assert_eq!(anchor, KNOWN.anchor, "believed what the authority never said");
    }
}

/// The local authority answers any bytes with a response that reads; what it grants holds for what was asked.
pub fn rfc3161_request(data: &[u8]) {
    let Ok(answer) = KNOWN.authority.respond(data, at()) else { return };
    let response = Response::parse(&answer).expect("what the authority says can be read");
    assert_eq!(response.status().is_granted(), response.token().is_some());
    let Some(token) = response.token() else { return };
    let token = Token::parse(token).expect("what the authority signs can be read");
    let asked = token.claims().imprint_bytes();
    assert!(data.windows(asked.len()).any(|window| window == asked), "stamped what nobody asked for");
    assert_eq!(token.claims().gen_time(), at());
}

/// A root certificate, in DER or in PEM, is the same after it was written.
pub fn rfc3161_certificate(data: &[u8]) {
    let text = core::str::from_utf8(data).ok();
    let read = RootCertificate::from_der(data).ok().or_else(|| RootCertificate::from_pem(text?).ok());
    let Some(root) = read else { return };
    assert_eq!(RootCertificate::from_pem(&root.to_pem()).as_ref(), Ok(&root));
    assert_eq!(root.sha256(), Sha256Digest::of(root.as_der()));
    let one = TrustedAuthority::independent("one", root.clone()).expect("a name");
    let two = TrustedAuthority::independent("two", root).expect("a name");
    if TrustPolicy::new(vec![one.clone()]).is_ok() {
        assert!(TrustPolicy::new(vec![one, two]).is_err(), "one key under two names");
    }
}

/// A record has one form, and agrees with the anchor only where it says what the anchor says.
pub fn anchor_record(data: &[u8]) {
    let Ok(record) = AnchorRecord::parse(data) else { return };
    assert_eq!(record.to_bytes().ok().as_deref(), Some(data));
    if let Some(token) = record.embedded_token() {
        assert!(record.check_token(&token).is_ok());
        assert_eq!(record.token_sha256(), Sha256Digest::of(&token));
    }
    let said = |record: &AnchorRecord| (record.imprint(), record.gen_time(), record.identity());
    let same = KNOWN.record.as_ref().is_some_and(|known| said(known) == said(&record));
    assert_eq!(record.agrees_with(&KNOWN.anchor), same);
}
