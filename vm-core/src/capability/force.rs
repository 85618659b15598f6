//! What is in force at a place of the log: a fold over its rows, the same for whoever writes and for whoever audits.
//!
//! A writer asks [`InForce::admit`] before it appends; an audit takes every row through [`InForce::step`]. What the one
//! refuses the other contradicts (docs/adr/0016).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::canonical;
use crate::capability::{Action, Chain, Grant, INVOCATION_SKEW_MICROS, PermitUse, Revocation, Standing};
use crate::digest::CapabilityHash;
use crate::epoch::{Epoch, EpochChange};
use crate::error::{CapabilityError, RecordError};
use crate::id::LedgerId;
use crate::instant::Instant;
use crate::key::PublicKey;
use crate::record::{StoredRow, SystemKind, Table};

/// Epoch that a ledger begins in.
const FIRST_EPOCH: Epoch = Epoch::Nigredo;

/// Tokens issued, revoked and used, and the epoch, after some number of rows. Memory: one entry a token, and eight bytes for
/// each use of one whose uses are numbered.
#[derive(Clone, Debug)]
pub struct InForce {
    ledger: LedgerId,
    root: PublicKey,
    epoch: Epoch,
    tokens: BTreeMap<CapabilityHash, Issued>,
    revoked: BTreeSet<CapabilityHash>,
    /// Rows at the end of the log under a token whose uses are numbered, which no use was said to be spent on yet.
    uncovered: Option<(CapabilityHash, u64)>,
}

/// A token that a row issued.
#[derive(Clone, Debug)]
struct Issued {
    grant: Grant,
    /// It and all it descends from, the root's first.
    lineage: Vec<CapabilityHash>,
    /// Who issued them.
    issuers: Vec<PublicKey>,
    /// Numbers of its own uses that were spent.
    spent: BTreeSet<u64>,
    /// How many uses were spent of it and of all that descends from it: what it was given is all that it can give.
    used: u64,
    /// When the last of those was.
    last_use: Option<Instant>,
}

