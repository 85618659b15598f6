//! OpenSSL believes the local authority's tokens, and its own tokens are believed here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, has_openssl, make_certificate, make_root, now, reasons};
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Check, Request, Response, Stamped};
use vm_anchor::{Detail, TrustPolicy, verify_response, verify_token};
use vm_core::digest::Sha256Digest;
use vm_core::verdict::{Code, Verdict};

const DATA: &[u8] = b"{\"format\":\"vm-ouroboros-seal-v0\"}";

#[test]
fn openssl_accepts_the_local_authority() {
    if !has_openssl("openssl_accepts_the_local_authority") {
        return;
    }
    let folder = Folder::new();
    let authority = LocalAuthority::generate("interop", now()).unwrap();
    folder.write("root.pem", authority.root().to_pem().as_bytes());
    folder.write("data", DATA);
    let request = Request::new(&Sha256Digest::of(DATA), &[0xfe; 16]).unwrap();
    folder.write("request.tsq", &request.to_der());
    let response = authority.respond(&request.to_der(), now()).unwrap();
    folder.write("response.tsr", &response);
    let token = Response::parse(&response).unwrap().token().unwrap().to_vec();
    folder.write("token.tst", &token);
    let verify = "ts -verify -CAfile root.pem";
    folder.openssl(&format!("{verify} -data data -in response.tsr"));
    folder.openssl(&format!("{verify} -data data -in token.tst -token_in"));
    folder.openssl(&format!("{verify} -queryfile request.tsq -in response.tsr"));
    // And refuses them where it should, so that the lines above mean something.
    folder.write("other", b"other");
    let other = folder.try_openssl(&format!("{verify} -data other -in response.tsr"));
    assert!(!other.status.success());
    // A request that OpenSSL writes itself.
    folder.openssl("ts -query -data data -sha512 -cert -out foreign.tsq");
    let response = authority.respond(&folder.read("foreign.tsq"), now()).unwrap();
    folder.write("foreign.tsr", &response);
    folder.openssl(&format!("{verify} -queryfile foreign.tsq -in foreign.tsr"));
    // Without -cert the answer holds no certificate, and the verifier must be given it.
    folder.openssl("ts -query -data data -sha256 -out bare.tsq");
    let response = authority.respond(&folder.read("bare.tsq"), now()).unwrap();
    folder.write("bare.tsr", &response);
    folder.write("signer.der", authority.certificate_der());
    folder.openssl("x509 -inform der -in signer.der -out signer.pem");
    folder.openssl(&format!("{verify} -untrusted signer.pem -queryfile bare.tsq -in bare.tsr"));
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    let (report, anchor) = Check::new(&policy, now()).stamped(Stamped::Data(DATA)).response(&response);
    assert_eq!(reasons(&report), ["signer-certificate-missing"]);
    assert_eq!((report.verdict(), anchor), (Verdict::Undecided, None));
}

struct Case {
    key: &'static str,
    signer_digest: &'static str,
    ess: &'static str,
    ess_chain: bool,
    fraction_digits: u8,
    chain: bool,
}

const CASES: [Case; 7] = [
    case("2048", "sha256", "sha1", false, 0, false),
    case("2048", "sha512", "sha256", true, 6, true),
    case("2048", "sha256", "sha512", true, 3, true),
    case("p256", "sha256", "sha1", false, 3, true),
    case("p256", "sha384", "sha256", false, 0, false),
    case("p384", "sha384", "sha256", true, 3, true),
    case("p384", "sha256", "sha512", false, 1, false),
];

const fn case(
    key: &'static str,
    signer_digest: &'static str,
    ess: &'static str,
    ess_chain: bool,
    fraction_digits: u8,
    chain: bool,
) -> Case {
    Case { key, signer_digest, ess, ess_chain, fraction_digits, chain }
}

fn write_config(folder: &Folder, case: &Case) {
    let text = format!(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ncrypto_device = builtin\nsigner_cert = s{key}.pem\n\
         signer_key = s{key}.key\nsigner_digest = {digest}\ndefault_policy = 1.2.3.4.1\nother_policies = 1.2.3.4.5\n\
         digests = sha256, sha384, sha512\naccuracy = secs:1, millisecs:500, microsecs:100\n\
         clock_precision_digits = {fraction}\nordering = yes\ntsa_name = yes\ness_cert_id_chain = {chain}\n\
         ess_cert_id_alg = {ess}\n",
        key = case.key,
        digest = case.signer_digest,
        fraction = case.fraction_digits,
        chain = if case.ess_chain { "yes" } else { "no" },
        ess = case.ess,
    );
    folder.write("tsa.cnf", text.as_bytes());
}

