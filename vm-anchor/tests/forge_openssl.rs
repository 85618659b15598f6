//! The forge matrix: tokens, certificates and responses with one defect each, beside good twins. Each gets its one verdict
//! and its one reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::forge::{Forge, Info, NONCE, POLICY, SIGN, both_orders, good};
use common::{Folder, generalized, has_openssl, make_certificate, make_root, now, reasons, tlv};
use vm_anchor::rfc3161::{Check, Imprint, Legacy, Request, Stamped};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::digest::Sha256Digest;
use vm_core::verdict::Verdict::{self, Contradicted, Undecided, Verified};

/// Collects what was not as the table says.
#[derive(Default)]
struct Matrix {
    names: BTreeSet<String>,
    refused: usize,
    wrong: Vec<String>,
}

impl Matrix {
    fn case(&mut self, name: &str, found: (Vec<String>, Verdict), verdict: Verdict, expected: &[&str]) {
        assert!(self.names.insert(name.to_owned()), "{name} stands twice");
        self.refused += usize::from(verdict != Verified);
        if found.0 != expected || found.1 != verdict {
            self.wrong.push(format!("{name}: {found:?}, expected {verdict} {expected:?}"));
        }
    }

    fn finish(self, at_least: usize) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert!(self.refused >= at_least, "{} defects", self.refused);
    }
}

#[test]
fn each_certificate_has_its_verdict() {
    if !has_openssl("each_certificate_has_its_verdict") {
        return;
    }
    let forge = Forge::new();
    let mut matrix = Matrix::default();
    for (name, kind, section, more, verdict, expected) in [
        ("no extended key usage", "p256", "no_eku", "", Contradicted, &["eku-missing"][..]),
        ("extended key usage not critical", "p256", "eku_not_critical", "", Contradicted, &["eku-not-critical"]),
        ("a second extended key usage", "p256", "eku_extra", "", Contradicted, &["eku-other"]),
        ("any extended key usage", "p256", "eku_any", "", Contradicted, &["eku-other"]),
        ("a CA's certificate", "p256", "ca_bit", "", Contradicted, &["signer-is-ca"]),
        ("key usage for enciphering", "p256", "key_usage", "", Contradicted, &["key-usage"]),
        ("an unknown critical extension", "p256", "critical", "", Undecided, &["path-critical-extension"]),
        ("expired before genTime", "p256", "good", "-days -1", Contradicted, &["certificate-expired"]),
        ("RSA of 1024 bits", "1024", "good", "", Contradicted, &["key-too-short"]),
        ("P-224", "p224", "good", "", Undecided, &["key-unsupported"]),
        ("RSA of 2048 bits", "2048", "good", "", Verified, &[]),
        ("RSA of 3072 bits", "3072", "good", "", Verified, &[]),
        ("P-384", "p384", "good", "", Verified, &[]),
        ("P-521", "p521", "good", "", Verified, &[]),
    ] {
        forge.certificate("signer", kind, section, more);
        matrix.case(name, forge.judge(&forge.sign(&good(), "signer", ""), "root.pem"), verdict, expected);
    }
    forge.certificate("ed25519", "ed25519", "good", "");
    matrix.case("Ed25519", forge.judge(&forge.by_hand(&good(), "ed25519", |_| ()), "root.pem"), Verified, &[]);
    let mut token = forge.by_hand(&good(), "ed25519", |_| ());
    *token.last_mut().unwrap() ^= 1;
    let found = forge.judge(&token, "root.pem");
    matrix.case("Ed25519, a bit flipped", found, Contradicted, &["signature-invalid"]);

    for (name, kind, section, more, verdict, expected) in [
        ("under a CA that may sign no certificates", "p256", "no_signing", "", Contradicted, &["path-not-ca"][..]),
        ("under a certificate that is no CA", "p256", "good", "", Contradicted, &["path-not-ca"]),
        ("under a CA for servers", "p256", "eku_servers", "", Contradicted, &["path-usage"]),
        ("under a CA whose validity ends before it starts", "p256", "ca", "-days -1", Contradicted, &["path-invalid"]),
        ("under a P-521 CA", "p521", "ca", "", Verified, &[]),
        ("under an Ed25519 CA", "ed25519", "ca", "", Verified, &[]),
        ("under an RSA CA", "2048", "ca", "", Verified, &[]),
    ] {
        forge.certificate("sub", kind, section, more);
        make_certificate(&forge.folder, "below", "p256", "sub", "good", "");
        let token = forge.sign(&good(), "below", "-certfile sub.pem");
        matrix.case(name, forge.judge(&token, "root.pem"), verdict, expected);
    }
    // Stamped in two days, when the CA has expired and the signer has not.
    forge.certificate("sub", "p256", "ca", "-days 1");
    make_certificate(&forge.folder, "below", "p256", "sub", "good", "");
    let then = now().saturating_add_micros(2 * 86_400_000_000);
    let token = forge.sign(&Info { gen_time: generalized(then), ..good() }, "below", "-certfile sub.pem");
    let policy = forge.folder.policy("root.pem");
    let (reasons, verdict, _) = forge.judge_with(&token, &policy, then, |check| check);
    matrix.case("under a CA that expired before genTime", (reasons, verdict), Contradicted, &["path-expired"]);
    matrix.finish(14);
}

