//! `verify-proof`: checks the proof of one row, of a complete answer, or of restraint, with no vault at hand.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::error::{ProofFileError, VaultError};
use vaultmesh::proof::{PROOF_FILE_MAX, ProofFile, ProvenRow, verify_proof, verify_receipt};
use vm_core::canonical;
use vm_core::record::LEAF_MAX;
use vm_seal::complete::COMPLETENESS_MAX;
use vm_seal::receipt::{RECEIPT_FIRST_BYTE, Receipt};

use super::complete;
use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::outside::TrustArgs;
use super::restraint;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-proof row.tlog-proof --key KEY
  vaultmesh verify-proof row.proof.json --trust trust.toml
  vaultmesh verify-proof entry.tlog-proof --entry entry.bin --key KEY
  vaultmesh verify-proof row.cose --entry row.entry --key KEY
  vaultmesh verify-proof january.json --key KEY
  vaultmesh verify-proof restraint.json --key KEY

A proof shows that the entry was in the log at that size. It says nothing of other entries, and nothing of whether this log
is the one that others see. Proofs of other logs are checked too; what their entry is, --entry says.

A COSE receipt (RFC 9942) holds neither row nor root: without --entry and a key nothing of it can be checked, and the
answer is undecided.";

/// Verify a proof as `prove` makes it: of one row, of a complete answer, of restraint; or a .tlog-proof or COSE receipt of any log
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyProof {
    /// The proof, or - for stdin
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// File that holds the entry's data, byte for byte [default: the row in the proof; a COSE receipt has none]
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
}

impl VerifyProof {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let bytes = read_limited(&self.file, PROOF_FILE_MAX)?;
        match named(&bytes) {
            Some(Named::Completeness) => return complete::check(&bytes, &outside),
            Some(Named::Restraint) => return restraint::check(&bytes, &outside),
            None => {}
        }
        let entry = self.entry.map(|path| read_limited(&path, LEAF_MAX)).transpose()?;
        if bytes.first() == Some(&RECEIPT_FIRST_BYTE) {
            let receipt = Receipt::parse(&bytes).map_err(ProofFileError::Receipt).map_err(VaultError::ProofFile)?;
            let (proven, report) = verify_receipt(&receipt, entry.as_deref(), &outside);
            return Ok(Output::checked(Proven(proven), &report));
        }
        let file = ProofFile::parse(&bytes).map_err(VaultError::ProofFile)?;
        let (proven, report) = verify_proof(&file, entry.as_deref(), &outside);
        Ok(Output::checked(Proven(proven), &report))
    }
}

/// What a file calls itself, other than the proof of one row; whether it is that, is for its parser.
enum Named {
    Completeness,
    Restraint,
}

fn named(bytes: &[u8]) -> Option<Named> {
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let value = canonical::parse(bytes, COMPLETENESS_MAX).ok()?;
    let format = value.get("format").and_then(serde_json::Value::as_str)?;
    if format.starts_with("vm-completeness-") {
        Some(Named::Completeness)
    } else if format.starts_with("vm-restraint-proof-") {
        Some(Named::Restraint)
    } else {
        None
    }
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Proven(ProvenRow);

impl Human for Proven {
    fn human(&self, page: &mut Page) {
        let ProvenRow { origin, size, index, leaf, table, id } = &self.0;
        page.heading("proof of one entry");
        page.field("log", format!("{origin}, {size} entries"));
        page.field("place", index);
        page.field_if("leaf", *leaf);
        if let (Some(table), Some(id)) = (table, id) {
            page.field("row", format!("{table}/{id}"));
        }
    }
}
