//! Hashing many messages side by side.

use vm_core::digest::LeafHash;
use vm_seal::merkle::{Frontier, root_of_slice};

use crate::input::Input;

/// Longest message cut from an input: long enough for runs of whole blocks beside shorter neighbours.
const MESSAGE_MAX: u64 = 700;

type Hash = [u8; 32];

/// The fast side of vm-hash and its portable twin give the same for any messages, lengths, neighbours and alignments, and
/// a root hashed in bulk is the one that grows leaf by leaf.
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
    check(messages.len(), |out| vm_hash::leaves(&messages, out), |out| vm_hash::portable::leaves(&messages, out));
    check(messages.len(), |out| vm_hash::digests(&messages, out), |out| vm_hash::portable::digests(&messages, out));
    let hashes: &[Hash] = data.get(shift..).unwrap_or_default().as_chunks().0;
    let pairs = hashes.as_chunks().0;
    check(pairs.len(), |out| vm_hash::nodes(pairs, out), |out| vm_hash::portable::nodes(pairs, out));
    if let [[left, right], ..] = pairs {
        assert_eq!(vm_hash::node(left, right), vm_hash::portable::node(left, right), "one node");
    }
    let leaves = |out: &mut [Hash]| vm_hash::leaves_of_32(hashes, out);
    check(hashes.len(), leaves, |out| vm_hash::portable::leaves_of_32(hashes, out));
    roots(hashes);
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
