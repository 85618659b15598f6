//! Scrolls on disk: an engine's events, one canonical JSON object a line, and the signed root beside them. They need no
//! database.
//!
//! ```text
//! {"capability_hash":"<64 hex>","engine":"console","event":{...},"format":"vm-scroll-event-v0","id":"<uuid>",
//!  "seq":0,"trace_id":"<uuid>","ts":"2026-01-02T03:04:05.000006Z"}
//! ```
//!
//! Lines are written and synced first, then the root. What a crash leaves between is never signed silently: bytes after
//! the last newline are set aside, full lines beyond the root wait for [`ScrollWriter::adopt`].

mod keys;
mod known;

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::{Permit, act};
use vm_core::digest::RootHash;
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, LedgerId, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{NOTE_MAX, Note, NoteKey, SigningIdentity};
use vm_core::path::VaultPath;
use vm_core::record::ArtifactFile;
use vm_core::redact::Redacted;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::error::CheckpointError;
use vm_seal::merkle::{Frontier, TreeSize};
use vm_seal::scroll::{LINE_MAX, ScrollLines, events_path, line_leaf, root_path};

use crate::error::{FileError, ScrollError};
use crate::files::VaultDir;
use crate::lock::{Lock, Patience};

use known::FileState;
pub use known::KnownScroll;

/// Format string of a line.
pub const EVENT_FORMAT: &str = "vm-scroll-event-v0";
/// Bytes read at once.
const PIECE: usize = 128 * 1024;

/// One event to be written: its id, which its commitments bind as a row's do, and what may be stored of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrollEvent {
    /// Id of the event; its line carries it.
    pub id: RowId,
    /// The event, redacted.
    pub event: Redacted,
}

/// Bytes that a crash left after the last newline, and where they were set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The engine.
    pub engine: EngineName,
    /// Whole lines that stand before the cut.
    pub kept_lines: u64,
    /// Where the bytes are now: `ENGINE_EVENTS.jsonl.torn-N` beside the scroll.
    pub file: ArtifactFile,
}

/// What a write to a scroll came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrollState {
    /// Place of the first event that was written or adopted, from 0.
    pub first_seq: u64,
    /// Lines in the scroll, all of them signed.
    pub size: u64,
    /// Root over them.
    pub root: RootHash,
    /// What a crash had left and was set aside before; whoever has the ledger records it.
    pub torn: Option<TornTail>,
}

/// Writes the scroll of one engine.
#[derive(Debug)]
pub struct ScrollWriter<'a> {
    dir: &'a VaultDir,
    ledger: LedgerId,
    engine: EngineName,
    signer: &'a SigningIdentity,
    patience: Patience,
    events: VaultPath,
    root: VaultPath,
    key: NoteKey,
    /// Keys that the ledger had before, by which the root may still be signed.
    before: Vec<NoteKey>,
    known: Option<KnownScroll>,
}

impl<'a> ScrollWriter<'a> {
    /// A writer for the scroll of `engine` in the vault `dir` of `ledger`, whose roots `signer` signs, the ledger's log
    /// key. Nothing is read or written yet.
    ///
    /// # Errors
    /// [`ScrollError::File`] or [`ScrollError::Root`] never in practice: an engine's name fits paths and origins.
    pub fn new(
        dir: &'a VaultDir,
        ledger: LedgerId,
        engine: EngineName,
        signer: &'a SigningIdentity,
        patience: Patience,
    ) -> Result<Self, ScrollError> {
        let path = |error| ScrollError::File(FileError::Path(error));
        let key = NoteKey::new(ledger.scroll_origin(&engine), signer.public());
        let key =
            key.map_err(|error| root_fault(&engine, CheckpointError::Note(vm_core::error::NoteError::Key(error))))?;
        Ok(Self {
            dir,
            ledger,
            signer,
            patience,
            events: events_path(&engine).map_err(path)?,
            root: root_path(&engine).map_err(path)?,
            key,
            engine,
            before: Vec::new(),
            known: None,
        })
    }

    /// The same writer with what [`ScrollWriter::into_known`] gave of this scroll, if anything.
    #[must_use]
    pub fn knowing(self, known: Option<KnownScroll>) -> Self {
        Self { known, ..self }
    }

    /// What this writer knows of the scroll, for the next writer of it; `None` where it has neither read nor written it, or failed.
    #[must_use]
    pub fn into_known(self) -> Option<KnownScroll> {
        self.known
    }

