//! The policy of the gate: who may approve, and how many must.

use std::collections::BTreeSet;

use serde::Deserialize;
use vm_core::capability::act;
use vm_core::id::LedgerId;
use vm_core::key::PublicKey;
use vm_dee::{GatePolicy, Identity, Name, Rule, Signed};

use crate::error::{GateError, TomlFault, VaultError};
use crate::keys::{HolderName, KeyStore, Role};
use crate::vault::{Recorded, Vault};

/// A policy as a person writes it: number, ledger and row are the vault's to add.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyInput {
    format: String,
    /// Who may approve.
    #[serde(default, rename = "identity")]
    pub identities: Vec<IdentityInput>,
    /// What each risk needs in each epoch.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

/// Somebody who may approve, by keys or by the names under which holders are kept.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityInput {
    /// Its name.
    pub name: Name,
    /// Holders kept among the ledger's keys whose keys are its own.
    #[serde(default)]
    pub holders: Vec<String>,
    /// Further keys, which are kept elsewhere.
    #[serde(default)]
    pub keys: Vec<PublicKey>,
    /// Its roles.
    #[serde(default)]
    pub roles: BTreeSet<Name>,
    /// Whether it is a person.
    #[serde(default)]
    pub human: bool,
}

impl PolicyInput {
    /// Format string of the file.
    pub const FORMAT: &'static str = "vm-gate-policy-file-v0";

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`VaultError::FormatUnknown`], [`GateError::PolicyFile`].
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let fault = |error: toml::de::Error| GateError::PolicyFile(TomlFault::new(&error, text));
        let input: Self = toml::from_str(text).map_err(fault)?;
        if input.format == Self::FORMAT {
            Ok(input)
        } else {
            Err(VaultError::FormatUnknown { what: "policy file", found: input.format })
        }
    }
}

impl IdentityInput {
    fn identity(self, keys: &KeyStore) -> Result<Identity, VaultError> {
        let mut own: BTreeSet<PublicKey> = self.keys.into_iter().collect();
        for holder in &self.holders {
            let name: HolderName = holder.parse()?;
            own.insert(keys.holder(&name)?.identity().public());
        }
        Ok(Identity { name: self.name, keys: own.into_iter().collect(), roles: self.roles, human: self.human })
    }
}

impl Vault {
    /// Has the root key sign a policy that follows the one in force, and records it.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] where the root key is elsewhere; [`VaultError::Gate`] where the gate refuses it.
    pub fn gate_policy(&mut self, input: PolicyInput) -> Result<Recorded, VaultError> {
        let permit = self.permit::<act::Record>()?;
        let root = self.keys.identity(Role::Root)?;
        let gate = fold_now(self)?;
        let number = gate.policy().map_or(0, |policy| policy.number).saturating_add(1);
        let identities = input.identities.into_iter().map(|one| one.identity(&self.keys));
        let mut identities = identities.collect::<Result<Vec<_>, _>>()?;
        identities.sort_by(|one, other| one.name.cmp(&other.name));
        let mut rules = input.rules;
        rules.sort_by_key(|rule| (rule.epoch, rule.risk));
        let trace = self.mint_trace();
        let (header, ledger): (_, LedgerId) = (self.header_of(trace), self.ledger.id());
        let policy = GatePolicy { ledger, row: header.id, number, identities, rules };
        let signed = Signed::sign(policy, &root).map_err(GateError::Content)?;
        self.record_one(&permit, trace, signed.draft(header).map_err(GateError::Content)?)
    }
}

pub(super) fn fold_now(vault: &Vault) -> Result<vm_dee::Gate, VaultError> {
    Ok(vault.folds.fold(&vault.ledger.snapshot()?)?)
}
