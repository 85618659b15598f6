#![doc = include_str!("../README.md")]
//!
//! In scope: SHA-256 over many messages that are all there. Out of scope: streams (`sha2` itself), trees (`vm-seal`),
//! types that tell a leaf from a root (`vm-core`).

#[cfg(target_arch = "x86_64")]
#[macro_use]
mod cpu;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod backend;
#[cfg(target_arch = "x86_64")]
mod message;
pub mod portable;
#[cfg(target_arch = "x86_64")]
mod rows;
mod schedule;
#[cfg(target_arch = "x86_64")]
mod shani;

#[doc(hidden)]
pub use backend::Backend;

/// Length in bytes of a SHA-256 digest.
pub const HASH_LEN: usize = 32;

/// First byte of the message that a leaf's hash is over (RFC 6962, section 2.1).
pub const LEAF_PREFIX: u8 = 0x00;

/// First byte of the message that a node's hash is over (RFC 6962, section 2.1).
pub const NODE_PREFIX: u8 = 0x01;

/// A type that is 32 bytes and says what they mean.
pub trait Hash32: Copy {
    /// Wraps the bytes.
    fn from_hash(bytes: [u8; HASH_LEN]) -> Self;

    /// The bytes.
    fn hash_bytes(&self) -> &[u8; HASH_LEN];
}

impl Hash32 for [u8; HASH_LEN] {
    fn from_hash(bytes: [u8; HASH_LEN]) -> Self {
        bytes
    }

    fn hash_bytes(&self) -> &[u8; HASH_LEN] {
        self
    }
}

/// Whether this processor has extensions that make any of this faster than the portable twin.
#[must_use]
pub fn is_accelerated() -> bool {
    Backend::each().count() > 1
}

/// Hash of one node: SHA-256 over `0x01 || left || right`. For many use [`nodes`], which is faster.
#[must_use]
pub fn node(left: &[u8; HASH_LEN], right: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    Backend::best().node(left, right)
}

/// Hashes of nodes: `parents[i]` becomes SHA-256 over `0x01 || pairs[i][0] || pairs[i][1]`, as far as both slices go.
/// Cost: two compressions a node.
pub fn nodes<C: Hash32, P: Hash32>(pairs: &[[C; 2]], parents: &mut [P]) {
    Backend::best().nodes(pairs, parents);
}

/// Hashes of leaves whose data are 32 bytes: `hashes[i]` becomes SHA-256 over `0x00 || data[i]`, as far as both slices
/// go. Cost: one compression a leaf.
pub fn leaves_of_32<D: Hash32, H: Hash32>(data: &[D], hashes: &mut [H]) {
    Backend::best().leaves_of_32(data, hashes);
}

/// Hash of one leaf: SHA-256 over `0x00 || data`.
#[must_use]
pub fn leaf(data: &[u8]) -> [u8; HASH_LEN] {
    // One message alone is no faster here than with sha2.
    portable::leaf(data)
}

/// Hashes of leaves: `hashes[i]` becomes SHA-256 over `0x00 || data[i]`, as far as both slices go. The data may differ
/// in length. Cost: one compression for each 64 bytes begun, counting 10 more a leaf.
pub fn leaves<D: AsRef<[u8]>, H: Hash32>(data: &[D], hashes: &mut [H]) {
    Backend::best().leaves(data, hashes);
}

/// Plain digests: `digests[i]` becomes SHA-256 over `data[i]`, as far as both slices go. The data may differ in length.
/// Cost: one compression for each 64 bytes begun, counting 9 more a message.
pub fn digests<D: AsRef<[u8]>, H: Hash32>(data: &[D], digests: &mut [H]) {
    Backend::best().digests(data, digests);
}
