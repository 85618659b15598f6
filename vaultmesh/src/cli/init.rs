//! `init`: makes a vault.

use clap::Args;
use serde::Serialize;
use vaultmesh::vault::Vault;
use vm_core::id::LedgerId;
use vm_core::key::NoteKey;

use super::context::Context;
use super::error::CliError;
use super::output::shown;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh init
  vaultmesh --vault ./evidence --keys ~/.keys/vaultmesh init

Keep the key that it prints, and a copy of the keys folder, outside the vault.";

/// Make a new vault in an absent or empty folder, with its keys outside of it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {}

#[derive(Serialize)]
struct Made {
    ledger: LedgerId,
    key: NoteKey,
    vault: String,
    keys: String,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let made = Vault::init(&context.place()?, context.sources()?)?;
        Ok(Output::done(Made {
            ledger: made.ledger,
            key: made.note_key.clone(),
            vault: shown(made.vault.dir()),
            keys: shown(made.vault.keys().dir()),
        }))
    }
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "made");
        page.line(&format!(" ledger {}", self.ledger));
        page.field("vault", &self.vault);
        page.field("keys", &self.keys);
        page.field("key", &self.key);
        page.line("Keep the key where the vault cannot change it; a verifier pins it with --key.");
    }
}
