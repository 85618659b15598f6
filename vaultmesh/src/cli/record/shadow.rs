//! `record shadow`: a path that was considered and not taken.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::vault::{InputKind, RecordInput, ShadowInput};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::{CommonArgs, json, json_if};
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh record shadow --horizon release-17 --counterfactual '\"delete the backup\"' --reason 'no quorum'
  vaultmesh record shadow --horizon release-17 --counterfactual @plan.json --reason 'too risky' --entropy-delta 0.4
  vaultmesh record shadow --jsonl held-back.jsonl

Of the counterfactual only a salted commitment is stored, which can be opened later.
A line of JSONL: {\"horizon\":\"release-17\",\"counterfactual\":\"...\",\"reason\":\"no quorum\"}";

/// Record restraint: what was considered and not done, and why
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Shadow {
    /// Decision that it belongs to
    #[arg(long, value_name = "NAME", required_unless_present = "jsonl")]
    horizon: Option<String>,
    /// Description of the path: JSON, @FILE or @-
    #[arg(long, value_name = "JSON", required_unless_present = "jsonl")]
    counterfactual: Option<String>,
    /// Why it was not taken
    #[arg(long, value_name = "TEXT", required_unless_present = "jsonl")]
    reason: Option<String>,
    /// Drift or uncertainty signal [default: 0]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    entropy_delta: Option<f64>,
    /// Anything else: JSON, @FILE or @-
    #[arg(long, value_name = "JSON")]
    meta: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
    /// Record every line of this file, or of stdin for -
    #[arg(long, value_name = "FILE", conflicts_with_all = CommonArgs::NAMES)]
    #[arg(conflicts_with_all = ["horizon", "counterfactual", "reason", "entropy_delta", "meta"])]
    jsonl: Option<PathBuf>,
}

impl Shadow {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        if let Some(path) = self.jsonl {
            return super::many(context, InputKind::Shadow, &path);
        }
        let (Some(horizon), Some(counterfactual), Some(reason)) = (self.horizon, self.counterfactual, self.reason)
        else {
            return Err(CliError::Usage { what: "restraint needs horizon, counterfactual and reason".to_owned() });
        };
        let input = ShadowInput {
            horizon,
            counterfactual: json("--counterfactual", &counterfactual)?,
            entropy_delta: self.entropy_delta.unwrap_or(0.0),
            reason,
            meta: json_if("--meta", self.meta.as_deref())?,
            common: self.common.into_common(),
        };
        super::one(context, RecordInput::Shadow(input))
    }
}
