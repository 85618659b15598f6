//! Kyber-768 of round 3, for envelopes from before FIPS 203. The C code takes its randomness from the system itself.

use pqcrypto_kyber::kyber768 as kyber;
use pqcrypto_traits::kem::{Ciphertext as _, PublicKey as _, SecretKey as _, SharedSecret as _};
use zeroize::Zeroizing;

use crate::mlkem::{CIPHERTEXT_LEN, PUBLIC_LEN, SECRET_LEN};
use crate::suite::KYBER_SECRET_LEN;

/// Where the public key stands in a secret key: behind the 1,152 bytes that decrypt.
const PUBLIC_AT: usize = 1152;

/// A new secret key.
pub(crate) fn generate() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(kyber::keypair().1.as_bytes().to_vec())
}

/// The public key within a secret key.
pub(crate) fn public(secret: &[u8]) -> Option<[u8; PUBLIC_LEN]> {
    let whole: &[u8; KYBER_SECRET_LEN] = secret.try_into().ok()?;
    whole[PUBLIC_AT..].first_chunk().copied()
}

/// A ciphertext for `public`, and the secret in it.
pub(crate) fn encapsulate(public: &[u8; PUBLIC_LEN]) -> Option<([u8; CIPHERTEXT_LEN], Zeroizing<[u8; SECRET_LEN]>)> {
    let (secret, ciphertext) = kyber::encapsulate(&kyber::PublicKey::from_bytes(public).ok()?);
    Some((ciphertext.as_bytes().try_into().ok()?, wiped(&secret)?))
}

/// Decapsulates, with implicit rejection as in ML-KEM.
pub(crate) fn decapsulate(secret: &[u8], ciphertext: &[u8; CIPHERTEXT_LEN]) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    let key = kyber::SecretKey::from_bytes(secret).ok()?;
    wiped(&kyber::decapsulate(&kyber::Ciphertext::from_bytes(ciphertext).ok()?, &key))
}

/// The secret as a value that is wiped. The crate's own copy is not.
fn wiped(secret: &kyber::SharedSecret) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    secret.as_bytes().try_into().ok().map(Zeroizing::new)
}
