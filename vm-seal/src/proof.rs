//! Multiproofs and range proofs as stored objects.
//!
//! ```text
//! {"format":"vm-multi-proof-v0","hashes":["16cc…","8d41…"],"indices":[2,5],"size":8}
//! {"begin":3,"end":5,"format":"vm-range-proof-v0","left":["16cc…"],"right":["8d41…"],"size":8}
//! ```
//!
//! They hold no leaves: whoever verifies hashes the leaf data, and has size and root from a signed checkpoint.

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::{LeafHash, RootHash};

use crate::error::{ProofError, ProofFileError, ShapeError};
use crate::merkle::{
    LeafIndex, LeafRun, MultiProof, RangeProof, RangeVerifier, TreeSize, VerifiedMulti, VerifiedRange,
};
use crate::shape::Members;

/// Format of a stored multiproof.
pub const MULTI_FORMAT: &str = "vm-multi-proof-v0";
/// Format of a stored range proof.
pub const RANGE_FORMAT: &str = "vm-range-proof-v0";
/// Longest stored proof, in bytes: the limit of canonical JSON, which about 240,000 hashes reach.
pub const PROOF_FILE_MAX: usize = canonical::BYTES_MAX;

/// A multiproof with the indices and the size it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredMultiProof {
    indices: Vec<LeafIndex>,
    size: TreeSize,
    proof: MultiProof,
}

/// A range proof with the run and the size it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRangeProof {
    run: LeafRun,
    size: TreeSize,
    proof: RangeProof,
}

impl StoredMultiProof {
    /// A proof for the leaves at `indices` of a tree of `size`.
    ///
    /// # Errors
    /// [`ProofError`] where no such proof can hold: no leaf, indices that do not rise or lie outside, or another number
    /// of hashes than they demand.
    pub fn new(indices: Vec<LeafIndex>, size: TreeSize, proof: MultiProof) -> Result<Self, ProofError> {
        proof.check_shape(&indices, |index| *index, size)?;
        Ok(Self { indices, size, proof })
    }

    /// Reads a stored proof, which must be canonical and at most [`PROOF_FILE_MAX`] bytes long.
    ///
    /// # Errors
    /// [`ProofFileError`]; an unknown format is told apart from a malformed proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let value = read(bytes, MULTI_FORMAT)?;
        let members = Members::of(&value, "", &["format", "hashes", "indices", "size"])?;
        let index = |value: &Value| value.as_u64().map(LeafIndex::new);
        let indices: Option<Vec<LeafIndex>> = members.list("indices")?.iter().map(index).collect();
        let indices = indices.ok_or_else(|| members.fault("indices"))?;
        let proof = MultiProof::from_hashes(members.digests("hashes", RootHash::parse_hex)?);
        Ok(Self::new(indices, TreeSize::new(members.number("size")?), proof)?)
    }

    /// The stored bytes, without a newline at the end.
    ///
    /// # Errors
    /// [`ProofFileError`] where it could not be read again: size or an index from 2^53 on, or beyond [`PROOF_FILE_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProofFileError> {
        let value = json!({
            "format": MULTI_FORMAT,
            "hashes": self.proof.hashes(),
            "indices": self.indices,
            "size": self.size,
        });
        write(&value, Self::parse)
    }

    /// Indices of the leaves, rising.
    #[must_use]
    pub fn indices(&self) -> &[LeafIndex] {
        &self.indices
    }

    /// Size of the tree it claims to be of.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The proof itself.
    #[must_use]
    pub const fn proof(&self) -> &MultiProof {
        &self.proof
    }

    /// Checks that `leaves`, in the order of the indices, stand there in the tree of `size` leaves with this `root`,
    /// both from a signed checkpoint. Leaf hashes must have been computed from leaf data.
    ///
    /// # Errors
    /// [`ProofError::Size`] where the proof is for another tree, [`ProofError::Leaves`] where there are more or fewer
    /// leaves than indices, and as [`MultiProof::verify`].
    pub fn verify(&self, leaves: &[LeafHash], size: TreeSize, root: RootHash) -> Result<VerifiedMulti, ProofError> {
        check_size(size, self.size)?;
        if leaves.len() != self.indices.len() {
            let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
            return Err(ProofError::Leaves { expected: count(self.indices.len()), found: count(leaves.len()) });
        }
        let leaves: Vec<(LeafIndex, LeafHash)> = self.indices.iter().copied().zip(leaves.iter().copied()).collect();
        self.proof.verify(&leaves, size, root)
    }
}

impl StoredRangeProof {
    /// A proof for `run` of a tree of `size`.
    ///
    /// # Errors
    /// [`ProofError`] where no such proof can hold: a run outside the tree, or another number of hashes than it demands.
    pub fn new(run: LeafRun, size: TreeSize, proof: RangeProof) -> Result<Self, ProofError> {
        proof.verifier(run, size)?;
        Ok(Self { run, size, proof })
    }

