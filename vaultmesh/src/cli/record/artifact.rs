//! `record artifact`: a proof object, as a file or as small JSON.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::vault::{ArtifactInput, InputKind, RecordInput};
use vm_core::id::RowId;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::{CommonArgs, json_if};
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh record artifact report --file ./audit.pdf
  vaultmesh record artifact log --path artifacts/run-17.log
  vaultmesh record artifact measurement --meta '{\"name\":\"latency\"}'
  vaultmesh record artifact --jsonl artifacts.jsonl

A line of JSONL: {\"kind\":\"report\",\"file\":\"./audit.pdf\",\"meta\":{},\"trace_id\":\"...\"}";

/// Record a proof artifact: a file, hashed as it is read, or small JSON
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Artifact {
    /// What it is: 1 to 64 characters from a-z, 0-9, dot, hyphen and underscore
    #[arg(required_unless_present = "jsonl")]
    kind: Option<String>,
    /// File that lies below the vault already, by its path there
    #[arg(long, value_name = "PATH", conflicts_with = "file")]
    path: Option<String>,
    /// File anywhere, copied into the vault
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Small JSON; the artifact itself where there is no file: JSON, @FILE or @-
    #[arg(long, value_name = "JSON")]
    meta: Option<String>,
    /// Row that it is about
    #[arg(long, value_name = "ROW")]
    subject: Option<RowId>,
    #[command(flatten)]
    common: CommonArgs,
    /// Record every line of this file, or of stdin for -
    #[arg(long, value_name = "FILE", conflicts_with_all = CommonArgs::NAMES)]
    #[arg(conflicts_with_all = ["kind", "path", "file", "meta", "subject"])]
    jsonl: Option<PathBuf>,
}

impl Artifact {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let kind = match (self.jsonl, self.kind) {
            (None, Some(kind)) => kind,
            (Some(path), _) => return super::many(context, InputKind::Artifact, &path),
            (None, None) => return Err(CliError::Usage { what: "the artifact's kind is missing".to_owned() }),
        };
        let input = ArtifactInput {
            kind,
            path: self.path,
            file: self.file,
            meta: json_if("--meta", self.meta.as_deref())?,
            subject: self.subject,
            common: self.common.into_common(),
        };
        super::one(context, RecordInput::Artifact(input))
    }
}
