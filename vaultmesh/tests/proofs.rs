//! Proofs of single rows as files: made, verified elsewhere, and spoiled in every way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;

use common::Home;

/// A vault with some rows, and the proof of one in both forms.
fn proven() -> (Home, String) {
    let home = Home::with_vault();
    home.tool("alpha");
    let row = home.tool("beta");
    home.tool("gamma");
    home.run(&["prove", &row, "-o", "row.json"]).expect(0);
    home.run(&["prove", &row, "-o", "row.tlog-proof"]).expect(0);
    (home, row)
}

#[test]
fn a_newcomer_proves_a_row_and_another_checks_it() {
    let (home, row) = proven();
    let text = fs::read_to_string(home.path("row.tlog-proof")).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
    assert_eq!(home.run(&["prove", &row, "--tlog-proof"]).expect(0).out, text);
    assert_eq!(home.json(&["prove", &row, "--tlog-proof"]).expect(0).json()["result"]["tlog_proof"], text);
    let key = home.key();
    // Whoever verifies has neither vault nor keys.
    let elsewhere = Home::new();
    for name in ["row.tlog-proof", "row.json"] {
        elsewhere.write(name, fs::read(home.path(name)).unwrap());
        let json = elsewhere.json(&["verify-proof", name, "--key", &key]).expect(0).json();
        assert_eq!(json["result"]["id"], row, "{name}");
        assert_eq!(json["result"]["table"], "tool_invocations");
        assert_eq!(json["result"]["size"], home.log_size());
        let said = elsewhere.run(&["verify-proof", name, "--key", &key]).expect(0).out;
        assert!(said.contains(&row) && said.contains("verified"), "{said}");
        assert_eq!(elsewhere.json(&["verify-proof", name]).expect(3).findings(), ["no-trust-key"]);
        let piped = fs::read(home.path(name)).unwrap();
        elsewhere.run_with(&["verify-proof", "-", "--key", &key], &piped).expect(0);
    }
    let other = Home::with_vault().key();
    assert_eq!(
        elsewhere.json(&["verify-proof", "row.json", "--key", &other]).expect(1).findings(),
        ["checkpoint-invalid"]
    );
}

#[test]
fn a_row_may_stay_at_home() {
    let (home, row) = proven();
    let key = home.key();
    home.run(&["prove", &row, "--tlog-proof", "--without-row", "-o", "blind.txt"]).expect(0);
    assert!(!fs::read_to_string(home.path("blind.txt")).unwrap().contains("extra"));
    let found = home.json(&["verify-proof", "blind.txt", "--key", &key]).expect(3).findings();
    assert_eq!(found, ["evidence-unreadable"]);
    let proof: serde_json::Value = serde_json::from_slice(&fs::read(home.path("row.json")).unwrap()).unwrap();
    let leaf_data = proof["leaf_data"].as_str().unwrap();
    home.write("entry.json", leaf_data);
    home.run(&["verify-proof", "blind.txt", "--key", &key, "--entry", "entry.json"]).expect(0);
    home.write("entry.json", leaf_data.replace("beta", "bета"));
    for name in ["blind.txt", "row.json", "row.tlog-proof"] {
        let found = home.json(&["verify-proof", name, "--key", &key, "--entry", "entry.json"]).expect(1).findings();
        assert_eq!(found, ["root-mismatch"], "{name}");
    }
    home.run(&["prove", &row, "--without-row"]).expect(2);
    home.run(&["prove", &row, "-o", "blind.txt", "--tlog-proof"]).expect(2);
}