    /// Reads a stored proof, which must be canonical.
    ///
    /// # Errors
    /// [`ProofFileError`]; an unknown format is told apart from a malformed proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let value = read(bytes, RANGE_FORMAT)?;
        let members = Members::of(&value, "", &["begin", "end", "format", "left", "right", "size"])?;
        let (begin, end) = (LeafIndex::new(members.number("begin")?), LeafIndex::new(members.number("end")?));
        let left = members.digests("left", RootHash::parse_hex)?;
        let proof = RangeProof::from_hashes(left, members.digests("right", RootHash::parse_hex)?)?;
        Ok(Self::new(LeafRun::new(begin, end)?, TreeSize::new(members.number("size")?), proof)?)
    }

    /// The stored bytes, without a newline at the end.
    ///
    /// # Errors
    /// [`ProofFileError`] where it could not be read again: size or run from 2^53 on.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProofFileError> {
        let value = json!({
            "begin": self.run.begin(),
            "end": self.run.end(),
            "format": RANGE_FORMAT,
            "left": self.proof.left(),
            "right": self.proof.right(),
            "size": self.size,
        });
        write(&value, Self::parse)
    }

    /// The run it is of.
    #[must_use]
    pub const fn run(&self) -> LeafRun {
        self.run
    }

    /// Size of the tree it claims to be of.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The proof itself.
    #[must_use]
    pub const fn proof(&self) -> &RangeProof {
        &self.proof
    }

    /// Begins a check against the tree of `size` leaves of a signed checkpoint; its root is asked for at the end.
    ///
    /// # Errors
    /// [`ProofError::Size`] where the proof is for another tree.
    pub fn verifier(&self, size: TreeSize) -> Result<RangeVerifier, ProofError> {
        check_size(size, self.size)?;
        self.proof.verifier(self.run, size)
    }

    /// Checks that `leaves` are the whole run in the tree of `size` leaves with this `root`, both from a signed
    /// checkpoint. Leaf hashes must have been computed from leaf data.
    ///
    /// # Errors
    /// As [`StoredRangeProof::verifier`] and [`RangeProof::verify`].
    pub fn verify(
        &self,
        leaves: impl IntoIterator<Item = LeafHash>,
        size: TreeSize,
        root: RootHash,
    ) -> Result<VerifiedRange, ProofError> {
        check_size(size, self.size)?;
        self.proof.verify(self.run, leaves, size, root)
    }
}

fn check_size(expected: TreeSize, found: TreeSize) -> Result<(), ProofError> {
    if expected == found { Ok(()) } else { Err(ProofError::Size { expected, found }) }
}

/// Reads canonical JSON of one format.
fn read(bytes: &[u8], format: &str) -> Result<Value, ProofFileError> {
    let value = canonical::parse_exact(bytes, PROOF_FILE_MAX).map_err(ProofFileError::Json)?;
    match value.get("format").and_then(Value::as_str) {
        Some(found) if found == format => Ok(value),
        Some(other) => Err(ProofFileError::FormatUnknown { found: other.chars().take(64).collect() }),
        None => Err(ShapeError::Missing { pointer: "/format".to_owned() }.into()),
    }
}

/// Writes a proof that `parse` reads again: one whose numbers JSON cannot hold, or that is too long, is none.
fn write<T>(value: &Value, parse: fn(&[u8]) -> Result<T, ProofFileError>) -> Result<Vec<u8>, ProofFileError> {
    let bytes = canonical::to_bytes(value).map_err(ProofFileError::Json)?;
    parse(&bytes).map(|_| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::root_of;

    /// The first block of a page in this language.
    fn sample<'a>(page: &'a str, language: &str) -> &'a str {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("\n```").unwrap().0
    }

    /// Leaves of the pages' tree of 8.
    fn leaf(place: u64) -> LeafHash {
        LeafHash::of(&place.to_be_bytes())
    }

    #[test]
    fn the_pages_show_proofs_that_hold() {
        let (size, root) = (TreeSize::new(8), root_of((0..8).map(leaf)));
        let known = |one: u64, two: u64| format!("{one}     {}\n{two}     {}\nroot  {root}", leaf(one), leaf(two));

        let page = include_str!("../../docs/spec/multi-proof.md");
        let proof = StoredMultiProof::parse(sample(page, "json").as_bytes()).unwrap();
        assert_eq!(proof.to_bytes().unwrap(), sample(page, "json").as_bytes());
        assert_eq!(sample(page, "text"), known(2, 5));
        proof.verify(&[leaf(2), leaf(5)], size, root).unwrap();

        let page = include_str!("../../docs/spec/range-proof.md");
        let proof = StoredRangeProof::parse(sample(page, "json").as_bytes()).unwrap();
        assert_eq!(proof.to_bytes().unwrap(), sample(page, "json").as_bytes());
        assert_eq!(sample(page, "text"), known(3, 4));
        proof.verify([leaf(3), leaf(4)], size, root).unwrap();
    }
}
