//! Receipts and attestations by the binary: made with the keys, checked without them, refused where they do not hold.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;

use common::Home;
use serde_json::Value;

/// A vault with some rows, and the receipt of one with its entry.
fn receipted() -> (Home, String) {
    let home = Home::with_vault();
    home.tool("alpha");
    let row = home.tool("beta");
    home.tool("gamma");
    home.run(&["prove", &row, "-o", "row.cose", "--entry", "row.entry"]).expect(0);
    (home, row)
}

fn sealed(home: &Home) -> String {
    let json = home.json(&["seal", "create"]).expect(0).json();
    json["result"]["seal_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_receipt_is_checked_with_the_entry_and_the_key_alone() {
    let (home, row) = receipted();
    let key = home.key();
    let elsewhere = Home::new();
    for name in ["row.cose", "row.entry"] {
        elsewhere.write(name, fs::read(home.path(name)).unwrap());
    }
    let check = ["verify-proof", "row.cose", "--entry", "row.entry", "--key", &key];
    let json = elsewhere.json(&check).expect(0).json();
    assert_eq!((&json["result"]["id"], &json["result"]["table"]), (&row.into(), &"tool_invocations".into()));
    assert_eq!((&json["result"]["size"], &json["findings"]), (&home.log_size().into(), &Value::Array(Vec::new())));
    // A check that could not be made is not a pass.
    let undecided = |args: &[&str]| elsewhere.json(args).expect(3).findings();
    assert_eq!(undecided(&check[..4]), ["no-trust-key"]);
    assert_eq!(undecided(&["verify-proof", "row.cose", "--key", &key]), ["evidence-unreadable"]);
    assert_eq!(undecided(&["verify-proof", "row.cose"]), ["no-trust-key", "evidence-unreadable"]);
    // Another key, another entry.
    let other = Home::with_vault().key();
    let args = ["verify-proof", "row.cose", "--entry", "row.entry", "--key", &other];
    assert_eq!(elsewhere.json(&args).expect(1).findings(), ["root-mismatch"]);
    let entry = fs::read_to_string(home.path("row.entry")).unwrap();
    elsewhere.write("row.entry", entry.replace("beta", "zeta"));
    assert_eq!(elsewhere.json(&check).expect(1).findings(), ["root-mismatch"]);
    elsewhere.write("row.cose", &fs::read(home.path("row.cose")).unwrap()[..100]);
    assert_eq!(elsewhere.json(&check).expect(2).json()["error"]["code"], "receipt-cbor");
}

#[test]
fn a_receipt_is_made_with_the_keys_and_never_holds_the_row() {
    let (home, row) = receipted();
    let receipt = fs::read(home.path("row.cose")).unwrap();
    assert!(!receipt.windows(4).any(|part| part == b"beta"));
    let proof = home.json(&["prove", &row]).expect(0).json();
    assert_eq!(fs::read_to_string(home.path("row.entry")).unwrap(), proof["result"]["leaf_data"].as_str().unwrap());
    home.run(&["prove", &row, "-o", "row.cose"]).expect(2);
    for more in ["--without-row", "--tlog-proof"] {
        home.run(&["prove", &row, "-o", "other.cose", more]).expect(2);
    }
    home.run(&["prove", &row, "-o", "blind.tlog-proof", "--without-row", "--entry", "blind.entry"]).expect(0);
    let key = home.key();
    home.run(&["verify-proof", "blind.tlog-proof", "--entry", "blind.entry", "--key", &key]).expect(0);
    fs::rename(home.path("keys"), home.path("away")).unwrap();
    assert_eq!(home.json(&["prove", &row, "-o", "new.cose"]).expect(2).json()["error"]["code"], "key-missing");
    assert!(!home.path("new.cose").exists());
}

#[test]
fn a_seal_is_attested_as_it_is_on_record() {
    let home = Home::with_vault();
    home.tool("alpha");
    let seal = sealed(&home);
    home.run(&["seal", "attest", &seal, "--as", "dsse", "-o", "seal.dsse.json"]).expect(0);
    home.run(&["seal", "attest", &seal, "--as", "sshsig", "-o", "seal.sig"]).expect(0);
    let envelope: Value = serde_json::from_slice(&fs::read(home.path("seal.dsse.json")).unwrap()).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let shown = home.run(&["seal", "attest", &seal, "--as", "sshsig"]).expect(0).out;
    assert_eq!(shown, fs::read_to_string(home.path("seal.sig")).unwrap());
    let json = home.json(&["seal", "attest", &seal, "--as", "sshsig"]).expect(0).json();
    assert_eq!((&json["result"]["form"], &json["result"]["attestation"]), (&"sshsig".into(), &shown.into()));
    // No row is recorded by it, and no file is overwritten.
    let size = home.log_size();
    home.run(&["seal", "attest", &seal, "--as", "dsse", "-o", "seal.sig"]).expect(2);
    assert_eq!(home.log_size(), size);
    let unknown = "01900000-0000-7000-8000-0000000000aa";
    let code =
        |seal: &str| home.json(&["seal", "attest", seal, "--as", "dsse"]).expect(2).json()["error"]["code"].clone();
    assert_eq!(code(unknown), "not-found");
    let path = home.vault().join(format!("seals/{seal}.json"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(code(&seal), "evidence-differs");
}

#[test]
fn the_key_is_shown_in_every_form_that_is_pinned() {
    let home = Home::with_vault();
    let key = home.key();
    assert_eq!(home.run(&["trust", "key"]).expect(0).out, format!("{key}\n"));
    let pem = home.run(&["trust", "key", "--as", "pem"]).expect(0).out;
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"), "{pem}");
    home.run(&["trust", "key", "--as", "allowed-signers", "-o", "allowed"]).expect(0);
    let (name, _) = key.split_once('+').unwrap();
    let line = fs::read_to_string(home.path("allowed")).unwrap();
    assert!(
        line.starts_with(&format!("{name} namespaces=\"vaultmesh-seal\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5")),
        "{line}"
    );
    // Public keys need no secret ones.
    fs::rename(home.path("keys"), home.path("away")).unwrap();
    let json = home.json(&["trust", "key"]).expect(0).json();
    assert_eq!(json["result"]["key"], format!("{key}\n"));
}
