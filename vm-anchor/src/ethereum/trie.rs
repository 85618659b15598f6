//! The tries over a block's transactions and receipts: a list, each item under the RLP of its index (yellow paper,
//! appendix D).

use alloy_primitives::{B256, keccak256};
use alloy_rlp::Decodable as _;
use alloy_trie::nodes::{RlpNode, TrieNode};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::root::adjust_index_for_rlp;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

/// First byte of an RLP string of 32 bytes.
const HASH_PREFIX: u8 = 0xa0;

/// The item under `index` in the trie of this root, if the nodes lead to it, in order and with none left over.
///
/// A transaction and a receipt are longer than 32 bytes, so no node of their tries stands inside another: each is named
/// by its hash, and one that is not is refused.
pub(super) fn look_up(root: B256, index: u32, nodes: &[Vec<u8>]) -> Option<Vec<u8>> {
    let key = alloy_rlp::encode(index);
    let key: Vec<u8> = key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect();
    let mut rest = key.as_slice();
    let mut expected = root;
    let mut nodes = nodes.iter();
    loop {
        let node = nodes.next()?;
        if keccak256(node) != expected {
            return None;
        }
        let mut bytes = node.as_slice();
        let node = TrieNode::decode(&mut bytes).ok()?;
        if !bytes.is_empty() {
            return None;
        }
        expected = match node {
            TrieNode::Branch(branch) => {
                let (nibble, tail) = rest.split_first()?;
                rest = tail;
                let branch = branch.as_ref();
                let child = branch.children().find(|(place, _)| place == nibble)?;
                hash_of(child.1?)?
            }
            TrieNode::Extension(extension) => {
                rest = rest.strip_prefix(extension.key.to_vec().as_slice())?;
                hash_of(&extension.child)?
            }
            TrieNode::Leaf(leaf) => {
                let is_last = nodes.next().is_none();
                return (rest == leaf.key.to_vec() && is_last).then_some(leaf.value);
            }
            TrieNode::EmptyRoot => return None,
        };
    }
}

fn hash_of(node: &RlpNode) -> Option<B256> {
    // The crate takes any 33 bytes for a hash, also a list of 32.
    node.as_hash().filter(|_| node.as_slice().first() == Some(&HASH_PREFIX))
}

/// The root of the trie of `items`, and the nodes that lead to the one with this index.
pub(super) fn prove<T: AsRef<[u8]>>(items: &[T], index: usize) -> (B256, Vec<Vec<u8>>) {
    if items.is_empty() {
        return (EMPTY_ROOT_HASH, Vec::new());
    }
    let key = |index: usize| Nibbles::unpack(alloy_rlp::encode(index));
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![key(index)]));
    for place in 0..items.len() {
        let index = adjust_index_for_rlp(place, items.len());
        if let Some(item) = items.get(index) {
            builder.add_leaf(key(index), item.as_ref());
        }
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (root, nodes.into_iter().map(|(_, node)| node.to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|number| format!("{number:-<60}").into_bytes()).collect()
    }

    #[test]
    fn every_item_of_every_small_list_is_proven_and_no_other() {
        // The RLP of an index grows at 128, and the shape of the trie with it.
        for count in (1..=20).chain([127, 128, 129, 130]) {
            let items = items(count);
            let wanted = alloy_trie::root::ordered_trie_root_encoded(&items);
            for (index, item) in items.iter().enumerate() {
                let (root, nodes) = prove(&items, index);
                assert_eq!(root, wanted, "{count}");
                for other in 0..=u32::try_from(count).unwrap() {
                    let found = look_up(root, other, &nodes);
                    let same = usize::try_from(other).unwrap() == index;
                    assert_eq!(found.as_ref(), same.then_some(item), "{index} as {other} of {count}");
                }
            }
        }
    }

    #[test]
    fn nodes_that_are_cut_or_more_or_changed_prove_nothing() {
        let items = items(300);
        for index in [0, 1, 127, 128, 255, 256, 299] {
            let (root, nodes) = prove(&items, index);
            let index = u32::try_from(index).unwrap();
            assert!(look_up(root, index, &nodes).is_some());
            for length in 0..nodes.len() {
                assert!(look_up(root, index, &nodes[..length]).is_none());
                assert!(look_up(root, index, &nodes[length + 1..]).is_none());
            }
            let more = [nodes.clone(), vec![vec![0x80]]].concat();
            assert!(look_up(root, index, &more).is_none());
            for place in 0..nodes.len() {
                for byte in 0..nodes[place].len() {
                    let mut changed = nodes.clone();
                    changed[place][byte] ^= 1;
                    assert!(look_up(root, index, &changed).is_none(), "{index}: {place}, {byte}");
                }
            }
        }
    }

    #[test]
    fn roots_of_one_and_none() {
        assert_eq!(prove::<Vec<u8>>(&[], 0), (EMPTY_ROOT_HASH, Vec::new()));
        assert!(look_up(EMPTY_ROOT_HASH, 0, &[vec![0x80]]).is_none());
        assert!(look_up(EMPTY_ROOT_HASH, 0, &[]).is_none());
    }

    /// A node whose child is written into it. In tries of short items there are such, and here they are refused.
    #[test]
    fn nodes_inside_nodes_are_refused() {
        let short: Vec<Vec<u8>> = (0..20).map(|number| vec![number; 3]).collect();
        let (root, nodes) = prove(&short, 5);
        assert!(nodes.len() > 1);
        assert!(look_up(root, 5, &nodes).is_none());
    }
}
