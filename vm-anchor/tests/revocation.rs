//! Revocation by archived lists that OpenSSL signs: reasons, times, lists that say nothing, and lists inside the token.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::forge::{Forge, good};
use common::{generalized, has_openssl, make_certificate, now};
use vm_anchor::TokenRules;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict::{self, Contradicted, Undecided, Verified};

const DAY_MICROS: i64 = 86_400_000_000;

fn days(count: i64) -> Instant {
    now().saturating_add_micros(count * DAY_MICROS)
}

/// `YYMMDDhhmmssZ`, as the database of `openssl ca` has it.
fn short(at: Instant) -> String {
    generalized(at)[2..].to_owned()
}

const CONFIG: &str = "
[ca]
default_ca = lists
[lists]
database = index.txt
default_md = sha256
unique_subject = no
[plain]
authorityKeyIdentifier = keyid
[delta]
2.5.29.27 = critical,ASN1:INTEGER:1
[indirect]
issuingDistributionPoint = critical,@indirect_idp
[indirect_idp]
indirectCRL = TRUE
[users]
issuingDistributionPoint = critical,@users_idp
[users_idp]
onlyuser = TRUE
[cas]
issuingDistributionPoint = critical,@cas_idp
[cas_idp]
onlyCA = TRUE
[unknown]
1.2.3.4 = critical,ASN1:NULL
";

/// A list of `ca` that names `revoked`, each as certificate, day of revocation and reason; issued on a day for thirty.
fn list(forge: &Forge, ca: &str, revoked: &[(&str, i64, &str)], issued: i64, section: &str) -> Vec<u8> {
    let folder = &forge.folder;
    let mut index = String::new();
    for (name, day, reason) in revoked {
        let serial = folder.try_openssl(&format!("x509 -in {name}.pem -noout -serial"));
        let serial = String::from_utf8(serial.stdout).unwrap();
        let serial = serial.trim().trim_start_matches("serial=");
        let reason = if reason.is_empty() { String::new() } else { format!(",{reason}") };
        let since = format!("{}{reason}", short(days(*day)));
        index.push_str(&format!("R\t{}\t{since}\t{serial}\tunknown\t/CN={name}\n", short(days(1000))));
    }
    folder.write("index.txt", index.as_bytes());
    folder.write("ca.cnf", CONFIG.as_bytes());
    let (from, until) = (generalized(days(issued)), generalized(days(issued + 30)));
    folder.openssl(&format!(
        "ca -gencrl -config ca.cnf -keyfile {ca}.key -cert {ca}.pem -crl_lastupdate {from} -crl_nextupdate {until} \
         -crlexts {section} -out list.pem"
    ));
    folder.openssl("crl -in list.pem -outform der -out list.crl");
    folder.read("list.crl")
}

/// Judges with these lists, `later` days after the token was made.
fn judge(forge: &Forge, token: &[u8], lists: &[Vec<u8>], is_required: bool, later: i64) -> (Vec<String>, Verdict) {
    let policy = forge.folder.policy("root.pem");
    let lists: &'static [Vec<u8>] = Box::leak(Box::new(lists.to_vec()));
    let policy: &'static _ = Box::leak(Box::new(policy));
    let (reasons, verdict, _) =
        forge.judge_with(token, policy, days(later), |check| check.crls(lists).require_revocation(is_required));
    // A policy that has the lists comes to the same, and takes none that it could not read.
    let rules = TokenRules { crls: lists.to_vec(), require_revocation: is_required, ..TokenRules::default() };
    match policy.clone().with_tokens(rules) {
        Ok(policy) => {
            let policy: &'static _ = Box::leak(Box::new(policy));
            let (same, outcome, _) = forge.judge_with(token, policy, days(later), |check| check);
            assert_eq!((&same, outcome), (&reasons, verdict));
        }
        Err(error) => {
            assert_eq!(error.code(), "policy-crl");
            assert!(reasons.is_empty() || is_required, "a list that cannot be read says nothing");
        }
    }
    (reasons, verdict)
}

fn expect(found: (Vec<String>, Verdict), verdict: Verdict, reasons: &[&str], what: &str) {
    assert_eq!(
        (found.0.iter().map(String::as_str).collect::<Vec<_>>(), found.1),
        (reasons.to_vec(), verdict),
        "{what}"
    );
}

#[test]
fn the_reason_decides_what_a_revocation_voids() {
    if !has_openssl("the_reason_decides_what_a_revocation_voids") {
        return;
    }
    let forge = Forge::new();
    let token = forge.sign(&good(), "good", "");
    // Stamped on day 0; revoked the day before or the day after.
    for (reason, before, after) in [
        ("keyCompromise", Some("key-compromised"), Some("key-compromised")),
        ("CACompromise", Some("key-compromised"), Some("key-compromised")),
        ("", Some("key-compromised"), Some("key-compromised")),
        ("certificateHold", Some("key-compromised"), Some("key-compromised")),
        // Said outright, it leaves what was signed before; left out, it does not.
        ("unspecified", Some("certificate-revoked"), None),
        ("superseded", Some("certificate-revoked"), None),
        ("cessationOfOperation", Some("certificate-revoked"), None),
        ("affiliationChanged", Some("certificate-revoked"), None),
    ] {
        for (day, expected) in [(-1, before), (1, after)] {
            let lists = [list(&forge, "root", &[("good", day, reason)], 2, "plain")];
            for is_required in [false, true] {
                let verdict = if expected.is_some() { Contradicted } else { Verified };
                let what = format!("{reason}, day {day}");
                expect(judge(&forge, &token, &lists, is_required, 3), verdict, expected.as_slice(), &what);
            }
        }
    }
}

