//! Tokens forged with OpenSSL, each with one defect, beside a good twin. Each gets its one reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, SHA256, generalized, has_openssl, make_certificate, make_root, now, reasons, tlv};
use vm_anchor::VerifiedAnchor;
use vm_anchor::rfc3161::{Check, Request};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

const NONCE: [u8; 8] = [0x11, 2, 3, 4, 5, 6, 7, 8];
/// `1.2.3.4.1`
const POLICY: [u8; 6] = [0x06, 0x04, 0x2a, 0x03, 0x04, 0x01];

/// The parts of a TSTInfo that a case may change.
struct Info {
    version: u8,
    algorithm: Vec<u8>,
    digest: Vec<u8>,
    gen_time: String,
    tail: Vec<u8>,
}

fn good() -> Info {
    Info {
        version: 1,
        algorithm: SHA256.to_vec(),
        digest: Sha256Digest::of(b"data").as_bytes().to_vec(),
        gen_time: generalized(now()),
        tail: tlv(0x02, &[&NONCE]),
    }
}

impl Info {
    fn to_der(&self) -> Vec<u8> {
        let imprint = tlv(0x30, &[&self.algorithm, &tlv(0x04, &[&self.digest])]);
        tlv(
            0x30,
            &[
                &tlv(0x02, &[&[self.version]]),
                &POLICY,
                &imprint,
                &tlv(0x02, &[&[42]]),
                &tlv(0x18, &[self.gen_time.as_bytes()]),
                &self.tail,
            ],
        )
    }
}

const SIGN: &str = "cms -sign -binary -nodetach -econtent_type 1.2.840.113549.1.9.16.1.4 -cades -md sha256 \
                    -in info.der -outform der -out token.tst";

struct Forge {
    folder: Folder,
}

impl Forge {
    fn new() -> Self {
        let folder = Folder::new();
        make_root(&folder, "root", "p256");
        make_root(&folder, "other", "p256");
        for (section, kind, more) in [
            ("good", "p256", ""),
            ("no_eku", "p256", ""),
            ("eku_not_critical", "p256", ""),
            ("eku_extra", "p256", ""),
            ("eku_any", "p256", ""),
            ("ca_bit", "p256", ""),
            ("key_usage", "p256", ""),
        ] {
            make_certificate(&folder, section, kind, "root", section, more);
        }
        make_certificate(&folder, "rsa", "2048", "root", "good", "");
        make_certificate(&folder, "short", "1024", "root", "good", "");
        make_certificate(&folder, "p521", "p521", "root", "good", "");
        make_certificate(&folder, "expired", "p256", "root", "good", "-days -1");
        Self { folder }
    }

    /// Signs `info` with a named signer; `more` are words for `openssl cms`, which come last and so win.
    fn sign(&self, info: &Info, signer: &str, more: &str) -> Vec<u8> {
        self.folder.write("info.der", &info.to_der());
        self.folder.openssl(&format!("{SIGN} -signer {signer}.pem -inkey {signer}.key {more}"));
        self.folder.read("token.tst")
    }

    fn judge_at(&self, token: &[u8], root: &str, now: Instant) -> (Vec<String>, Verdict, Option<VerifiedAnchor>) {
        let policy = self.folder.policy(root);
        let request = Request::new(&Sha256Digest::of(b"data"), &NONCE).unwrap();
        let (report, anchor) = Check::new(&policy, now).answers(&request).token(token);
        (reasons(&report), report.verdict(), anchor)
    }

    fn judge(&self, token: &[u8], root: &str) -> (Vec<String>, Verdict) {
        let (reasons, verdict, anchor) = self.judge_at(token, root, now());
        assert_eq!(anchor.is_some(), verdict == Verdict::Verified);
        (reasons, verdict)
    }
}

