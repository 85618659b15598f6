//! The vault: a folder that holds one ledger with its scrolls, seals, anchors and artifacts.

mod anchor;
mod attest;
mod drafter;
mod envelope_key;
pub(crate) mod gate;
mod guard;
mod horizon;
mod init;
mod input;
mod jsonl;
mod keys;
mod mcp;
mod merge;
mod mesh;
mod ml_dsa;
mod pipeline;
mod preview;
mod privacy;
mod record;
mod redaction;
mod scroll;
mod seal;
mod statistics;
mod token;
mod witness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vm_core::capability::{Act, Authority, Holder, Permit};
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, LedgerId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{BlindKey, NoteKey, SigningIdentity};
use vm_core::record::RowDraft;
use vm_core::redact::Policy;
use vm_core::source::{Clock, Entropy};
use vm_ledger::{Access, Keyring, KnownScroll, Ledger, Patience};

use crate::error::{TokenError, VaultError};
use crate::keys::{HolderName, KeyStore};
use crate::redaction::in_force;
use crate::subjects::{Opened, SubjectName};
use crate::system::{SystemClock, SystemEntropy};
use drafter::Drafter;

#[cfg(feature = "client")]
pub use anchor::Upgraded;
pub use anchor::{Anchored, Ask, Asked};
pub use attest::{AttestForm, Attested, Receipted};
pub use envelope_key::EnvelopeKeyChanged;
pub use gate::{
    Executed, ExecutionLock, IdentityInput, PROPOSAL_LASTS_MICROS, PolicyInput, ProposalInput, ProposalState, Proposed,
    Recovered, SuggestedIn, Thresholds, Withheld, word,
};
pub use horizon::{HorizonInput, HorizonRecorded, OutcomeInput};
pub use init::Initialized;
pub(crate) use init::check_vacant;
pub use input::{ArtifactInput, Common, DeployInput, InputKind, RecordInput, ShadowInput, ToolInput};
pub use jsonl::{LINE_MAX, check_jsonl, read_line};
pub use keys::{KeyChanged, KeyRotation};
pub use mcp::{CaptureOptions, CaptureRecorded, McpRecorder};
pub use merge::Merged;
pub use mesh::Synced;
pub use ml_dsa::{MlDsaChanged, MlDsaRotation};
pub use preview::{Preview, PreviewedRow};
pub use privacy::{DisclosureMade, Erased, ErasurePlan};
pub use record::{Recorded, RunePut};
pub use seal::{SealOptions, Sealed};
pub use token::{GrantRequest, Granted, LASTS_MICROS};
pub use witness::{CosignAnswer, Cosigned};

/// How long a writer waits for another before it gives up and names it.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a vault and the keys of all ledgers are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Folder of the vault.
    pub vault: PathBuf,
    /// Folder that holds a folder of keys for each ledger.
    pub keys: PathBuf,
}

/// Clock and entropy of a vault, and the name under which it writes.
pub struct Sources {
    /// Time of records.
    pub clock: Box<dyn Clock + Send>,
    /// Ids, salts and keys.
    pub entropy: Box<dyn Entropy + Send>,
    /// Nonces of what the ledger encrypts.
    pub nonces: Box<dyn Entropy + Send>,
    /// What the process is doing, for others who wait for it; no arguments, which may be secret.
    pub command: String,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources(..)")
    }
}

impl Sources {
    /// The machine's own.
    ///
    /// # Errors
    /// [`VaultError::Entropy`].
    pub fn system() -> Result<Self, VaultError> {
        Ok(Self {
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy::open()?),
            nonces: Box::new(SystemEntropy::open()?),
            command: "vaultmesh".to_owned(),
        })
    }
}

/// Clock and entropy once the ledger has its share.
struct Own {
    clock: Box<dyn Clock + Send>,
    entropy: Box<dyn Entropy + Send>,
    patience: Patience,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own(..)")
    }
}

/// Divides the sources: the ledger keeps its nonces and its manners.
fn divide(
    sources: Sources,
    keys: &KeyStore,
    log_key: SigningIdentity,
    timeout: Duration,
) -> Result<(Own, Access), VaultError> {
    let Sources { clock, entropy, nonces, command } = sources;
    let patience = Patience { command, timeout };
    let access = Access { log_key, openings: Some(keys.openings()?), entropy: nonces, patience: patience.clone() };
    Ok((Own { clock, entropy, patience }, access))
}

/// A vault opened for recording.
#[derive(Debug)]
pub struct Vault {
    place: Place,
    ledger: Ledger,
    keys: KeyStore,
    holder: Holder,
    note_key: NoteKey,
    blind: BlindKey,
    policy: Policy,
    sources: Own,
    folds: gate::Folds,
    /// Scrolls as they were last left, so that what stands in them is not read at each write.
    scrolls: BTreeMap<EngineName, KnownScroll>,
    heard: Option<guard::Heard>,
    /// Whose openings are recorded, where a record does not say so itself.
    subject: Option<SubjectName>,
    opened: Opened,
}

impl Vault {
    /// Opens a vault for recording. `timeout` is how long each write waits for other writers.
    ///
    /// # Errors
    /// [`VaultError`]: no vault there, keys missing, a schema of another release.
    pub fn open(place: &Place, sources: Sources, timeout: Duration) -> Result<Self, VaultError> {
        Self::open_as(place, sources, timeout, None)
    }

