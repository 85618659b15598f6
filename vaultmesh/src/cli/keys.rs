//! `keys`: which keys the ledger has and had, and changing them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::{KeysError, VaultError};
use vaultmesh::keys::KeyStore;
use vaultmesh::subjects::SubjectKeys;
use vaultmesh::vault::{EnvelopeKeyChanged, KeyChanged, KeyRotation, MlDsaChanged, MlDsaRotation};
use vm_core::id::LedgerId;
use vm_core::key::{EnvelopeSpan, KeyChangeReason, KeySpan, MlDsaCosignerKey, MlDsaSpan, NoteKey, PublicKey};
use vm_core::view::EvidenceView as _;
use vm_seal::key_history::KeyHistoryFile;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh keys show
  vaultmesh keys add ml-dsa
  vaultmesh keys rotate log
  vaultmesh keys lost log --root-key /media/safe/root.key
  vaultmesh keys stolen log --trusted-size 4000
  vaultmesh keys rotate envelope
  vaultmesh keys history -o keys.json

The root key alone changes keys. What a key signed in its time goes on being verified, whichever of the ledger's keys was pinned:
the ledger's name in the pin is the hash of the row that names the root, and the root signs each change.";

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh keys show
  vaultmesh --format json keys show

Sizes are those of the log: a key signs checkpoints from its first size up to the one before the next key's.";

const ADD_EXAMPLES: &str = "\
Examples:
  vaultmesh keys add ml-dsa
  vaultmesh keys add ml-dsa --root-key /media/safe/root.key
  vaultmesh trust key --as ml-dsa --output pq.txt

From then on `vaultmesh head` and new seals bear a second signature, by ML-DSA-44 (FIPS 204): whoever pinned its key can verify them
when Ed25519 no longer holds. Others pass over it. Pin it now: the row that names it is signed by Ed25519.";

const ROTATE_EXAMPLES: &str = "\
Examples:
  vaultmesh keys rotate log
  vaultmesh keys rotate log --root-key /media/safe/root.key
  vaultmesh keys rotate envelope
  vaultmesh keys rotate ml-dsa

What the old log key signed stands. Its file is gone afterwards: nothing needs it any more. Give verifiers the new key, or the
history (`vaultmesh keys history`), by which they can go on with the old one. The key of envelopes is the one that the keys of
subjects are kept under; those are wrapped anew, and openings stay as they are.";

const LOST_EXAMPLES: &str = "\
Examples:
  vaultmesh keys lost log
  vaultmesh keys lost log --root-key /media/safe/root.key
  vaultmesh keys lost envelope

The old key is not needed. What a log key signed stands. With the key of envelopes the keys of subjects are lost that it alone
opens, and what they open is gone: the rows stand, and what is recorded from here on gets new keys. They are put aside, so that a
subject can still be erased.";

const STOLEN_EXAMPLES: &str = "\
Examples:
  vaultmesh keys stolen log
  vaultmesh keys stolen log --trusted-size 4000
  vaultmesh keys stolen log --trusted-size 4000 --root-key /media/safe/root.key
  vaultmesh keys stolen envelope

Say up to which size of the log nobody else had the key. Seals that were recorded behind it are undecided from now on (key-stolen): seal
again. Rows stand, since the new key signs the log that holds them. Whoever has only a file by the stolen key can no longer
verify it; the ledger and its whole export still can. Scrolls are written again once `vaultmesh scroll adopt` signed them anew.

Whoever stole the key of envelopes together with files of `subjects/` has the keys of those subjects, and no change takes them back:
with the database they open what is under them. To end that, erase the subject and record anew what is still needed.";

const HISTORY_EXAMPLES: &str = "\
Examples:
  vaultmesh keys history -o keys.json
  vaultmesh verify-proof row.tlog-proof --key KEY --history keys.json

It proves itself to whoever knows the ledger's name, and that stands in every key that was pinned. It cannot show that no later change
was made: get it anew from time to time.";

/// Show the ledger's keys, and change them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Show(Show),
    Add(Add),
    Rotate(Rotate),
    Lost(Lost),
    Stolen(Stolen),
    History(History),
}

/// List the keys that the ledger had: since when, and how each ended
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {}

/// Which key is changed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Which {
    /// Signs checkpoints, seals and scrolls.
    Log,
    /// Opens the keys of subjects.
    Envelope,
    /// Signs heads and the checkpoints of seals a second time.
    MlDsa,
}

/// Which key is added.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Addable {
    /// Signs heads and the checkpoints of seals a second time.
    MlDsa,
}