    /// Writes `events` in order and signs the scroll with them. Durable when this returns. `epoch` is the present one.
    ///
    /// # Errors
    /// [`ScrollError`]: the permit does not cover the engine here and now, or has numbered uses; the scroll is cut,
    /// altered, or has lines nobody signed; an event is too long; the machine failed. Lines may then stand unsigned,
    /// which the next write says.
    pub fn append(
        &mut self,
        permit: &Permit<act::Record>,
        events: &[ScrollEvent],
        trace: TraceId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<ScrollState, ScrollError> {
        self.check(permit, epoch, now)?;
        let _lock = Lock::acquire(self.dir, &self.patience, now)?;
        let Found { mut frontier, torn, .. } = self.take_up(Unsigned::Refuse, Torn::Cut)?;
        let first_seq = frontier.size().as_u64();
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let seq = first_seq.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
            let line = self.line(permit, event, seq, trace, now)?;
            frontier.append(line_leaf(&line));
            lines.push(line);
        }
        self.put(&lines, &frontier)?;
        Ok(self.state(first_seq, &frontier, torn))
    }

    /// Writes lines as they are, for a format that says what its whole line is, such as `vm-dee-line-v0`. Each is canonical
    /// JSON of one object that the system itself made.
    ///
    /// # Errors
    /// As [`ScrollWriter::append`]; [`ScrollError::Canonical`] where a line is not canonical.
    pub fn append_lines(
        &mut self,
        permit: &Permit<act::Record>,
        lines: &[Redacted],
        epoch: Epoch,
        now: Instant,
    ) -> Result<ScrollState, ScrollError> {
        self.check(permit, epoch, now)?;
        let _lock = Lock::acquire(self.dir, &self.patience, now)?;
        let Found { mut frontier, torn, .. } = self.take_up(Unsigned::Refuse, Torn::Cut)?;
        let first_seq = frontier.size().as_u64();
        let mut whole = Vec::with_capacity(lines.len());
        for line in lines {
            let line = line.as_json().as_bytes();
            canonical::check_exact(line, LINE_MAX).map_err(ScrollError::Canonical)?;
            if !line.starts_with(b"{") {
                return Err(ScrollError::Line { engine: self.engine.to_string(), line: frontier.size().as_u64() });
            }
            frontier.append(line_leaf(line));
            whole.push(line.to_vec());
        }
        self.put(&whole, &frontier)?;
        Ok(self.state(first_seq, &frontier, torn))
    }

