//! `head`: the latest signed checkpoint, to be kept outside the vault, alone or with the log's tiles.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use vaultmesh::error::{VaultError, WitnessFault};
use vaultmesh::keys::KeyStore;
use vaultmesh::tiles::{TilesWritten, write_tiles_by};
use vaultmesh::witness::shown_time;
use vm_core::key::{NOTE_MAX, Note, NoteSignature};
use vm_seal::witness::{ADD_CHECKPOINT_MAX, AddCheckpoint, Cosignature, WitnessKey};

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh head
  vaultmesh head --output /media/usb/head-2026-01-02.txt
  vaultmesh verify --head /media/usb/head-2026-01-02.txt --key KEY
  vaultmesh head --tiles /srv/www/log
  vaultmesh head --cosignature cosignature.txt --witness WITNESS --head request.txt -o head.txt

A head kept elsewhere is the memory that shows when an older copy of the vault was put in its place.

A directory of tiles is the log as C2SP tlog-tiles has it: foreign clients read it, from a disk or behind a web server, and
check that rows are in it and that it only grows. Called again, it adds what is new. Hash tiles say nothing of the rows;
with --entries the rows lie there too, as they are stored, for everyone who can read the directory.

Where the ledger has an ML-DSA key (`vaultmesh keys add ml-dsa`), the head bears its line too.

What witnesses answered to `vaultmesh witness request` is merged into the head that they cosigned. Lines by others than the
witnesses that are named are left out; one that does not hold is an error.";

/// Print the latest signed checkpoint (C2SP tlog-checkpoint)
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Head {
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the log to this directory as well (C2SP tlog-tiles), or add to it what is new
    #[arg(long, value_name = "DIR")]
    tiles: Option<PathBuf>,
    /// With --tiles: the rows too, as they are stored
    #[arg(long, requires = "tiles")]
    entries: bool,
    /// Merge the lines in this file, which witnesses answered with; may be given several times
    #[arg(long, value_name = "FILE", requires = "witness", conflicts_with = "tiles")]
    cosignature: Vec<PathBuf>,
    /// Key of a witness whose lines are merged, as it publishes it; may be given several times
    #[arg(long, value_name = "VKEY", requires = "cosignature")]
    witness: Vec<WitnessKey>,
    /// With --cosignature: the head that was cosigned, or the request for it [default: the latest checkpoint]
    #[arg(long, value_name = "FILE", requires = "cosignature")]
    head: Option<PathBuf>,
}

#[derive(Serialize)]
struct Kept {
    checkpoint: String,
    /// Whether the line of the ledger's ML-DSA key is missing, since that is not here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    second_signature_missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<Published>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cosignatures: Vec<By>,
}

/// A cosignature that was merged.
#[derive(Serialize)]
struct By {
    witness: String,
    at: String,
}

#[derive(Serialize)]
struct Published {
    dir: String,
    #[serde(flatten)]
    written: TilesWritten,
}

impl Head {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let keys = KeyStore::new(&context.keys()?.value, reader.ledger());
        let is_latest = self.head.is_none();
        let (note, cosignatures) = if self.cosignature.is_empty() {
            (reader.head()?, Vec::new())
        } else {
            let mut lines = Vec::new();
            for file in &self.cosignature {
                let bytes = read_limited(file, NOTE_MAX)?;
                lines.extend(NoteSignature::parse_lines(&bytes).map_err(VaultError::Note)?);
            }
            let head = self.head.as_deref().map(cosigned_head).transpose()?;
            reader.cosigned_head(head, &lines, &self.witness)?
        };
        let (note, second_signature_missing) = match reader.second_signed(note.clone(), &keys) {
            signed if is_latest => match signed {
                Err(VaultError::KeyMissing { .. }) => (note, true),
                signed => (signed?, false),
            },
            _ => (note, false),
        };
        let by = |one: Cosignature| By { witness: one.key().name().to_owned(), at: shown_time(one.at()) };
        let (checkpoint, cosignatures) = (note.to_string(), cosignatures.into_iter().map(by).collect());
        let publish = |dir: PathBuf| {
            let written = write_tiles_by(&reader, &dir, self.entries, &keys)?;
            Ok::<_, CliError>(Published { dir: shown(dir), written })
        };
        let tiles = self.tiles.map(publish).transpose()?;
        if let Some(file) = &self.output {
            write_new(file, checkpoint.as_bytes())?;
        }
        Ok(Output::done(Kept {
            checkpoint,
            second_signature_missing,
            file: self.output.as_deref().map(shown),
            tiles,
            cosignatures,
        }))
    }
}

/// The head in a file: by itself, or in the request that asked for its cosignature.
fn cosigned_head(path: &Path) -> Result<Note, CliError> {
    let bytes = read_limited(path, ADD_CHECKPOINT_MAX)?;
    if bytes.starts_with(b"old ") {
        let request = AddCheckpoint::parse(&bytes).map_err(WitnessFault::Request).map_err(VaultError::Witness)?;
        return Ok(request.note().clone());
    }
    Note::parse(&bytes).map_err(|error| CliError::argument("--head", VaultError::Note(error)))
}

impl Human for Kept {
    fn human(&self, page: &mut Page) {
        match (&self.file, &self.tiles) {
            (None, None) => page.raw(&self.checkpoint),
            (Some(file), _) => page.line(&format!("wrote {file}")),
            (None, Some(_)) => {}
        }
        if self.second_signature_missing && self.file.is_some() {
            page.line("without its second signature: the ML-DSA key is not here");
        }
        if let Some(Published { dir, written }) = &self.tiles {
            let TilesWritten { size, tiles, bundles, too_long, .. } = written;
            page.line(&format!("{dir} holds the log of {size} entries; added: {tiles} tiles, {bundles} entry bundles"));
            for place in too_long {
                page.line(&format!("row at place {place} is too long for an entry; its bundle is left out"));
            }
        }
    }
}
