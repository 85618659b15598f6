//! `verify-equivocation`: checks the proof that an author forked, with no vault and no graph at hand.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::equivocation::{EquivocationShown, Pins, verify_equivocation};
use vaultmesh::error::VaultError;
use vm_core::digest::Sha256Digest;
use vm_core::key::PublicKey;
use vm_crdt::GraphId;
use vm_crdt::equivocation::PROOF_MAX;

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-equivocation equivocation.json
  vaultmesh verify-equivocation equivocation.json --author HEX --graph HEX

What is judged is the author, not the file. Exit 1: the proof holds, so the author is contradicted (author-forked); its key
signed two ops where it may sign one. Exit 3: nothing is proven (equivocation-unproven); a signature does not hold, the two do
not contradict each other, or author or graph are not those that were named. Exit 2: no proof of this format. There is no exit
0: that an author did not fork no file can show.

The author's key is in the proof, so the proof verifies by itself. Whose key that is, --author says.";

/// Verify a proof that an author forked: two ops of it, signed, that have one number in one graph
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyEquivocation {
    /// The proof, or - for stdin
    file: PathBuf,
    /// Key of the author it must be about [default: the one that the proof names]
    #[arg(long, value_name = "HEX", value_parser = PublicKey::parse_hex)]
    author: Option<PublicKey>,
    /// Name of the graph it must be about [default: the one that the proof names]
    #[arg(long, value_name = "HEX", value_parser = Sha256Digest::parse_hex)]
    graph: Option<Sha256Digest>,
}

impl VerifyEquivocation {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let pins = Pins { author: self.author, graph: self.graph.map(GraphId::from_digest) };
        let bytes = read_limited(&self.file, PROOF_MAX)?;
        let (proof, report) = verify_equivocation(&bytes, &pins).map_err(VaultError::from)?;
        Ok(Output::checked(Shown { proof }, &report))
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    proof: Option<EquivocationShown>,
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.heading("proof of equivocation");
        let Some(EquivocationShown { author, author_pinned, graph, graph_pinned, seq, ops }) = &self.proof else {
            return;
        };
        let by = |pinned: bool| if pinned { "as was named" } else { "by the proof itself" };
        page.field("author", format!("{author} ({})", by(*author_pinned)));
        page.field("graph", format!("{graph} ({})", by(*graph_pinned)));
        page.field("number", seq);
        for op in ops {
            page.field("signed", format!("op {op}"));
        }
    }
}
