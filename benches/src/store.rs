//! A ledger to measure, in a folder that goes when it does.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use vm_core::capability::{Act, Action, Authority, Chain, Engines, Grant, Holder, Permit, Resource, act};
use vm_core::digest::Sha256Digest;
use vm_core::epoch::Epoch;
use vm_core::instant::Instant;
use vm_core::key::{NoteKey, SigningIdentity};
use vm_core::record::{Appended, Genesis, RowDraft};
use vm_core::view::EvidenceView as _;
use vm_ledger::files::DATABASE_FILE;
use vm_ledger::{Access, Ledger, OpeningsKey, Patience, Snapshot};

use crate::draft::Maker;
use crate::error::Fault;
use crate::event::Draw;

/// Rows of one transaction.
pub const BATCH: usize = 1_000;
/// Rows that stand before any other: the genesis and the operator's token.
pub const SYSTEM_ROWS: u64 = 2;

/// A ledger, its keys, and what makes rows for it.
#[derive(Debug)]
pub struct Store {
    // Dropped in this order: the ledger before its folder.
    ledger: Ledger,
    holder: Holder,
    recording: Permit<act::Record>,
    log_key: SigningIdentity,
    /// Makes its rows.
    pub maker: Maker,
    now: Instant,
    _folder: TempDir,
}

impl Store {
    /// A new ledger below the folder for temporary files (`TMPDIR`). `openings` says whether the openings of
    /// commitments are kept, encrypted, as the command line does.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub fn new(openings: bool) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let now: Instant = "2026-01-02T03:04:05.000006Z".parse()?;
        let [root, log_key, operator] = [1, 2, 3].map(|seed| SigningIdentity::from_seed(&[seed; 32]));
        let mut maker = Maker::new(now, 7);
        let access = access(&log_key, openings);
        let genesis = Genesis::new(root.public(), log_key.public(), Sha256Digest::of(b"nonce"));
        let mut ledger = Ledger::init(&folder.path().join("vault"), genesis, maker.header(), access)?;
        let chain = Chain::root(&root, grant(&ledger, &operator, now))?;
        let holder = Holder::new(chain.clone(), operator)?;
        let recording = permit(&ledger, &holder, now)?;
        ledger.record_capability(&recording, [maker.header(), maker.header()], &chain, now)?;
        Ok(Self { ledger, holder, recording, log_key, maker, now, _folder: folder })
    }

    /// A ledger that holds `rows` rows of seeded events, without openings.
    ///
    /// # Errors
    /// As [`Store::new`] and [`Store::append`].
    pub fn filled(rows: usize) -> Result<Self, Fault> {
        let mut store = Self::new(false)?;
        let mut left = rows;
        while left > 0 {
            let drafts = store.maker.tools(left.min(BATCH))?;
            left -= drafts.len();
            store.append(drafts)?;
        }
        Ok(store)
    }

    /// Appends in one transaction, durably, under the permit that was made with the ledger: whoever records much holds
    /// one for minutes, and the ledger checks it again each time.
    ///
    /// # Errors
    /// Whatever keeps rows from being recorded.
    pub fn append(&mut self, drafts: Vec<RowDraft>) -> Result<Vec<Appended>, Fault> {
        Ok(self.ledger.append(&self.recording, drafts, self.now)?)
    }

    /// Records an index of all rows.
    ///
    /// # Errors
    /// Whatever keeps it from being recorded.
    pub fn index(&mut self) -> Result<(), Fault> {
        let permit = self.permit::<act::Seal>()?;
        let (announcement, header) = (self.maker.header(), self.maker.header());
        self.ledger.record_index(&permit, announcement, header, self.now)?;
        Ok(())
    }

    /// Another writer of the same ledger, which keeps no openings.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    pub fn writer(&self) -> Result<Ledger, Fault> {
        Ok(Ledger::open(self.ledger.files().path(), access(&self.log_key, false))?)
    }

    /// The ledger as it stands.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    pub fn snapshot(&self) -> Result<Snapshot, Fault> {
        Ok(self.ledger.snapshot()?)
    }

    /// Rows that it holds beside those of the system.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    pub fn rows(&self) -> Result<usize, Fault> {
        Ok(usize::try_from(self.snapshot()?.size()?.saturating_sub(SYSTEM_ROWS))?)
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.ledger.files().path().join(DATABASE_FILE)
    }

    /// Key that signs checkpoints and seals.
    #[must_use]
    pub const fn log_key(&self) -> &SigningIdentity {
        &self.log_key
    }

    /// Key that a verifier pins.
    ///
    /// # Errors
    /// Never for a ledger made here.
    pub fn note_key(&self) -> Result<NoteKey, Fault> {
        Ok(NoteKey::new(self.ledger.id().origin(), self.log_key.public())?)
    }

    /// The moment at which everything here happens.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// A new permit for one kind of act.
    ///
    /// # Errors
    /// Never for a token made here.
    pub fn permit<A: Act>(&self) -> Result<Permit<A>, Fault> {
        permit(&self.ledger, &self.holder, self.now)
    }
}

fn access(log_key: &SigningIdentity, openings: bool) -> Access {
    Access {
        log_key: log_key.clone(),
        openings: openings.then(|| OpeningsKey::from_bytes([4; 32])),
        entropy: Box::new(Draw(11)),
        patience: Patience { command: "bench".to_owned(), timeout: Duration::from_secs(5) },
    }
}

fn permit<A: Act>(ledger: &Ledger, holder: &Holder, now: Instant) -> Result<Permit<A>, Fault> {
    let (epoch, root) = (ledger.epoch(), ledger.genesis().root_key());
    let invocation = holder.invoke::<A>(epoch, now, None)?;
    let authority = Authority { ledger: ledger.id(), root, epoch, now, revoked: &|_| false };
    Ok(authority.permit(holder.chain(), &invocation)?)
}

fn grant(ledger: &Ledger, operator: &SigningIdentity, now: Instant) -> Grant {
    Grant {
        ledger: ledger.id(),
        holder: operator.public(),
        actions: [Action::Record, Action::Seal].into(),
        engines: Engines::All,
        epochs: Epoch::ALL.into(),
        resource: Resource::all(),
        not_before: now,
        expires: Instant::MAX,
        uses: None,
        min_interval_seconds: None,
        nonce: Sha256Digest::of(b"grant"),
    }
}