#[test]
fn tokens_of_openssl_are_accepted() {
    if !has_openssl("tokens_of_openssl_are_accepted") {
        return;
    }
    let folder = Folder::new();
    make_root(&folder, "root", "3072");
    make_root(&folder, "other", "p256");
    make_certificate(&folder, "sub", "p384", "root", "ca", "");
    for key in ["2048", "p256", "p384"] {
        make_certificate(&folder, &format!("s{key}"), key, "sub", "good", "");
    }
    let both = [folder.read("sub.pem"), folder.read("root.pem")].concat();
    folder.write("chain.pem", &both);
    folder.write("serial", b"01\n");
    let policy = folder.policy("root.pem");
    let digest = Sha256Digest::of(DATA);
    for (number, case) in CASES.iter().enumerate() {
        let nonce = [0x80 | u8::try_from(number).unwrap(); 16];
        let request = Request::new(&digest, &nonce).unwrap().with_policy("1.2.3.4.5".parse().unwrap());
        folder.write("request.tsq", &request.to_der());
        write_config(&folder, case);
        let chain = if case.chain { "chain.pem" } else { "sub.pem" };
        folder.openssl(&format!("ts -reply -config tsa.cnf -queryfile request.tsq -chain {chain} -out response.tsr"));
        let response = folder.read("response.tsr");
        let (report, anchor) = Check::new(&policy, now()).answers(&request).response(&response);
        let expected: &[&str] = match case.ess {
            "sha1" => &["ess-sha1"],
            _ => &[],
        };
        assert_eq!(reasons(&report), expected, "case {number}");
        assert_eq!(report.verdict(), Verdict::Verified, "case {number}");
        let anchor = anchor.unwrap();
        assert_eq!(anchor.stamped(), digest);
        assert_eq!(anchor.accuracy().map(|accuracy| accuracy.as_micros()), Some(1_500_100));
        assert_eq!(anchor.not_after().as_micros(), anchor.gen_time().as_micros() + 1_500_100);
        assert!((now().as_micros() - anchor.gen_time().as_micros()).abs() < 60_000_000, "{anchor:?}");
        let Detail::Token { issued_under, .. } = anchor.detail() else { panic!("{anchor:?}") };
        assert_eq!(issued_under.to_string(), "1.2.3.4.5");
        assert!(anchor.is_independent() && policy.accepts(&anchor));

        let token = Response::parse(&response).unwrap().token().unwrap().to_vec();
        let (_, bare) = verify_token(&token, &digest, None, &policy, now());
        assert_eq!(bare.as_ref(), Some(&anchor));
        let (report, none) = verify_response(&response, &digest, None, &folder.policy("other.pem"), now());
        assert!(none.is_none() && report.has(Code::NoTrustRoot) && !report.has(Code::AnchorInvalid));
        assert_eq!(report.verdict(), Verdict::Undecided);
    }
}

#[test]
fn unsorted_certificates_are_read() {
    if !has_openssl("unsorted_certificates_are_read") {
        return;
    }
    let folder = Folder::new();
    make_root(&folder, "root", "p256");
    make_certificate(&folder, "sub", "p256", "root", "ca", "");
    make_certificate(&folder, "sp256", "p256", "sub", "good", "");
    folder.write("serial", b"01\n");
    let (root, sub) = (folder.read("root.pem"), folder.read("sub.pem"));
    let case = case("p256", "sha256", "sha256", false, 0, true);
    write_config(&folder, &case);
    let digest = Sha256Digest::of(DATA);
    let request = Request::new(&digest, &[7]).unwrap();
    folder.write("request.tsq", &request.to_der());
    let mut unsorted = 0;
    for chain in [[root.clone(), sub.clone()].concat(), [sub, root].concat()] {
        folder.write("chain.pem", &chain);
        folder.openssl("ts -reply -config tsa.cnf -queryfile request.tsq -chain chain.pem -out r");
        let response = folder.read("r");
        let (report, anchor) = verify_response(&response, &digest, Some(&[7]), &folder.policy("root.pem"), now());
        assert!(anchor.is_some(), "{report:?}");
        let response = Response::parse(&response).unwrap();
        let token = vm_anchor::rfc3161::Token::parse(response.token().unwrap()).unwrap();
        let bag: Vec<&[u8]> = token.certificates().collect();
        assert_eq!(bag.len(), 3);
        unsorted += usize::from(!bag.is_sorted());
    }
    assert!(unsorted > 0, "neither bag was unsorted, so nothing was shown");
}