    /// Writes whole lines behind those there are, then the root over `frontier`, which they lead to.
    fn put(&mut self, lines: &[Vec<u8>], frontier: &Frontier) -> Result<(), ScrollError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        let (mut file, _) = self.dir.open_append(&self.events)?;
        let written = file.write_all(&bytes).and_then(|()| file.sync_data());
        written.map_err(|source| FileError::io(self.events.as_str(), source))?;
        self.sign(frontier)
    }

    /// Keeps what a crash left after the last newline in a file of its own, where that was not done yet, and cuts nothing:
    /// [`ScrollWriter::append`] and [`ScrollWriter::adopt`] do, once whoever has the ledger has it on record. Where it is for
    /// adopting, a line beyond the root that is none counts as torn, with all that follows. Durable when this returns. Cost:
    /// one byte read, and one pass over a file that is torn or to be adopted.
    ///
    /// # Errors
    /// As [`ScrollWriter::append`], but for unsigned lines.
    pub fn keep_torn(
        &mut self,
        permit: &Permit<act::Record>,
        to_adopt: bool,
        epoch: Epoch,
        now: Instant,
    ) -> Result<Option<TornTail>, ScrollError> {
        self.check(permit, epoch, now)?;
        let _lock = Lock::acquire(self.dir, &self.patience, now)?;
        if !to_adopt && self.ends_whole()? {
            return Ok(None);
        }
        Ok(self.take_up(Unsigned::Adopt, Torn::Keep)?.torn)
    }

    /// Signs full lines beyond the root, and a scroll whose root is by a key of before: whoever calls this vouches for lines it may
    /// not have written. From the first that
    /// is no canonical JSON object on they are set aside like what follows the last newline.
    ///
    /// # Errors
    /// As [`ScrollWriter::append`], but for unsigned lines.
    pub fn adopt(
        &mut self,
        permit: &Permit<act::Record>,
        epoch: Epoch,
        now: Instant,
    ) -> Result<ScrollState, ScrollError> {
        self.check(permit, epoch, now)?;
        let _lock = Lock::acquire(self.dir, &self.patience, now)?;
        let Found { signed, frontier, torn } = self.take_up(Unsigned::Adopt, Torn::Cut)?;
        let is_ours = |text: String| Note::parse(text.as_bytes()).is_ok_and(|note| note.verify(&self.key).is_ok());
        if frontier.size().as_u64() > signed || !self.read_note()?.is_none_or(is_ours) {
            self.sign(&frontier)?;
        }
        Ok(self.state(signed, &frontier, torn))
    }

    fn check(&self, permit: &Permit<act::Record>, epoch: Epoch, now: Instant) -> Result<(), ScrollError> {
        permit.recheck(self.ledger, epoch, now).map_err(ScrollError::Permit)?;
        permit.covers_engine(&self.engine).map_err(ScrollError::Permit)?;
        match permit.use_number() {
            Some(_) => Err(ScrollError::NumberedPermit),
            None => Ok(()),
        }
    }

    fn state(&self, first_seq: u64, frontier: &Frontier, torn: Option<TornTail>) -> ScrollState {
        ScrollState { first_seq, size: frontier.size().as_u64(), root: frontier.root(), torn }
    }

    fn line(
        &self,
        permit: &Permit<act::Record>,
        event: &ScrollEvent,
        seq: u64,
        trace: TraceId,
        ts: Instant,
    ) -> Result<Vec<u8>, ScrollError> {
        let id = event.id;
        let event: Value =
            canonical::parse(event.event.as_json().as_bytes(), LINE_MAX).map_err(ScrollError::Canonical)?;
        let line = json!({
            "capability_hash": permit.capability(), "engine": self.engine, "event": event, "format": EVENT_FORMAT,
            "id": id, "seq": seq, "trace_id": trace, "ts": ts,
        });
        let line = canonical::to_bytes(&line).map_err(ScrollError::Canonical)?;
        if line.len() > LINE_MAX {
            return Err(ScrollError::TooLong { limit: LINE_MAX, found: line.len() });
        }
        Ok(line)
    }

    fn sign(&mut self, frontier: &Frontier) -> Result<(), ScrollError> {
        let fault = |error| root_fault(&self.engine, error);
        let checkpoint = Checkpoint::of_scroll(&self.ledger, &self.engine, frontier.size(), frontier.root());
        let note = checkpoint.and_then(|checkpoint| checkpoint.sign(self.signer));
        let note = note.map_err(fault)?.to_string();
        self.dir.replace(&self.root, note.as_bytes())?;
        let file = FileState::of(self.dir, &self.events)?;
        self.known = Some(KnownScroll { file, note: Some(note), frontier: frontier.clone() });
        Ok(())
    }

    /// The scroll as it stands, checked against its root. Cost: nothing where it is as it is known, else one pass over the file.
    fn take_up(&mut self, unsigned: Unsigned, torn: Torn) -> Result<Found, ScrollError> {
        let (note, file) = (self.read_note()?, FileState::of(self.dir, &self.events)?);
        // What was known is known no more, should this fail or leave lines unsigned.
        if let Some(known) = self.known.take()
            && known.file == file
            && known.note == note
        {
            let frontier = known.frontier.clone();
            self.known = Some(known);
            return Ok(Found { signed: frontier.size().as_u64(), frontier, torn: None });
        }
        let found = self.read(note.as_deref(), unsigned, torn)?;
        let is_signed = found.signed == found.frontier.size().as_u64() && found.torn.is_none();
        // A file that changed while it was read is read again.
        if is_signed && FileState::of(self.dir, &self.events)? == file {
            self.known = Some(KnownScroll { file, note, frontier: found.frontier.clone() });
        }
        Ok(found)
    }

    /// Reads the scroll from its beginning and checks it against its root.
    fn read(&self, note: Option<&str>, unsigned: Unsigned, torn: Torn) -> Result<Found, ScrollError> {
        let signed = match note {
            None => None,
            Some(text) => {
                let fault = |error| root_fault(&self.engine, error);
                let note = Note::parse(text.as_bytes()).map_err(|error| fault(CheckpointError::Note(error)))?;
                let own = Checkpoint::verify(&note, &self.key);
                let by_before = || self.before.iter().find_map(|key| Checkpoint::verify(&note, key).ok());
                Some(own.or_else(|error| by_before().ok_or(error)).map_err(fault)?)
            }
        };
        let signed_size = signed.as_ref().map_or(TreeSize::ZERO, |signed| signed.size());
        let mut scan = self.scan(signed_size, u64::MAX)?;
        if let Some(line) = scan.lines.first_fault().filter(|line| *line >= signed_size.as_u64())
            && unsigned == Unsigned::Adopt
        {
            // What a power loss left between whole lines is as torn as what it leaves at the end.
            let length = scan.length;
            scan = self.scan(signed_size, self.start_of(line)?)?;
            scan.length = length;
        }
        let found = scan.lines.size().as_u64();
        let engine = self.engine.to_string();
        if let Some(signed) = signed {
            match scan.lines.root_at(signed.size()) {
                None => {
                    let signed = signed.size().as_u64();
                    return Err(ScrollError::TailCut { engine, signed, found });
                }
                Some(root) if root != signed.root() => return Err(ScrollError::Altered { engine }),
                Some(_) => {}
            }
        }
        if found > signed_size.as_u64() && unsigned == Unsigned::Refuse {
            let signed = signed_size.as_u64();
            return Err(ScrollError::UnsignedTail { engine, signed, found });
        }
        match scan.lines.first_fault() {
            Some(line) => Err(ScrollError::Line { engine, line }),
            None => Ok(Found {
                signed: signed_size.as_u64(),
                frontier: scan.lines.frontier().clone(),
                torn: self.set_aside(&scan, torn)?,
            }),
        }
    }

    fn read_note(&self) -> Result<Option<String>, ScrollError> {
        let limit = u64::try_from(NOTE_MAX).unwrap_or(u64::MAX);
        match self.dir.read_whole(&self.root, limit) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(FileError::Missing { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Where a line begins, in bytes.
    fn start_of(&self, line: u64) -> Result<u64, ScrollError> {
        let fault = |source| FileError::io(self.events.as_str(), source);
        let mut file = BufReader::with_capacity(PIECE, self.dir.open_file(&self.events)?);
        for _ in 0..line {
            file.skip_until(b'\n').map_err(fault)?;
        }
        Ok(file.stream_position().map_err(fault)?)
    }

    /// Reads the first `limit` bytes.
    fn scan(&self, signed: TreeSize, limit: u64) -> Result<Scan, ScrollError> {
        let mut scan = Scan { lines: ScrollLines::new([signed]), whole: 0, length: 0 };
        let mut file = match self.dir.open_file(&self.events) {
            Ok(file) => file.take(limit),
            Err(FileError::Missing { .. }) => return Ok(scan),
            Err(other) => return Err(other.into()),
        };
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece);
            let count = count.map_err(|source| FileError::io(self.events.as_str(), source))?;
            if count == 0 {
                return Ok(scan);
            }
            scan.update(piece.get(..count).unwrap_or_default());
        }
    }

    /// Copies bytes after the last newline to a file of their own, then cuts them off, if they are to be.
    fn set_aside(&self, scan: &Scan, torn: Torn) -> Result<Option<TornTail>, ScrollError> {
        if scan.whole == scan.length {
            return Ok(None);
        }
        let fault = |source| FileError::io(self.events.as_str(), source);
        let (mut file, _) = self.dir.open_append(&self.events)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(scan.whole)).map_err(fault)?;
        file.read_to_end(&mut bytes).map_err(fault)?;
        let kept = self.write_torn(&bytes)?;
        if torn == Torn::Cut {
            file.set_len(scan.whole).and_then(|()| file.sync_all()).map_err(fault)?;
        }
        Ok(Some(TornTail { engine: self.engine.clone(), kept_lines: scan.lines.size().as_u64(), file: kept }))
    }

    /// Whether the file is absent, empty, or ends with a newline.
    fn ends_whole(&self) -> Result<bool, ScrollError> {
        let mut last = [b'\n'];
        if FileState::of(self.dir, &self.events)?.is_some_and(|state| state.length > 0) {
            let mut file = self.dir.open_file(&self.events)?;
            let read = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last));
            read.map_err(|source| FileError::io(self.events.as_str(), source))?;
        }
        Ok(last == [b'\n'])
    }

    fn write_torn(&self, bytes: &[u8]) -> Result<ArtifactFile, ScrollError> {
        let mut number: u64 = 0;
        loop {
            let path = format!("{}.torn-{number}", self.events);
            let path: VaultPath = path.parse().map_err(FileError::Path)?;
            match self.dir.write_new(&path, bytes) {
                Err(FileError::Exists { .. }) => number += 1,
                other => return Ok(other?),
            }
        }
    }
}

/// What becomes of full lines beyond the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsigned {
    Refuse,
    Adopt,
}

/// What becomes of bytes after the last newline, once they are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Torn {
    Keep,
    Cut,
}

/// A scroll as a writer takes it up.
struct Found {
    /// Lines under the root.
    signed: u64,
    /// Over all full lines.
    frontier: Frontier,
    torn: Option<TornTail>,
}

/// A scroll's file as read.
struct Scan {
    lines: ScrollLines,
    /// Bytes up to and with the last newline.
    whole: u64,
    /// Bytes in all.
    length: u64,
}

impl Scan {
    fn update(&mut self, bytes: &[u8]) {
        self.lines.update(bytes);
        let long = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            self.whole = self.length + long(bytes.get(..=last).unwrap_or_default());
        }
        self.length += long(bytes);
    }
}

fn root_fault(engine: &EngineName, source: CheckpointError) -> ScrollError {
    ScrollError::Root { engine: engine.to_string(), source }
}
