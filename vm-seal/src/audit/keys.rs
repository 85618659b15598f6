//! By which key a checkpoint, and the head from outside, must be signed.

use std::collections::BTreeMap;

use vm_core::digest::RootHash;
use vm_core::id::LedgerId;
use vm_core::key::{KeyHistory, KeyStanding, Note};
use vm_core::record::Genesis;
use vm_core::verdict::{Code, Finding};
use vm_core::view::Visit;

use super::{Auditor, unreadable};
use crate::bundle::ledger_of;
use crate::checkpoint::VerifiedCheckpoint;
use crate::error::CheckpointError;
use crate::keys::{read_keys, verify_by_any};
use crate::merkle::TreeSize;

/// How findings name the head that a verifier brings.
const HEAD: &str = "head from outside";

/// The head that a verifier brings, its signature checked.
pub(super) struct Head {
    pub(super) checkpoint: VerifiedCheckpoint,
    /// What another root than the log's means: a fork, or that whoever stole the key may have made the head.
    pub(super) otherwise: Code,
}

impl Auditor<'_> {
    /// The keys that the ledger had, by its own word.
    pub(super) fn own_keys(&mut self, ledger: LedgerId, genesis: Option<&Genesis>) -> Option<KeyHistory> {
        match read_keys(self.view, ledger, genesis?, &mut self.report) {
            Ok(keys) => Some(keys),
            Err(error) => {
                unreadable("changes of keys", error, &mut self.report);
                None
            }
        }
    }

    /// The keys to check signatures with: the ledger's own where one of them is pinned, or none is, else the pinned one alone.
    /// The pin's name is the hash of the genesis, which names the root, which signs each change: so any key that the ledger had
    /// does, be it one that was stolen since.
    pub(super) fn keys(&mut self, ledger: LedgerId, own: Option<&KeyHistory>) -> Option<KeyHistory> {
        let Some(pinned) = self.trust.key else {
            self.report.find(Finding::new(Code::NoTrustKey, format!("ledger {ledger}")));
            return own.cloned();
        };
        if ledger_of(pinned) != Some(ledger) {
            let finding = Finding::new(Code::GenesisInvalid, "ledger");
            self.report.find(finding.expected_found(pinned.name(), ledger.origin()));
        } else if let Some(own) = own {
            if own.span_of(pinned.public()).is_some() {
                return Some(own.clone());
            }
            let finding = Finding::new(Code::GenesisInvalid, "log key of the genesis");
            self.report.find(finding.expected_found(pinned.public(), own.current()));
        }
        // Under the pin's own name: what is wrong with the first row is no fault of the checkpoints.
        Some(KeyHistory::of_key(ledger_of(pinned).unwrap_or(ledger), pinned.public()))
    }

    /// Stored checkpoints whose signature holds, by size. Each is by the key in force at its size; one of a stolen key counts like
    /// any other, since the log that the next key signs must lead there.
    pub(super) fn marks(&mut self, keys: Option<&KeyHistory>) -> BTreeMap<TreeSize, RootHash> {
        let mut marks = BTreeMap::new();
        let mut count = 0_u64;
        let report = &mut self.report;
        let visited = self.view.visit_checkpoints(&mut |size, text| {
            count += 1;
            let (subject, size) = (format!("checkpoint {size}"), TreeSize::new(size));
            match check_note(text.as_bytes(), keys) {
                Ok((_, KeyStanding::NotInForce)) => report.find(Finding::new(Code::KeyNotInForce, subject)),
                Ok((found, _)) if found.size() != size => {
                    report.find(Finding::new(Code::CheckpointInvalid, subject).expected_found(size, found.size()));
                }
                Ok((found, _)) => {
                    if let Some(other) = marks.insert(size, found.root()).filter(|other| *other != found.root()) {
                        report.find(Finding::new(Code::Forked, subject).expected_found(other, found.root()));
                    }
                }
                Err(error) => report.find(Finding::new(Code::CheckpointInvalid, subject).found(error)),
            }
            Ok(Visit::Continue)
        });
        if let Err(error) = visited {
            unreadable("checkpoints", error, report);
        } else if count == 0 {
            report.find(Finding::new(Code::CheckpointInvalid, "checkpoints").found("none is stored"));
        }
        report.checked(format!("checkpoints: {count} signatures"));
        marks
    }

    pub(super) fn head(&mut self, keys: Option<&KeyHistory>) -> Option<Head> {
        let Some(note) = self.trust.head else {
            self.report.find(Finding::new(Code::RollbackNotExcluded, "ledger"));
            return None;
        };
        let checked = keys.ok_or("no-key").and_then(|keys| verify_by_any(note, keys).map_err(|error| error.code()));
        let (code, found) = match checked {
            Ok((checkpoint, KeyStanding::Good)) => return Some(Head { checkpoint, otherwise: Code::Forked }),
            Ok((checkpoint, KeyStanding::Stolen)) => return Some(Head { checkpoint, otherwise: Code::KeyStolen }),
            Ok((checkpoint, _)) => (Code::KeyNotInForce, checkpoint.key().public().to_string()),
            Err(found) => (Code::CheckpointInvalid, found.to_owned()),
        };
        self.report.find(Finding::new(code, HEAD).found(found));
        None
    }
}

/// A stored note, checked against the ledger's keys; the stable code of the fault where it does not hold.
fn check_note(bytes: &[u8], keys: Option<&KeyHistory>) -> Result<(VerifiedCheckpoint, KeyStanding), &'static str> {
    let note = Note::parse(bytes).map_err(|error| error.code())?;
    let keys = keys.ok_or("no-key")?;
    verify_by_any(&note, keys).map_err(|error: CheckpointError| error.code())
}
