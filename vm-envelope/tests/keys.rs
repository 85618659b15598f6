//! Keys and their files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use vm_core::digest::to_hex;
use vm_core::source::hazmat::CountingEntropy;
use vm_envelope::error::{CostError, KeyError, KeyFileError, SuiteError};
use vm_envelope::{Cost, KEY_FILE_MAX, KeyFile, LockedKey, PASSPHRASE_MAX, PublicKey, SecretKey, Suite};

fn key() -> SecretKey {
    SecretKey::generate(&mut CountingEntropy::new(1))
}

/// The least that Argon2 works with: tests are many, and no secret rests on them.
fn locked() -> LockedKey {
    LockedKey::lock(&key(), b"correct horse", Cost::new(8, 1, 1).unwrap(), &mut CountingEntropy::new(2)).unwrap()
}

fn files() -> [KeyFile; 3] {
    [KeyFile::Public(key().public().clone()), KeyFile::Secret(key()), KeyFile::Locked(locked())]
}

fn refused(text: &str) -> KeyFileError {
    KeyFile::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn golden_files() {
    let [public, secret, locked] = files().map(|file| file.format().to_string());
    assert_eq!(key().public().id().to_string(), "677ca5bb90afd83a5e78ad9196910560a2b0fa18469ca1e1e9bad903bcd29e54");
    assert!(public.starts_with("vm-envelope-key-v0 x25519-mlkem768 public "));
    assert_eq!(secret, include_str!("vectors/secret.key"));
    assert_eq!(locked, include_str!("vectors/locked.key"));
    assert_eq!(public, include_str!("vectors/public.key"));
}

#[test]
fn what_is_written_is_read() {
    for file in files() {
        let text = file.format();
        assert_eq!(KeyFile::parse(text.as_bytes()).unwrap().format(), text);
    }
    let KeyFile::Secret(read) = KeyFile::parse(KeyFile::Secret(key()).format().as_bytes()).unwrap() else { panic!() };
    assert_eq!(read.public(), key().public());
    assert_eq!(PublicKey::from_bytes(Suite::X25519MlKem768, key().public().as_bytes()).unwrap(), *key().public());
}

/// No text but the one that is written reads as a key of the same bytes.
#[test]
fn a_second_encoding_is_refused() {
    for file in files() {
        let text = file.format();
        let line = text.trim_end();
        let upper = line.replace('a', "A");
        for other in [
            line.to_owned(),
            format!("{line}\n\n"),
            format!("{line}\r\n"),
            format!(" {line}\n"),
            format!("{line} \n"),
            format!("{}\n", line.replacen(' ', "  ", 1)),
            format!("{}\n", line.replace(' ', "\t")),
            format!("{upper}\n"),
            format!("# key\n{line}\n"),
            format!("{line}00\n"),
        ] {
            let error = refused(&other);
            assert!(!error.to_string().contains("9"), "{error}");
        }
        for end in 0..text.len() {
            refused(&text[..end]);
        }
    }
    let text = KeyFile::Locked(locked()).format();
    for (from, to) in [(" 8 1 1 ", " 08 1 1 "), (" 8 1 1 ", " +8 1 1 "), (" 8 1 1 ", " 8 1 1 1 ")] {
        assert_eq!(refused(&text.replace(from, to)), KeyFileError::Malformed);
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    let text = KeyFile::Secret(key()).format();
    assert_eq!(refused(""), KeyFileError::NotKeyFile);
    assert_eq!(refused("age1\n"), KeyFileError::NotKeyFile);
    assert_eq!(refused(&text.replace("-v0", "-v1")), KeyFileError::UnknownVersion);
    assert_eq!(refused(&text.replace("mlkem768", "mlkem512")), KeyFileError::Suite(SuiteError::UnknownName));
    assert_eq!(refused(&text.replace("secret", "private")), KeyFileError::Malformed);
    let short = refused("vm-envelope-key-v0 x25519-mlkem768 secret 00\n");
    assert_eq!(short, KeyFileError::Key(KeyError::Length { expected: 96, found: 1 }));
    let long = "x".repeat(KEY_FILE_MAX + 1);
    assert_eq!(refused(&long), KeyFileError::TooLong { limit: KEY_FILE_MAX, found: KEY_FILE_MAX + 1 });
    assert_eq!(KeyFile::parse(b"\xff").unwrap_err(), KeyFileError::NotKeyFile);
    let digits = text.trim_end().rsplit(' ').next().unwrap();
    assert!(!format!("{:?}", KeyFile::parse(text.as_bytes())).contains(&digits[..16]), "a secret in debug text");
}

#[test]
fn a_public_key_is_checked() {
    let good = *key().public().as_bytes();
    let from = |bytes: &[u8]| PublicKey::from_bytes(Suite::X25519MlKem768, bytes);
    assert_eq!(from(&good[1..]).unwrap_err().code(), "envelope-key-length");
    let mut bad = good;
    (bad[0], bad[1]) = (0xff, 0xff);
    assert_eq!(from(&bad), Err(KeyError::Lattice));
    let mut bad = good;
    bad[1184..].fill(0);
    assert_eq!(from(&bad), Err(KeyError::Curve));
    let mut bad = good;
    bad[1215] |= 0x80;
    assert_eq!(from(&bad), Err(KeyError::Curve));
}

#[test]
fn a_locked_key_takes_its_passphrase() {
    let locked = locked();
    assert_eq!(locked.unlock(b"correct horse").unwrap().public(), key().public());
    for wrong in [&b"correct hors"[..], b"correct horse ", b"x"] {
        assert_eq!(locked.unlock(wrong).unwrap_err(), KeyFileError::Unlock);
    }
    for wrong in [vec![], vec![b'x'; PASSPHRASE_MAX + 1]] {
        assert_eq!(locked.unlock(&wrong).unwrap_err().code(), "envelope-passphrase-length");
    }
    // Each digit behind the kind counts: cost, salt and what is encrypted.
    let text = KeyFile::Locked(locked).format();
    let digits = text.find("argon2id").unwrap() + "argon2id ".len();
    for at in digits..text.len() - 1 {
        let mut other = text.as_bytes().to_vec();
        other[at] = match other[at] {
            b' ' => continue,
            b'1' => b'2',
            _ => b'1',
        };
        match KeyFile::parse(&other) {
            Ok(KeyFile::Locked(altered)) => {
                assert_eq!(altered.unlock(b"correct horse").unwrap_err(), KeyFileError::Unlock)
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error.code(), "envelope-cost-memory", "{at}"),
        }
    }
}

/// A hostile file is refused before anything is computed.
#[test]
fn costs_have_limits() {
    let text = KeyFile::Locked(locked()).format();
    let with = |cost: &str| refused(&text.replace(" 8 1 1 ", cost));
    let memory = |found| KeyFileError::Cost(CostError::Memory { least: 8, limit: 262_144, found });
    assert_eq!(with(" 262145 1 1 "), memory(262_145));
    assert_eq!(with(" 7 1 1 "), memory(7));
    assert_eq!(with(" 4294967295 1 1 "), memory(u32::MAX));
    assert_eq!(with(" 8 9 1 "), KeyFileError::Cost(CostError::Passes { limit: 8, found: 9 }));
    assert_eq!(with(" 8 0 1 "), KeyFileError::Cost(CostError::Passes { limit: 8, found: 0 }));
    assert_eq!(with(" 64 1 5 "), KeyFileError::Cost(CostError::Lanes { limit: 4, found: 5 }));
    assert_eq!(with(" 64 1 0 "), KeyFileError::Cost(CostError::Lanes { limit: 4, found: 0 }));
    assert_eq!(with(" 31 1 4 ").code(), "envelope-cost-memory");
    assert_eq!(with(" 4294967296 1 1 "), KeyFileError::Malformed);
    let cost = Cost::RECOMMENDED;
    assert_eq!(Cost::new(cost.memory_kib(), cost.passes(), cost.lanes()), Ok(cost));
}

#[test]
fn an_id_names_suite_and_key() {
    let ids = [1, 2].map(|seed| SecretKey::generate(&mut CountingEntropy::new(seed)).public().id());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].to_string(), to_hex(ids[0].as_bytes()));
}
