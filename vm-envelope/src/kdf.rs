//! HKDF-SHA256 (RFC 5869) with outputs of 32 bytes. `tests/conformance_kem.rs` holds it to outside vectors.

use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Length in bytes of every key that is derived.
pub(crate) const KEY_LEN: usize = 32;

/// A key from which others are expanded.
pub(crate) struct Root(Hkdf<Sha256>);

impl Root {
    /// Extracts from the parts of `input`, one after the other. Whoever calls sees to it that their lengths are fixed.
    pub(crate) fn extract(salt: &[u8], input: &[&[u8]]) -> Self {
        let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
        for part in input {
            extract.input_ikm(part);
        }
        Self(extract.finalize().1)
    }

    /// The key that the parts of `info` name, one after the other.
    pub(crate) fn expand(&self, info: &[&[u8]]) -> Zeroizing<[u8; KEY_LEN]> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8,160 bytes; 32 are asked for")]
        self.0.expand_multi_info(info, key.as_mut_slice()).expect("32 bytes can be expanded");
        key
    }
}
