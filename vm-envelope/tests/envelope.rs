//! Envelopes: what opens, and that nothing else does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use proptest::prelude::*;
use vm_core::digest::{LeafHash, to_hex};
use vm_core::id::LedgerId;
use vm_core::source::hazmat::CountingEntropy;
use vm_envelope::error::{EnvelopeError, OpenError, SealError, SuiteError};
use vm_envelope::{Context, Envelope, PLAINTEXT_MAX, PublicKey, RECIPIENTS_MAX, SecretKey, Suite, seal};

/// Bytes before the count of recipients where the purpose is `test`.
const HEAD: usize = 15 + 1 + 32 + 1 + 4;
/// Bytes of one recipient's part.
const RECIPIENT: usize = 32 + 1088 + 32 + 48;

fn context(purpose: &str) -> Context {
    Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), purpose).unwrap()
}

fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&mut CountingEntropy::new(seed))
}

/// `content` to the keys of these seeds.
fn sealed(content: &[u8], seeds: &[u64]) -> Vec<u8> {
    let recipients: Vec<PublicKey> = seeds.iter().map(|seed| key(*seed).public().clone()).collect();
    seal(content, &context("test"), &recipients, &mut CountingEntropy::new(99)).unwrap()
}

fn opened(bytes: &[u8], seed: u64) -> Result<Vec<u8>, &'static str> {
    opened_by(bytes, &key(seed))
}

fn opened_by(bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, &'static str> {
    let envelope = Envelope::parse(bytes).map_err(|error| error.code())?;
    envelope.open(key, &context("test")).map(|content| content.to_vec()).map_err(|error| error.code())
}

#[test]
fn every_recipient_opens_and_nobody_else() {
    let bytes = sealed(b"content", &[1, 2, 3]);
    for seed in [1, 2, 3] {
        assert_eq!(opened(&bytes, seed).unwrap(), b"content");
    }
    assert_eq!(opened(&bytes, 4), Err("envelope-not-recipient"));
    let envelope = Envelope::parse(&bytes).unwrap();
    let mut ids: Vec<_> = [1, 2, 3].map(|seed| key(seed).public().id()).to_vec();
    ids.sort_unstable();
    assert_eq!(envelope.recipients().collect::<Vec<_>>(), ids);
    assert_eq!((envelope.suite(), envelope.content_len()), (Suite::X25519MlKem768, 7));
    assert_eq!(envelope.context(), &context("test"));
}

/// What these inputs come to never changes: a reader of today's envelopes is a reader of later ones.
#[test]
fn golden_bytes() {
    let bytes = sealed(b"content", &[1, 2]);
    assert_eq!(bytes.len(), HEAD + 1 + 2 * RECIPIENT + 8 + 32 + 7 + 16);
    assert_eq!(to_hex(&bytes).as_bytes(), include_bytes!("vectors/envelope.hex").trim_ascii());
}

#[test]
fn every_bit_counts() {
    let (bytes, key) = (sealed(b"content", &[1]), key(1));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            assert!(opened_by(&altered, &key).is_err(), "bit {bit} of byte {at}");
        }
    }
}

/// Of two recipients, each refuses where only the other's part was altered.
#[test]
fn every_byte_of_the_others_counts() {
    let (bytes, keys) = (sealed(b"content", &[1, 2]), [1, 2].map(key));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 0x10;
        assert!(keys.iter().all(|key| opened_by(&altered, key).is_err()), "byte {at}");
    }
}

#[test]
fn every_truncation_has_its_name_and_so_has_what_follows() {
    let bytes = sealed(b"content", &[1, 2]);
    for end in 0..bytes.len() {
        let error = Envelope::parse(&bytes[..end]).unwrap_err();
        assert_eq!(error.code(), "envelope-truncated", "{end}");
        let EnvelopeError::Truncated { expected, found } = error else { panic!("{end}") };
        assert!(found == end && expected > end && expected <= bytes.len(), "{end}: {expected}");
    }
    for more in [&b"\0"[..], b"\n", bytes.as_slice()] {
        let error = Envelope::parse(&[&bytes, more].concat()).unwrap_err();
        assert_eq!(error, EnvelopeError::Trailing { expected: bytes.len(), found: bytes.len() + more.len() });
    }
}

#[test]
fn what_has_another_beginning_is_named() {
    let bytes = sealed(b"content", &[1]);
    let mut other = bytes.clone();
    other[13] = b'1';
    assert_eq!(Envelope::parse(&other), Err(EnvelopeError::UnknownVersion));
    other[0] = b'w';
    assert_eq!(Envelope::parse(&other), Err(EnvelopeError::NotEnvelope));
    for number in (0..=255).filter(|number| ![1, 2].contains(number)) {
        let mut other = bytes.clone();
        other[15] = number;
        assert_eq!(Envelope::parse(&other), Err(EnvelopeError::Suite(SuiteError::UnknownNumber { found: number })));
    }
}

/// An envelope cannot be passed off as one of the older suite.
#[test]
fn a_downgrade_is_refused() {
    let mut bytes = sealed(b"content", &[1]);
    bytes[15] = Suite::X25519Kyber768r3.number();
    if Suite::X25519Kyber768r3.is_built() {
        assert_eq!(opened(&bytes, 1), Err("envelope-other-suite"));
    } else {
        let refused = SuiteError::NotBuilt { suite: Suite::X25519Kyber768r3 };
        assert_eq!(Envelope::parse(&bytes), Err(EnvelopeError::Suite(refused)));
    }
}

