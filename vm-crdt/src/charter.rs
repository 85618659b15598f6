//! The charter of a graph: whose ledger it replicates, who may write, who seals what is final.
//!
//! ```json
//! {"format":"vm-charter-v0","ledger":"<64 hex>","members":["<64 hex>"],"sealers":["<64 hex>"],"threshold":1}
//! ```
//!
//! The graph's name is SHA-256 over the canonical charter, and every op binds that name: an op of another ledger, or of the
//! same ledger under other sealers, is another op. The format is `docs/spec/crdt-charter.md`.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::id::LedgerId;
use vm_core::key::PublicKey;

use crate::error::CharterError;
use crate::id::GraphId;
use crate::stored;

/// Format of a charter.
pub const FORMAT: &str = "vm-charter-v0";
/// Most members a graph may ever have. A clock has a cell for each, so a million ops that all join take 4 GB at this number; and an
/// op names one head of each at most.
pub const MEMBERS_MAX: usize = 1_024;
/// Most sealers. Each signs each event; people are meant, not machines.
pub const SEALERS_MAX: usize = 64;
/// Longest charter in bytes: all members and sealers at 67 bytes each, and what stands around them.
pub const CHARTER_MAX: usize = 128 * 1024;

/// Who may write to a graph and who seals what is final in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charter {
    ledger: LedgerId,
    members: Vec<PublicKey>,
    sealers: Vec<PublicKey>,
    threshold: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    ledger: LedgerId,
    members: Vec<PublicKey>,
    sealers: Vec<PublicKey>,
    threshold: usize,
}

impl Charter {
    /// A charter. Members and sealers are put in order.
    ///
    /// # Errors
    /// [`CharterError`]: nobody may write or seal, too many may, or as many sealers as the threshold asks for could twice be found that have nobody
    /// in common, so that two events of one number could be sealed without anybody signing both.
    pub fn new(
        ledger: LedgerId,
        mut members: Vec<PublicKey>,
        mut sealers: Vec<PublicKey>,
        threshold: usize,
    ) -> Result<Self, CharterError> {
        members.sort_unstable();
        members.dedup();
        sealers.sort_unstable();
        sealers.dedup();
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return Err(CharterError::Members { limit: MEMBERS_MAX, found: members.len() });
        }
        if sealers.is_empty() || sealers.len() > SEALERS_MAX {
            return Err(CharterError::Sealers { limit: SEALERS_MAX, found: sealers.len() });
        }
        if threshold > sealers.len() || threshold * 2 <= sealers.len() {
            return Err(CharterError::Threshold { sealers: sealers.len(), found: threshold });
        }
        Ok(Self { ledger, members, sealers, threshold })
    }

    /// Reads a charter in its canonical form.
    ///
    /// # Errors
    /// [`CharterError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        if bytes.len() > CHARTER_MAX {
            return Err(CharterError::TooLong { limit: CHARTER_MAX, found: bytes.len() });
        }
        let value = canonical::parse_exact(bytes, CHARTER_MAX).map_err(CharterError::Canonical)?;
        let stored: Stored = serde_json::from_value(value).map_err(|_| CharterError::Malformed)?;
        if stored.format != FORMAT {
            return Err(CharterError::Format);
        }
        let charter = Self::new(stored.ledger, stored.members, stored.sealers, stored.threshold)?;
        if charter.to_bytes() == bytes { Ok(charter) } else { Err(CharterError::Malformed) }
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            ledger: self.ledger,
            members: self.members.clone(),
            sealers: self.sealers.clone(),
            threshold: self.threshold,
        };
        stored::to_bytes(&stored)
    }

    /// Name of the graph.
    #[must_use]
    pub fn graph(&self) -> GraphId {
        GraphId::from_digest(Sha256Digest::of(&self.to_bytes()))
    }

    /// The ledger whose evidence and state are replicated.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// Who may write from the start, ascending.
    #[must_use]
    pub fn members(&self) -> &[PublicKey] {
        &self.members
    }

    /// Who seals events, ascending.
    #[must_use]
    pub fn sealers(&self) -> &[PublicKey] {
        &self.sealers
    }

    /// How many of them an event needs; more than half, so that two quorums always have somebody in common.
    #[must_use]
    pub const fn threshold(&self) -> usize {
        self.threshold
    }
}
