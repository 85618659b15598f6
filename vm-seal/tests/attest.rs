//! Attestations of seals: what is signed, and that the pages show it.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic")]

use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use vm_core::canonical;
use vm_core::key::{Signature, SigningIdentity};
use vm_seal::attest::{
    DSSE_PAYLOAD_TYPE, SEAL_PREDICATE, SSHSIG_NAMESPACE, STATEMENT_TYPE, allowed_signer, attest_dsse, attest_sshsig,
    pae, public_key_pem, ssh_signed_data,
};
use vm_seal::bundle::SealBundle;

fn golden() -> SealBundle {
    SealBundle::parse(include_bytes!("vectors/golden/seal.json")).unwrap()
}

/// The key that signed the golden seal.
fn signer() -> SigningIdentity {
    SigningIdentity::from_seed(&[2; 32])
}

/// The first block of a page in this language.
fn block<'a>(page: &'a str, language: &str, number: usize) -> &'a str {
    let rest = page.split(&format!("```{language}\n")).nth(number + 1).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_envelope_states_what_the_bundle_says() {
    let bundle = golden();
    let bytes = attest_dsse(&bundle, &signer()).unwrap();
    let envelope = canonical::parse_exact(&bytes, canonical::BYTES_MAX).unwrap();
    assert_eq!(envelope["payloadType"], DSSE_PAYLOAD_TYPE);
    let payload = Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    let signature = Base64::decode_vec(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let signature = Signature::from_bytes(signature.try_into().unwrap());
    bundle.signer().public().verify(&pae(DSSE_PAYLOAD_TYPE, &payload), &signature).unwrap();
    assert!(bundle.signer().public().verify(&payload, &signature).is_err(), "the PAE is signed, not the payload");
    assert!(bundle.signer().to_string().starts_with(envelope["signatures"][0]["keyid"].as_str().unwrap()));
    let statement = canonical::parse_exact(&payload, canonical::BYTES_MAX).unwrap();
    assert_eq!((&statement["_type"], &statement["predicateType"]), (&STATEMENT_TYPE.into(), &SEAL_PREDICATE.into()));
    let subject = &statement["subject"][0];
    assert_eq!(subject["name"], format!("seals/{}.json", bundle.seal_id()));
    assert_eq!(subject["digest"]["sha256"], bundle.file_hash().to_hex());
    // The predicate is the bundle's own words.
    let file: Value = serde_json::from_slice(bundle.as_bytes()).unwrap();
    let predicate = &statement["predicate"];
    for member in ["seal_id", "as_of", "leaves", "set_root", "selection"] {
        assert_eq!(predicate[member], file[member], "{member}");
    }
    assert_eq!(predicate["digest"], file["digest"]["hex"]);
    assert_eq!(predicate["ledger"], bundle.ledger().to_string());
    assert_eq!(predicate.as_object().unwrap().len(), 7);
}

#[test]
fn the_ssh_signature_is_over_the_file() {
    let bundle = golden();
    let text = attest_sshsig(&bundle, &signer()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1..lines.len() - 2].iter().all(|line| line.len() == 70) && text.ends_with('\n'));
    let blob = Base64::decode_vec(&lines[1..lines.len() - 1].concat()).unwrap();
    let (rest, signature) = blob.split_at(blob.len() - 64);
    let signature = Signature::from_bytes(signature.try_into().unwrap());
    let signed = ssh_signed_data(SSHSIG_NAMESPACE, bundle.as_bytes());
    bundle.signer().public().verify(&signed, &signature).unwrap();
    assert!(rest.starts_with(b"SSHSIG\0\0\0\x01\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20"));
    assert!(ssh_signed_data("git", bundle.as_bytes()) != signed);
}

#[test]
fn nothing_is_attested_that_was_sealed_by_another_key() {
    let (bundle, stranger) = (golden(), SigningIdentity::from_seed(&[3; 32]));
    assert_eq!(attest_dsse(&bundle, &stranger).unwrap_err().code(), "attest-other-key");
    assert_eq!(attest_sshsig(&bundle, &stranger).unwrap_err().code(), "attest-other-key");
    // A bundle that was changed after it was sealed: another time of sealing.
    let changed = String::from_utf8(bundle.as_bytes().to_vec()).unwrap().replace("05.030000Z", "05.040000Z");
    let changed = SealBundle::parse(changed.as_bytes()).unwrap();
    assert_eq!(attest_dsse(&changed, &signer()).unwrap_err().code(), "attest-statement");
    assert_eq!(attest_sshsig(&changed, &signer()).unwrap_err().code(), "attest-statement");
}

/// The four things that the log's key signs cannot be taken for each other: no one begins as another does.
#[test]
fn what_is_signed_in_one_form_is_nothing_in_another() {
    let envelope: Value = serde_json::from_slice(&attest_dsse(&golden(), &signer()).unwrap()).unwrap();
    let payload = Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    let (dsse, ssh) = (pae(DSSE_PAYLOAD_TYPE, &payload), ssh_signed_data(SSHSIG_NAMESPACE, golden().as_bytes()));
    let note = golden().checkpoint().unverified_text().as_bytes().to_vec();
    assert!(note.ends_with(b"\n") && !dsse.ends_with(b"\n") && std::str::from_utf8(&note).is_ok());
    assert!(dsse.starts_with(b"DSSEv1 ") && ssh.starts_with(b"SSHSIG\0") && ssh.contains(&0) && !note.contains(&0));
}

#[test]
fn the_pages_show_what_is_made() {
    let page = include_str!("../../docs/spec/seal-dsse.md");
    let envelope = String::from_utf8(attest_dsse(&golden(), &signer()).unwrap()).unwrap();
    assert_eq!(block(page, "json", 0), format!("{envelope}\n"));
    let value: Value = serde_json::from_str(&envelope).unwrap();
    let payload = String::from_utf8(Base64::decode_vec(value["payload"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(block(page, "json", 1), format!("{payload}\n"));
    assert_eq!(block(page, "text", 0), public_key_pem(signer().public()));
    let page = include_str!("../../docs/spec/seal-sshsig.md");
    assert_eq!(block(page, "text", 0), attest_sshsig(&golden(), &signer()).unwrap());
    assert_eq!(block(page, "text", 1), allowed_signer(golden().signer()));
}
