//! Anchors, attempts that came to nothing, and the policies they are judged by: what the ledger records of them.

use serde_json::{Value, json};
use vm_core::capability::{Permit, act};
use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, SealId};
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{Appended, RowHeader, SystemKind};

use crate::error::{FileError, LedgerError};
use crate::ledger::Ledger;
use crate::system::{draft, seal_path};

/// Format string of an anchor row's JSON.
pub const ANCHOR_FORMAT: &str = "vm-anchor-record-v0";
/// Format string of the JSON of an attempt at an anchor.
pub const ATTEMPT_FORMAT: &str = "vm-anchor-attempt-v0";
/// Format string of a recorded policy's JSON.
pub const POLICY_FORMAT: &str = "vm-trust-policy-v0";
/// Longest policy recorded, in bytes: as long as a trust file may be.
pub const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// What a permit must cover to record an anchor.
const ANCHORS: &str = "/anchors";

/// Evidence that somebody outside stamped a seal bundle.
#[derive(Clone, Debug)]
pub struct AnchorEvidence<'a> {
    /// The seal that was stamped.
    pub seal: SealId,
    /// SHA-256 that the evidence is over, as read from the evidence itself.
    pub imprint: Sha256Digest,
    /// Kind of evidence, for example `rfc3161`.
    pub rail: &'a str,
    /// Name of the file to keep it in, below `anchors/<seal id>/`. Its ending tells the rail.
    pub file_name: &'a str,
    /// The evidence.
    pub bytes: &'a [u8],
    /// What the system read from it: times, names, nonces. Nothing of a caller's payload.
    pub meta: Value,
    /// Format of the evidence, where release 0.1.0 did not know it, and the header of the row that announces it, if none
    /// has yet.
    pub added: Option<(&'a str, RowHeader)>,
}

impl Ledger {
    /// Keeps an anchor's evidence as `anchors/<seal id>/<file name>`, then records its row, which names the seal's.
    /// What it stamps must be the bundle that is stored and recorded here.
    ///
    /// # Errors
    /// [`LedgerError::SealAbsent`], [`LedgerError::BundleAltered`], [`LedgerError::Imprint`], [`LedgerError::Permit`],
    /// and whatever keeps file or row from being written.
    pub fn record_anchor(
        &mut self,
        permit: &Permit<act::Anchor>,
        header: RowHeader,
        anchor: &AnchorEvidence<'_>,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_act(permit, ANCHORS, now)?;
        let path = anchor_path(anchor)?;
        let _lock = self.lock(now)?;
        let seal = self.check_imprint(anchor)?;
        let sha256 = Sha256Digest::of(anchor.bytes);
        if let Some(row) = self.find_artifact(SystemKind::Anchor, &path)?
            && row.sha256_hex == sha256.to_hex()
        {
            return self.standing(row.id);
        }
        let file = self.files().write_new(&path, anchor.bytes)?;
        let announcement = anchor.added.map(|(format, header)| (header, format));
        let meta = json!({
            "format": ANCHOR_FORMAT, "seal_id": anchor.seal, "imprint": anchor.imprint, "rail": anchor.rail,
            "evidence": anchor.meta,
        });
        let draft = draft(header, SystemKind::Anchor, Some(file), Some(seal), &meta)?;
        self.record(permit, announcement, draft, now)
    }

    /// Records that an authority was asked to anchor a seal and gave nothing. `told` is what the system knows of it: rail,
    /// name, state, reason; nothing of an address, which may hold a password. The first one of a ledger is announced by a
    /// row with the header `announcement`.
    ///
    /// # Errors
    /// [`LedgerError::SealAbsent`], [`LedgerError::Permit`], [`LedgerError::Store`].
    pub fn record_attempt(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        seal: SealId,
        told: &Value,
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        self.check_record(permit, now)?;
        let _lock = self.lock(now)?;
        let row = self.find_artifact(SystemKind::Seal, &seal_path(seal)?)?.ok_or(LedgerError::SealAbsent { seal })?;
        let meta = json!({ "format": ATTEMPT_FORMAT, "seal_id": seal, "attempt": told });
        let draft = draft(header, SystemKind::AnchorAttempt, None, Some(row.id), &meta)?;
        self.record(permit, Some((announcement, ATTEMPT_FORMAT)), draft, now)
    }

    /// Keeps the text of a trust policy as `trust/<sha256>.toml` and records that it is in force from here on. Where it is in
    /// force already, the row that says so is given.
    ///
    /// # Errors
    /// [`LedgerError::PolicyTooLong`], [`LedgerError::Permit`], and whatever keeps file or row from being written.
    pub fn record_policy(
        &mut self,
        permit: &Permit<act::Record>,
        [announcement, header]: [RowHeader; 2],
        text: &[u8],
        now: Instant,
    ) -> Result<Appended, LedgerError> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(LedgerError::PolicyTooLong { limit: POLICY_BYTES_MAX, found: text.len() });
        }
        self.check_record(permit, now)?;
        let sha256 = Sha256Digest::of(text);
        let path: VaultPath = format!("trust/{}.toml", sha256.to_hex()).parse().map_err(FileError::Path)?;
        let _lock = self.lock(now)?;
        let in_force = self.last_of_kind(SystemKind::TrustPolicy)?;
        if let Some(row) = in_force.filter(|row| row.sha256_hex == sha256.to_hex()) {
            return self.standing(row.id);
        }
        let file = self.files().write_new(&path, text)?;
        let meta = json!({ "format": POLICY_FORMAT });
        let draft = draft(header, SystemKind::TrustPolicy, Some(file), None, &meta)?;
        self.record(permit, Some((announcement, POLICY_FORMAT)), draft, now)
    }

    /// Imprint, stored bundle and recorded bundle must be one; gives the seal's row.
    fn check_imprint(&self, anchor: &AnchorEvidence<'_>) -> Result<RowId, LedgerError> {
        let path = seal_path(anchor.seal)?;
        let row = self.find_artifact(SystemKind::Seal, &path)?;
        let row = row.ok_or(LedgerError::SealAbsent { seal: anchor.seal })?;
        let (found, _) = self.files().hash_file(&path)?;
        if found.to_hex() != row.sha256_hex {
            return Err(LedgerError::BundleAltered { expected: row.sha256_hex, found });
        }
        if anchor.imprint == found {
            Ok(row.id)
        } else {
            Err(LedgerError::Imprint { expected: found, found: anchor.imprint })
        }
    }
}

fn anchor_path(anchor: &AnchorEvidence<'_>) -> Result<VaultPath, LedgerError> {
    // A name with a separator in it would be another folder.
    let name: VaultPath = anchor.file_name.parse().map_err(FileError::Path)?;
    if name.components().count() != 1 {
        let path = name.to_string();
        return Err(FileError::NotRegular { path, found: "a path" }.into());
    }
    let path = format!("anchors/{}/{name}", anchor.seal);
    path.parse().map_err(|error| FileError::Path(error).into())
}
