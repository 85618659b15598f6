//! Envelopes and the files of their keys.

use std::sync::LazyLock;

use vm_core::source::hazmat::CountingEntropy;
use vm_envelope::{Context, Cost, Envelope, KeyFile, LockedKey, SecretKey, seal};

use crate::capability::ledger;

/// Content of the known envelopes.
const CONTENT: &[u8] = br#"[{"pointer":"/args"}]"#;

/// The key that opens, the context, and what was sealed to it.
static KNOWN: LazyLock<(SecretKey, Context, Vec<Vec<u8>>)> = LazyLock::new(|| {
    let mut entropy = CountingEntropy::new(1);
    let (key, other) = (SecretKey::generate(&mut entropy), SecretKey::generate(&mut entropy));
    let context = Context::new(ledger(), "disclosure").expect("a purpose");
    let publics = [key.public().clone(), other.public().clone()];
    let mut sealed = |recipients| seal(CONTENT, &context, recipients, &mut entropy).expect("recipients of one suite");
    let envelopes = vec![sealed(&publics[..1]), sealed(&publics)];
    (key, context, envelopes)
});

/// The envelopes that [`envelope`] knows, for the seeds: to one recipient and to two.
#[must_use]
pub fn known_envelopes() -> &'static [Vec<u8>] {
    &KNOWN.2
}

/// The texts that [`envelope_key`] knows, for the seeds: public, secret, locked at the least cost.
#[must_use]
pub fn known_keys() -> [String; 3] {
    let key = &KNOWN.0;
    let least = Cost::new(8, 1, 1).expect("the least that Argon2 takes");
    let locked = LockedKey::lock(key, b"words", least, &mut CountingEntropy::new(2)).expect("a passphrase");
    [KeyFile::Public(key.public().clone()), KeyFile::Secret(key.clone()), KeyFile::Locked(locked)]
        .map(|file| file.format().to_string())
}

/// What is read has its length and its order, ends where it says, and opens only if it was sealed.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert!(envelope.content_len() < data.len());
    assert!(envelope.recipients().is_sorted() && envelope.recipients().len() > 0);
    let shorter = data.split_last().map_or(data, |(_, rest)| rest);
    let longer = [data, &[0]].concat();
    assert_eq!(Envelope::parse(shorter).err().map(|error| error.code()), Some("envelope-truncated"));
    assert_eq!(Envelope::parse(&longer).err().map(|error| error.code()), Some("envelope-trailing"));
    let (key, context, sealed) = &*KNOWN;
    match envelope.open(key, context) {
        Ok(content) => {
            assert_eq!(content.as_slice(), CONTENT);
            assert!(sealed.iter().any(|known| known == data), "an envelope that nobody sealed opens");
        }
        Err(error) => assert!(sealed.iter().all(|known| known != data), "a sealed envelope: {error}"),
    }
    let elsewhere = Context::new(ledger(), "elsewhere").expect("a purpose");
    assert!(envelope.open(key, &elsewhere).is_err(), "an envelope opens in another context");
}

/// A key file has one form, and an error or debug text quotes no key.
pub fn envelope_key(data: &[u8]) {
    let told = match KeyFile::parse(data) {
        Ok(file) => {
            assert_eq!(file.format().as_bytes(), data);
            format!("{file:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    let words = String::from_utf8_lossy(data);
    words.split_ascii_whitespace().filter(|word| word.len() >= 64).for_each(|word| assert!(!told.contains(word)));
}