impl InForce {
    /// What is in force before any row but the genesis, which names `root`.
    #[must_use]
    pub const fn new(ledger: LedgerId, root: PublicKey) -> Self {
        Self { ledger, root, epoch: FIRST_EPOCH, tokens: BTreeMap::new(), revoked: BTreeSet::new(), uncovered: None }
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a row issues the token.
    #[must_use]
    pub fn is_issued(&self, capability: &CapabilityHash) -> bool {
        self.tokens.contains_key(capability)
    }

    /// Whether the token itself was revoked. Of what descends from it the answer is no: whoever asks asks for the whole chain.
    #[must_use]
    pub fn is_revoked(&self, capability: &CapabilityHash) -> bool {
        self.revoked.contains(capability)
    }

    /// What the issued token grants.
    #[must_use]
    pub fn grant(&self, capability: &CapabilityHash) -> Option<&Grant> {
        self.tokens.get(capability).map(|issued| &issued.grant)
    }

    /// Tokens issued, by hash.
    pub fn tokens(&self) -> impl Iterator<Item = (&CapabilityHash, &Grant)> {
        self.tokens.iter().map(|(hash, issued)| (hash, &issued.grant))
    }

    /// The token and all it descends from, the root's first; empty where no row issues it.
    #[must_use]
    pub fn lineage(&self, capability: &CapabilityHash) -> &[CapabilityHash] {
        self.tokens.get(capability).map_or(&[], |issued| &issued.lineage)
    }

    /// Keys that issued the token and all it descends from: those that may revoke it. Empty where no row issues it.
    #[must_use]
    pub fn issuers(&self, capability: &CapabilityHash) -> &[PublicKey] {
        self.tokens.get(capability).map_or(&[], |issued| &issued.issuers)
    }

    /// How many uses were spent of the token and of all that descends from it.
    #[must_use]
    pub fn spent(&self, capability: &CapabilityHash) -> u64 {
        self.tokens.get(capability).map_or(0, |issued| issued.used)
    }

    /// The least number of a use that was not spent, for a token whose uses are numbered.
    #[must_use]
    pub fn next_use(&self, capability: &CapabilityHash) -> Option<u64> {
        let issued = self.tokens.get(capability)?;
        issued.grant.uses?;
        (1..).find(|number| !issued.spent.contains(number))
    }

    /// Whether rows may be recorded under a permit: its token is issued and not revoked, and the epoch is the permit's. Its use
    /// is another matter ([`InForce::admit_use`]): what was recorded before is answered without another.
    ///
    /// # Errors
    /// [`CapabilityError`] names the first reason to refuse.
    pub fn admit(&self, standing: &Standing) -> Result<(), CapabilityError> {
        let capability = standing.capability;
        if !self.tokens.contains_key(&capability) {
            return Err(CapabilityError::Unissued { capability });
        }
        if let Some(hash) = standing.lineage.iter().find(|hash| self.revoked.contains(hash)) {
            return Err(CapabilityError::Revoked { capability: *hash });
        }
        if standing.epoch != self.epoch {
            return Err(CapabilityError::EpochNotGranted { epoch: self.epoch });
        }
        Ok(())
    }

    /// Whether the permit's use, if it has a number, is left, and comes no sooner after the last than the token allows.
    ///
    /// # Errors
    /// [`CapabilityError::Unissued`], [`CapabilityError::UseNumber`], [`CapabilityError::Spent`] or
    /// [`CapabilityError::TooSoon`].
    pub fn admit_use(&self, standing: &Standing, now: Instant) -> Result<(), CapabilityError> {
        match standing.use_number {
            Some(number) => self.check_use(standing.capability, number, now),
            None => Ok(()),
        }
    }

    /// Whether a use of this number is left of the token, and one of every token that it descends from, and whether none of
    /// them was used too short a time ago.
    fn check_use(&self, capability: CapabilityHash, number: u64, at: Instant) -> Result<(), CapabilityError> {
        let issued = self.tokens.get(&capability).ok_or(CapabilityError::Unissued { capability })?;
        if issued.grant.uses.is_none_or(|uses| number == 0 || number > uses) {
            return Err(CapabilityError::UseNumber);
        }
        if issued.spent.contains(&number) {
            return Err(CapabilityError::Spent { capability, number });
        }
        for hash in &issued.lineage {
            let above = self.tokens.get(hash).ok_or(CapabilityError::Unissued { capability: *hash })?;
            if above.grant.uses.is_some_and(|uses| above.used >= uses) {
                return Err(CapabilityError::UsedUp { capability: *hash });
            }
            let interval = i64::from(above.grant.min_interval_seconds.unwrap_or(0)).saturating_mul(1_000_000);
            if let Some(again) = above.last_use.map(|last| last.saturating_add_micros(interval))
                && interval > 0
                && at < again
            {
                return Err(CapabilityError::TooSoon { capability: *hash, again });
            }
        }
        Ok(())
    }

    /// Takes in the next row of the log, whatever it is, and judges what it is recorded under. It is taken in also where
    /// it is at fault, as far as that can be.
    ///
    /// # Errors
    /// [`CapabilityError`]: the row was recorded under no token that allowed it, or says what it may not.
    pub fn step(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        let kind = SystemKind::of_row(row);
        // A token may stand behind its own row.
        if kind == Some(SystemKind::Capability) {
            self.apply(row)?;
            return self.judge(row, kind);
        }
        let judged = self.judge(row, kind);
        let applied = self.apply(row);
        judged.and(applied)
    }

    /// Whether the log may end here: every row under a numbered use is followed by the row of the use.
    ///
    /// # Errors
    /// [`CapabilityError::UseMissing`].
    pub const fn finish(&self) -> Result<(), CapabilityError> {
        match self.uncovered {
            Some((capability, _)) => Err(CapabilityError::UseMissing { capability }),
            None => Ok(()),
        }
    }

    /// Takes in a row that changes what is in force, and passes over any other: enough where rows were judged before.
    ///
    /// # Errors
    /// [`CapabilityError`]; it changed nothing.
    pub fn apply(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        match SystemKind::of_row(row) {
            Some(SystemKind::Capability) => self.issue(row),
            Some(SystemKind::Revocation) => self.revoke(row),
            Some(SystemKind::EpochChange) => self.change_epoch(row),
            Some(SystemKind::PermitUse) => self.spend(row),
            _ => Ok(()),
        }
    }

    /// Whether the kinds of rows that [`InForce::apply`] heeds include `kind`.
    #[must_use]
    pub const fn heeds(kind: SystemKind) -> bool {
        matches!(
            kind,
            SystemKind::Capability | SystemKind::Revocation | SystemKind::EpochChange | SystemKind::PermitUse
        )
    }

    fn issue(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        let json = row.text("meta_json").ok_or(CapabilityError::Shape)?;
        let chain = Chain::parse(json.as_bytes())?;
        let hashes = chain.check(self.root, self.ledger)?;
        let (mut lineage, mut issuers) = (Vec::new(), Vec::new());
        for (hash, token) in hashes.iter().zip(chain.tokens()) {
            lineage.push(*hash);
            issuers.push(token.issuer());
            let grant = token.grant().clone();
            let (lineage, issuers) = (lineage.clone(), issuers.clone());
            // What was spent of a token that is recorded a second time stays spent.
            let issued = || Issued { grant, lineage, issuers, spent: BTreeSet::new(), used: 0, last_use: None };
            self.tokens.entry(*hash).or_insert_with(issued);
        }
        Ok(())
    }

    /// Whether the revocation is by somebody who may.
    ///
    /// # Errors
    /// [`CapabilityError::Unissued`], [`CapabilityError::NotIssuer`], [`CapabilityError::WrongLedger`] or
    /// [`CapabilityError::Key`].
    pub fn check_revocation(&self, revocation: &Revocation) -> Result<(), CapabilityError> {
        let capability = revocation.capability();
        let issued = self.tokens.get(&capability).ok_or(CapabilityError::Unissued { capability })?;
        if !issued.issuers.contains(&revocation.issuer()) {
            return Err(CapabilityError::NotIssuer);
        }
        revocation.check(self.ledger)
    }

    fn revoke(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        let revocation = Revocation::from_value(&content(row)?)?;
        self.check_revocation(&revocation)?;
        self.revoked.insert(revocation.capability());
        Ok(())
    }

    fn change_epoch(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        let change = EpochChange::from_value(&content(row)?).map_err(|error| match error {
            RecordError::UnknownFormat { found } => CapabilityError::UnknownFormat { found },
            _ => CapabilityError::Shape,
        })?;
        if change.from != self.epoch {
            return Err(CapabilityError::EpochChanged { present: self.epoch, from: change.from });
        }
        self.epoch = change.to;
        Ok(())
    }

    fn spend(&mut self, row: &StoredRow) -> Result<(), CapabilityError> {
        let PermitUse { capability, number, .. } = PermitUse::from_value(&content(row)?)?;
        let ts = row.ts().map_err(|_| CapabilityError::Shape)?;
        self.check_use(capability, number, ts)?;
        if let Some(issued) = self.tokens.get_mut(&capability) {
            issued.spent.insert(number);
        }
        for hash in self.lineage(&capability).to_vec() {
            if let Some(above) = self.tokens.get_mut(&hash) {
                above.used = above.used.saturating_add(1);
                above.last_use = Some(ts);
            }
        }
        Ok(())
    }

    /// Judges what a row is recorded under.
    fn judge(&mut self, row: &StoredRow, kind: Option<SystemKind>) -> Result<(), CapabilityError> {
        let hash = row.blob("capability_hash").ok_or(CapabilityError::Shape)?;
        let capability = CapabilityHash::from_slice(hash).map_err(|_| CapabilityError::Shape)?;
        self.cover(row, kind, capability)?;
        self.check(row)
    }

    /// Whether the token that a row names lets it in as the next row: its epochs, its time by the time that the row claims,
    /// its actions and what it covers. Uses are counted apart, by [`InForce::admit_use`].
    ///
    /// # Errors
    /// [`CapabilityError`]
    pub fn check(&self, row: &StoredRow) -> Result<(), CapabilityError> {
        let hash = row.blob("capability_hash").ok_or(CapabilityError::Shape)?;
        let capability = CapabilityHash::from_slice(hash).map_err(|_| CapabilityError::Shape)?;
        let issued = self.tokens.get(&capability).ok_or(CapabilityError::Unissued { capability })?;
        if let Some(hash) = issued.lineage.iter().find(|hash| self.revoked.contains(hash)) {
            return Err(CapabilityError::Revoked { capability: *hash });
        }
        let Grant { actions, epochs, resource: covers, not_before, expires, .. } = &issued.grant;
        if !epochs.contains(&self.epoch) {
            return Err(CapabilityError::EpochNotGranted { epoch: self.epoch });
        }
        // A row's time that does not read is a finding of its own.
        if let Ok(ts) = row.ts() {
            if ts >= *expires {
                return Err(CapabilityError::Expired { expires: *expires });
            }
            if ts.saturating_add_micros(INVOCATION_SKEW_MICROS) < *not_before {
                return Err(CapabilityError::NotYet { not_before: *not_before });
            }
        }
        let Some((action, resource)) = wanted(SystemKind::of_row(row), row.table()) else { return Ok(()) };
        if !actions.contains(&action) {
            return Err(CapabilityError::ActionNotGranted { action });
        }
        if covers.covers_path(resource) {
            Ok(())
        } else {
            Err(CapabilityError::ResourceNotGranted { resource: resource.to_owned() })
        }
    }

    /// Counts rows under numbered uses, and holds the row of a use against those directly before it.
    fn cover(
        &mut self,
        row: &StoredRow,
        kind: Option<SystemKind>,
        capability: CapabilityHash,
    ) -> Result<(), CapabilityError> {
        let is_numbered = self.grant(&capability).is_some_and(|grant| grant.uses.is_some());
        let before = self.uncovered.take();
        let fault = |of: CapabilityHash| Err(CapabilityError::UseMissing { capability: of });
        if kind == Some(SystemKind::PermitUse) {
            let spent = content(row).and_then(|value| PermitUse::from_value(&value))?;
            let fits = spent.capability == capability && before == Some((capability, spent.rows));
            return if fits { Ok(()) } else { fault(spent.capability) };
        }
        match before {
            Some((of, count)) if of == capability => self.uncovered = Some((of, count.saturating_add(1))),
            other => {
                self.uncovered = is_numbered.then_some((capability, 1));
                if let Some((of, _)) = other {
                    return fault(of);
                }
            }
        }
        Ok(())
    }
}

/// The act that a row is, and what a token must cover for it; none for announcements and uses, which come with rows of
/// any act.
const fn wanted(kind: Option<SystemKind>, table: Table) -> Option<(Action, &'static str)> {
    let path = match table {
        Table::ToolInvocations => "/tool_invocations",
        Table::McpCalls => "/mcp_calls",
        Table::ProofArtifacts => "/proof_artifacts",
        Table::ShadowReceipts => "/shadow_receipts",
    };
    match kind {
        Some(SystemKind::FormatChange | SystemKind::PermitUse | SystemKind::Genesis) => None,
        Some(SystemKind::Seal | SystemKind::Index | SystemKind::WitnessCheckpoint) => Some((Action::Seal, "/seals")),
        Some(SystemKind::Anchor) => Some((Action::Anchor, "/anchors")),
        Some(SystemKind::StatisticsRelease) => Some((Action::Disclose, "/statistics")),
        Some(SystemKind::Disclosure) => Some((Action::Disclose, "/openings")),
        Some(SystemKind::Erasure) => Some((Action::Erase, "/openings")),
        Some(SystemKind::Intent) => Some((Action::Execute, "/gate")),
        Some(SystemKind::EpochChange) => Some((Action::ChangeEpoch, "/gate")),
        _ => Some((Action::Record, path)),
    }
}

fn content(row: &StoredRow) -> Result<Value, CapabilityError> {
    let json = row.text("meta_json").ok_or(CapabilityError::Shape)?;
    canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(CapabilityError::Canonical)
}
