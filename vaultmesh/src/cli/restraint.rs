//! `prove restraint`: that a decision could have been acted on and was not.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::{HorizonFault, VaultError};
use vaultmesh::keys::KeyStore;
use vaultmesh::restraint::{RestraintAnswer, verify_restraint};
use vaultmesh::subjects::Ring;
use vaultmesh::verify::Outside;
use vm_shadow::RestraintProof;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove restraint deploy/api -o restraint.json
  vaultmesh prove restraint deploy/api --option 0 -o restraint.json
  vaultmesh verify-proof restraint.json --key KEY

The proof shows options, by default all of them. It holds up to the last index, which every seal records before it, where the
outcome stands before that; else up to now, and then it shows the rows behind the index, too.";

/// Prove that a decision could have been acted on and was not
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restraint {
    /// Name of the horizon, or the row that opened it
    horizon: String,
    /// Show only the option at this place, from 0; may be given several times
    #[arg(long, value_name = "N")]
    option: Vec<u8>,
    /// Write the proof to this new file; without it the answer is shown and nothing is kept
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Proven {
    #[serde(flatten)]
    answer: RestraintAnswer,
    file: Option<String>,
}

impl Restraint {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let horizon = reader.horizon(&self.horizon)?;
        let key = Ring::open(&KeyStore::new(&context.keys()?.value, reader.ledger()), reader.ledger())?;
        let proof = reader.prove_restraint(&horizon, &self.option, &key)?;
        let bytes = proof.to_bytes().map_err(|error| VaultError::Horizon(HorizonFault::Restraint(error)))?;
        // What is handed out was checked as whoever gets it will check it.
        let key = reader.claimed_key()?;
        let (answer, report) = verify_restraint(&proof, &Outside { key: Some(key), ..Outside::default() });
        if let Some(file) = &self.output {
            write_new(file, &bytes)?;
        }
        Ok(Output::checked(Proven { answer, file: self.output.as_deref().map(shown) }, &report))
    }
}

/// Checks a proof of restraint from a file.
pub(super) fn check(bytes: &[u8], outside: &Outside) -> Result<Output, CliError> {
    let proof = RestraintProof::parse(bytes).map_err(|error| VaultError::Horizon(HorizonFault::Restraint(error)))?;
    let (answer, report) = verify_restraint(&proof, outside);
    Ok(Output::checked(Proven { answer, file: None }, &report))
}

impl Human for Proven {
    fn human(&self, page: &mut Page) {
        page.heading("proof of restraint");
        page.field("log", format!("{}, up to {} entries", self.answer.origin, self.answer.size));
        if let Some(shown) = &self.answer.restraint {
            let horizon = &shown.horizon;
            page.field("horizon", &horizon.horizon);
            page.field("opened", format!("{}, at {} by {}", horizon.opened, horizon.seq, horizon.observer));
            page.field("power", format!("{} on {}, by {}", horizon.action, horizon.resource, horizon.capability));
            page.field_if(
                "outcome",
                horizon.outcome.as_ref().map(|outcome| format!("{outcome}, at {}", shown.closing_seq)),
            );
            for option in &shown.opened_options {
                page.line(&format!("  option {}: {}", option.option, option.value));
            }
        }
        page.line("It does not show:");
        for words in &self.answer.not_shown {
            page.line(&format!("  - {words}"));
        }
        page.field_if("wrote", self.file.as_deref());
    }
}
