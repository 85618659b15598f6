//! Sealing a selection of the vault's rows.

use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::{SealId, TraceId};
use vm_core::path::VaultPath;
use vm_core::record::RowHeader;
use vm_core::view::{EvidenceView as _, Visit};
use vm_ledger::StillFiles;
use vm_seal::bundle::SealInputs;
use vm_seal::digest::ScrollRoot;
use vm_seal::merkle::TreeSize;
use vm_seal::seal::{SealRequest, seal, seal_trusting_leaves};
use vm_seal::selection::Selection;

use crate::error::VaultError;
use crate::vault::{Recorded, Vault};

/// Name of the database below the vault.
pub(crate) const DATABASE: &str = "ledger.db";
/// Rule that finds the scroll roots, as the blueprint writes it.
const RECEIPT_ROOTS: &str = "receipts/**/ROOT.*.txt";

/// A seal that was made and recorded.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Sealed {
    /// Its id.
    pub seal_id: SealId,
    /// Its digest: the same for the same rows on any machine.
    pub digest: Sha256Digest,
    /// SHA-256 of its bundle file: what anchors stamp.
    pub file_sha256: Sha256Digest,
    /// Its bundle file below the vault.
    pub path: VaultPath,
    /// Number of rows it covers.
    pub leaves: u64,
    /// Size of the log it was made at.
    pub as_of: u64,
    /// Whether each row was read and hashed again. Otherwise an altered row is noticed when the seal is verified, and no
    /// sooner.
    pub rows_hashed: bool,
    /// Its row.
    pub recorded: Recorded,
}

/// What a seal may do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SealOptions {
    /// The selection may be empty: sealed is then that there was no row.
    pub allow_empty: bool,
    /// Leaf hashes are taken from the log, and no row is read and hashed again.
    pub trust_stored_leaves: bool,
    /// No index is recorded before it: nobody can then be shown that the seal leaves nothing out, but with the whole ledger.
    pub without_index: bool,
}

impl Vault {
    /// Seals the rows of `selection`, with every scroll at its signed size, and records the bundle.
    ///
    /// # Errors
    /// [`VaultError`]: evidence that is not as it was logged is not sealed. [`VaultError::SealEmpty`] where no row is
    /// selected.
    pub fn seal(&mut self, selection: Selection) -> Result<Sealed, VaultError> {
        self.seal_with(selection, SealOptions::default())
    }

    /// As [`Vault::seal`], with its rules as `options` say.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn seal_with(&mut self, selection: Selection, options: SealOptions) -> Result<Sealed, VaultError> {
        let permit = self.permit::<act::Seal>()?;
        // Before anything is written: an index behind a seal that was refused would be of no use.
        if !options.allow_empty && self.is_empty(&selection)? {
            return Err(VaultError::SealEmpty);
        }
        let indexed = if options.without_index { None } else { Some(self.record_index(&permit)?) };
        let snapshot = self.ledger.snapshot()?;
        let scrolls = self.scroll_roots(snapshot.files())?;
        let absent = || VaultError::NotFound { what: "checkpoint", name: self.ledger.id().to_string() };
        let checkpoint = snapshot.checkpoint()?.ok_or_else(absent)?;
        let inputs = SealInputs {
            sqlite_db_path: Some(DATABASE.parse().map_err(VaultError::Path)?),
            receipt_roots: vec![RECEIPT_ROOTS.to_owned()],
        };
        let checkpoint = self.second_signed(checkpoint)?;
        let request = SealRequest { selection, scrolls, checkpoint: &checkpoint, inputs };
        let signer = self.log_identity()?;
        let seal = if options.trust_stored_leaves { seal_trusting_leaves } else { seal };
        let bundle = seal(&snapshot, request, &signer, &permit, &*self.sources.clock, &mut *self.sources.entropy)?;
        drop(snapshot);
        let trace = indexed.unwrap_or_else(|| self.mint_trace());
        // Index and seal are two uses of a token whose uses are numbered.
        let permit = if permit.use_number().is_some() { self.permit::<act::Seal>()? } else { permit };
        let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
        let now = self.now();
        let appended = self.ledger.record_seal(&permit, header, &bundle, now)?;
        Ok(Sealed {
            seal_id: bundle.seal_id(),
            digest: bundle.claimed_digest(),
            file_sha256: bundle.file_hash(),
            path: vm_seal::seal::bundle_path(bundle.seal_id()).parse().map_err(VaultError::Path)?,
            leaves: bundle.digest().leaves().as_u64(),
            as_of: bundle.as_of().as_u64(),
            rows_hashed: !options.trust_stored_leaves,
            recorded: Recorded::of_system(appended),
        })
    }

    /// Records an index of all rows; gives the trace that it began.
    fn record_index(&mut self, permit: &Permit<act::Seal>) -> Result<TraceId, VaultError> {
        let trace = self.mint_trace();
        let [announcement, header] =
            [trace; 2].map(|trace| RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace));
        let now = self.now();
        self.ledger.record_index(permit, announcement, header, now)?;
        Ok(trace)
    }

    fn is_empty(&self, selection: &Selection) -> Result<bool, VaultError> {
        let snapshot = self.ledger.snapshot()?;
        let as_of = TreeSize::new(snapshot.size().map_err(VaultError::View)?);
        let mut is_empty = true;
        snapshot
            .visit_leaves(&selection.filter(as_of), &mut |_| {
                is_empty = false;
                Ok(Visit::Stop)
            })
            .map_err(VaultError::View)?;
        Ok(is_empty)
    }

    /// Every scroll's engine, size and root, each verified against its signature first.
    fn scroll_roots(&self, files: &StillFiles) -> Result<Vec<ScrollRoot>, VaultError> {
        let keys = self.ledger.keys();
        let mut roots = Vec::new();
        for engine in vm_core::view::VaultFiles::engines(files).map_err(VaultError::Files)? {
            let (report, verified) = vm_seal::scroll::verify_scroll_by(files, keys, &engine, &[]);
            match verified {
                Some(scroll) => roots.push(scroll.root().clone()),
                None => return Err(VaultError::ScrollUnsound { engine, report: Box::new(report) }),
            }
        }
        Ok(roots)
    }
}
