//! Consistency proofs: the newer tree begins with every leaf of the older one, in order.

use vm_core::digest::RootHash;

use super::node::{Range, read_ranges};
use super::{HashReader, PROOF_HASHES_MAX, TreeSize, chain_border, chain_inner, chain_inner_left, proof_parts, split};
use crate::error::{ProofError, ProveError};

/// Hashes that lead to both roots (RFC 9162, section 2.1.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsistencyProof(Vec<RootHash>);

impl ConsistencyProof {
    /// Takes the hashes of a proof, leaf side first.
    ///
    /// # Errors
    /// [`ProofError::TooLong`] beyond [`PROOF_HASHES_MAX`].
    pub fn from_hashes(hashes: Vec<RootHash>) -> Result<Self, ProofError> {
        check_count(hashes.len())?;
        Ok(Self(hashes))
    }

    /// The hashes, leaf side first.
    #[must_use]
    pub fn hashes(&self) -> &[RootHash] {
        &self.0
    }

    /// Checks that the tree of `new_size` and `new_root` begins with the tree of `old_size` and `old_root`. Each size
    /// and its root must come from one signed place. Cost: two hashes for each in the proof.
    ///
    /// # Errors
    /// [`ProofError`]: the newer tree is smaller, the proof has not exactly the length that the sizes demand, or it
    /// leads to another root.
    pub fn verify(
        &self,
        old_size: TreeSize,
        old_root: RootHash,
        new_size: TreeSize,
        new_root: RootHash,
    ) -> Result<(), ProofError> {
        if old_size > new_size {
            return Err(ProofError::Shrunk { old: old_size, new: new_size });
        }
        if old_size == new_size || old_size == TreeSize::ZERO {
            return self.verify_trivial(old_size, old_root, new_size, new_root);
        }
        let (old_found, new_found) = self.roots(old_size, old_root, new_size)?;
        check_root(old_root, old_found)?;
        check_root(new_root, new_found)
    }

    /// The root that the first `old_size` leaves of the tree of `new_size` and `new_root` have by this proof: what the newer
    /// tree says of its own past, whatever others say of it. None where the proof does not hold it: an older tree that is one
    /// complete subtree is named by its root alone. Cost as for [`ConsistencyProof::verify`].
    ///
    /// # Errors
    /// [`ProofError`]: the newer tree is smaller, the proof has not exactly the length that the sizes demand, or it does
    /// not lead to `new_root`.
    pub fn prefix_root(
        &self,
        old_size: TreeSize,
        new_size: TreeSize,
        new_root: RootHash,
    ) -> Result<Option<RootHash>, ProofError> {
        if old_size > new_size {
            return Err(ProofError::Shrunk { old: old_size, new: new_size });
        }
        if old_size == new_size || old_size == TreeSize::ZERO {
            let old_root = if old_size == new_size { new_root } else { RootHash::empty() };
            return self.verify_trivial(old_size, old_root, new_size, new_root).map(|()| Some(old_root));
        }
        if old_size.as_u64().is_power_of_two() {
            return Ok(None);
        }
        let (old_found, new_found) = self.roots(old_size, RootHash::empty(), new_size)?;
        check_root(new_root, new_found).map(|()| Some(old_found))
    }

    /// Both roots that the proof leads to, for sizes above 0 that differ. An older tree that is one complete subtree is its own
    /// seed; else the proof begins with one.
    fn roots(
        &self,
        old_size: TreeSize,
        old_root: RootHash,
        new_size: TreeSize,
    ) -> Result<(RootHash, RootHash), ProofError> {
        let (old, new) = (old_size.as_u64(), new_size.as_u64());
        let shift = old.trailing_zeros();
        let (inner, border) = proof_parts(old - 1, new);
        let inner = inner - shift;
        let own_seed = old.is_power_of_two();
        let expected = u32::from(!own_seed) + inner + border;
        check_length(&self.0, expected)?;
        let (seed, rest) = match self.0.split_first() {
            Some((seed, rest)) if !own_seed => (*seed, rest),
            _ => (old_root, self.0.as_slice()),
        };
        let (below, above) = split_parts(rest, inner);
        let path = (old - 1) >> shift;
        let old_found = chain_border(chain_inner_left(seed, below, path), above);
        Ok((old_found, chain_border(chain_inner(seed, below, path), above)))
    }

    fn verify_trivial(
        &self,
        old_size: TreeSize,
        old_root: RootHash,
        new_size: TreeSize,
        new_root: RootHash,
    ) -> Result<(), ProofError> {
        check_length(&self.0, 0)?;
        for (size, root) in [(old_size, old_root), (new_size, new_root)] {
            if size == TreeSize::ZERO {
                check_root(RootHash::empty(), root)?;
            }
        }
        if old_size == new_size {
            check_root(old_root, new_root)?;
        }
        Ok(())
    }
}

/// Proof that the first `new` leaves behind `reader` begin with the first `old`. Cost as for an inclusion proof.
///
/// # Errors
/// [`ProveError::Shrunk`] where `new` is smaller than `old`; [`ProveError::Read`] and [`ProveError::Answer`] where the
/// reader fails.
pub fn prove_consistency<R: HashReader + ?Sized>(
    reader: &R,
    old: TreeSize,
    new: TreeSize,
) -> Result<ConsistencyProof, ProveError<R::Error>> {
    if old > new {
        return Err(ProveError::Shrunk { old, new });
    }
    if old == new || old == TreeSize::ZERO {
        return Ok(ConsistencyProof(Vec::new()));
    }
    let (mut begin, mut end) = (0, new.as_u64());
    let mut parts = Vec::with_capacity(PROOF_HASHES_MAX);
    while end != old.as_u64() {
        let middle = begin + split(end - begin);
        if old.as_u64() <= middle {
            parts.push(Range::new(middle, end));
            end = middle;
        } else {
            parts.push(Range::new(begin, middle));
            begin = middle;
        }
    }
    // The whole older tree as one subtree needs no hash: the verifier has its root.
    if begin != 0 {
        parts.push(Range::new(begin, end));
    }
    parts.reverse();
    Ok(ConsistencyProof(read_ranges(reader, &parts)?))
}

/// Refuses a proof longer than any tree demands.
pub(super) const fn check_count(found: usize) -> Result<(), ProofError> {
    if found > PROOF_HASHES_MAX {
        return Err(ProofError::TooLong { limit: PROOF_HASHES_MAX, found });
    }
    Ok(())
}

/// Refuses a proof of another length than `expected`.
pub(super) fn check_length(hashes: &[RootHash], expected: u32) -> Result<(), ProofError> {
    if u32::try_from(hashes.len()) == Ok(expected) {
        Ok(())
    } else {
        Err(ProofError::Length { expected, found: hashes.len() })
    }
}

/// Parts a proof whose length was checked into the hashes below the right border and those on it.
pub(super) fn split_parts(hashes: &[RootHash], inner: u32) -> (&[RootHash], &[RootHash]) {
    let inner = usize::try_from(inner).unwrap_or(usize::MAX);
    hashes.split_at(inner.min(hashes.len()))
}

fn check_root(expected: RootHash, found: RootHash) -> Result<(), ProofError> {
    if expected == found { Ok(()) } else { Err(ProofError::Root { expected, found }) }
}
