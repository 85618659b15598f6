//! Tokens: granting what others may do, revoking it, and whose token a vault is opened with.

use std::collections::BTreeSet;
use std::path::PathBuf;

use vm_core::capability::{Action, Chain, Engines, Grant, Resource, Revocation, RevocationReason, act};
use vm_core::digest::CapabilityHash;
use vm_core::epoch::Epoch;
use vm_core::error::CapabilityError;
use vm_core::id::nonce;
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, SigningIdentity};
use zeroize::Zeroizing;

use crate::error::{TokenError, VaultError};
use crate::keys::{HolderName, Role};
use crate::vault::{Recorded, Vault};

/// How long a token lasts of which nothing else is said, in microseconds: ninety days, as long as certificates of servers do.
pub const LASTS_MICROS: i64 = 90 * 24 * 60 * 60 * 1_000_000;

/// A token to be granted.
#[derive(Clone, Debug)]
pub struct GrantRequest {
    /// Name under which its holder is kept among the keys.
    pub holder: HolderName,
    /// The holder's key where the holder has one; else a pair is made and kept.
    pub key: Option<PublicKey>,
    /// What it allows.
    pub actions: BTreeSet<Action>,
    /// What it covers; where nothing is said here and below, as much as the token that it is narrowed from.
    pub resource: Option<Resource>,
    /// Engines whose scrolls it covers.
    pub engines: Option<Engines>,
    /// Epochs it is good in.
    pub epochs: Option<BTreeSet<Epoch>>,
    /// First instant it is no longer good at; without it, [`LASTS_MICROS`] from now at most.
    pub expires: Option<Instant>,
    /// How often it may be used.
    pub uses: Option<u64>,
    /// Least seconds between two uses.
    pub min_interval_seconds: Option<u32>,
    /// Issued by the root key instead of from the token that the vault was opened with.
    pub from_root: bool,
}

impl GrantRequest {
    /// A token for these acts, and for all else that the token allows which it is narrowed from.
    #[must_use]
    pub const fn new(holder: HolderName, actions: BTreeSet<Action>) -> Self {
        Self {
            holder,
            key: None,
            actions,
            resource: None,
            engines: None,
            epochs: None,
            expires: None,
            uses: None,
            min_interval_seconds: None,
            from_root: false,
        }
    }
}

/// A token that was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its hash, which rows under it name.
    pub capability: CapabilityHash,
    /// Its holder's key.
    pub holder: PublicKey,
    /// File of its chain.
    pub chain: PathBuf,
    /// Its row.
    pub recorded: Recorded,
}

impl Vault {
    /// Grants a token, records its chain, and keeps chain and key among the ledger's keys. Files first: a token that is
    /// recorded and whose key was lost in a crash would be of no use.
    ///
    /// # Errors
    /// [`TokenError`] where it grants more than the token it is narrowed from; [`TokenError::HolderExists`];
    /// whatever keeps files or row from being written.
    pub fn grant(&mut self, request: GrantRequest) -> Result<Granted, VaultError> {
        let name = &request.holder;
        if self.keys.has_holder(name) {
            return Err(TokenError::HolderExists { name: name.to_string() }.into());
        }
        let seed = request.key.is_none().then(|| {
            let mut seed = Zeroizing::new([0; 32]);
            self.sources.entropy.fill(seed.as_mut_slice());
            seed
        });
        let made = seed.as_ref().map(|seed| SigningIdentity::from_seed(seed).public());
        let holder = request.key.or(made).ok_or(TokenError::Refused(CapabilityError::Shape))?;
        let now = self.now();
        let last = self.holder.chain().last().map_err(TokenError::Refused)?;
        let parent = Some(last.grant().clone()).filter(|_| !request.from_root);
        let of_parent = parent.as_ref();
        let lasts = now.saturating_add_micros(LASTS_MICROS);
        let grant = Grant {
            ledger: self.ledger.id(),
            holder,
            actions: request.actions,
            engines: request.engines.or(of_parent.map(|of| of.engines.clone())).unwrap_or(Engines::All),
            epochs: request.epochs.or(of_parent.map(|of| of.epochs.clone())).unwrap_or(Epoch::ALL.into()),
            resource: request.resource.or(of_parent.map(|of| of.resource.clone())).unwrap_or_else(Resource::all),
            not_before: of_parent.map_or(now, |of| of.not_before.max(now)),
            expires: request.expires.unwrap_or_else(|| of_parent.map_or(lasts, |of| of.expires.min(lasts))),
            uses: request.uses.or(of_parent.and_then(|of| of.uses)),
            min_interval_seconds: request.min_interval_seconds.or(of_parent.and_then(|of| of.min_interval_seconds)),
            nonce: nonce(&mut *self.sources.entropy),
        };
        let chain = match request.from_root {
            true => Chain::root(&self.keys.identity(Role::Root)?, grant),
            false => self.holder.narrow(grant),
        };
        let chain = chain.map_err(TokenError::Refused)?;
        let capability = chain.last().and_then(|token| token.hash()).map_err(TokenError::Refused)?;
        let path = self.keys.save_holder(name, seed.as_deref(), &chain)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_capability(&permit, headers, &chain, now)?;
        Ok(Granted { capability, holder, chain: path, recorded: Recorded::of_system(appended) })
    }

    /// Revokes a token, and with it all that descend from it: nothing is recorded under them from here on. Signed by the first
    /// key at hand that issued it or one it descends from: the opener's, then the root's.
    ///
    /// # Errors
    /// [`VaultError::Ledger`] where the token is not issued, or was revoked before; [`TokenError::NoIssuer`] where no key at
    /// hand may revoke it.
    pub fn revoke(&mut self, capability: CapabilityHash, reason: RevocationReason) -> Result<Recorded, VaultError> {
        let issuers = self.ledger.refresh()?.issuers(&capability).to_vec();
        if issuers.is_empty() {
            return Err(TokenError::Refused(CapabilityError::Unissued { capability }).into());
        }
        let is_issuer = |identity: &SigningIdentity| issuers.contains(&identity.public());
        let identity = match Some(self.holder.identity().clone()).filter(is_issuer) {
            Some(own) => own,
            None => self.keys.identity(Role::Root).ok().filter(is_issuer).ok_or(TokenError::NoIssuer { capability })?,
        };
        let revocation = Revocation::sign(&identity, self.ledger.id(), capability, reason);
        let revocation = revocation.map_err(TokenError::Refused)?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_revocation(&permit, headers, &revocation, now)?;
        Ok(Recorded::of_system(appended))
    }
}
