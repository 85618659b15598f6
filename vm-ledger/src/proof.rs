//! Proofs out of the stored log and its tiles.

use vm_core::digest::RootHash;
use vm_core::view::EvidenceView as _;
use vm_seal::merkle::tile::{Tile, TileAt, TileHashes, TileReader, TileTrees};
use vm_seal::merkle::{
    ConsistencyProof, HashReader, InclusionProof, LeafIndex, LeafRun, TreeSize, prove_consistency, prove_inclusion,
    prove_multi, prove_range, root_at,
};
use vm_seal::proof::{StoredMultiProof, StoredRangeProof};

use crate::error::ProofFault;
use crate::snapshot::Snapshot;
use crate::tiles::{DbTiles, prove_fault};

impl Snapshot {
    /// Proof that the entry at `seq` is in the log of the first `size` entries. The log is believed: compare with a
    /// signed checkpoint. Cost: a handful of tiles.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn inclusion_proof(&self, seq: u64, size: u64) -> Result<InclusionProof, ProofFault> {
        let size = self.size_within(size)?;
        prove_inclusion(&self.hashes(size), LeafIndex::new(seq), size).map_err(prove_fault)
    }

    /// Proof that the entries at `seqs`, which must rise, are in the log of the first `size` entries. Cost: a tile or two
    /// an entry.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn multi_proof(&self, seqs: &[u64], size: u64) -> Result<StoredMultiProof, ProofFault> {
        let size = self.size_within(size)?;
        let indices: Vec<LeafIndex> = seqs.iter().copied().map(LeafIndex::new).collect();
        let proof = prove_multi(&self.hashes(size), &indices, size).map_err(prove_fault)?;
        StoredMultiProof::new(indices, size, proof).map_err(ProofFault::Leaves)
    }

    /// Proof that the entries of `run`, and no others between them, are in the log of the first `size` entries. Cost: a
    /// handful of tiles, however long the run is.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn range_proof(&self, run: LeafRun, size: u64) -> Result<StoredRangeProof, ProofFault> {
        let size = self.size_within(size)?;
        let proof = prove_range(&self.hashes(size), run, size).map_err(prove_fault)?;
        StoredRangeProof::new(run, size, proof).map_err(ProofFault::Leaves)
    }

    /// Proof that the log of `to` entries begins with the log of `from`.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn consistency_proof(&self, from: u64, to: u64) -> Result<ConsistencyProof, ProofFault> {
        let to = self.size_within(to)?;
        prove_consistency(&self.hashes(to), TreeSize::new(from), to).map_err(prove_fault)
    }

    /// Root of the first `size` entries, from the tiles.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn root_at(&self, size: u64) -> Result<RootHash, ProofFault> {
        let size = self.size_within(size)?;
        root_at(&self.hashes(size), size).map_err(prove_fault)
    }

    /// One tile, full or partial, as C2SP tlog-tiles names it.
    ///
    /// # Errors
    /// [`ProofFault::Tile`] where the log does not hold it.
    pub fn tile(&self, at: TileAt) -> Result<Tile, ProofFault> {
        DbTiles { conn: self.conn() }.tile(at)
    }

    /// Hashes of the tree over the first `size` entries, for proofs made elsewhere: many proofs of entries near each other cost
    /// little. The tiles are believed: compare with a signed checkpoint.
    ///
    /// # Errors
    /// [`ProofFault::Outside`].
    pub fn log_hashes(&self, size: u64) -> Result<impl HashReader<Error = ProofFault> + '_, ProofFault> {
        Ok(TileTrees::new(DbTiles { conn: self.conn() }, self.size_within(size)?))
    }

    fn hashes(&self, size: TreeSize) -> TileHashes<DbTiles<'_>> {
        TileHashes::new(DbTiles { conn: self.conn() }, size)
    }

    fn size_within(&self, wanted: u64) -> Result<TreeSize, ProofFault> {
        let held = self.size().unwrap_or(0);
        if wanted > held {
            return Err(ProofFault::Outside { held, wanted });
        }
        Ok(TreeSize::new(wanted))
    }
}
