//! `verify-tiles`: checks a directory of tiles, ours or a foreign one.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::tiles::{TilesRead, verify_tiles};

use super::context::Context;
use super::error::CliError;
use super::outside::{TrustArgs, read_head};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-tiles /srv/www/log --key KEY --head head.txt
  vaultmesh verify-tiles copy-of-a-foreign-log --key 'example.com/log+33d7b496+AeHT...'

Every tile is checked against the one above, all of them against the signed root, and entries, where they are there, against
their leaf hashes. Without a head from outside an older copy would look the same, and the answer stays undecided.";

/// Verify a directory of tiles (C2SP tlog-tiles): the log that its checkpoint signs, and no other
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyTiles {
    /// The directory
    dir: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// Head that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

impl VerifyTiles {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let mut outside = self.trust.load()?;
        outside.head = self.head.as_deref().map(read_head).transpose()?;
        let (read, report) = verify_tiles(&self.dir, &outside)?;
        Ok(Output::checked(Read(read), &report))
    }
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Read(TilesRead);

impl Human for Read {
    fn human(&self, page: &mut Page) {
        let TilesRead { origin, size, root, entries } = &self.0;
        page.heading("directory of tiles");
        page.field("log", format!("{origin}, {size} entries"));
        page.field("root", root);
        page.field_if("entries", entries.map(|entries| format!("{entries} with their data")));
    }
}