#[test]
fn each_token_has_its_verdict() {
    if !has_openssl("each_token_has_its_verdict") {
        return;
    }
    let forge = Forge::new();
    let mut matrix = Matrix::default();
    let twin = forge.sign(&good(), "good", "");
    matrix.case("good twin", forge.judge(&twin, "root.pem"), Verified, &[]);
    matrix.case("another root", forge.judge(&twin, "other.pem"), Undecided, &["no-trust-root"]);
    infos(&forge, &mut matrix);
    signatures(&forge, &mut matrix);
    // Trailing, cut, flipped.
    let trailing = [&twin[..], &[0]].concat();
    matrix.case("trailing bytes", forge.judge(&trailing, "root.pem"), Contradicted, &["token-trailing-bytes"]);
    let cut = &twin[..twin.len() - 1];
    matrix.case("truncated", forge.judge(cut, "root.pem"), Contradicted, &["token-malformed"]);
    let mut flipped = twin.clone();
    *flipped.last_mut().unwrap() ^= 1;
    matrix.case("a bit of the signature", forge.judge(&flipped, "root.pem"), Contradicted, &["signature-invalid"]);
    let response = |status: u8, token: &[u8]| tlv(0x30, &[&tlv(0x30, &[&[2, 1, status]]), token]);
    for (name, bytes, verdict, expected) in [
        ("response, granted", response(0, &twin), Verified, &[][..]),
        ("response, granted with modifications", response(1, &twin), Verified, &[]),
        ("response, refused, with a token", response(2, &twin), Contradicted, &["status-not-granted"]),
        ("response, granted, without a token", response(0, &[]), Contradicted, &["status-without-token"]),
        (
            "response, trailing bytes",
            response(0, &[&twin[..], &[5, 0]].concat()),
            Contradicted,
            &["response-malformed"],
        ),
    ] {
        let policy = forge.folder.policy("root.pem");
        let request = Request::new(&Sha256Digest::of(b"data"), &NONCE).unwrap();
        let (report, _) = Check::new(&policy, now()).answers(&request).response(&bytes);
        matrix.case(name, (reasons(&report), report.verdict()), verdict, expected);
    }
    let policy = forge.folder.policy("root.pem");
    let request = Request::new(&Sha256Digest::of(b"data"), &NONCE).unwrap().with_policy("1.2.3.4.2".parse().unwrap());
    let (report, _) = Check::new(&policy, now()).answers(&request).token(&twin);
    matrix.case("another policy", (reasons(&report), report.verdict()), Contradicted, &["policy-mismatch"]);
    matrix.finish(24);
}

