//! Files that people write or keep: configuration, trust, secret keys.

use std::path::Path;

use tempfile::TempDir;
use vaultmesh::config::Config;
use vaultmesh::keys::{KeyStore, Role};
use vaultmesh::redaction::PolicyFile;
use vaultmesh::trust::TrustFile;
use vm_core::canonical;
use vm_core::digest::to_hex;
use vm_core::key::SigningIdentity;
use vm_core::redact::Policy;

use crate::capability::ledger;
use crate::text::assert_silent;

/// A folder of its own, in memory where there is such a place, that goes when the value does.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// A configuration is the same after it was written, and an error quotes no value.
pub fn config_toml(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Config::parse(text) {
        Ok(config) => {
            let written = toml::to_string(&config).expect("what was read can be written");
            assert_eq!(Config::parse(&written).ok(), Some(config));
        }
        Err(error) => assert_silent(&error, data),
    }
}

/// A redaction policy is the same after it was written, as a file and in canonical form; and of that form there is one.
pub fn redaction_toml(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data) {
        assert_eq!(canonical::to_bytes(&policy.to_value()).as_deref(), Ok(data), "another form was read");
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(file) = PolicyFile::parse(text) else { return };
    let written = file.to_text().expect("what was read can be written");
    assert_eq!(PolicyFile::parse(&written).as_ref().map(PolicyFile::policy).ok(), Some(file.policy()));
    let policy = file.into_policy();
    let bytes = canonical::to_bytes(&policy.to_value()).expect("strings and numbers have a canonical form");
    assert_eq!(Policy::parse(&bytes), Ok(policy), "a row could not hold it");
}

/// A trust file is the same after it was written, and an error quotes no value.
pub fn trust_toml(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match TrustFile::parse(text, Path::new("trust.toml")) {
        Ok(trust) => {
            let written = trust.to_text().expect("what was read can be written");
            let again = TrustFile::parse(&written, Path::new("trust.toml")).expect("what was written can be read");
            assert_eq!(again.policy().is_ok(), trust.policy().is_ok());
            assert_eq!(again, trust);
        }
        Err(error) => assert_silent(&error, data),
    }
}

/// A key is the one whose seed the file names, in a file of another role there is none, and an error quotes no seed.
pub fn secret_key(data: &[u8]) {
    let folder = folder();
    let store = KeyStore::new(folder.path(), ledger());
    store.write("log.key", data).expect("a folder in memory takes it");
    match store.identity(Role::Log) {
        Ok(identity) => {
            let text = core::str::from_utf8(data).expect("a key file is text");
            let seeds = text.split_ascii_whitespace().filter_map(seed);
            assert!(seeds.map(|seed| SigningIdentity::from_seed(&seed).public()).any(|key| key == identity.public()));
        }
        Err(error) => {
            let words = String::from_utf8_lossy(data);
            let long = words.split_ascii_whitespace().filter(|word| word.len() >= 64);
            long.for_each(|word| assert!(!error.to_string().contains(word)));
        }
    }
    store.write("root.key", data).expect("a folder in memory takes it");
    assert!(store.identity(Role::Root).is_err() || store.identity(Role::Log).is_err(), "one key for two roles");
}

fn seed(word: &str) -> Option<[u8; 32]> {
    let bytes = vm_core::digest::from_hex(word).ok()?;
    let seed = <[u8; 32]>::try_from(bytes).ok()?;
    (to_hex(&seed) == word).then_some(seed)
}
