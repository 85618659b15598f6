//! `anchor payload|pack`: what a transaction must carry, and evidence of one that does.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::VaultError;
use vm_anchor::bitcoin::{BitcoinEvidence, TAG, op_return};
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::id::SealId;
use vm_core::path::VaultPath;

use super::EVIDENCE_MAX;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::read_limited;
use crate::cli::output::{shown, write_new};
use crate::render::{Human, Output, Page, Style};

const PAYLOAD_EXAMPLES: &str = "\
Examples:
  vaultmesh anchor payload SEAL
  bitcoin-cli createrawtransaction '[]' '{\"data\":\"<data>\"}'

The data is the tag VMA0 and the SHA-256 of the seal's bundle file. An output of a Bitcoin transaction carries it behind
OP_RETURN, a transaction of Ethereum as its calldata.";

/// Print what a transaction must carry to anchor a seal
#[derive(Args)]
#[command(after_help = PAYLOAD_EXAMPLES)]
pub(super) struct Payload {
    /// Id of the seal
    seal: SealId,
}

const PACK_EXAMPLES: &str = "\
Examples:
  vaultmesh anchor pack --height 840000 --transaction tx.hex --proof proof.hex --output seal.btc
  vaultmesh anchor add SEAL --btc seal.btc --trust trust.toml

The two files are what a node prints: bitcoin-cli getrawtransaction TXID > tx.hex, and bitcoin-cli gettxoutproof '[\"TXID\"]' >
proof.hex.";

/// Pack a Bitcoin transaction and the proof of its block into evidence
#[derive(Args)]
#[command(after_help = PACK_EXAMPLES)]
pub(super) struct Pack {
    /// Height of its block
    #[arg(long, value_name = "N")]
    height: u32,
    /// The transaction in hexadecimal, as getrawtransaction prints it
    #[arg(long, value_name = "FILE")]
    transaction: PathBuf,
    /// The proof in hexadecimal, as gettxoutproof prints it
    #[arg(long, value_name = "FILE")]
    proof: PathBuf,
    /// Write the evidence to this new file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Carried {
    seal_id: SealId,
    sha256: Sha256Digest,
    data: String,
    script: String,
}

#[derive(Serialize)]
struct Packed {
    file: String,
    height: u32,
    size: usize,
}

impl Payload {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let reader = context.reader()?;
        let path: VaultPath = vm_seal::seal::bundle_path(self.seal).parse().map_err(VaultError::Path)?;
        let sha256 = Sha256Digest::of(&reader.read_small(&path)?);
        let data = to_hex(&[&TAG[..], sha256.as_bytes()].concat());
        Ok(Output::done(Carried { seal_id: self.seal, sha256, data, script: to_hex(&op_return(&sha256)) }))
    }
}

impl Pack {
    pub(super) fn run(self) -> Result<Output, CliError> {
        let hex = |path: &PathBuf, option: &str| {
            let text = String::from_utf8(read_limited(path, EVIDENCE_MAX)?).unwrap_or_default();
            from_hex(text.trim()).map_err(|_| CliError::Usage { what: format!("{option} is not hexadecimal") })
        };
        let (transaction, proof) = (hex(&self.transaction, "--transaction")?, hex(&self.proof, "--proof")?);
        let evidence = BitcoinEvidence::new(self.height, proof, transaction).and_then(|evidence| evidence.to_bytes());
        let evidence = evidence.map_err(|error| VaultError::Chain(error.into()))?;
        write_new(&self.output, &evidence)?;
        Ok(Output::done(Packed { file: shown(&self.output), height: self.height, size: evidence.len() }))
    }
}

impl Human for Carried {
    fn human(&self, page: &mut Page) {
        page.heading(&format!("seal {}", self.seal_id));
        page.field("sha256", self.sha256);
        page.field("data", &self.data);
        page.field("script", &self.script);
    }
}

impl Human for Packed {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "packed");
        page.line(&format!(" {}: {} bytes, block {}", self.file, self.size, self.height));
    }
}
