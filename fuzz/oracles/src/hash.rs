//! Hashing many messages side by side.

use vm_core::digest::LeafHash;
use vm_hash::{Backend, portable};
use vm_seal::merkle::{Frontier, root_of_slice};

use crate::input::Input;

/// Longest message cut from an input: long enough for runs of whole blocks beside shorter neighbours.
const MESSAGE_MAX: u64 = 700;

type Hash = [u8; 32];

/// Every backend of vm-hash that this processor has and the portable one give the same for any messages, lengths, neighbours
/// and alignments, and a root hashed in bulk is the one that grows leaf by leaf.
pub fn sha256_lanes(data: &[u8]) {
    let mut input = Input::new(data);
    let mut messages: Vec<&[u8]> = Vec::new();
    let shift = usize::from(input.byte() % 64);
    let mut rest = data.get(shift..).unwrap_or_default();
    while messages.len() < 24 {
        let length = usize::try_from(input.below(MESSAGE_MAX)).unwrap_or_default();
        let (message, later) = rest.split_at(length.min(rest.len()));
        messages.push(message);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let hashes: &[Hash] = data.get(shift..).unwrap_or_default().as_chunks().0;
    for side in Backend::each() {
        lanes(side, &messages, hashes);
    }
    roots(hashes);
}

fn lanes(side: Backend, messages: &[&[u8]], hashes: &[Hash]) {
    check(messages.len(), |out| side.leaves(messages, out), |out| portable::leaves(messages, out));
    check(messages.len(), |out| side.digests(messages, out), |out| portable::digests(messages, out));
    let pairs = hashes.as_chunks().0;
    check(pairs.len(), |out| side.nodes(pairs, out), |out| portable::nodes(pairs, out));
    if let [[left, right], ..] = pairs {
        assert_eq!(side.node(left, right), portable::node(left, right), "one node");
    }
    check(hashes.len(), |out| side.leaves_of_32(hashes, out), |out| portable::leaves_of_32(hashes, out));
}

/// Both sides write the same and leave what lies behind alone.
fn check(count: usize, fast: impl FnOnce(&mut [Hash]), twin: impl FnOnce(&mut [Hash])) {
    let (mut ours, mut theirs) = (vec![[0xee; 32]; count + 1], vec![[0xee; 32]; count + 1]);
    fast(ours.get_mut(..count).unwrap_or_default());
    twin(theirs.get_mut(..count).unwrap_or_default());
    assert_eq!(ours, theirs, "both sides");
}

fn roots(hashes: &[Hash]) {
    let leaves: Vec<LeafHash> = hashes.iter().copied().map(LeafHash::from_bytes).collect();
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    assert_eq!(root_of_slice(&leaves), frontier.root(), "the root in bulk");
}
