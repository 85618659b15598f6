//! `verify-disclosure`: opens and checks a disclosure with no vault at hand.

use std::path::PathBuf;

use clap::Args;
use vaultmesh::disclosure::{DisclosureAnswer, verify_disclosure};
use vaultmesh::error::VaultError;
use vaultmesh::recipient::{read_passphrase, read_secret};
use vm_envelope::ENVELOPE_MAX;
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::outside::TrustArgs;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh verify-disclosure token.disclosure --with auditor.key --key KEY
  vaultmesh verify-disclosure token.disclosure --with auditor.key --seal seal.json --trust trust.toml
  vaultmesh verify-disclosure token.disclosure --with auditor.key --passphrase-file passphrase.txt --key KEY

Nothing else is needed: value, salt and pointer give the commitment, which stands in the row; the row gives the leaf, the leaf and
its path the root, and the pinned key signed that. With --seal, the checkpoint must be that seal's and its selection must cover the
row. Without a key nobody says whose signature it is: exit 3. A value is shown only where nothing is contradicted.";

/// Open a disclosure with the auditor's key, verify it and show its values
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyDisclosure {
    /// The disclosure, or - for stdin
    file: PathBuf,
    /// Secret key file of the recipient
    #[arg(long, value_name = "FILE")]
    with: PathBuf,
    /// File that holds the passphrase of that key, where it is under one
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Bundle file of the seal that covers the row
    #[arg(long, value_name = "BUNDLE")]
    seal: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

impl VerifyDisclosure {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        let file = read_limited(&self.file, ENVELOPE_MAX)?;
        let bundle = self.seal.map(|path| read_limited(&path, BUNDLE_MAX)).transpose()?;
        let bundle = bundle.map(|bytes| SealBundle::parse(&bytes)).transpose().map_err(VaultError::Bundle)?;
        let passphrase = self.passphrase_file.map(|path| read_passphrase(&path)).transpose()?;
        let key = read_secret(&self.with, passphrase.as_ref().map(|bytes| bytes.as_slice()))?;
        let (answer, report) = verify_disclosure(&file, &key, bundle.as_ref(), &outside)?;
        Ok(Output::checked(Shown(answer), &report))
    }
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Shown(DisclosureAnswer);

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        let answer = &self.0;
        page.heading("disclosure");
        page.field("ledger", answer.ledger);
        if let (Some(table), Some(row)) = (answer.table, answer.row) {
            page.field("row", format!("{table}/{row}"));
        }
        page.field_if("leaf", answer.leaf);
        page.field("log", format!("{} entries", answer.size));
        page.field_if("seal", answer.seal);
        for shown in &answer.values {
            page.field("place", &shown.pointer);
            page.field("value", &shown.value);
        }
    }
}