/// Defects of the TSTInfo.
fn infos(forge: &Forge, matrix: &mut Matrix) {
    let digest = Sha256Digest::of(b"other").as_bytes().to_vec();
    let nonce = tlv(0x02, &[&[9; 8]]);
    let critical = tlv(0x30, &[&POLICY, &[1, 1, 0xff], &tlv(0x04, &[&[5, 0]])]);
    let sha1 = [0x30, 7, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a].to_vec();
    let md5 = [&[0x30, 0x0a, 0x06, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5][..]].concat();
    let sha3 = [&[0x30, 0x0b, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 8][..]].concat();
    let later = generalized(now().saturating_add_micros(600_000_000));
    let tail = |more: Vec<u8>| [good().tail, more].concat();
    let name = tlv(0xa0, &[&tlv(0x86, &[b"http://x"])]);
    for (name, info, verdict, reason) in [
        ("another imprint", Info { digest, ..good() }, Contradicted, "imprint-mismatch"),
        ("a short imprint", Info { digest: vec![1; 20], ..good() }, Contradicted, "imprint-length"),
        ("SHA-1 imprint", Info { algorithm: sha1, digest: vec![1; 20], ..good() }, Contradicted, "imprint-weak"),
        ("MD5 imprint", Info { algorithm: md5, digest: vec![1; 16], ..good() }, Contradicted, "imprint-weak"),
        ("SHA-3 imprint", Info { algorithm: sha3, ..good() }, Undecided, "imprint-unsupported"),
        ("another nonce", Info { tail: nonce, ..good() }, Contradicted, "nonce-mismatch"),
        ("no nonce", Info { tail: Vec::new(), ..good() }, Contradicted, "nonce-missing"),
        ("version 2", Info { version: 2, ..good() }, Contradicted, "tst-info-version"),
        (
            "a critical extension",
            Info { tail: tail(tlv(0xa1, &[&critical])), ..good() },
            Contradicted,
            "tst-info-critical-extension",
        ),
        ("the tsa of another", Info { tail: tail(name), ..good() }, Contradicted, "tsa-name"),
        ("of the future", Info { gen_time: later, ..good() }, Contradicted, "gen-time-in-future"),
        (
            "before its certificate",
            Info { gen_time: "20200102030405Z".into(), ..good() },
            Contradicted,
            "certificate-not-yet-valid",
        ),
        ("a leap second", Info { gen_time: "20260102030460Z".into(), ..good() }, Contradicted, "token-malformed"),
    ] {
        matrix.case(name, forge.judge(&forge.sign(&info, "good", ""), "root.pem"), verdict, &[reason]);
    }
}

/// Defects of the signature and of what it covers.
fn signatures(forge: &Forge, matrix: &mut Matrix) {
    forge.certificate("rsa", "2048", "good", "");
    let plain = SIGN.replace("-cades", "");
    let other = SIGN.replace("16.1.4", "16.1.5");
    for (name, words, signer, more, verdict, expected) in [
        ("no certificates", SIGN, "good", "-nocerts", Undecided, &["signer-certificate-missing"][..]),
        ("two signers", SIGN, "good", "-signer rsa.pem -inkey rsa.key", Contradicted, &["signer-count"]),
        ("SHA-1 signature", SIGN, "good", "-md sha1", Contradicted, &["digest-weak"]),
        ("MD5 signature", SIGN, "rsa", "-md md5", Contradicted, &["digest-weak"]),
        ("SHA-224 signature", SIGN, "good", "-md sha224", Undecided, &["digest-unsupported"]),
        ("no ESS attribute", &plain, "good", "", Contradicted, &["ess-missing"]),
        ("no signed attributes", &plain, "good", "-noattr", Contradicted, &["signed-attributes-missing"]),
        ("other content", &other, "good", "", Contradicted, &["token-not-tst-info"]),
        ("BER", SIGN, "good", "-stream", Verified, &["token-ber"]),
        ("a key identifier", SIGN, "good", "-keyid", Verified, &[]),
        ("P-256 with SHA-384", SIGN, "good", "-md sha384", Verified, &[]),
        ("P-256 with SHA-512", SIGN, "good", "-md sha512", Verified, &[]),
        ("RSA with SHA-512", SIGN, "rsa", "-md sha512", Verified, &[]),
        ("PSS", SIGN, "rsa", "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1", Verified, &[]),
        (
            "PSS with SHA-384",
            SIGN,
            "rsa",
            "-md sha384 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1",
            Verified,
            &[],
        ),
        (
            "PSS with another salt",
            SIGN,
            "rsa",
            "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20",
            Undecided,
            &["signature-unsupported"],
        ),
        (
            "PSS with another mask",
            SIGN,
            "rsa",
            "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1 -keyopt rsa_mgf1_md:sha384",
            Undecided,
            &["signature-unsupported"],
        ),
    ] {
        let token = forge.sign_as(words, &good(), signer, more);
        matrix.case(name, forge.judge(&token, "root.pem"), verdict, expected);
    }
    let hand = forge.by_hand(&good(), "good", |_| ());
    matrix.case("signed by hand", forge.judge(&hand, "root.pem"), Verified, &[]);
    let turned = forge.by_hand(&good(), "good", |attributes| attributes.reverse());
    let expected = &["signed-attributes-order"];
    matrix.case("attributes out of order", forge.judge(&turned, "root.pem"), Verified, expected);
    let twice = forge.by_hand(&good(), "good", |attributes| attributes.push(attributes[2].clone()));
    matrix.case("an attribute twice", forge.judge(&twice, "root.pem"), Contradicted, &["attribute-repeated"]);
    // The algorithm of the signature, changed behind the signer's back to one that the hash does not go with.
    let twin = forge.sign(&good(), "rsa", "");
    let named = [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0, 4][..]].concat();
    let place = twin.windows(named.len()).rposition(|window| window == named).unwrap();
    for (name, last, reason) in [
        ("the signature names another hash", 12, "algorithm-mismatch"),
        ("the signature names SHA-1", 5, "algorithm-mismatch"),
        ("the signature names MD5", 4, "digest-weak"),
    ] {
        let mut token = twin.clone();
        token[place + 8] = last;
        matrix.case(name, forge.judge(&token, "root.pem"), Contradicted, &[reason]);
    }
}

