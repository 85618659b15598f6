//! Envelopes.
//!
//! ```text
//! format      "vm-envelope-v0\n"
//! suite       1 byte
//! ledger      32 bytes
//! purpose     1 byte that is its length, then it
//! count       1 byte: recipients
//! recipients  each: key id 32, encapsulated key 1,120, wrapped content key 48
//! length      8 bytes, big endian: of the content
//! binding     32 bytes: what only the content key gives, over all bytes before
//! content     encrypted, with a tag of 16 bytes at the end
//! ```
//!
//! The content is one message and not a stream of chunks: it is held in memory anyway, and a single tag leaves no order and no
//! end to get wrong.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::source::Entropy;
use zeroize::Zeroizing;

use crate::aead::{self, ONCE, TAG_LEN};
use crate::context::{Context, PURPOSE_MAX};
use crate::error::{EnvelopeError, OpenError, SealError};
use crate::kdf::{KEY_LEN, Root};
use crate::kem::{self, ENCAPSULATED_LEN};
use crate::key::{KEY_ID_LEN, KeyId, PublicKey, SecretKey};
use crate::suite::Suite;

/// Format string of envelopes.
pub const ENVELOPE_FORMAT: &str = "vm-envelope-v0";
/// Longest content in bytes, 64 MiB: four times the longest canonical JSON that `vm-core` reads, so that no list of openings
/// meets it; an envelope is held in memory twice over.
pub const PLAINTEXT_MAX: usize = 64 << 20;
/// Most recipients of one envelope: a board of auditors with a spare key each. 64 come to 77 kB and 20 ms of key encapsulation.
pub const RECIPIENTS_MAX: usize = 64;
/// Longest envelope in bytes: every part at its longest.
pub const ENVELOPE_MAX: usize =
    MAGIC.len() + 1 + 32 + 1 + PURPOSE_MAX + 1 + RECIPIENTS_MAX * RECIPIENT_LEN + REST_LEN + PLAINTEXT_MAX + TAG_LEN;

/// The format, and an end of it.
const MAGIC: &[u8; 15] = b"vm-envelope-v0\n";
/// What the format begins with in every version.
const FAMILY: &[u8] = b"vm-envelope-v";
/// Length in bytes of a wrapped content key.
const WRAPPED_LEN: usize = KEY_LEN + TAG_LEN;
/// Length in bytes of one recipient's part.
const RECIPIENT_LEN: usize = KEY_ID_LEN + ENCAPSULATED_LEN + WRAPPED_LEN;
/// Length in bytes of the binding.
const BINDING_LEN: usize = 32;
/// Length in bytes of what stands between recipients and content.
const REST_LEN: usize = 8 + BINDING_LEN;
/// Salt under which the content key is extracted: no other use of HKDF has it.
const SALT: &[u8] = b"vm-envelope-v0 content";

/// Seals `content` to `recipients` in `context`. Takes 32 bytes of entropy for the content key, then 64 for each recipient in the
/// order of their ids. Costs a key encapsulation a recipient, and an encryption.
///
/// # Errors
/// [`SealError`] on no recipients, too many, of two suites or one twice, and on a content longer than [`PLAINTEXT_MAX`].
pub fn seal(
    content: &[u8],
    context: &Context,
    recipients: &[PublicKey],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let (suite, recipients) = ordered(recipients)?;
    if content.len() > PLAINTEXT_MAX {
        return Err(SealError::TooLong { limit: PLAINTEXT_MAX, found: content.len() });
    }
    let mut out = head(suite, context);
    let head = out.clone();
    let mut content_key = Zeroizing::new([0; KEY_LEN]);
    entropy.fill(content_key.as_mut_slice());
    out.extend(u8::try_from(recipients.len()));
    for (id, key) in recipients {
        let (encapsulated, wrap) = kem::encapsulate(key, entropy).ok_or(SealError::Encapsulate { id })?;
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&encapsulated);
        out.extend_from_slice(&aead::encrypt(&wrap, &ONCE, &head, content_key.as_slice()));
    }
    out.extend_from_slice(&u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
    let (binding, key) = derive(&content_key, &out);
    out.extend_from_slice(binding.as_slice());
    out.extend_from_slice(&aead::encrypt(&key, &ONCE, &[], content));
    Ok(out)
}

