//! The output of a transaction that carries a digest.
//!
//! ```text
//! 6a                 OP_RETURN
//! 24                 a push of 36 bytes
//! 564d4130           the tag, "VMA0"
//! <32 bytes>         SHA-256
//! ```

use vm_core::digest::Sha256Digest;

use super::double_sha256;
use super::reader::Reader;

/// What stands before the digest.
pub const TAG: [u8; 4] = *b"VMA0";
/// Length of tag and digest, in bytes: far below the 80 that nodes relay.
pub const DATA_LEN: usize = 36;
/// Longest transaction read, in bytes: what nodes relay at most (Bitcoin Core, `MAX_STANDARD_TX_WEIGHT`).
pub const TRANSACTION_BYTES_MAX: usize = 400_000;
/// Length of two hashes: a transaction as long could stand for an inner node (CVE-2017-12842).
const NODE_LEN: usize = 64;

/// The script of the output that carries `digest`.
#[must_use]
pub fn op_return(digest: &Sha256Digest) -> Vec<u8> {
    [&[0x6a, 0x24][..], &TAG, digest.as_bytes()].concat()
}

/// What can be wrong with a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    Malformed,
    NodeLength,
    NotCarried,
}

/// The id of a transaction that carries `digest`: the hash of all but its witnesses.
pub(super) fn id_of(bytes: &[u8], digest: &Sha256Digest) -> Result<[u8; 32], Wrong> {
    let parts = Parts::read(bytes).ok_or(Wrong::Malformed)?;
    let stripped = [parts.version, parts.body, parts.lock_time].concat();
    if stripped.len() == NODE_LEN {
        return Err(Wrong::NodeLength);
    }
    let wanted = op_return(digest);
    if !parts.scripts.contains(&wanted.as_slice()) {
        return Err(Wrong::NotCarried);
    }
    Ok(double_sha256(&stripped))
}

/// Whether these bytes can be a transaction.
pub(super) fn reads_as_transaction(bytes: &[u8]) -> bool {
    Parts::read(bytes).is_some()
}

struct Parts<'a> {
    version: &'a [u8],
    /// Inputs and outputs with their counts.
    body: &'a [u8],
    scripts: Vec<&'a [u8]>,
    lock_time: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let version = reader.take(4)?;
        // BIP 144: a count of no inputs and a flag of 1 say that witnesses follow.
        let has_witness = reader.rest().starts_with(&[0, 1]);
        if has_witness {
            reader.take(2)?;
        }
        let begin = reader.rest();
        let inputs = reader.size()?;
        for _ in 0..inputs {
            reader.take(36)?;
            reader.sized()?;
            reader.take(4)?;
        }
        let mut scripts = Vec::new();
        for _ in 0..reader.size()? {
            reader.take(8)?;
            scripts.push(reader.sized()?);
        }
        let body = begin.get(..begin.len().checked_sub(reader.rest().len())?)?;
        if has_witness {
            for _ in 0..inputs {
                for _ in 0..reader.size()? {
                    reader.sized()?;
                }
            }
        }
        let lock_time = reader.take(4)?;
        (inputs > 0 && reader.is_finished()).then_some(Self { version, body, scripts, lock_time })
    }
}
