//! Merkle proofs and tiles.

use std::sync::LazyLock;

use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::tile::{TILE_WIDTH, Tile, TileAt};
use vm_seal::merkle::{ConsistencyProof, InclusionProof, LeafIndex, NodeAt, PROOF_HASHES_MAX, Tree, TreeSize};

use crate::input::Input;

/// Leaves of the tree that proofs are taken from: three full tiles and a part of one, so that sizes on both sides of
/// every power of two up to 512 occur.
pub(crate) const LEAVES: u64 = 777;

pub(crate) static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let mut tree = Tree::new();
    (0..LEAVES).map(leaf).for_each(|leaf| tree.append(leaf));
    tree
});

pub(crate) fn leaf(index: u64) -> LeafHash {
    LeafHash::of(&index.to_be_bytes())
}

pub(crate) fn root(size: TreeSize) -> RootHash {
    TREE.root_at(size).expect("a size below that of the tree")
}

/// The root of `size`, or one that no tree has. The root of another size is left out: a proof does not bind the size by
/// itself, so size and root must come from one signed place.
pub(crate) fn claimed_root(input: &mut Input<'_>, size: TreeSize) -> RootHash {
    let mut bytes = *root(size).as_bytes();
    if input.byte() & 3 == 3 {
        bytes[0] ^= 1 << (input.byte() & 7);
    }
    RootHash::from_bytes(bytes)
}

/// Changes the hashes of a proof as the input says: none, one or some edits.
pub(crate) fn edit(input: &mut Input<'_>, mut hashes: Vec<RootHash>) -> Vec<RootHash> {
    for _ in 0..input.byte() % 4 {
        let count = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(input.below(count + 1)).unwrap_or(usize::MAX);
        let other = match input.byte() % 3 {
            0 => RootHash::empty(),
            1 => leaf(input.below(LEAVES)).to_root(),
            _ => root(TreeSize::new(input.below(LEAVES))),
        };
        match (input.byte() % 5, hashes.get_mut(at)) {
            (0, Some(hash)) => *hash = other,
            (1, Some(hash)) => {
                let mut bytes = *hash.as_bytes();
                let bit = input.byte();
                if let Some(byte) = bytes.get_mut(usize::from(bit >> 3)) {
                    *byte ^= 1 << (bit & 7);
                }
                *hash = RootHash::from_bytes(bytes);
            }
            (2, Some(_)) => drop(hashes.remove(at)),
            (3, Some(_)) => hashes.swap(at, 0),
            _ => hashes.insert(at.min(hashes.len()), other),
        }
    }
    hashes
}

/// An edited proof, for any index, size, leaf and root of one tree, is believed only where it is the one true proof. For
/// sizes that no tree here has, nothing is believed.
pub fn merkle_inclusion(data: &[u8]) {
    let mut input = Input::new(data);
    if input.byte() == 255 {
        return far_inclusion(&mut input);
    }
    let size = TreeSize::new(1 + input.below(LEAVES));
    let index = LeafIndex::new(input.below(size.as_u64()));
    let true_proof = TREE.prove_inclusion(index, size).expect("the tree holds it");
    let hashes = edit(&mut input, true_proof.hashes().to_vec());
    // What is claimed of it: the same, or another place, leaf and tree.
    let claimed_size = if input.byte() & 1 == 0 { size } else { TreeSize::new(input.below(LEAVES + 1)) };
    let claimed_index = if input.byte() & 1 == 0 { index } else { LeafIndex::new(input.below(LEAVES + 1)) };
    let claimed_leaf = if input.byte() & 1 == 0 { claimed_index.as_u64() } else { input.below(LEAVES) };
    let claimed_root = claimed_root(&mut input, claimed_size);
    let proof = InclusionProof::from_hashes(hashes).expect("no edit makes it that long");
    let believed = proof.verify(leaf(claimed_leaf), claimed_index, claimed_size, claimed_root).is_ok();
    let holds = claimed_size.holds(claimed_index)
        && claimed_leaf == claimed_index.as_u64()
        && claimed_root == root(claimed_size)
        && TREE.prove_inclusion(claimed_index, claimed_size).as_ref() == Ok(&proof);
    assert_eq!(believed, holds, "leaf {claimed_leaf} at {claimed_index:?} of {claimed_size:?}");
}