/// A recipient's key by its id.
type Named<'a> = (KeyId, &'a PublicKey);

/// The one suite of all recipients, and them by id.
fn ordered(recipients: &[PublicKey]) -> Result<(Suite, Vec<Named<'_>>), SealError> {
    let suite = recipients.first().ok_or(SealError::NoRecipient)?.suite();
    if recipients.len() > RECIPIENTS_MAX {
        return Err(SealError::TooManyRecipients { limit: RECIPIENTS_MAX, found: recipients.len() });
    }
    if let Some(other) = recipients.iter().map(PublicKey::suite).find(|other| *other != suite) {
        return Err(SealError::MixedSuites { first: suite, other });
    }
    let mut named: Vec<Named<'_>> = recipients.iter().map(|key| (key.id(), key)).collect();
    named.sort_unstable_by_key(|(id, _)| *id);
    match named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(SealError::SameRecipient { id: pair[0].0 }),
        None => Ok((suite, named)),
    }
}

/// The bytes up to the count of recipients; they are bound to each wrapped key.
fn head(suite: Suite, context: &Context) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(suite.number());
    out.extend_from_slice(context.ledger().genesis().as_bytes());
    out.extend(u8::try_from(context.purpose().len()));
    out.extend_from_slice(context.purpose().as_bytes());
    out
}

/// The binding over `before`, and the key of the content, both of the content key. The binding commits to that key, so that one
/// envelope cannot be made to say different things to different recipients, as ChaCha20-Poly1305 alone would allow.
fn derive(content_key: &[u8; KEY_LEN], before: &[u8]) -> (Zeroizing<[u8; BINDING_LEN]>, Zeroizing<[u8; KEY_LEN]>) {
    let digest = Sha256::digest(before);
    let root = Root::extract(SALT, &[content_key]);
    (root.expand(&[b"binding", &digest]), root.expand(&[b"content", &digest]))
}

/// An envelope whose shape has been checked. Nothing of it has been authenticated: that takes a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope<'a> {
    suite: Suite,
    context: Context,
    /// Bytes up to the count.
    head: &'a [u8],
    /// In the order of their ids.
    recipients: Vec<Recipient<'a>>,
    /// All bytes before the binding.
    before: &'a [u8],
    binding: &'a [u8; BINDING_LEN],
    encrypted: &'a [u8],
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Recipient<'a> {
    id: KeyId,
    encapsulated: &'a [u8; ENCAPSULATED_LEN],
    wrapped: &'a [u8; WRAPPED_LEN],
}