#[test]
fn every_spoiled_byte_is_contradicted_or_refused() {
    let (home, _) = proven();
    let key = home.key().parse().unwrap();
    let outside = vaultmesh::verify::Outside { key: Some(key), ..Default::default() };
    for name in ["row.tlog-proof", "row.json"] {
        let good = fs::read(home.path(name)).unwrap();
        let verdict = |bytes: &[u8]| {
            let file = vaultmesh::proof::ProofFile::parse(bytes).map_err(|error| error.code())?;
            Ok::<_, &str>(vaultmesh::proof::verify_proof(&file, None, &outside).1.verdict().exit_code())
        };
        assert_eq!(verdict(&good), Ok(0));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            // White space between members of JSON is anyone's choice.
            let spared = name == "row.json" && good[at].is_ascii_whitespace() && bad[at].is_ascii_whitespace();
            assert!(spared || verdict(&bad) != Ok(0), "byte {at} of {name}");
            if at + 2 < good.len() {
                assert!(verdict(&good[..at]).is_err(), "cut at {at} of {name}");
            }
        }
    }
}

#[test]
fn malformed_row_proofs_are_refused_by_name() {
    let (home, _) = proven();
    let good = fs::read_to_string(home.path("row.json")).unwrap();
    let proof: serde_json::Value = serde_json::from_str(&good).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut proof = proof.clone();
        proof[name] = value;
        proof.to_string()
    };
    let without = |name: &str| {
        let mut proof = proof.clone();
        proof.as_object_mut().unwrap().remove(name);
        proof.to_string()
    };
    let long = vec![proof["path"][0].clone(); 65];
    for (bad, code) in [
        (with("format", "vm-row-proof-v9".into()), "format-unknown"),
        (without("format"), "row-proof-shape"),
        (without("path"), "row-proof-shape"),
        (with("more", 1.into()), "row-proof-shape"),
        (with("index", "1".into()), "row-proof-shape"),
        (with("size", 1.into()), "row-proof-size"),
        (with("path", long.into()), "row-proof-path"),
        (with("checkpoint", "none".into()), "row-proof-note"),
        (with("checkpoint", "a\n\n\u{2014} a AAAAAAAAAAA=\n".into()), "tlog-proof-checkpoint"),
        (good.replacen('{', "{\"size\":1,", 1), "row-proof-json"),
        ("{".to_owned(), "row-proof-json"),
        ("no proof".to_owned(), "format-unknown"),
    ] {
        home.write("bad.json", &bad);
        let json = home.json(&["verify-proof", "bad.json"]).expect(2).json();
        assert_eq!(json["error"]["code"], code, "{bad}");
    }
    home.run(&["verify-proof", "nowhere"]).expect(2);
}

#[test]
fn a_proof_of_a_foreign_log_needs_its_entry() {
    use vm_core::digest::LeafHash;
    use vm_core::key::{NoteKey, SigningIdentity};
    use vm_seal::checkpoint::Checkpoint;
    use vm_seal::merkle::{LeafIndex, Tree};
    use vm_seal::tlog::TlogProof;

    let home = Home::new();
    let (signer, mut tree) = (SigningIdentity::from_seed(&[4; 32]), Tree::new());
    tree.extend([LeafHash::of(b"one"), LeafHash::of(b"two"), LeafHash::of(b"three")]);
    let note = Checkpoint::new("example.com/log", tree.size(), tree.root()).unwrap().sign(&signer).unwrap();
    let path = tree.prove_inclusion(LeafIndex::new(1), tree.size()).unwrap();
    // What the extra data of a foreign log are is not for us to know.
    let proof = TlogProof::new(LeafIndex::new(1), path, note, Some(b"context".to_vec())).unwrap();
    home.write("foreign.tlog-proof", proof.to_string());
    home.write("two", "two");
    let key = NoteKey::new("example.com/log", signer.public()).unwrap().to_string();
    let found = home.json(&["verify-proof", "foreign.tlog-proof", "--key", &key]).expect(3).findings();
    assert_eq!(found, ["evidence-unreadable"]);
    let args = ["verify-proof", "foreign.tlog-proof", "--entry", "two", "--key", &key];
    let json = home.json(&args).expect(0).json();
    assert_eq!((&json["result"]["id"], &json["result"]["index"]), (&serde_json::Value::Null, &1.into()));
}
