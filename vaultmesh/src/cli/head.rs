//! `head`: the latest signed checkpoint, to be kept outside the vault, alone or with the log's tiles.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::tiles::{TilesWritten, write_tiles};

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh head
  vaultmesh head --output /media/usb/head-2026-01-02.txt
  vaultmesh verify --head /media/usb/head-2026-01-02.txt --key KEY
  vaultmesh head --tiles /srv/www/log

A head kept elsewhere is the memory that shows when an older copy of the vault was put in its place.

A directory of tiles is the log as C2SP tlog-tiles has it: foreign clients read it, from a disk or behind a web server, and
check that rows are in it and that it only grows. Called again, it adds what is new. Hash tiles say nothing of the rows;
with --entries the rows lie there too, as they are stored, for everyone who can read the directory.";

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
}

#[derive(Serialize)]
struct Kept {
    checkpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<Published>,
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
        let checkpoint = reader.head()?.to_string();
        let publish = |dir: PathBuf| {
            let written = write_tiles(&reader, &dir, self.entries)?;
            Ok::<_, CliError>(Published { dir: shown(dir), written })
        };
        let tiles = self.tiles.map(publish).transpose()?;
        if let Some(file) = &self.output {
            write_new(file, checkpoint.as_bytes())?;
        }
        Ok(Output::done(Kept { checkpoint, file: self.output.as_deref().map(shown), tiles }))
    }
}

impl Human for Kept {
    fn human(&self, page: &mut Page) {
        match (&self.file, &self.tiles) {
            (None, None) => page.raw(&self.checkpoint),
            (Some(file), _) => page.line(&format!("wrote {file}")),
            (None, Some(_)) => {}
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