#[test]
fn each_defect_has_its_reason() {
    if !has_openssl("each_defect_has_its_reason") {
        return;
    }
    let forge = Forge::new();
    let mut wrong = Vec::new();
    let mut case = |name: &str, token: &[u8], root: &str, verdict: Verdict, expected: &[&str]| {
        let found = forge.judge(token, root);
        if found.0 != expected || found.1 != verdict {
            wrong.push(format!("{name}: {found:?}, expected {verdict} {expected:?}"));
        }
    };
    let signed = |info: &Info, signer: &str, more: &str| forge.sign(info, signer, more);
    let contradicted = Verdict::Contradicted;

    let twin = signed(&good(), "good", "");
    case("good twin", &twin, "root.pem", Verdict::Verified, &[]);
    let rsa = signed(&good(), "rsa", "");
    case("good twin, RSA", &rsa, "root.pem", Verdict::Verified, &[]);
    case("other root", &twin, "other.pem", Verdict::Undecided, &["no-trust-root"]);

    for (signer, reason) in [
        ("no_eku", "eku-missing"),
        ("eku_not_critical", "eku-not-critical"),
        ("eku_extra", "eku-other"),
        ("eku_any", "eku-other"),
        ("ca_bit", "signer-is-ca"),
        ("key_usage", "key-usage"),
        ("short", "key-too-short"),
    ] {
        case(signer, &signed(&good(), signer, ""), "root.pem", contradicted, &[reason]);
    }
    let token = signed(&good(), "p521", "");
    case("P-521", &token, "root.pem", Verdict::Undecided, &["key-unsupported"]);

    let digest = Sha256Digest::of(b"other").as_bytes().to_vec();
    let other_imprint = Info { digest, ..good() };
    let nonce = tlv(0x02, &[&[9; 8]]);
    let critical = tlv(0x30, &[&POLICY, &[1, 1, 0xff], &tlv(0x04, &[&[5, 0]])]);
    let sha1 = [0x30, 7, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a].to_vec();
    let later = now().saturating_add_micros(600_000_000);
    for (name, info, reason) in [
        ("other imprint", other_imprint, "imprint-mismatch"),
        ("short imprint", Info { digest: vec![1; 20], ..good() }, "imprint-length"),
        ("SHA-1 imprint", Info { algorithm: sha1, digest: vec![1; 20], ..good() }, "imprint-weak"),
        ("other nonce", Info { tail: nonce, ..good() }, "nonce-mismatch"),
        ("no nonce", Info { tail: Vec::new(), ..good() }, "nonce-missing"),
        ("version 2", Info { version: 2, ..good() }, "tst-info-version"),
        (
            "critical extension",
            Info { tail: [good().tail, tlv(0xa1, &[&critical])].concat(), ..good() },
            "tst-info-critical-extension",
        ),
        (
            "tsa of another",
            Info { tail: [good().tail, tlv(0xa0, &[&tlv(0x86, &[b"http://x"])])].concat(), ..good() },
            "tsa-name",
        ),
        ("future", Info { gen_time: generalized(later), ..good() }, "gen-time-in-future"),
    ] {
        case(name, &signed(&info, "good", ""), "root.pem", contradicted, &[reason]);
    }
    let before = Info { gen_time: "20200102030405Z".into(), ..good() };
    let token = signed(&before, "good", "");
    case("not yet valid", &token, "root.pem", contradicted, &["certificate-not-yet-valid"]);
    let token = signed(&good(), "expired", "");
    case("expired then", &token, "root.pem", contradicted, &["certificate-expired"]);
    let bad_time = Info { gen_time: "20260102030460Z".into(), ..good() };
    let token = signed(&bad_time, "good", "");
    case("leap second", &token, "root.pem", contradicted, &["token-malformed"]);

    let token = signed(&good(), "good", "-nocerts");
    case("no certificates", &token, "root.pem", Verdict::Undecided, &["signer-certificate-missing"]);
    let token = signed(&good(), "good", "-signer rsa.pem -inkey rsa.key");
    case("two signers", &token, "root.pem", contradicted, &["signer-count"]);
    let token = signed(&good(), "good", "-stream");
    case("BER", &token, "root.pem", Verdict::Undecided, &["token-ber"]);
    let token = signed(&good(), "good", "-md sha1");
    case("SHA-1 signature", &token, "root.pem", contradicted, &["digest-weak"]);
    let token = signed(&good(), "rsa", "-keyopt rsa_padding_mode:pss");
    case("PSS", &token, "root.pem", Verdict::Undecided, &["signature-unsupported"]);
    let token = signed(&good(), "good", "-keyid");
    case("key identifier", &token, "root.pem", Verdict::Verified, &[]);
    case("trailing", &[&twin[..], &[0]].concat(), "root.pem", contradicted, &["token-trailing-bytes"]);
    case("cut", &twin[..twin.len() - 1], "root.pem", contradicted, &["token-malformed"]);

    // Without -cades no signed attribute names the certificate; and without any, the TSTInfo itself is signed.
    forge.folder.write("info.der", &good().to_der());
    let plain = SIGN.replace("-cades", "");
    let other = plain.replace("16.1.4", "16.1.5");
    for (words, more, reason) in [
        (&plain, "", "ess-missing"),
        (&plain, "-noattr", "signed-attributes-missing"),
        (&other, "", "token-not-tst-info"),
    ] {
        forge.folder.openssl(&format!("{words} -signer good.pem -inkey good.key {more}"));
        let token = forge.folder.read("token.tst");
        case(reason, &token, "root.pem", contradicted, &[reason]);
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_named_signer_is_judged_wherever_it_stands() {
    if !has_openssl("the_named_signer_is_judged_wherever_it_stands") {
        return;
    }
    let forge = Forge::new();
    // A certificate that may not stamp, in company of one that may; and the other way round.
    for (signer, company, expected) in [("no_eku", "good", &["eku-missing"][..]), ("good", "no_eku", &[])] {
        let token = forge.sign(&good(), signer, &format!("-certfile {company}.pem"));
        for token in both_orders(&token) {
            assert_eq!(forge.judge(&token, "root.pem").0, expected, "{signer}");
        }
    }
}

/// A certificate of the same issuer name and serial number, under another key, beside the signer's or in its place.
#[test]
fn a_double_of_the_signers_certificate_gains_nothing() {
    if !has_openssl("a_double_of_the_signers_certificate_gains_nothing") {
        return;
    }
    let forge = Forge::new();
    let foreign = Folder::new();
    make_root(&foreign, "root", "p256");
    let serial = forge.folder.try_openssl("x509 -in good.pem -noout -serial");
    let serial = String::from_utf8(serial.stdout).unwrap();
    let serial = serial.trim().trim_start_matches("serial=").to_owned();
    foreign.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out double.key");
    foreign.openssl("req -new -key double.key -subj /CN=good -config ext.cnf -out double.csr");
    foreign.openssl(&format!(
        "x509 -req -in double.csr -CA root.pem -CAkey root.key -set_serial 0x{serial} -extfile ext.cnf -extensions good -days 1000 -out double.pem"
    ));
    forge.folder.write("double.pem", &foreign.read("double.pem"));
    forge.folder.write("double.key", &foreign.read("double.key"));
    let token = forge.sign(&good(), "good", "-certfile double.pem");
    for token in both_orders(&token) {
        let (reasons, _, anchor) = forge.judge_at(&token, "root.pem", now());
        assert!(reasons.is_empty() && anchor.is_some(), "{reasons:?}");
    }
    // In place of the signer's own.
    let token = forge.sign(&good(), "good", "-nocerts -certfile double.pem");
    let expected = (vec!["ess-mismatch".to_owned()], Verdict::Contradicted);
    assert_eq!(forge.judge(&token, "root.pem"), expected);
    // And as the signer itself: the trusted root has the name that it claims, but another key.
    let token = forge.sign(&good(), "double", "-certfile good.pem");
    for token in both_orders(&token) {
        let expected = (vec!["no-trust-root".to_owned()], Verdict::Undecided);
        assert_eq!(forge.judge(&token, "root.pem"), expected);
    }
}

/// The token as it is, and with the certificates of its bag turned round.
fn both_orders(token: &[u8]) -> [Vec<u8>; 2] {
    let parsed = vm_anchor::rfc3161::Token::parse(token).unwrap();
    let bag: Vec<&[u8]> = parsed.certificates().collect();
    assert_eq!(bag.len(), 2);
    let (there, back) = (bag.concat(), [bag[1], bag[0]].concat());
    let start = token.windows(there.len()).position(|window| window == there).unwrap();
    let mut turned = token.to_vec();
    turned[start..start + back.len()].copy_from_slice(&back);
    [token.to_vec(), turned]
}

#[test]
fn the_verifiers_clock_changes_remarks_only() {
    if !has_openssl("the_verifiers_clock_changes_remarks_only") {
        return;
    }
    let forge = Forge::new();
    let token = forge.sign(&good(), "good", "");
    let (_, _, today) = forge.judge_at(&token, "root.pem", now());
    let in_ten_years = now().saturating_add_micros(10 * 31_557_600 * 1_000_000);
    let (reasons, verdict, later) = forge.judge_at(&token, "root.pem", in_ten_years);
    assert_eq!(reasons, ["anchor-expired-now"]);
    assert_eq!(verdict, Verdict::Verified);
    assert!(today.is_some() && today == later);
}
