//! `erase`: destroys the openings of a subject, and the key that they are under.

use clap::Args;
use serde::Serialize;
use vaultmesh::erasure::{GivenOut, UNREACHED};
use vaultmesh::read::Reader;
use vaultmesh::subjects::SubjectName;
use vm_core::id::RowId;
use vm_core::key::OpeningsKeyId;
use vm_core::record::ErasureReason;

use super::context::Context;
use super::error::CliError;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh grant dpo --action erase --from-root
  vaultmesh --holder dpo erase --subject alice@example.com
  vaultmesh --holder dpo erase --subject alice@example.com --reason consent_withdrawn --yes

Without --yes it says what would go, and does nothing: exit 2. With it, a receipt is recorded and the openings are deleted in one
transaction, the subject's key is overwritten and removed, and the database is written anew. Rows, commitments and proofs stay as
they are, and `verify` says that they were erased. What is cut short by a crash is finished by the same command again. What no
erasure of this vault reaches is printed.";

/// Erase the openings of a subject for good: its values, its salts and its key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Erase {
    /// Whose openings, named as when they were recorded
    #[arg(long, value_name = "NAME")]
    subject: SubjectName,
    /// Why; stands in the receipt
    #[arg(long, value_name = "REASON", value_parser = reasons())]
    reason: Option<ErasureReason>,
    /// Do it
    #[arg(long)]
    yes: bool,
}

fn reasons() -> impl clap::builder::TypedValueParser<Value = ErasureReason> {
    use clap::builder::TypedValueParser as _;
    let words = ErasureReason::ALL.map(ErasureReason::as_str);
    clap::builder::PossibleValuesParser::new(words)
        .try_map(|word| ErasureReason::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or("no such reason"))
}

#[derive(Serialize)]
struct Outcome {
    /// Whether anything was done.
    erased: bool,
    key: OpeningsKeyId,
    /// The receipt; none yet where nothing was done.
    receipt: Option<RowId>,
    /// Rows whose openings went now, or would.
    rows: u64,
    /// Rows whose openings went under this key, or would, all told.
    rows_of_key: u64,
    unreached: Unreached,
}

/// What the erasure does not reach.
#[derive(Serialize)]
struct Unreached {
    /// Disclosures that were given out.
    disclosures: Vec<GivenOut>,
    /// Files that the rows name.
    files: Vec<String>,
    always: [&'static str; UNREACHED.len()],
}

impl Erase {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut vault = context.open()?;
        let plan = vault.plan_erasure(&self.subject)?;
        let mut outcome = {
            let reader = context.reader()?;
            let unreached = unreached(&reader, &plan.rows)?;
            let mut left = 0_usize;
            for key in plan.lost.iter().chain([&plan.key]) {
                let under = reader.view().rows_under(*key).map_err(vaultmesh::error::VaultError::Ledger)?;
                left = left.saturating_add(under.len());
            }
            let rows = u64::try_from(left).unwrap_or(u64::MAX);
            let rows_of_key = u64::try_from(plan.rows.len()).unwrap_or(u64::MAX);
            Outcome { erased: self.yes, key: plan.key, receipt: plan.receipt, rows, rows_of_key, unreached }
        };
        if !self.yes {
            return Ok(Output::done(outcome).exiting(vaultmesh::error::EXIT_USAGE));
        }
        let erased = vault.erase(&self.subject, self.reason)?;
        (outcome.receipt, outcome.rows) = (Some(erased.on_record.receipt), erased.rows);
        Ok(Output::done(outcome))
    }
}

fn unreached(reader: &Reader, rows: &std::collections::BTreeSet<RowId>) -> Result<Unreached, CliError> {
    Ok(Unreached { disclosures: reader.given_out(rows)?, files: reader.files_of(rows)?, always: UNREACHED })
}

impl Human for Outcome {
    fn human(&self, page: &mut Page) {
        if self.erased {
            page.write(Style::Good, "erased");
            page.line(&format!(" openings of {} rows", self.rows_of_key));
        } else {
            page.write(Style::Strong, "nothing was erased");
            page.line(&format!(": openings of {} rows would be; give --yes to do it", self.rows));
        }
        page.field("key", self.key);
        page.field_if("receipt", self.receipt);
        page.line("It does not reach:");
        for given in &self.unreached.disclosures {
            let to: Vec<String> = given.recipients.iter().map(ToString::to_string).collect();
            let places = given.pointers.join(", ");
            page.line(&format!(
                "  - disclosure {} of {places} in row {} to {}",
                given.disclosure,
                given.row,
                to.join(", ")
            ));
        }
        for file in &self.unreached.files {
            page.line(&format!("  - the file {file}"));
        }
        for words in self.unreached.always {
            page.line(&format!("  - {words}"));
        }
    }
}