    /// As [`Vault::open`], with the token of a holder other than the operator.
    ///
    /// # Errors
    /// As [`Vault::open`]; [`VaultError::KeyMissing`] where there is no such holder.
    pub fn open_as(
        place: &Place,
        sources: Sources,
        timeout: Duration,
        holder: Option<&HolderName>,
    ) -> Result<Self, VaultError> {
        let known = Ledger::open_read(&place.vault)?.keys()?;
        let keys = KeyStore::new(&place.keys, known.ledger());
        let log_key = keys.log(known.current())?;
        let (own, access) = divide(sources, &keys, log_key, timeout)?;
        let mut ledger = Ledger::open(&place.vault, access)?;
        let ring = keys.clone();
        ledger.set_keyring(Keyring::new(move |key| ring.log(key).ok()));
        let mut vault = Self::assemble(place.clone(), ledger, keys, own)?;
        vault.settle_envelope()?;
        vault.ensure_operator()?;
        vault.ensure_policy()?;
        if let Some(name) = holder {
            vault.holder = vault.keys.holder(name)?;
        }
        Ok(vault)
    }

    fn assemble(place: Place, ledger: Ledger, keys: KeyStore, sources: Own) -> Result<Self, VaultError> {
        let note_key = ledger.keys().note_key(ledger.keys().current()).map_err(VaultError::Key)?;
        let (holder, blind) = (keys.operator()?, keys.blind()?);
        let policy = in_force(&place.vault)?;
        Ok(Self {
            place,
            ledger,
            keys,
            holder,
            note_key,
            blind,
            policy,
            sources,
            folds: gate::Folds::default(),
            scrolls: BTreeMap::new(),
            heard: None,
            subject: None,
            opened: Opened::default(),
        })
    }

    /// Folder of the vault.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.place.vault
    }

    /// Name of the ledger.
    #[must_use]
    pub fn ledger_id(&self) -> LedgerId {
        self.ledger.id()
    }

    /// Key that verifies the ledger's checkpoints; a verifier pins it.
    #[must_use]
    pub const fn note_key(&self) -> &NoteKey {
        &self.note_key
    }

    /// Folder of the ledger's keys.
    #[must_use]
    pub fn keys(&self) -> &KeyStore {
        &self.keys
    }

    /// The ledger beneath.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The present epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.ledger.epoch()
    }

    /// A new trace id.
    #[must_use]
    pub fn mint_trace(&mut self) -> TraceId {
        TraceId::mint(&*self.sources.clock, &mut *self.sources.entropy)
    }

    fn now(&self) -> Instant {
        self.sources.clock.now()
    }

    /// Leave for one kind of act, from the token that the vault was opened with.
    fn permit<A: Act>(&mut self) -> Result<Permit<A>, VaultError> {
        let now = self.now();
        permit(&mut self.ledger, &self.holder, now)
    }

    /// What drafts, and what appends.
    fn split(&mut self) -> (Drafter<'_>, Appender<'_>) {
        let Self { place, ledger, keys, holder, blind, policy, sources, subject, opened, .. } = self;
        let (vault, id, subject) = (place.vault.as_path(), ledger.id(), subject.as_ref());
        let (observer, files) = (holder.identity(), None);
        let drafter = Drafter { vault, ledger: id, keys, observer, blind, policy, sources, files, subject, opened };
        (drafter, Appender { ledger, holder })
    }
}

/// When a permit is asked for, and when what is appended under it.
#[derive(Clone, Copy, Debug)]
struct Moments {
    permit: Instant,
    append: Instant,
}

/// Appends drafts under the operator's permit.
struct Appender<'a> {
    ledger: &'a mut Ledger,
    holder: &'a Holder,
}

impl Appender<'_> {
    fn append(&mut self, drafts: Vec<RowDraft>, moments: Moments) -> Result<Vec<Recorded>, VaultError> {
        let notes: Vec<Vec<String>> = drafts.iter().map(|draft| draft.secrets().to_vec()).collect();
        let permit = permit(self.ledger, self.holder, moments.permit)?;
        let appended = self.ledger.append(&permit, drafts, moments.append)?;
        Ok(appended.into_iter().zip(notes).map(|(row, secrets)| record::recorded(row, &secrets)).collect())
    }
}

fn permit<A: Act>(ledger: &mut Ledger, holder: &Holder, now: Instant) -> Result<Permit<A>, VaultError> {
    let (id, root) = (ledger.id(), ledger.genesis().root_key());
    let in_force = ledger.refresh()?;
    let asked = || {
        let last = holder.chain().last()?;
        let number = match last.grant().uses {
            Some(_) => Some(in_force.next_use(&last.hash()?).unwrap_or(1)),
            None => None,
        };
        let invocation = holder.invoke::<A>(in_force.epoch(), now, number)?;
        let revoked = |hash: &_| in_force.is_revoked(hash);
        let authority = Authority { ledger: id, root, epoch: in_force.epoch(), now, revoked: &revoked };
        authority.permit(holder.chain(), &invocation)
    };
    Ok(asked().map_err(TokenError::Refused)?)
}
