//! `record deploy`: a deployment with its evidence.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::vault::{DeployInput, InputKind, RecordInput};
use vm_core::digest::Sha256Digest;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::CommonArgs;
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh record deploy --component api --version 1.4.2 --evidence ./api-1.4.2.tar.gz
  vaultmesh record deploy --component api --version 1.4.2 --evidence ./api.sbom.json --sha256 HEX --chain-ref REF
  vaultmesh record deploy --jsonl deploys.jsonl

The evidence is hashed here; a hash that is given and differs is refused.
A line of JSONL: {\"component\":\"api\",\"version\":\"1.4.2\",\"evidence\":\"./api-1.4.2.tar.gz\"}";

/// Record a deployment with a file that is its evidence
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Deploy {
    /// What was deployed
    #[arg(long, value_name = "NAME", required_unless_present = "jsonl")]
    component: Option<String>,
    /// In which version
    #[arg(long, value_name = "VERSION", required_unless_present = "jsonl")]
    version: Option<String>,
    /// File that is the evidence, copied into the vault and hashed there
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    evidence: Option<PathBuf>,
    /// SHA-256 that the evidence is said to have, 64 lower-case digits
    #[arg(long, value_name = "HEX", value_parser = Sha256Digest::parse_hex)]
    sha256: Option<Sha256Digest>,
    /// Reference to a chain outside
    #[arg(long, value_name = "REF")]
    chain_ref: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// Record every line of this file, or of stdin for -
    #[arg(long, value_name = "FILE", conflicts_with_all = CommonArgs::NAMES)]
    #[arg(conflicts_with_all = ["component", "version", "evidence", "sha256", "chain_ref"])]
    jsonl: Option<PathBuf>,
}

impl Deploy {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        if let Some(path) = self.jsonl {
            return super::many(context, InputKind::Deploy, &path);
        }
        let (Some(component), Some(version), Some(evidence)) = (self.component, self.version, self.evidence) else {
            return Err(CliError::Usage { what: "a deployment needs component, version and evidence".to_owned() });
        };
        let input = DeployInput {
            component,
            version,
            evidence,
            sha256: self.sha256,
            chain_ref: self.chain_ref,
            common: self.common.into_common(),
        };
        super::one(context, RecordInput::Deploy(input))
    }
}
