//! Capabilities that rows name, against the tokens that the ledger's root authorised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vm_core::canonical;
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
    /// The token's chain as JSON, so that a narrower token can be put behind it.
    chain: Vec<Value>,
    actions: BTreeSet<Action>,
    /// Tables that it covers.
    tables: Vec<Table>,
    expires: Instant,
}

impl Capabilities {
    pub(super) const fn new(ledger: LedgerId, genesis: Option<Genesis>) -> Self {
        Self { ledger, genesis, known: BTreeMap::new() }
    }

    /// Takes in the token that a row of kind `vm-capability` issues: a chain, or one token whose parents were issued
    /// before. The fault where it is none of this ledger's root.
    pub(super) fn issue(&mut self, row: &StoredRow) -> Result<(), &'static str> {
        let genesis = self.genesis.as_ref().ok_or("no genesis")?;
        let json = row.text("meta_json").ok_or("no token")?;
        let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(|error| error.code())?;
        let tokens = match value {
            Value::Array(tokens) => tokens,
            Value::Object(mut members) => match members.remove("chain").or_else(|| members.remove("token")) {
                Some(Value::Array(tokens)) => tokens,
                Some(token) => self.behind_parent(token),
                None => self.behind_parent(Value::Object(members)),
            },
            _ => return Err("no token"),
        };
        let bytes = canonical::to_bytes(&Value::from(tokens.clone())).map_err(|error| error.code())?;
        let chain = Chain::parse(&bytes).map_err(|error| error.code())?;
        let hashes = chain.check(genesis.root_key(), self.ledger).map_err(|error| error.code())?;
        for (at, (hash, token)) in hashes.iter().zip(chain.tokens()).enumerate() {
            let chain = tokens.iter().take(at + 1).cloned().collect();
            let Grant { actions, resource, expires, .. } = token.grant().clone();
            let tables = Table::ALL.into_iter().filter(|table| covers(&resource, *table)).collect();
            self.known.insert(*hash, Issued { chain, actions, tables, expires });
        }
        Ok(())
    }

    fn behind_parent(&self, token: Value) -> Vec<Value> {
        let parent = token.pointer("/body/parent").and_then(Value::as_str);
        let parent = parent.and_then(|hex| CapabilityHash::parse_hex(hex).ok());
        let mut chain =
            parent.and_then(|parent| self.known.get(&parent)).map_or_else(Vec::new, |issued| issued.chain.clone());
        chain.push(token);
        chain
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
