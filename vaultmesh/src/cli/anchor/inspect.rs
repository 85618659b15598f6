//! `anchor inspect`: judges a bare token, response or proof, outside any vault.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::inspect::{Inspection, inspect};
use vaultmesh::system::SystemClock;
use vaultmesh::trust::TrustFile;
use vm_anchor::TrustPolicy;
use vm_core::instant::Instant;
use vm_core::source::Clock as _;

use super::EVIDENCE_MAX;
use crate::cli::error::CliError;
use crate::cli::input::{parse_time, read_limited};
use crate::cli::output::shown;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh anchor inspect token.tst
  vaultmesh anchor inspect answer.tsr --data report.pdf --trust trust.toml
  vaultmesh anchor inspect report.pdf.ots --data report.pdf --trust trust.toml --format json

Without --trust all but the root is checked, and the answer is undecided with `no-trust-root`. Without --data it is not known
what was stamped, which leaves the answer undecided too.";

/// Judge a bare token, response or proof, whoever made it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// Token (.tst), response (.tsr) or proof (.ots, .btc, .eth); - for stdin
    file: PathBuf,
    /// What should have been stamped
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Trust file with the authorities that are believed
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The verifier's time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Instant>,
}

#[derive(Serialize)]
struct Inspected {
    file: String,
    #[serde(flatten)]
    inspection: Inspection,
}

impl Inspect {
    pub(super) fn run(self) -> Result<Output, CliError> {
        let evidence = read_limited(&self.file, EVIDENCE_MAX)?;
        let trust = self.trust.as_deref().map(TrustFile::load).transpose()?;
        let policy = trust.map_or_else(|| Ok(TrustPolicy::default()), |trust| trust.policy())?;
        let now = self.at.unwrap_or_else(|| SystemClock.now());
        let (inspection, report) = inspect(&evidence, self.data.as_deref(), &policy, now)?;
        Ok(Output::checked(Inspected { file: shown(&self.file), inspection }, &report))
    }
}

impl Human for Inspected {
    fn human(&self, page: &mut Page) {
        let Inspection { rail, holds, authority, time, not_after, imprint, identity } = &self.inspection;
        page.heading(&self.file);
        page.field_if("rail", rail.as_ref());
        page.field_if("stamps", imprint.as_ref());
        page.field_if(if *holds { "time" } else { "claims the time" }, *time);
        page.field_if("not after", *not_after);
        page.field_if("authority", authority.as_ref());
        page.field_if("identity", *identity);
    }
}