impl<'a> Envelope<'a> {
    /// Reads an envelope. There is one way to write each, and nothing may follow it.
    ///
    /// # Errors
    /// [`EnvelopeError`] that names what is wrong. Nothing is allocated beyond 64 recipients' places.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let mut rest = Rest { bytes, at: 0 };
        rest.magic()?;
        let [number] = *rest.take()?;
        let suite = Suite::from_number(number).map_err(EnvelopeError::Suite)?;
        let ledger = LedgerId::from_genesis(LeafHash::from_bytes(*rest.take()?));
        let [purpose_len] = *rest.take()?;
        let purpose = str::from_utf8(rest.slice(usize::from(purpose_len))?).unwrap_or_default();
        let context = Context::new(ledger, purpose).map_err(EnvelopeError::Context)?;
        let head = rest.before();
        let recipients = recipients(&mut rest)?;
        let told = u64::from_be_bytes(*rest.take()?);
        let length = usize::try_from(told).ok().filter(|length| *length <= PLAINTEXT_MAX);
        let length = length.ok_or(EnvelopeError::TooLong { limit: PLAINTEXT_MAX, found: told })?;
        let before = rest.before();
        let binding = rest.take()?;
        let encrypted = rest.slice(length + TAG_LEN)?;
        if rest.at != bytes.len() {
            return Err(EnvelopeError::Trailing { expected: rest.at, found: bytes.len() });
        }
        Ok(Self { suite, context, head, recipients, before, binding, encrypted })
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// What it says it is for.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Whom it is for, in ascending order.
    pub fn recipients(&self) -> impl ExactSizeIterator<Item = KeyId> + '_ {
        self.recipients.iter().map(|recipient| recipient.id)
    }

    /// Length in bytes of its content, which everybody sees.
    #[must_use]
    pub const fn content_len(&self) -> usize {
        self.encrypted.len().saturating_sub(TAG_LEN)
    }

    /// Its content, which is wiped when dropped. Costs one decapsulation and the decryption.
    ///
    /// # Errors
    /// [`OpenError`]: the key is of another suite or not a recipient's, the context is another, or something was altered.
    pub fn open(&self, key: &SecretKey, context: &Context) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if key.suite() != self.suite {
            return Err(OpenError::Suite { expected: key.suite(), found: self.suite });
        }
        if *context != self.context {
            let (expected, found) = (Box::new(context.clone()), Box::new(self.context.clone()));
            return Err(OpenError::Context { expected, found });
        }
        let id = key.public().id();
        let mut named = self.recipients.iter().filter(|recipient| recipient.id == id);
        let recipient = named.next().ok_or(OpenError::NotRecipient { id })?;
        let wrap = kem::decapsulate(key, recipient.encapsulated).ok_or(OpenError::Decrypt)?;
        self.open_with(&wrap, recipient).ok_or(OpenError::Decrypt)
    }

    /// The content, from the key that wraps the content key.
    fn open_with(&self, wrap: &[u8; KEY_LEN], recipient: &Recipient<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let content_key = aead::decrypt(wrap, &ONCE, self.head, recipient.wrapped)?;
        let (binding, key) = derive(content_key.first_chunk()?, self.before);
        if !bool::from(binding.as_slice().ct_eq(self.binding)) {
            return None;
        }
        aead::decrypt(&key, &ONCE, &[], self.encrypted)
    }
}

/// The recipients' parts, in strictly ascending order.
fn recipients<'a>(rest: &mut Rest<'a>) -> Result<Vec<Recipient<'a>>, EnvelopeError> {
    let [count] = *rest.take()?;
    let count = usize::from(count);
    if !(1..=RECIPIENTS_MAX).contains(&count) {
        return Err(EnvelopeError::Recipients { limit: RECIPIENTS_MAX, found: count });
    }
    let mut recipients: Vec<Recipient<'a>> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = KeyId::from_bytes(*rest.take()?);
        if recipients.last().is_some_and(|last| last.id >= id) {
            return Err(EnvelopeError::Order);
        }
        recipients.push(Recipient { id, encapsulated: rest.take()?, wrapped: rest.take()? });
    }
    Ok(recipients)
}

/// What has not been read yet.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn magic(&mut self) -> Result<(), EnvelopeError> {
        let start = &self.bytes[..self.bytes.len().min(MAGIC.len())];
        if start == MAGIC {
            self.at = MAGIC.len();
            Ok(())
        } else if MAGIC.starts_with(start) {
            Err(EnvelopeError::Truncated { expected: MAGIC.len(), found: start.len() })
        } else if start.starts_with(FAMILY) {
            Err(EnvelopeError::UnknownVersion)
        } else {
            Err(EnvelopeError::NotEnvelope)
        }
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], EnvelopeError> {
        let end = self.at.saturating_add(length);
        let truncated = EnvelopeError::Truncated { expected: end, found: self.bytes.len() };
        let slice = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(slice)
    }

    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], EnvelopeError> {
        let truncated = EnvelopeError::Truncated { expected: self.at.saturating_add(N), found: self.bytes.len() };
        self.slice(N)?.first_chunk().ok_or(truncated)
    }

    fn before(&self) -> &'a [u8] {
        &self.bytes[..self.at]
    }
}

