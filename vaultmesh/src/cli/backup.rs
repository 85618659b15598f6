//! `backup`: a copy of the vault, made while it is written to.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::backup::backup_vault;

use super::context::Context;
use super::error::CliError;
use super::output::shown;
use crate::render::{Human, Output, Page, Progress, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh backup /media/usb/vault-2026-01-02
  vaultmesh --vault /media/usb/vault-2026-01-02 verify --key KEY --trust trust.toml
  vaultmesh --vault ./restored backup ./another-copy

The copy is a vault: to restore it, put it where the vault was. It holds what was recorded when the command began, and
never keys; keep those by themselves. Openings of commitments are in it, encrypted: without the folder of keys nothing opens them,
and what was erased since stays erased where its tombstone is. A restored copy is older than what others remember: `verify --head` with a head
from after the backup says `rollback`, and so it should.";

/// Copy the vault to a new folder, while it is in use
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Backup {
    /// New folder to write
    dest: PathBuf,
}

#[derive(Serialize)]
struct Copied {
    vault: String,
    /// Entries in its log.
    size: u64,
    files: u64,
    bytes: u64,
    /// Files that rows name and that are not there.
    missing: Vec<String>,
    /// Files that differ from what their rows say.
    altered: Vec<String>,
    /// Files that rows name in the folder of keys.
    withheld: Vec<String>,
}

impl Backup {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (place, reader) = (context.place()?, context.reader()?);
        let mut progress = Progress::new("bytes copied", context.format);
        let done = backup_vault(&reader, &place, &self.dest, &mut |bytes| progress.add(bytes))?;
        drop(progress);
        let names = |paths: Vec<vm_core::path::VaultPath>| paths.iter().map(ToString::to_string).collect();
        Ok(Output::done(Copied {
            vault: shown(&self.dest),
            size: done.size,
            files: done.files,
            bytes: done.bytes,
            missing: names(done.missing),
            altered: names(done.altered),
            withheld: names(done.withheld),
        }))
    }
}

impl Human for Copied {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "copied");
        page.line(&format!(" to {}", self.vault));
        page.field("log size", self.size);
        page.field("files", self.files);
        page.field("bytes", self.bytes);
        for (name, paths) in [("missing", &self.missing), ("altered", &self.altered), ("left behind", &self.withheld)] {
            for path in paths {
                page.field(name, path);
            }
        }
        page.line("Keys are not in it. Keep a head beside it: vaultmesh head --output FILE");
    }
}
