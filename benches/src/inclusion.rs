//! Inclusion proofs in a tree of a million leaves, made and checked, for leaves all over the tree.

use vm_core::digest::{LeafHash, RootHash};
use vm_seal::merkle::{InclusionProof, LeafIndex, Tree};

use crate::error::BenchError;
use crate::event::Draw;
use crate::harness::{Effort, Reach, Row, compare};
use crate::merkle::{CtTree, LEAVES, grown_by_ct_merkle, leaves};

const MADE: &str = "inclusion proof made, 1,000,000 leaves";
const CHECKED: &str = "inclusion proof checked, 1,000,000 leaves, one after the other";
const CHECKED_MANY: &str = "inclusion proof checked, 1,000,000 leaves, 32 at once";
const PEER: &str = "ct-merkle";
/// Leaves that a call of a side goes through, so that neither finds its path in the cache from the call before.
const PLACES: usize = 4_096;
/// Proofs of a batch.
const BATCH: usize = 32;

/// Both trees over the same leaf data, and the places to prove.
struct Both {
    data: Vec<[u8; 32]>,
    ours: Tree,
    theirs: CtTree,
    places: Vec<usize>,
}

/// Our proofs and theirs for the same places.
type Proofs = (Vec<InclusionProof>, Vec<ct_merkle::InclusionProof<sha2::Sha256>>);

impl Both {
    fn new() -> Result<Self, BenchError> {
        let data = leaves(LEAVES);
        let ours = Tree::from_leaves(LeafHash::of_each(&data));
        let theirs = grown_by_ct_merkle(&data);
        let mut draw = Draw(7);
        let places = (0..PLACES).map(|_| usize::try_from(draw.bits()).unwrap_or_default() % LEAVES).collect();
        let both = Self { data, ours, theirs, places };
        if both.theirs.root().as_bytes().as_slice() != both.root().as_bytes() {
            return Err(BenchError::Differ {
                path: MADE,
                ours: both.root().to_hex(),
                theirs: "another root".to_owned(),
            });
        }
        Ok(both)
    }

    fn root(&self) -> RootHash {
        self.ours.root()
    }

    fn prove(&self, place: usize) -> Result<InclusionProof, BenchError> {
        let proof = self.ours.prove_inclusion(index(place), self.ours.size());
        proof.map_err(|error| differ(MADE, error.to_string()))
    }

    fn proofs(&self) -> Result<Proofs, BenchError> {
        let ours: Result<Vec<_>, _> = self.places.iter().map(|place| self.prove(*place)).collect();
        let ours = ours?;
        let theirs: Vec<_> = self.places.iter().map(|place| self.theirs.prove_inclusion(*place)).collect();
        for (our, their) in ours.iter().zip(&theirs) {
            let bytes: Vec<u8> = our.hashes().iter().flat_map(|hash| *hash.as_bytes()).collect();
            if bytes != their.as_bytes() {
                return Err(differ(MADE, "another proof".to_owned()));
            }
        }
        Ok((ours, theirs))
    }

    /// How many of the proofs are good, each checked alone, from leaf data on.
    fn check(&self, proofs: &[InclusionProof]) -> usize {
        let (size, root) = (self.ours.size(), self.root());
        let is_good = |(proof, place): (&InclusionProof, &usize)| {
            proof.verify(LeafHash::of(&self.data[*place]), index(*place), size, root).is_ok()
        };
        proofs.iter().zip(&self.places).filter(|proof| is_good(*proof)).count()
    }

    /// As [`Both::check`], many at once.
    fn check_many(&self, proofs: &[InclusionProof]) -> usize {
        let (size, root) = (self.ours.size(), self.root());
        let batches = proofs.chunks(BATCH).zip(self.places.chunks(BATCH));
        let good = batches.map(|(proofs, places)| {
            let data: Vec<&[u8; 32]> = places.iter().map(|place| &self.data[*place]).collect();
            let leaves = LeafHash::of_each(&data);
            let claims = leaves.into_iter().zip(places).zip(proofs);
            let claims: Vec<_> = claims.map(|((leaf, place), proof)| (leaf, index(*place), proof)).collect();
            InclusionProof::verify_each(&claims, size, root).iter().filter(|answer| answer.is_ok()).count()
        });
        good.sum()
    }

    /// As [`Both::check`], by the peer.
    fn check_theirs(&self, proofs: &[ct_merkle::InclusionProof<sha2::Sha256>]) -> usize {
        let root = self.theirs.root();
        let is_good = |(proof, place): (&ct_merkle::InclusionProof<sha2::Sha256>, &usize)| {
            let place_of = u64::try_from(*place).unwrap_or(u64::MAX);
            root.verify_inclusion(&self.data[*place], place_of, proof).is_ok()
        };
        proofs.iter().zip(&self.places).filter(|proof| is_good(*proof)).count()
    }
}

fn index(place: usize) -> LeafIndex {
    LeafIndex::new(u64::try_from(place).unwrap_or(u64::MAX))
}

fn differ(path: &'static str, theirs: String) -> BenchError {
    BenchError::Differ { path, ours: "a proof".to_owned(), theirs }
}

/// Proofs made.
///
/// # Errors
/// [`BenchError`] where both sides differ.
pub fn row_of_made(effort: &Effort) -> Result<Row, BenchError> {
    let both = Both::new()?;
    both.proofs()?;
    let ours =
        || both.places.iter().map(|place| both.prove(*place).map_or(0, |proof| proof.hashes().len())).sum::<usize>();
    let theirs = || both.places.iter().map(|place| both.theirs.prove_inclusion(*place).as_bytes().len()).sum::<usize>();
    Ok(Row::new(MADE, PEER, compare(effort, ours, theirs), Reach::AtLeast(10.0)).per(PLACES))
}

/// Proofs checked alone, the leaf data hashed on both sides.
///
/// # Errors
/// [`BenchError`] where a proof is refused.
pub fn row_of_checked(effort: &Effort) -> Result<Row, BenchError> {
    row_of_checks(effort, CHECKED, Both::check)
}

/// Proofs checked many at once, the leaf data hashed on both sides.
///
/// # Errors
/// [`BenchError`] where a proof is refused.
pub fn row_of_checked_many(effort: &Effort) -> Result<Row, BenchError> {
    row_of_checks(effort, CHECKED_MANY, Both::check_many)
}

fn row_of_checks(
    effort: &Effort,
    path: &'static str,
    check: fn(&Both, &[InclusionProof]) -> usize,
) -> Result<Row, BenchError> {
    let both = Both::new()?;
    let (ours, theirs) = both.proofs()?;
    if (check(&both, &ours), both.check_theirs(&theirs)) != (PLACES, PLACES) {
        return Err(differ(path, "a refused proof".to_owned()));
    }
    let times = compare(effort, || check(&both, &ours), || both.check_theirs(&theirs));
    Ok(Row::new(path, PEER, times, Reach::AtLeast(3.0)).per(PLACES))
}