#[test]
fn a_list_speaks_only_within_its_time_and_scope() {
    if !has_openssl("a_list_speaks_only_within_its_time_and_scope") {
        return;
    }
    let forge = Forge::new();
    let token = forge.sign(&good(), "good", "");
    expect(judge(&forge, &token, &[], true, 0), Undecided, &["revocation-unknown"], "none");
    expect(judge(&forge, &token, &[], false, 0), Verified, &[], "none demanded");
    for (name, issued, section, expected) in [
        ("of the day", 0, "plain", None),
        ("of later", 40, "plain", None),
        ("too old", -60, "plain", Some("revocation-unknown")),
        ("of a day to come", 60, "plain", Some("revocation-unknown")),
        ("of users", 0, "users", None),
        ("of CAs", 0, "cas", Some("revocation-unknown")),
        ("delta", 0, "delta", Some("revocation-unsupported")),
        ("indirect", 0, "indirect", Some("revocation-unsupported")),
        ("with an unknown critical extension", 0, "unknown", Some("revocation-unsupported")),
    ] {
        let lists = [list(&forge, "root", &[], issued, section)];
        let verdict = if expected.is_some() { Undecided } else { Verified };
        expect(judge(&forge, &token, &lists, true, 50), verdict, expected.as_slice(), name);
        expect(judge(&forge, &token, &lists, false, 50), Verified, &[], name);
    }
    // Of another authority, of the right name under another key, cut, and altered: these say nothing.
    let revoked = [("good", -1, "keyCompromise")];
    let mut genuine = list(&forge, "root", &revoked, 0, "plain");
    let foreign = list(&forge, "other", &revoked, 0, "plain");
    forge.folder.openssl(
        "req -x509 -new -key other.key -sha256 -subj /CN=root -days 9 -config ext.cnf -extensions ca -out fake.pem",
    );
    forge.folder.write("fake.key", &forge.folder.read("other.key"));
    let fake = list(&forge, "fake", &revoked, 0, "plain");
    let cut = genuine[..genuine.len() - 1].to_vec();
    expect(judge(&forge, &token, &[genuine.clone()], true, 1), Contradicted, &["key-compromised"], "genuine");
    *genuine.last_mut().unwrap() ^= 1;
    for (name, bytes) in
        [("foreign", foreign), ("fake", fake), ("cut", cut), ("altered", genuine), ("empty", Vec::new())]
    {
        expect(judge(&forge, &token, std::slice::from_ref(&bytes), true, 1), Undecided, &["revocation-unknown"], name);
        expect(judge(&forge, &token, &[bytes], false, 1), Verified, &[], name);
    }
}

#[test]
fn every_certificate_of_the_path_is_looked_up() {
    if !has_openssl("every_certificate_of_the_path_is_looked_up") {
        return;
    }
    let forge = Forge::new();
    forge.certificate("sub", "2048", "ca", "");
    make_certificate(&forge.folder, "below", "p256", "sub", "good", "");
    let token = forge.sign(&good(), "below", "-certfile sub.pem");
    let clear = [list(&forge, "root", &[], 0, "plain"), list(&forge, "sub", &[], 0, "plain")];
    expect(judge(&forge, &token, &clear, true, 1), Verified, &[], "both");
    expect(judge(&forge, &token, &clear[..1], true, 1), Undecided, &["revocation-unknown"], "the root's alone");
    expect(judge(&forge, &token, &clear[1..], true, 1), Undecided, &["revocation-unknown"], "the CA's alone");
    let revoked = [list(&forge, "root", &[("sub", 1, "CACompromise")], 2, "plain"), clear[1].clone()];
    expect(judge(&forge, &token, &revoked, false, 3), Contradicted, &["key-compromised"], "the CA");
    let revoked = [list(&forge, "root", &[("sub", 1, "superseded")], 2, "plain"), clear[1].clone()];
    expect(judge(&forge, &token, &revoked, true, 3), Verified, &[], "the CA, superseded later");
    // A CA that may not sign lists.
    forge.certificate("mute", "p256", "mute", "");
    make_certificate(&forge.folder, "under", "p256", "mute", "good", "");
    let token = forge.sign(&good(), "under", "-certfile mute.pem");
    let lists = [list(&forge, "root", &[], 0, "plain"), list(&forge, "mute", &[("under", -1, "")], 0, "plain")];
    expect(judge(&forge, &token, &lists, false, 1), Verified, &[], "signed by a CA without cRLSign");
    expect(judge(&forge, &token, &lists, true, 1), Undecided, &["revocation-unknown"], "the same, demanded");
}

/// Lists inside the token are as good as those given: their issuer signed them.
#[test]
fn lists_inside_the_token_are_read() {
    if !has_openssl("lists_inside_the_token_are_read") {
        return;
    }
    let forge = Forge::new();
    let bare = forge.sign(&good(), "good", "");
    for (revoked, verdict, reasons) in
        [(&[][..], Verified, &[][..]), (&[("good", -1, "keyCompromise")][..], Contradicted, &["key-compromised"])]
    {
        let list = list(&forge, "root", revoked, 0, "plain");
        let token = common::with_crl(&bare, &list);
        expect(judge(&forge, &token, &[], true, 1), verdict, reasons, "inside");
    }
    let token = common::with_crl(&bare, &[0x30, 0]);
    expect(judge(&forge, &token, &[], false, 1), Verified, &[], "a malformed one condemns nothing");
}