/// What is weak is refused, or believed and named where the policy says so. MD5 is refused in any case.
#[test]
fn weak_algorithms_pass_only_by_an_explicit_policy() {
    if !has_openssl("weak_algorithms_pass_only_by_an_explicit_policy") {
        return;
    }
    let forge = Forge::new();
    forge.certificate("rsa", "2048", "good", "");
    forge.certificate("short", "1024", "good", "");
    forge.certificate("tiny", "768", "good", "");
    make_root(&forge.folder, "old", "2048");
    make_certificate(&forge.folder, "child", "2048", "old", "good", "-sha1");
    let sha1 = [0x30, 7, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a].to_vec();
    let imprint = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, b"data").as_ref().to_vec();
    let old_imprint = Info { algorithm: sha1, digest: imprint, ..good() };
    for (info, signer, more, root, strictly, reported) in [
        (&good(), "rsa", "", "root", &[][..], Some(&[][..])),
        (&good(), "rsa", "-md sha1", "root", &["digest-weak"], Some(&["digest-sha1", "ess-sha1"])),
        (&good(), "short", "", "root", &["key-too-short"], Some(&["key-short"])),
        (&good(), "child", "", "old", &["path-unsupported"], Some(&["path-weak"])),
        (&old_imprint, "rsa", "", "root", &["imprint-weak"], Some(&["imprint-sha1"])),
        (&good(), "rsa", "-md md5", "root", &["digest-weak"], None),
        (&good(), "tiny", "", "root", &["key-too-short"], None),
    ] {
        let token = forge.sign(info, signer, more);
        let policy = forge.folder.policy(&format!("{root}.pem"));
        let data = |check: Check<'static>| check.stamped(Stamped::Data(b"data"));
        let policy: &'static TrustPolicy = Box::leak(Box::new(policy));
        let found = forge.judge_with(&token, policy, now(), data);
        assert_eq!(found.0, strictly, "{signer} {more}");
        assert_eq!(found.2.is_some(), strictly.is_empty());
        let (words, _, anchor) = forge.judge_with(&token, policy, now(), |check| data(check).legacy(Legacy::Report));
        match reported {
            Some(expected) => {
                assert_eq!((words.as_slice(), anchor.is_some()), (&owned(expected)[..], true), "{signer}")
            }
            None => assert_eq!((words.as_slice(), anchor), (&owned(strictly)[..], None), "{signer} {more}"),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Imprints of the whole SHA-2 family, each under the data and none under other data.
#[test]
fn every_imprint_of_the_family_is_compared() {
    use vm_anchor::rfc3161::HashAlgorithm::{Sha224, Sha256, Sha384, Sha512, Sha512Of256};
    if !has_openssl("every_imprint_of_the_family_is_compared") {
        return;
    }
    let forge = Forge::new();
    let policy = forge.folder.policy("root.pem");
    for (algorithm, last) in [(Sha256, 1), (Sha384, 2), (Sha512, 3), (Sha224, 4), (Sha512Of256, 6)] {
        let named = tlv(0x30, &[&[0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]]);
        let digest = Imprint::of(algorithm, b"data").as_bytes().to_vec();
        let token = forge.sign(&Info { algorithm: named, digest, ..good() }, "good", "");
        for (data, holds) in [(&b"data"[..], true), (b"other", false)] {
            let (report, anchor) = Check::new(&policy, now()).stamped(Stamped::Data(data)).token(&token);
            assert_eq!(anchor.is_some(), holds, "{algorithm:?}: {report:?}");
            assert_eq!(reasons(&report).is_empty(), holds);
        }
    }
}

#[test]
fn the_named_signer_is_judged_wherever_it_stands() {
    if !has_openssl("the_named_signer_is_judged_wherever_it_stands") {
        return;
    }
    let forge = Forge::new();
    forge.certificate("no_eku", "p256", "no_eku", "");
    // A certificate that may not stamp, in company of one that may; and the other way round.
    for (signer, company, expected) in [("no_eku", "good", &["eku-missing"][..]), ("good", "no_eku", &[])] {
        let token = forge.sign(&good(), signer, &format!("-certfile {company}.pem"));
        for token in both_orders(&token) {
            assert_eq!(forge.judge(&token, "root.pem").0, expected, "{signer}");
        }
    }
}

/// What a bag holds beside the path, malformed or not, changes neither verdict nor reason.
#[test]
fn strangers_in_the_bag_have_no_say() {
    if !has_openssl("strangers_in_the_bag_have_no_say") {
        return;
    }
    let forge = Forge::new();
    let foreign = Folder::new();
    make_root(&foreign, "stranger", "p256");
    make_certificate(&foreign, "bad", "p256", "stranger", "critical", "");
    forge.folder.write("bad.pem", &foreign.read("bad.pem"));
    let token = forge.sign(&good(), "good", "-certfile bad.pem");
    assert_eq!(forge.judge(&token, "root.pem"), (Vec::new(), Verified));
    assert_eq!(forge.judge(&token, "other.pem").0, ["no-trust-root"]);
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
        assert_eq!(forge.judge(&token, "root.pem"), (Vec::new(), Verified));
    }
    // In place of the signer's own.
    let token = forge.sign(&good(), "good", "-nocerts -certfile double.pem");
    assert_eq!(forge.judge(&token, "root.pem"), (vec!["ess-mismatch".to_owned()], Contradicted));
    // And as the signer itself: the trusted root has the name that it claims, but another key.
    let token = forge.sign(&good(), "double", "-certfile good.pem");
    for token in both_orders(&token) {
        assert_eq!(forge.judge(&token, "root.pem"), (vec!["no-trust-root".to_owned()], Undecided));
    }
}

/// A root that is pinned for a time proves nothing of another time.
#[test]
fn a_root_holds_in_its_own_time() {
    if !has_openssl("a_root_holds_in_its_own_time") {
        return;
    }
    let forge = Forge::new();
    let folder = &forge.folder;
    folder.openssl(
        "req -x509 -new -key root.key -sha256 -subj /CN=root -days 1 -config ext.cnf -extensions ca -out past.pem",
    );
    let past = RootCertificate::from_pem(&String::from_utf8(folder.read("past.pem")).unwrap()).unwrap();
    let policy = TrustPolicy::new(vec![TrustedAuthority::independent("past", past).unwrap()]).unwrap();
    for (days, expected, verdict) in [(0, &[][..], Verified), (2, &["root-not-valid"], Contradicted)] {
        let then = now().saturating_add_micros(days * 86_400_000_000);
        let token = forge.sign(&Info { gen_time: generalized(then), ..good() }, "good", "");
        let found = forge.judge_with(&token, &policy, then, |check| check);
        assert_eq!((found.0, found.1), (owned(expected), verdict));
    }
}
