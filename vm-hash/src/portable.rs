//! The same functions on top of the `sha2` crate: for processors without the extensions, and for tests, which compare.

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

use crate::schedule::START;
use crate::{HASH_LEN, Hash32, LEAF_PREFIX, NODE_PREFIX};

/// As [`crate::node`].
#[must_use]
pub fn node(left: &[u8; HASH_LEN], right: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    let mut parent = [[0; HASH_LEN]];
    nodes(&[[*left, *right]], &mut parent);
    parent[0]
}

/// As [`crate::nodes`].
pub fn nodes<C: Hash32, P: Hash32>(pairs: &[[C; 2]], parents: &mut [P]) {
    // The message and its padding (FIPS 180-4, section 5.1.1) are put together once: 65 bytes, 0x80, zeros, 520 bits.
    let mut message = [[0; 64]; 2];
    let bytes = message.as_flattened_mut();
    bytes[0] = NODE_PREFIX;
    bytes[65] = 0x80;
    bytes[126..].copy_from_slice(&[2, 8]);
    for ([left, right], parent) in pairs.iter().zip(parents) {
        let bytes = message.as_flattened_mut();
        bytes[1..33].copy_from_slice(left.hash_bytes());
        bytes[33..65].copy_from_slice(right.hash_bytes());
        let mut state = START;
        compress256(&mut state, &message);
        let mut hash = [0; HASH_LEN];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        *parent = P::from_hash(hash);
    }
}

/// As [`crate::leaves_of_32`].
pub fn leaves_of_32<D: Hash32, H: Hash32>(data: &[D], hashes: &mut [H]) {
    for (data, hash) in data.iter().zip(hashes) {
        *hash = digest(&[LEAF_PREFIX], data.hash_bytes());
    }
}

/// As [`crate::leaf`].
#[must_use]
pub fn leaf(data: &[u8]) -> [u8; HASH_LEN] {
    digest(&[LEAF_PREFIX], data)
}

/// As [`crate::leaves`].
pub fn leaves<D: AsRef<[u8]>, H: Hash32>(data: &[D], hashes: &mut [H]) {
    for (data, hash) in data.iter().zip(hashes) {
        *hash = digest(&[LEAF_PREFIX], data.as_ref());
    }
}

/// As [`crate::digests`].
pub fn digests<D: AsRef<[u8]>, H: Hash32>(data: &[D], digests: &mut [H]) {
    for (data, hash) in data.iter().zip(digests) {
        *hash = digest(&[], data.as_ref());
    }
}

fn digest<H: Hash32>(prefix: &[u8], data: &[u8]) -> H {
    H::from_hash(Sha256::new_with_prefix(prefix).chain_update(data).finalize().into())
}
