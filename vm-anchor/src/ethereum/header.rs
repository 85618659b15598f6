//! What of a block's header is needed (yellow paper, section 4.4). Forks only append fields, so those that are used are
//! taken by their place, and a header of a later fork is read too.

use alloy_primitives::B256;
use alloy_rlp::Header as Rlp;

use super::hash::BlockHash;

/// Fields of every header since the first.
const FIELDS_LEAST: usize = 15;
/// Most fields read: today's have 21, so three times as many leave room for every fork to come.
const FIELDS_MAX: usize = 64;

const PARENT_HASH: usize = 0;
const TRANSACTIONS_ROOT: usize = 4;
const RECEIPTS_ROOT: usize = 5;
const NUMBER: usize = 8;
const TIMESTAMP: usize = 11;

/// A header that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) hash: BlockHash,
    pub(super) parent: BlockHash,
    pub(super) transactions_root: B256,
    pub(super) receipts_root: B256,
    pub(super) number: u64,
    /// Seconds since 1970.
    pub(super) timestamp: u64,
}

impl Header {
    /// Reads an RLP list of byte strings with nothing behind it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut payload = Rlp::decode_bytes(&mut rest, true).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut fields = Vec::new();
        while !payload.is_empty() {
            if fields.len() == FIELDS_MAX {
                return None;
            }
            fields.push(Rlp::decode_bytes(&mut payload, false).ok()?);
        }
        if fields.len() < FIELDS_LEAST {
            return None;
        }
        let hash = |place: usize| -> Option<[u8; 32]> { (*fields.get(place)?).try_into().ok() };
        let number = |place: usize| integer(fields.get(place)?);
        Some(Self {
            hash: BlockHash::of(bytes),
            parent: BlockHash::from_bytes(hash(PARENT_HASH)?),
            transactions_root: B256::from(hash(TRANSACTIONS_ROOT)?),
            receipts_root: B256::from(hash(RECEIPTS_ROOT)?),
            number: number(NUMBER)?,
            timestamp: number(TIMESTAMP)?,
        })
    }
}

/// A big-endian number without leading zeros.
fn integer(bytes: &[u8]) -> Option<u64> {
    if bytes.first() == Some(&0) || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(integer(&[]), Some(0));
        assert_eq!(integer(&[1, 0]), Some(256));
        assert_eq!(integer(&[0xff; 8]), Some(u64::MAX));
        assert_eq!(integer(&[0]), None);
        assert_eq!(integer(&[1; 9]), None);
    }

    #[test]
    fn later_forks_append_fields_and_nothing_else_is_read() {
        let header = |count: usize, long: usize| {
            let mut payload = Vec::new();
            for place in 0..count {
                match place {
                    NUMBER | TIMESTAMP => payload.push(7),
                    place if place == long => payload.push(0x80),
                    _ => payload.extend([[0xa0].as_slice(), &[9; 32]].concat()),
                }
            }
            let mut bytes = Vec::new();
            Rlp { list: true, payload_length: payload.len() }.encode(&mut bytes);
            [bytes, payload].concat()
        };
        for count in [15, 17, 21, 30, 64] {
            let parsed = Header::parse(&header(count, 99)).unwrap();
            assert_eq!((parsed.number, parsed.timestamp), (7, 7));
            assert!(Header::parse(&[header(count, 99), vec![0]].concat()).is_none());
        }
        assert!(Header::parse(&header(14, 99)).is_none());
        assert!(Header::parse(&header(65, 99)).is_none());
        for place in [PARENT_HASH, TRANSACTIONS_ROOT, RECEIPTS_ROOT] {
            assert!(Header::parse(&header(15, place)).is_none(), "{place}");
        }
        assert!(Header::parse(&header(15, 1)).is_some(), "what is not used may have any length");
    }
}
