//! The hybrid key encapsulation: both parts run, and one key comes of both secrets and of everything that was sent.
//!
//! The combiner is the universal one of draft-irtf-cfrg-hybrid-kems: a KDF over both shared secrets, both ciphertexts and both
//! public keys, all of fixed length. In the terms of NIST SP 800-56C rev. 2, section 2, it is the extraction from Z || T. X-Wing
//! (draft-connolly-cfrg-xwing-kem) leaves the ML-KEM ciphertext out, which rests on a property of ML-KEM that has not been shown
//! for Kyber of round 3; hashing it costs 20 blocks of SHA-256, and one rule serves both suites.

use vm_core::source::Entropy;
use zeroize::Zeroizing;

use crate::kdf::{KEY_LEN, Root};
use crate::key::{PublicKey, SecretKey};
use crate::suite::Suite;
use crate::{mlkem, x25519};

/// Length in bytes of an encapsulated key: the ciphertext of the first part, then the ephemeral X25519 key.
pub(crate) const ENCAPSULATED_LEN: usize = mlkem::CIPHERTEXT_LEN + x25519::LEN;
/// Salt of the combiner: no other use of HKDF has it.
const SALT: &[u8] = b"vm-envelope-v0 kem";

/// What the two parts agreed on, in the order of the combiner.
pub(crate) struct Secrets {
    /// Of ML-KEM-768 or Kyber-768.
    pub(crate) lattice: Zeroizing<[u8; mlkem::SECRET_LEN]>,
    /// Of X25519.
    pub(crate) curve: Zeroizing<[u8; x25519::LEN]>,
}

/// One key out of both secrets, what was sent, and whom it was sent to.
pub(crate) fn combine(
    suite: Suite,
    secrets: &Secrets,
    encapsulated: &[u8; ENCAPSULATED_LEN],
    to: &PublicKey,
) -> Zeroizing<[u8; KEY_LEN]> {
    let input: [&[u8]; 4] =
        [secrets.lattice.as_slice(), secrets.curve.as_slice(), encapsulated.as_slice(), to.as_bytes().as_slice()];
    Root::extract(SALT, &input).expand(&[suite.name().as_bytes()])
}

/// A fresh key for the holder of `to`, and the bytes that give it to them.
///
/// Takes 32 bytes of entropy for X25519 and, in the suite of ML-KEM, 32 for that. None where a part refuses the public key, which
/// a [`PublicKey`] rules out.
pub(crate) fn encapsulate(
    to: &PublicKey,
    entropy: &mut dyn Entropy,
) -> Option<([u8; ENCAPSULATED_LEN], Zeroizing<[u8; KEY_LEN]>)> {
    let mut ephemeral = Zeroizing::new([0; x25519::LEN]);
    entropy.fill(ephemeral.as_mut_slice());
    let (ciphertext, lattice) = match to.suite() {
        Suite::X25519MlKem768 => {
            let mut random = Zeroizing::new([0; mlkem::SECRET_LEN]);
            entropy.fill(random.as_mut_slice());
            mlkem::encapsulate(to.lattice(), &random)?
        }
        #[cfg(feature = "kyber")]
        Suite::X25519Kyber768r3 => crate::kyber::encapsulate(to.lattice())?,
        #[cfg(not(feature = "kyber"))]
        Suite::X25519Kyber768r3 => return None,
    };
    let curve = x25519::agree(&ephemeral, to.curve())?;
    let mut encapsulated = [0; ENCAPSULATED_LEN];
    encapsulated[..mlkem::CIPHERTEXT_LEN].copy_from_slice(&ciphertext);
    encapsulated[mlkem::CIPHERTEXT_LEN..].copy_from_slice(&x25519::public(&ephemeral));
    let key = combine(to.suite(), &Secrets { lattice, curve }, &encapsulated, to);
    Some((encapsulated, key))
}

/// The key that `encapsulated` gives to the holder of `secret`; another one, or none, where it was not made for them.
pub(crate) fn decapsulate(
    secret: &SecretKey,
    encapsulated: &[u8; ENCAPSULATED_LEN],
) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    Some(combine(secret.suite(), &secrets(secret, encapsulated)?, encapsulated, secret.public()))
}

/// What the two parts give.
pub(crate) fn secrets(secret: &SecretKey, encapsulated: &[u8; ENCAPSULATED_LEN]) -> Option<Secrets> {
    let (ciphertext, ephemeral) = encapsulated.split_first_chunk::<{ mlkem::CIPHERTEXT_LEN }>()?;
    let lattice = match secret.suite() {
        Suite::X25519MlKem768 => mlkem::decapsulate(secret.lattice().first_chunk()?, ciphertext),
        #[cfg(feature = "kyber")]
        Suite::X25519Kyber768r3 => crate::kyber::decapsulate(secret.lattice(), ciphertext)?,
        #[cfg(not(feature = "kyber"))]
        Suite::X25519Kyber768r3 => return None,
    };
    let curve = x25519::agree(secret.curve()?, ephemeral.first_chunk()?)?;
    Some(Secrets { lattice, curve })
}
