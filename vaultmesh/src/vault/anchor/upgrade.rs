//! Completing what calendars promised.

use vm_anchor::ots::Proof;
use vm_anchor::{Rail, TrustPolicy, client};
use vm_core::id::SealId;
use vm_core::path::VaultPath;
use vm_core::record::SystemKind;

use super::Anchored;
use crate::error::{ChainError, VaultError};
use crate::read::Reader;
use crate::vault::Vault;

/// What came of the promises in one proof.
#[derive(Debug)]
pub struct Upgraded {
    /// The proof that held them.
    pub path: VaultPath,
    /// Calendars that were asked and keep their promise still to come.
    pub pending: Vec<String>,
    /// Calendars that the proof names, and that were not allowed to be asked.
    pub foreign: Vec<String>,
    /// Calendars that did not answer, and why.
    pub failed: Vec<(String, VaultError)>,
    /// What was recorded instead, where a promise was kept.
    pub anchored: Option<Anchored>,
}

impl Vault {
    /// Asks for what came of the promises in the proofs of a seal, and records each proof that is complete since. Only
    /// calendars in `allowed` are asked: a proof names addresses that somebody else chose.
    ///
    /// # Errors
    /// [`VaultError`] where there is no such seal, or a completed proof does not hold or cannot be recorded.
    pub fn upgrade(
        &mut self,
        seal_id: SealId,
        allowed: &[String],
        policy: &TrustPolicy,
    ) -> Result<Vec<Upgraded>, VaultError> {
        let mut all = Vec::new();
        for (path, proof) in self.promises(seal_id)? {
            let mut upgraded =
                Upgraded { path, pending: Vec::new(), foreign: Vec::new(), failed: Vec::new(), anchored: None };
            let mut completed = proof.clone();
            for (uri, message) in proof.pending().map_err(ChainError::Ots)? {
                if !allowed.iter().any(|url| url.trim_end_matches('/') == uri.trim_end_matches('/')) {
                    upgraded.foreign.push(uri);
                    continue;
                }
                match client::calendar::ask(&uri, &message, client::TIMEOUT) {
                    Ok(None) => upgraded.pending.push(uri),
                    Ok(Some(answer)) => match completed.completed(&uri, &message, &answer) {
                        Ok(proof) => completed = proof,
                        Err(error) => upgraded.failed.push((uri, ChainError::from(error).into())),
                    },
                    Err(error) => upgraded.failed.push((uri, error.into())),
                }
            }
            if completed != proof {
                let bytes = completed.to_bytes();
                upgraded.anchored = Some(self.anchor_given(seal_id, Rail::OpenTimestamps, &bytes, policy)?);
            }
            all.push(upgraded);
        }
        Ok(all)
    }

    /// Proofs of a seal with promises that no later proof of it has kept.
    fn promises(&self, seal_id: SealId) -> Result<Vec<(VaultPath, Proof)>, VaultError> {
        self.target(seal_id)?;
        let reader = Reader::open(&self.place)?;
        let (folder, mut paths) = (format!("anchors/{seal_id}/"), Vec::new());
        reader.visit_kind(SystemKind::Anchor.as_str(), &mut |anchor| {
            let path = anchor.row.text("path").filter(|path| path.starts_with(&folder) && path.ends_with(".ots"));
            paths.extend(path.and_then(|path| path.parse::<VaultPath>().ok()));
        })?;
        let mut proofs = Vec::new();
        for path in paths {
            let proof = Proof::parse(&reader.read_small(&path)?).map_err(ChainError::Ots)?;
            proofs.push((path, proof));
        }
        let is_kept = |one: &Proof| proofs.iter().any(|(_, other)| one.is_completed_by(other));
        let is_open = |one: &Proof| one.pending().is_ok_and(|pending| !pending.is_empty()) && !is_kept(one);
        Ok(proofs.iter().filter(|(_, proof)| is_open(proof)).cloned().collect())
    }
}
