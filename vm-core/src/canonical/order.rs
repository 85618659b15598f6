//! The order of names: by UTF-16 code units, unsigned (RFC 8785, section 3.2.3), taken from UTF-8 as it stands.
//!
//! In UTF-8 the order of bytes is the order of code points, and it differs from the order of UTF-16 units in one thing:
//! characters beyond U+FFFF stand before U+E000 to U+FFFF, because their first unit is a surrogate (D800 to DBFF). Their
//! first bytes are F0 to F4, those of the others EE and EF; so [`rank`] turns these two groups round.

use core::cmp::Ordering;

/// What a byte of UTF-8 counts as, so that comparing ranks is comparing UTF-16 units.
pub(super) const fn rank(byte: u8) -> u8 {
    match byte {
        0xf0..=0xf4 => byte - 2,
        0xee | 0xef => byte + 5,
        _ => byte,
    }
}

/// Compares two names.
pub(super) fn compare(first: &[u8], second: &[u8]) -> Ordering {
    match first.iter().zip(second).find(|(first, second)| first != second) {
        Some((first, second)) => rank(*first).cmp(&rank(*second)),
        None => first.len().cmp(&second.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_edge_is_ordered_as_utf16_orders_it() {
        let edges = [
            0, 0x1f, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xefff, 0xf000, 0xffff, 0x1_0000, 0xf_ffff, 0x10_0000,
            0x10_ffff,
        ];
        let names: Vec<String> = edges.iter().filter_map(|edge| char::from_u32(*edge)).map(String::from).collect();
        for first in &names {
            for second in &names {
                for (first, second) in [
                    (first.clone(), second.clone()),
                    (format!("a{first}z"), format!("a{second}")),
                    (format!("{first}{second}"), format!("{first}{first}")),
                ] {
                    let expected = first.encode_utf16().cmp(second.encode_utf16());
                    assert_eq!(compare(first.as_bytes(), second.as_bytes()), expected, "{first:?} {second:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn all_names_are_ordered_as_utf16_orders_them(first: String, second: String, shared: String) {
            for (first, second) in [(&first, &second), (&format!("{shared}{first}"), &format!("{shared}{second}"))] {
                let expected = first.encode_utf16().cmp(second.encode_utf16());
                prop_assert_eq!(compare(first.as_bytes(), second.as_bytes()), expected);
            }
        }
    }
}
