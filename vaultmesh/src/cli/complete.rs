//! `prove complete`: all rows that match a question, with the proof that no other does.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::complete::{Answer, verify_complete};
use vaultmesh::error::VaultError;
use vaultmesh::verify::Outside;
use vm_core::id::RowId;
use vm_seal::complete::CompletenessProof;
use vm_seal::index::{Query, TermColumn};

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use super::selection::SelectionArgs;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh prove complete --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z -o january.json
  vaultmesh prove complete --trace 01900000-0000-7000-8000-0000000000ff -o trace.json
  vaultmesh prove complete --refers horizon_id=cleanup -o cleanup.json
  vaultmesh prove complete --refers answers_id=01900000-0000-7000-8000-0000000000ff -o unanswered.json
  vaultmesh verify-proof january.json --key KEY

Where no row matches, the file proves that there is none. It is complete up to the last index, which every seal records
before it, over the time, trace and references that each row claims.";

/// Prove which rows match, and that no other does
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Complete {
    #[command(flatten)]
    selected: SelectionArgs,
    /// Rows whose COLUMN holds VALUE; columns: answers_id, corrects_id, horizon_id, intent_id, subject_id
    #[arg(long, value_name = "COLUMN=VALUE", conflicts_with_all = ["since", "until", "trace", "kind"])]
    refers: Option<String>,
    /// Write the proof to this new file; without it the answer is shown and nothing is kept
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Proven {
    #[serde(flatten)]
    answer: Answer,
    file: Option<String>,
}

impl Complete {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let output = self.output.clone();
        let proof = reader.prove_complete(self.query()?, None, true)?;
        let bytes = proof.to_bytes().map_err(VaultError::Completeness)?;
        // What is handed out was checked as whoever gets it will check it.
        let key = reader.claimed_key()?;
        let (answer, report) = verify_complete(&proof, &Outside { key: Some(key), ..Outside::default() });
        if let Some(file) = &output {
            write_new(file, &bytes)?;
        }
        Ok(Output::checked(Proven { answer, file: output.as_deref().map(shown) }, &report))
    }

    fn query(self) -> Result<Query, CliError> {
        if let Some(refers) = &self.refers {
            return query_of(refers);
        }
        Ok(Query::Selection(self.selected.selection()?))
    }
}

/// `COLUMN=VALUE`, where an id may be written as ids are shown.
fn query_of(refers: &str) -> Result<Query, CliError> {
    let usage = |what: String| CliError::Usage { what };
    let (column, value) = refers.split_once('=').ok_or_else(|| usage("--refers takes COLUMN=VALUE".to_owned()))?;
    let known = TermColumn::parse(column).ok_or_else(|| {
        let columns: Vec<&str> = TermColumn::ALL.iter().map(|column| column.as_str()).collect();
        usage(format!("--refers knows the columns {}", columns.join(", ")))
    })?;
    let id = (known != TermColumn::Horizon).then(|| value.parse::<RowId>());
    let value = match id {
        Some(Ok(id)) => vm_core::digest::to_hex(id.as_bytes()),
        Some(Err(_)) | None => value.to_owned(),
    };
    Ok(Query::term(known, &value).map_err(VaultError::Query)?)
}

/// Checks a completeness proof from a file.
pub(super) fn check(bytes: &[u8], outside: &Outside) -> Result<Output, CliError> {
    let proof = CompletenessProof::parse(bytes).map_err(VaultError::Completeness)?;
    let (answer, report) = verify_complete(&proof, outside);
    Ok(Output::checked(Proven { answer, file: None }, &report))
}

impl Human for Proven {
    fn human(&self, page: &mut Page) {
        page.heading("complete answer");
        page.field("log", &self.answer.origin);
        page.field("complete at", self.answer.complete_at);
        page.field_if("rows", self.answer.rows.as_ref().map(Vec::len));
        for row in self.answer.rows.iter().flatten() {
            page.line(&format!("  {} {} {}/{}", row.seq, row.ts, row.table, row.id));
        }
        page.field_if("wrote", self.file.as_deref());
    }
}