#[test]
fn another_context_is_refused_before_and_after_a_change() {
    let bytes = sealed(b"content", &[1]);
    let envelope = Envelope::parse(&bytes).unwrap();
    let elsewhere = Context::new(LedgerId::from_genesis(LeafHash::of(b"other")), "test").unwrap();
    for other in [context("rest"), context("tes"), elsewhere] {
        let error = envelope.open(&key(1), &other).unwrap_err();
        let OpenError::Context { expected, found } = error else { panic!("{error}") };
        assert_eq!((*expected, *found), (other, context("test")));
    }
    // What says that it is for something else is not the same envelope.
    let mut moved = bytes.clone();
    moved[HEAD - 4] = b'r';
    let envelope = Envelope::parse(&moved).unwrap();
    assert_eq!(envelope.context(), &context("rest"));
    assert_eq!(envelope.open(&key(1), &context("rest")), Err(OpenError::Decrypt));
}

#[test]
fn recipients_stand_in_one_order_once() {
    let bytes = sealed(b"content", &[1, 2]);
    let (head, rest) = bytes.split_at(HEAD + 1);
    let (first, rest) = rest.split_at(RECIPIENT);
    let (second, rest) = rest.split_at(RECIPIENT);
    for swapped in [[head, second, first, rest].concat(), [head, first, first, rest].concat()] {
        assert_eq!(Envelope::parse(&swapped), Err(EnvelopeError::Order));
    }
    // One left out: the other still finds its part, and that the envelope was cut.
    let mut cut = [head, first, rest].concat();
    cut[HEAD] = 1;
    let envelope = Envelope::parse(&cut).unwrap();
    let owner = [1, 2].map(key).into_iter().find(|key| envelope.recipients().any(|id| id == key.public().id()));
    assert_eq!(envelope.open(&owner.unwrap(), &context("test")), Err(OpenError::Decrypt));
}

#[test]
fn parts_of_two_envelopes_do_not_mix() {
    let recipient = [key(1).public().clone()];
    let make =
        |content: &[u8], seed| seal(content, &context("test"), &recipient, &mut CountingEntropy::new(seed)).unwrap();
    let (one, two) = (make(b"content", 5), make(b"another", 6));
    let ends = [HEAD + 1, HEAD + 1 + RECIPIENT, HEAD + 1 + RECIPIENT + 8, HEAD + 1 + RECIPIENT + 40];
    for end in ends.into_iter().skip(1) {
        assert_eq!(opened(&[&one[..end], &two[end..]].concat(), 1), Err("envelope-decrypt"), "{end}");
    }
}

#[test]
fn limits_are_kept_when_sealing_and_when_reading() {
    let to = |recipients: &[PublicKey]| seal(b"", &context("test"), recipients, &mut CountingEntropy::new(1));
    assert_eq!(to(&[]), Err(SealError::NoRecipient));
    let same = key(1).public().clone();
    assert_eq!(to(&[same.clone(), same.clone()]), Err(SealError::SameRecipient { id: same.id() }));
    let many = vec![same.clone(); RECIPIENTS_MAX + 1];
    assert_eq!(to(&many), Err(SealError::TooManyRecipients { limit: 64, found: 65 }));
    let long = vec![0; PLAINTEXT_MAX + 1];
    let error = seal(&long, &context("test"), &[same], &mut CountingEntropy::new(1)).unwrap_err();
    assert_eq!(error, SealError::TooLong { limit: PLAINTEXT_MAX, found: PLAINTEXT_MAX + 1 });

    let bytes = sealed(b"content", &[1]);
    for count in [0, 65, 255] {
        let mut other = bytes.clone();
        other[HEAD] = count;
        let found = usize::from(count);
        assert_eq!(Envelope::parse(&other), Err(EnvelopeError::Recipients { limit: RECIPIENTS_MAX, found }));
    }
    for told in [u64::try_from(PLAINTEXT_MAX).unwrap() + 1, u64::MAX] {
        let mut other = bytes.clone();
        other[HEAD + 1 + RECIPIENT..][..8].copy_from_slice(&told.to_be_bytes());
        assert_eq!(Envelope::parse(&other), Err(EnvelopeError::TooLong { limit: PLAINTEXT_MAX, found: told }));
    }
}

#[test]
fn purposes_have_one_alphabet() {
    let ledger = LedgerId::from_genesis(LeafHash::of(b"genesis"));
    for good in ["a", "disclosure", "a-b-9", &"x".repeat(64)] {
        assert_eq!(Context::new(ledger, good).unwrap().purpose(), good);
    }
    for bad in ["", "A", "a b", "ä", "a\n", &"x".repeat(65)] {
        assert_eq!(Context::new(ledger, bad).unwrap_err().code(), "envelope-purpose", "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_goes_in_comes_out(content in proptest::collection::vec(any::<u8>(), 0..5000), seed: u64, count in 1_u64..4) {
        let keys: Vec<SecretKey> = (0..count).map(|index| key(seed ^ index)).collect();
        let recipients: Vec<PublicKey> = keys.iter().map(|key| key.public().clone()).collect();
        let bytes = seal(&content, &context("test"), &recipients, &mut CountingEntropy::new(seed)).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        for key in &keys {
            let read = envelope.open(key, &context("test")).unwrap();
            prop_assert_eq!(read.as_slice(), content.as_slice());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cut in 0_usize..1300) {
        let mut mixed = sealed(b"content", &[1]);
        mixed.truncate(cut);
        mixed.extend_from_slice(&bytes);
        let _ = Envelope::parse(&bytes);
        prop_assert!(opened(&mixed, 1).is_err());
    }
}
