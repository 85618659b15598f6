//! ML-KEM-768 (FIPS 203) over byte arrays. `tests/conformance_kem.rs` holds these very functions to outside vectors.

use ml_kem::kem::{Decapsulate as _, KeyExport as _};
use ml_kem::{DecapsulationKey, EncapsulationKey, MlKem768};
use zeroize::Zeroizing;

/// Length in bytes of an encapsulation key (FIPS 203, table 3).
pub(crate) const PUBLIC_LEN: usize = 1184;
/// Length in bytes of a ciphertext (FIPS 203, table 3).
pub(crate) const CIPHERTEXT_LEN: usize = 1088;
/// Length in bytes of a secret key as its seed d || z (FIPS 203, section 7.1).
pub(crate) const SEED_LEN: usize = 64;
/// Length in bytes of a shared secret, and of the randomness of one encapsulation.
pub(crate) const SECRET_LEN: usize = 32;

/// The encapsulation key of this seed.
pub(crate) fn public(seed: &[u8; SEED_LEN]) -> [u8; PUBLIC_LEN] {
    key(seed).encapsulation_key().to_bytes().into()
}

/// Encapsulates with randomness `random`; none where `public` fails the modulus check of FIPS 203, section 7.2.
pub(crate) fn encapsulate(
    public: &[u8; PUBLIC_LEN],
    random: &[u8; SECRET_LEN],
) -> Option<([u8; CIPHERTEXT_LEN], Zeroizing<[u8; SECRET_LEN]>)> {
    let key = EncapsulationKey::<MlKem768>::new(&(*public).into()).ok()?;
    let (ciphertext, secret) = key.encapsulate_deterministic(&(*random).into());
    Some((ciphertext.into(), Zeroizing::new(secret.into())))
}

/// Whether `public` passes the modulus check of FIPS 203, section 7.2.
pub(crate) fn is_public(public: &[u8; PUBLIC_LEN]) -> bool {
    EncapsulationKey::<MlKem768>::new(&(*public).into()).is_ok()
}

/// Decapsulates. A ciphertext that was not made for the key gives a secret that nobody else can know (implicit rejection).
pub(crate) fn decapsulate(seed: &[u8; SEED_LEN], ciphertext: &[u8; CIPHERTEXT_LEN]) -> Zeroizing<[u8; SECRET_LEN]> {
    Zeroizing::new(key(seed).decapsulate(&(*ciphertext).into()).into())
}

fn key(seed: &[u8; SEED_LEN]) -> DecapsulationKey<MlKem768> {
    DecapsulationKey::from_seed((*seed).into())
}
