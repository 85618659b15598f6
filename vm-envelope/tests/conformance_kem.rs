//! ML-KEM-768 and HKDF-SHA256 against vectors from outside: Wycheproof (`wycheproof`) and C2SP's CCTV (`cctv_mlkem`), run through
//! the functions that envelopes use, whose two files are compiled into this test, since nobody else may call them.
//! `VAULTMESH_VECTORS` names the folder that holds both.
//!
//! Of CCTV, encapsulation is run. Its keys come of seeds by the draft of FIPS 203, which left the rank out of the hash, and `strcmp`
//! has an expanded key alone, which nothing here reads (Wycheproof has that vector by seed). `modulus` is compressed;
//! `every_coefficient_is_checked` covers it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../src/kdf.rs"]
mod kdf;
#[path = "../src/mlkem.rs"]
mod mlkem;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use vm_core::digest::{from_hex, to_hex};

use crate::kdf::Root;

/// Folder of the suite `name`, or none, said on stderr, where the vectors are not there.
fn suite(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VAULTMESH_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors")), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("conformance: suite {name} did not run: no vectors at {}", folder.display());
    None
}

/// Every test of a file of Wycheproof, and whether it is valid.
fn wycheproof(file: &str, expected: usize, check: impl Fn(&dyn Fn(&str) -> Vec<u8>, bool)) {
    let Some(folder) = suite("wycheproof") else { return };
    let whole: Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
    let groups = whole["testGroups"].as_array().unwrap().iter();
    let mut count = 0;
    for test in groups.flat_map(|group| group["tests"].as_array().unwrap()) {
        let field = |name: &str| from_hex(test[name].as_str().unwrap()).unwrap();
        check(&field, test["result"] == "valid");
        count += 1;
    }
    assert_eq!(count, expected, "{file}");
}

#[test]
fn wycheproof_keys_from_seeds() {
    wycheproof("mlkem_768_keygen_seed_test.json", 100, |field, valid| {
        assert!(valid);
        assert_eq!(to_hex(&mlkem::public(&field("seed").try_into().unwrap())), to_hex(&field("ek")));
    });
}

#[test]
fn wycheproof_encapsulations() {
    wycheproof("mlkem_768_encaps_test.json", 265, |field, valid| {
        let public: Result<[u8; mlkem::PUBLIC_LEN], _> = field("ek").try_into();
        assert_eq!(public.as_ref().is_ok_and(mlkem::is_public), valid);
        let random = field("m").try_into().unwrap();
        let made = public.ok().and_then(|public| mlkem::encapsulate(&public, &random));
        assert_eq!(made.is_some(), valid);
        if let Some((ciphertext, secret)) = made {
            assert_eq!((ciphertext.to_vec(), secret.to_vec()), (field("c"), field("K")));
        }
    });
}

#[test]
fn wycheproof_decapsulations() {
    wycheproof("mlkem_768_test.json", 193, |field, valid| {
        let (seed, ciphertext) = (field("seed").try_into(), field("c").try_into());
        assert_eq!(seed.is_ok() && ciphertext.is_ok(), valid);
        if let (Ok(seed), Ok(ciphertext)) = (seed, ciphertext) {
            assert_eq!(mlkem::public(&seed).to_vec(), field("ek"));
            assert_eq!(mlkem::decapsulate(&seed, &ciphertext).to_vec(), field("K"));
        }
    });
}

#[test]
fn wycheproof_hkdf() {
    wycheproof("hkdf_sha256_test.json", 86, |field, valid| {
        // The first block of the output does not depend on how many are asked for, and 32 bytes are one block.
        if valid {
            let (ikm, info, okm) = (field("ikm"), field("info"), field("okm"));
            let (front, back) = (ikm.split_at(ikm.len() / 2), info.split_at(info.len() / 2));
            let key = Root::extract(&field("salt"), &[front.0, front.1]).expand(&[back.0, back.1]);
            let shared = okm.len().min(key.len());
            assert_eq!(key[..shared], okm[..shared]);
        }
    });
}

#[test]
fn cctv_mlkem() {
    let Some(folder) = suite("cctv_mlkem") else { return };
    for name in ["intermediate", "unluckysample"] {
        let text = fs::read_to_string(folder.join(name).join("ML-KEM-768.txt")).unwrap();
        let mut fields = BTreeMap::new();
        for (field, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            // What a step of the algorithm repeats under one letter is not what went in.
            fields.entry(field).or_insert(value);
        }
        let field = |name: &str| from_hex(fields[name]).unwrap();
        let public = field("ek").try_into().unwrap();
        let (ciphertext, secret) = mlkem::encapsulate(&public, &field("m").try_into().unwrap()).unwrap();
        assert_eq!((ciphertext.to_vec(), secret.to_vec()), (field("c"), field("K")), "{name}");
    }
}

/// FIPS 203, section 7.2: a public key holds 768 coefficients of 12 bits, and each has to be below 3,329.
#[test]
fn every_coefficient_is_checked() {
    let good = mlkem::public(&[3; mlkem::SEED_LEN]);
    assert!(mlkem::is_public(&good));
    for index in 0..768 {
        for value in [3329_u16, 4095] {
            let mut bad = good;
            let [low, high] = value.to_le_bytes();
            let at = index / 2 * 3;
            if index % 2 == 0 {
                bad[at] = low;
                bad[at + 1] = bad[at + 1] & 0xf0 | high;
            } else {
                bad[at + 1] = bad[at + 1] & 0x0f | low << 4;
                bad[at + 2] = low >> 4 | high << 4;
            }
            assert!(!mlkem::is_public(&bad), "coefficient {index} of {value}");
            assert!(mlkem::encapsulate(&bad, &[0; mlkem::SECRET_LEN]).is_none());
        }
    }
}