#[cfg(test)]
mod tests {
    use vm_core::source::hazmat::CountingEntropy;

    use super::*;
    use crate::kem::{Secrets, combine, secrets};

    /// Somebody who has broken one part knows its secret, and the public key and all that was sent, but not the other secret.
    #[test]
    fn neither_part_opens_alone() {
        let mut entropy = CountingEntropy::new(1);
        let key = SecretKey::generate(&mut entropy);
        let context = Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), "test").unwrap();
        let bytes = seal(b"content", &context, &[key.public().clone()], &mut entropy).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        let recipient = &envelope.recipients[0];
        let with = |secrets: &Secrets| {
            let wrap = combine(key.suite(), secrets, recipient.encapsulated, key.public());
            envelope.open_with(&wrap, recipient)
        };
        let both = secrets(&key, recipient.encapsulated).unwrap();
        assert_eq!(with(&both).unwrap().as_slice(), b"content");
        for guess in [[0; 32], [1; 32], *both.curve] {
            assert!(with(&Secrets { lattice: Zeroizing::new(guess), curve: both.curve.clone() }).is_none());
        }
        for guess in [[0; 32], [1; 32], *both.lattice] {
            assert!(with(&Secrets { lattice: both.lattice.clone(), curve: Zeroizing::new(guess) }).is_none());
        }
        for bit in 0..256 {
            let flip = |secret: &[u8; 32]| {
                let mut secret = Zeroizing::new(*secret);
                secret[bit / 8] ^= 1 << (bit % 8);
                secret
            };
            assert!(with(&Secrets { lattice: flip(&both.lattice), curve: both.curve.clone() }).is_none());
            assert!(with(&Secrets { lattice: both.lattice.clone(), curve: flip(&both.curve) }).is_none());
        }
    }

    /// Of everything the combiner takes, each bit changes the key.
    #[test]
    fn the_key_depends_on_all_that_was_sent() {
        let mut entropy = CountingEntropy::new(2);
        let key = SecretKey::generate(&mut entropy);
        let (encapsulated, wrap) = kem::encapsulate(key.public(), &mut entropy).unwrap();
        let both = secrets(&key, &encapsulated).unwrap();
        assert_eq!(combine(key.suite(), &both, &encapsulated, key.public()), wrap);
        for byte in 0..ENCAPSULATED_LEN {
            let mut other = encapsulated;
            other[byte] ^= 1;
            assert_ne!(combine(key.suite(), &both, &other, key.public()), wrap, "byte {byte}");
        }
        let other = SecretKey::generate(&mut entropy);
        assert_ne!(combine(key.suite(), &both, &encapsulated, other.public()), wrap);
        assert_ne!(combine(Suite::X25519Kyber768r3, &both, &encapsulated, key.public()), wrap);
    }

    /// A sender who wants two recipients to read different things needs two content keys; the binding fits one.
    #[test]
    fn one_envelope_has_one_content_key() {
        let mut entropy = CountingEntropy::new(3);
        let keys = [SecretKey::generate(&mut entropy), SecretKey::generate(&mut entropy)];
        let publics = keys.each_ref().map(|key| key.public().clone());
        let context = Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), "test").unwrap();
        let mut bytes = seal(b"content", &context, &publics, &mut entropy).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        let (second, head) = (envelope.recipients[1].clone(), envelope.head.to_vec());
        let owner = keys.iter().find(|key| key.public().id() == second.id).unwrap();
        let wrap = kem::decapsulate(owner, second.encapsulated).unwrap();
        let other = aead::encrypt(&wrap, &ONCE, &head, &[9; KEY_LEN]);
        let at = envelope.before.len() - 8 - WRAPPED_LEN;
        bytes[at..at + WRAPPED_LEN].copy_from_slice(&other);
        let envelope = Envelope::parse(&bytes).unwrap();
        for key in &keys {
            assert_eq!(envelope.open(key, &context), Err(OpenError::Decrypt));
        }
    }
}
