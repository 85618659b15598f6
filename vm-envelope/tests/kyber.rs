//! The suite of old envelopes: with the feature `kyber` they are read and written, without it they are refused by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use vm_core::digest::{LeafHash, from_hex};
use vm_core::id::LedgerId;
use vm_envelope::{Context, Envelope, KeyFile};

fn context() -> Context {
    Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), "test").unwrap()
}

/// An envelope and its key, as a release with the feature wrote them.
fn old() -> (Vec<u8>, &'static [u8]) {
    (from_hex(include_str!("vectors/kyber.hex").trim_end()).unwrap(), include_bytes!("vectors/kyber.key"))
}

#[cfg(not(feature = "kyber"))]
#[test]
fn old_envelopes_and_keys_are_refused_by_name() {
    let (envelope, key) = old();
    assert_eq!(Envelope::parse(&envelope).unwrap_err().code(), "envelope-suite-not-built");
    assert_eq!(KeyFile::parse(key).unwrap_err().code(), "envelope-suite-not-built");
    let _ = context();
}

#[cfg(feature = "kyber")]
mod built {
    use vm_core::source::hazmat::CountingEntropy;
    use vm_envelope::error::{OpenError, SealError};
    use vm_envelope::{Cost, LockedKey, PublicKey, SecretKey, Suite, seal};

    use super::*;

    fn key() -> SecretKey {
        let KeyFile::Secret(key) = KeyFile::parse(old().1).unwrap() else { panic!() };
        key
    }

    #[test]
    fn old_envelopes_open() {
        let (bytes, text) = old();
        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!(envelope.suite(), Suite::X25519Kyber768r3);
        assert_eq!(envelope.open(&key(), &context()).unwrap().as_slice(), b"content");
        assert_eq!(KeyFile::Secret(key()).format().as_bytes(), text);
    }

    #[test]
    fn every_bit_counts() {
        let ((bytes, _), key) = (old(), key());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let opened = Envelope::parse(&altered).map(|envelope| envelope.open(&key, &context()).is_ok());
                assert_ne!(opened, Ok(true), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_is_sealed_opens() {
        let mut entropy = CountingEntropy::new(3);
        let keys = [1, 2].map(|_| SecretKey::generate_kyber(&mut entropy).unwrap());
        let publics = keys.each_ref().map(|key| key.public().clone());
        let bytes = seal(b"again", &context(), &publics, &mut entropy).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        for key in &keys {
            assert_eq!(envelope.open(key, &context()).unwrap().as_slice(), b"again");
        }
        assert_eq!(envelope.open(&super::built::key(), &context()).unwrap_err().code(), "envelope-not-recipient");
        let locked = LockedKey::lock(&keys[0], b"words", Cost::new(8, 1, 1).unwrap(), &mut entropy).unwrap();
        assert_eq!(locked.unlock(b"words").unwrap().public(), keys[0].public());
        assert!(KeyFile::parse(KeyFile::Locked(locked).format().as_bytes()).is_ok());
    }

    #[test]
    fn suites_do_not_mix() {
        let mut entropy = CountingEntropy::new(4);
        let new = SecretKey::generate(&mut entropy);
        let publics = [key().public().clone(), new.public().clone()];
        let (first, other) = (Suite::X25519Kyber768r3, Suite::X25519MlKem768);
        assert_eq!(seal(b"", &context(), &publics, &mut entropy), Err(SealError::MixedSuites { first, other }));
        let bytes = old().0;
        let refused = Envelope::parse(&bytes).unwrap().open(&new, &context());
        assert_eq!(refused, Err(OpenError::Suite { expected: other, found: first }));
        // One public key under both names has two ids, and an envelope to one is not for the other.
        let same = PublicKey::from_bytes(first, new.public().as_bytes()).unwrap();
        assert_ne!(same.id(), new.public().id());
    }
}