/// Add a key that the ledger did not begin with
#[derive(Args)]
#[command(after_help = ADD_EXAMPLES)]
struct Add {
    /// Which key
    #[arg(value_enum, value_name = "ROLE")]
    _which: Addable,
    /// File of the root key [default: root.key among the ledger's keys]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

/// What every change needs.
#[derive(Args)]
struct Change {
    /// Which key
    #[arg(value_enum, value_name = "ROLE")]
    which: Which,
    /// File of the root key [default: root.key among the ledger's keys]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

/// Put a new key in the place of one
#[derive(Args)]
#[command(after_help = ROTATE_EXAMPLES)]
struct Rotate {
    #[command(flatten)]
    change: Change,
}

/// Declare a key lost, and put a new one in its place
#[derive(Args)]
#[command(after_help = LOST_EXAMPLES)]
struct Lost {
    #[command(flatten)]
    change: Change,
}

/// Declare a key stolen, and put a new one in its place
#[derive(Args)]
#[command(after_help = STOLEN_EXAMPLES)]
struct Stolen {
    #[command(flatten)]
    change: Change,
    /// Size of the log up to which nobody else had the log key [default: all of it]
    #[arg(long, value_name = "N")]
    trusted_size: Option<u64>,
}

/// Write how the keys changed, for verifiers who have no vault
#[derive(Args)]
#[command(after_help = HISTORY_EXAMPLES)]
struct History {
    /// The new file
    #[arg(long, short, value_name = "FILE", alias = "out")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    ledger: LedgerId,
    root: PublicKey,
    envelope: Vec<EnvelopeKey>,
    log: Vec<LogKey>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ml_dsa: Vec<SecondKey>,
}

#[derive(Serialize)]
struct SecondKey {
    key: MlDsaCosignerKey,
    from_size: u64,
    until_size: Option<u64>,
    ended: Option<&'static str>,
}

/// A key of envelopes, by its id.
#[derive(Serialize)]
struct EnvelopeKey {
    key: String,
    /// Place of the row that brought it into force; none where it was made without one.
    since: Option<u64>,
    /// Place of the row that ended it.
    until: Option<u64>,
    ended: Option<&'static str>,
}

#[derive(Serialize)]
struct LogKey {
    key: NoteKey,
    from_size: u64,
    until_size: Option<u64>,
    ended: Option<&'static str>,
    trusted_size: Option<u64>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Changed(KeyChanged);

#[derive(Serialize)]
struct EnvelopeChanged {
    #[serde(flatten)]
    changed: EnvelopeKeyChanged,
    /// What it does not do.
    unreached: &'static [&'static str],
}

/// What a change of a stolen key of envelopes does not do.
const STOLEN_ENVELOPE: [&str; 2] = [
    "whoever has the old key and files of subjects/ from before has the keys of those subjects, and opens what is under them",
    "the same keys go on being recorded under: erase a subject, and record it anew, to put it under a key of its own again",
];
/// What a change of a lost key of envelopes does not do.
const LOST_ENVELOPE: [&str; 1] = [
    "openings under keys that the lost key alone opens are gone; their rows stand, and can still be erased by subject",
];

#[derive(Serialize)]
#[serde(transparent)]
struct SecondChanged(MlDsaChanged);

#[derive(Serialize)]
struct Written {
    file: String,
    ledger: LedgerId,
    changes: usize,
    size: u64,
}

impl Keys {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.command {
            Command::Show(command) => command.run(context),
            Command::Add(Add { _which: Addable::MlDsa, root_key }) => {
                change_second(context, MlDsaRotation { reason: KeyChangeReason::Rotation, is_first: true, root_key })
            }
            Command::Rotate(Rotate { change }) => change.run(context, KeyChangeReason::Rotation, None),
            Command::Lost(Lost { change }) => change.run(context, KeyChangeReason::Lost, None),
            Command::Stolen(Stolen { change, trusted_size }) => {
                change.run(context, KeyChangeReason::Stolen, trusted_size)
            }
            Command::History(command) => command.run(context),
        }
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let Self {} = self;
        let reader = context.reader()?;
        let (keys, root) = (reader.keys()?, reader.genesis()?.root_key());
        let shown = |span: KeySpan| {
            let key = keys.note_key(span.key).map_err(VaultError::Key)?;
            let KeySpan { from, until, ended, trusted, .. } = span;
            let ended = ended.map(KeyChangeReason::as_str);
            Ok(LogKey { key, from_size: from, until_size: until, ended, trusted_size: trusted })
        };
        let log = keys.spans().map(shown).collect::<Result<Vec<_>, VaultError>>()?;
        let envelope = keys.envelopes().iter().map(|EnvelopeSpan { key, at, ended }| EnvelopeKey {
            key: key.clone(),
            since: *at,
            until: ended.map(|(at, _)| at),
            ended: ended.map(|(_, reason)| reason.as_str()),
        });
        let mut envelope: Vec<EnvelopeKey> = envelope.collect();
        if envelope.is_empty() {
            let store = KeyStore::new(&context.keys()?.value, keys.ledger());
            let at_hand = SubjectKeys::new(&store, keys.ledger()).envelope_id()?;
            envelope.extend(at_hand.map(|key| EnvelopeKey { key, since: None, until: None, ended: None }));
        }
        let second = |span: &MlDsaSpan| {
            let key = keys.ml_dsa_note_key(&span.key).map_err(VaultError::Key)?;
            let ended = span.ended.map(KeyChangeReason::as_str);
            Ok(SecondKey { key, from_size: span.from, until_size: span.until, ended })
        };
        let ml_dsa = keys.ml_dsa_spans().iter().map(second).collect::<Result<Vec<_>, VaultError>>()?;
        Ok(Output::done(Shown { ledger: keys.ledger(), root, envelope, log, ml_dsa }))
    }
}

impl Change {
    fn run(self, context: &Context, reason: KeyChangeReason, trusted_size: Option<u64>) -> Result<Output, CliError> {
        let Self { which, root_key } = self;
        let rotation = |root_key| KeyRotation { reason, trusted_size, root_key };
        match which {
            Which::Log => {
                let changed = context.open_to_change_keys()?.change_log_key(&rotation(root_key))?;
                Ok(Output::done(Changed(changed)))
            }
            Which::Envelope => {
                let changed = context.open_to_change_keys()?.change_envelope_key(&rotation(root_key))?;
                let unreached: &[&str] = match reason {
                    KeyChangeReason::Rotation => &[],
                    KeyChangeReason::Stolen => &STOLEN_ENVELOPE,
                    KeyChangeReason::Lost => &LOST_ENVELOPE,
                };
                Ok(Output::done(EnvelopeChanged { changed, unreached }))
            }
            Which::MlDsa if trusted_size.is_some() => {
                Err(CliError::Usage { what: "--trusted-size is of the log key alone".to_owned() })
            }
            Which::MlDsa => change_second(context, MlDsaRotation { reason, is_first: false, root_key }),
        }
    }
}

fn change_second(context: &Context, rotation: MlDsaRotation) -> Result<Output, CliError> {
    Ok(Output::done(SecondChanged(context.open()?.change_ml_dsa_key(&rotation)?)))
}

impl History {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let history = KeyHistoryFile::of_view(reader.view()).map_err(VaultError::View)?;
        let bytes = history.to_bytes().map_err(KeysError::Change).map_err(VaultError::Keys)?;
        write_new(&self.output, &bytes)?;
        let size = reader.view().size().map_err(VaultError::View)?;
        let (file, changes) = (shown(&self.output), history.changes().len());
        Ok(Output::done(Written { file, ledger: reader.ledger(), changes, size }))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.field("ledger", self.ledger);
        page.field("root", self.root);
        for EnvelopeKey { key, since, until, ended } in &self.envelope {
            page.field("envelope", key);
            page.field_if("  since row", *since);
            page.field_if("  until row", *until);
            page.field_if("  ended by", *ended);
        }
        for LogKey { key, from_size, until_size, ended, trusted_size } in &self.log {
            page.field("log", key);
            let until = until_size.map_or_else(String::new, |until| format!(" to {}", until.saturating_sub(1)));
            page.field("  sizes", format!("from {from_size}{until}"));
            page.field_if("  ended by", *ended);
            page.field_if("  trusted to", *trusted_size);
        }
        for SecondKey { key, from_size, until_size, ended } in &self.ml_dsa {
            page.field("ml-dsa", key);
            let until = until_size.map_or_else(String::new, |until| format!(" to {}", until.saturating_sub(1)));
            page.field("  sizes", format!("from {from_size}{until}"));
            page.field_if("  ended by", *ended);
        }
    }
}

