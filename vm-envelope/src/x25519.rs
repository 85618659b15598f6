//! X25519 (RFC 7748) over byte arrays.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Length in bytes of secret keys, public keys and shared secrets.
pub(crate) const LEN: usize = 32;
/// 2^255 - 19, little endian: coordinates are below it.
const PRIME: [u8; LEN] = {
    let mut bytes = [0xff; LEN];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The public key of this secret, which is clamped as RFC 7748, section 5, says.
pub(crate) fn public(secret: &[u8; LEN]) -> [u8; LEN] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The shared secret; none where it is all zeros, which a point of small order brings about (RFC 7748, section 6.1).
pub(crate) fn agree(secret: &[u8; LEN], public: &[u8; LEN]) -> Option<Zeroizing<[u8; LEN]>> {
    let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*public));
    shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
}

/// Whether `public` is the one encoding of a point that is not of small order.
pub(crate) fn is_public(public: &[u8; LEN]) -> bool {
    // Clamped scalars are multiples of eight, so that any of them tells a small order.
    public.iter().rev().lt(PRIME.iter().rev()) && agree(&[1; LEN], public).is_some()
}

#[cfg(test)]
mod tests {
    use vm_core::digest::from_hex;

    use super::*;

    fn bytes(hex: &str) -> [u8; LEN] {
        from_hex(hex).unwrap().try_into().unwrap()
    }

    #[test]
    fn rfc_7748_section_6_1() {
        let alice = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(public(&alice), bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        assert_eq!(public(&bob), bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        assert_eq!(*agree(&alice, &public(&bob)).unwrap(), shared);
        assert_eq!(*agree(&bob, &public(&alice)).unwrap(), shared);
    }

    #[test]
    fn points_of_small_order_and_second_encodings_are_no_keys() {
        let good = public(&[7; LEN]);
        assert!(is_public(&good));
        let mut high_bit = good;
        high_bit[31] |= 0x80;
        assert!(!is_public(&high_bit));
        // Points of order 1, 2 and 4 (0, 1 and p - 1), then p and p + 1, which are 0 and 1 again.
        for (first, last) in [(0, 0), (1, 0), (0xec, 0x7f), (0xed, 0x7f), (0xee, 0x7f)] {
            let mut point = [if last == 0 { 0 } else { 0xff }; LEN];
            point[0] = first;
            point[31] = last;
            assert!(!is_public(&point), "{first:x}");
            assert!(agree(&[9; LEN], &point).is_none(), "{first:x}");
        }
        // A point of order 8 (RFC 7748's security considerations point to the list at cr.yp.to/ecdh.html).
        let eight = bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
        assert!(!is_public(&eight));
        assert!(agree(&[9; LEN], &eight).is_none());
    }
}
