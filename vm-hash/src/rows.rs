//! Many messages of one kind, cut into rows that a backend takes in one call.

use crate::cpu::Hash;
use crate::{HASH_LEN, Hash32};

/// Most messages hashed in one call: so many that calls weigh little, and as many as AVX-512 has lanes.
const ROW: usize = 16;

/// Calls `hash` with the children of each row, and with as much room or more for their parents.
pub(crate) fn nodes<C: Hash32, P: Hash32>(
    pairs: &[[C; 2]],
    parents: &mut [P],
    hash: impl Fn((&[[&Hash; 2]], &mut [Hash])),
) {
    each(pairs, parents, [&[0; HASH_LEN]; 2], |pair| pair.each_ref().map(Hash32::hash_bytes), hash);
}

/// Calls `hash` with the data of each row, and with as much room or more for their hashes.
pub(crate) fn leaves_of_32<D: Hash32, H: Hash32>(data: &[D], hashes: &mut [H], hash: impl Fn((&[&Hash], &mut [Hash]))) {
    each(data, hashes, &[0; HASH_LEN], Hash32::hash_bytes, hash);
}

fn each<'a, M, B: Copy, H: Hash32>(
    messages: &'a [M],
    hashes: &mut [H],
    none: B,
    bytes: impl Fn(&'a M) -> B,
    hash: impl Fn((&[B], &mut [Hash])),
) {
    let count = messages.len().min(hashes.len());
    let mut found = [[0; HASH_LEN]; ROW];
    let mut row = [none; ROW];
    for (messages, hashes) in messages[..count].chunks(ROW).zip(hashes[..count].chunks_mut(ROW)) {
        for (place, message) in row.iter_mut().zip(messages) {
            *place = bytes(message);
        }
        hash((&row[..messages.len()], &mut found));
        for (hash, found) in hashes.iter_mut().zip(found) {
            *hash = H::from_hash(found);
        }
    }
}