fn far_inclusion(input: &mut Input<'_>) {
    let (index, size) = (LeafIndex::new(input.number()), TreeSize::new(input.number()));
    let mut hashes = Vec::new();
    while !input.is_empty() {
        hashes.push(RootHash::from_slice(&[input.byte(); 32]).expect("32 bytes"));
    }
    let count = hashes.len();
    match InclusionProof::from_hashes(hashes) {
        Ok(proof) => assert!(proof.verify(leaf(0), index, size, RootHash::empty()).is_err()),
        Err(_) => assert!(count > PROOF_HASHES_MAX),
    }
}

/// As [`merkle_inclusion`], for consistency: an edited proof between any two sizes and roots of one tree is believed only
/// where it is the one true proof.
pub fn merkle_consistency(data: &[u8]) {
    let mut input = Input::new(data);
    let any = |input: &mut Input<'_>| TreeSize::new(input.below(LEAVES + 1));
    let (one, other) = (any(&mut input), any(&mut input));
    let (old, new) = if one <= other { (one, other) } else { (other, one) };
    let true_proof = TREE.prove_consistency(old, new).expect("both sizes are the tree's");
    let hashes = edit(&mut input, true_proof.hashes().to_vec());
    let old = if input.byte() & 1 == 0 { old } else { any(&mut input) };
    let new = if input.byte() & 1 == 0 { new } else { any(&mut input) };
    let old_root = claimed_root(&mut input, old);
    let new_root = claimed_root(&mut input, new);
    let proof = ConsistencyProof::from_hashes(hashes).expect("no edit makes it that long");
    let believed = proof.verify(old, old_root, new, new_root).is_ok();
    let is_proof = TREE.prove_consistency(old, new).as_ref() == Ok(&proof);
    // Any tree begins with the empty one and with itself, whatever its root: that is another's to check.
    let roots_hold = match old {
        _ if old == new && old != TreeSize::ZERO => old_root == new_root,
        TreeSize::ZERO => old_root == root(old) && (new != old || new_root == old_root),
        _ => old_root == root(old) && new_root == root(new),
    };
    assert_eq!(believed, is_proof && roots_hold, "{old:?} to {new:?}");
}

/// A tile has one form, its subtrees hash as the tree says, and the tile that holds a node has it.
pub fn tile(data: &[u8]) {
    let mut input = Input::new(data);
    let (level, index) = (input.byte(), input.number());
    let width = input.below(u64::from(TILE_WIDTH) + 2);
    let node = NodeAt::new(input.byte(), input.number());
    let size = TreeSize::new(input.number());
    if let Some(at) = TileAt::holding(node, size) {
        let tile =
            Tile::from_hashes(at, vec![RootHash::empty(); usize::from(at.width())]).expect("as many as its width");
        assert!(node.is_within(size) && tile.subtree(node).is_ok(), "{at:?} lacks {node:?} of {size:?}");
    }
    let at = TileAt::new(level, index, u16::try_from(width).unwrap_or(u16::MAX));
    let Ok(at) = at else { return };
    assert_eq!(at.path().ends_with(&format!(".p/{width}")), !at.is_full());
    match Tile::parse(at, input.rest()) {
        Ok(tile) => {
            assert_eq!(tile.to_bytes(), input.rest());
            check_subtree(&tile, node);
        }
        Err(_) => assert_ne!(u64::try_from(input.rest().len()).ok(), Some(width * 32)),
    }
}

fn check_subtree(tile: &Tile, node: NodeAt) {
    let Ok(found) = tile.subtree(node) else { return };
    let height = node.level() % 8;
    let first = usize::try_from((node.index() << height) % u64::from(TILE_WIDTH)).expect("below 256");
    let mut row = tile.hashes().get(first..first + (1 << height)).expect("the subtree lies in the tile").to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| RootHash::parent(&pair[0], &pair[1])).collect();
    }
    assert_eq!(row.first(), Some(&found));
}
