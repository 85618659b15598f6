//! ChaCha20-Poly1305 (RFC 8439) under keys that encrypt once.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroizing;

use crate::kdf::KEY_LEN;

/// Length in bytes of the tag at the end of what was encrypted.
pub(crate) const TAG_LEN: usize = 16;
/// The nonce of every key: each is derived from fresh randomness and encrypts one message.
pub(crate) const ONCE: [u8; 12] = [0; 12];

/// Encrypts `message` and binds `bound` to it.
pub(crate) fn encrypt(key: &[u8; KEY_LEN], nonce: &[u8; 12], bound: &[u8], message: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "the cipher takes 2^38 bytes; PLAINTEXT_MAX is 2^26")]
    cipher(key)
        .encrypt(&Nonce::from(*nonce), Payload { msg: message, aad: bound })
        .expect("the message is short enough")
}

/// What was encrypted; none where key, nonce, `bound` or a byte differ.
pub(crate) fn decrypt(
    key: &[u8; KEY_LEN],
    nonce: &[u8; 12],
    bound: &[u8],
    encrypted: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    cipher(key).decrypt(&Nonce::from(*nonce), Payload { msg: encrypted, aad: bound }).ok().map(Zeroizing::new)
}

fn cipher(key: &[u8; KEY_LEN]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&(*key).into())
}

#[cfg(test)]
mod tests {
    use vm_core::digest::to_hex;

    use super::*;

    #[test]
    fn rfc_8439_section_2_8_2() {
        let mut key = [0; KEY_LEN];
        for (byte, value) in key.iter_mut().zip(0x80..) {
            *byte = value;
        }
        let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
        let bound = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let encrypted = encrypt(&key, &nonce, &bound, message);
        assert_eq!(encrypted.len(), message.len() + TAG_LEN);
        let hex = to_hex(&encrypted);
        assert!(hex.starts_with("d31a8d34648e60db7b86afbc53ef7ec2"), "{hex}");
        assert!(hex.ends_with("1ae10b594f09e26a7e902ecbd0600691"), "{hex}");
        assert_eq!(decrypt(&key, &nonce, &bound, &encrypted).unwrap().as_slice(), message);
        assert!(decrypt(&key, &ONCE, &bound, &encrypted).is_none());
        assert!(decrypt(&key, &nonce, &[], &encrypted).is_none());
    }
}
