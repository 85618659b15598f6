//! Capabilities that rows name, against the tokens that the ledger's root authorised.

use std::collections::{BTreeMap, BTreeSet};

use vm_core::capability::{Action, Chain, Grant, Resource};
use vm_core::digest::CapabilityHash;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::record::{Genesis, StoredRow, SystemKind, Table};

/// Tokens issued so far, as the pass over the log comes across them.
pub(super) struct Capabilities {
    ledger: LedgerId,
    genesis: Option<Genesis>,
    known: BTreeMap<CapabilityHash, Issued>,
}

struct Issued {
    actions: BTreeSet<Action>,
    /// Tables that it covers.
    tables: Vec<Table>,
    expires: Instant,
}

impl Capabilities {
    pub(super) const fn new(ledger: LedgerId, genesis: Option<Genesis>) -> Self {
        Self { ledger, genesis, known: BTreeMap::new() }
    }

    /// Takes in the tokens of the chain that a row of kind `vm-capability` issues. The fault where it is none of this
    /// ledger's root.
    pub(super) fn issue(&mut self, row: &StoredRow) -> Result<(), &'static str> {
        let genesis = self.genesis.as_ref().ok_or("no genesis")?;
        let json = row.text("meta_json").ok_or("no token")?;
        let chain = Chain::parse(json.as_bytes()).map_err(|error| error.code())?;
        let hashes = chain.check(genesis.root_key(), self.ledger).map_err(|error| error.code())?;
        for (hash, token) in hashes.iter().zip(chain.tokens()) {
            let Grant { actions, resource, expires, .. } = token.grant().clone();
            let tables = Table::ALL.into_iter().filter(|table| covers(&resource, *table)).collect();
            self.known.insert(*hash, Issued { actions, tables, expires });
        }
        Ok(())
    }

    /// The fault where a row, of time `ts` if it has one, names a capability that was not issued before it for such an act.
    pub(super) fn check(&self, row: &StoredRow, ts: Option<Instant>) -> Result<(), &'static str> {
        let hash = row.blob("capability_hash").ok_or("no capability")?;
        let hash = CapabilityHash::from_slice(hash).map_err(|error| error.code())?;
        let issued = self.known.get(&hash).ok_or("a capability that was not issued before")?;
        if ts.is_some_and(|ts| ts >= issued.expires) {
            return Err("a capability that had expired");
        }
        let kind = row.text("kind").filter(|_| row.table() == Table::ProofArtifacts).unwrap_or_default();
        let wanted = if kind == SystemKind::Seal.as_str() {
            Action::Seal
        } else if kind == SystemKind::Anchor.as_str() {
            Action::Anchor
        } else if SystemKind::ALL.iter().any(|system| system.as_str() == kind) {
            // Issuing, recovering, changing a format: whoever holds a token of the ledger may.
            return Ok(());
        } else {
            Action::Record
        };
        if !issued.actions.contains(&wanted) {
            return Err("a capability for other acts");
        }
        if wanted == Action::Record && !issued.tables.contains(&row.table()) {
            return Err("a capability for other tables");
        }
        Ok(())
    }
}

fn covers(resource: &Resource, table: Table) -> bool {
    format!("/{table}").parse().is_ok_and(|table| resource.covers(&table))
}