impl Human for Changed {
    fn human(&self, page: &mut Page) {
        let KeyChanged { reason, old, key, from_size, recorded } = &self.0;
        page.write(Style::Good, "changed");
        page.line(&format!(" the log key ({reason})"));
        page.field("old", old);
        page.field("key", key);
        page.field("from size", from_size);
        page.field("row", recorded.id);
    }
}

impl Human for EnvelopeChanged {
    fn human(&self, page: &mut Page) {
        let EnvelopeKeyChanged { reason, old, key, subjects, lost, recorded } = &self.changed;
        page.write(Style::Good, "changed");
        page.line(&format!(" the key of envelopes ({reason})"));
        page.field_if("old", old.as_ref());
        page.field("key", key);
        page.field("subjects", subjects);
        page.field("lost", lost);
        page.field("row", recorded.id);
        for words in self.unreached {
            page.line(&format!("  - {words}"));
        }
    }
}

impl Human for SecondChanged {
    fn human(&self, page: &mut Page) {
        let MlDsaChanged { reason, key, from_size, recorded } = &self.0;
        page.write(Style::Good, if reason.is_some() { "changed" } else { "added" });
        page.line(&format!(" the ML-DSA key{}", reason.map_or_else(String::new, |reason| format!(" ({reason})"))));
        page.field("key", key);
        page.field("from size", from_size);
        page.field("row", recorded.id);
    }
}

impl Human for Written {
    fn human(&self, page: &mut Page) {
        let Self { file, changes, size, .. } = self;
        page.line(&format!("wrote {file}: {changes} changes of keys in a log of {size} entries"));
    }
}
