//! `seal create|verify|attest`: one digest over a selection of rows.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::VaultError;
use vaultmesh::read::Reader;
use vaultmesh::system::SystemClock;
use vaultmesh::vault::{SealOptions, Sealed};
use vaultmesh::verify::{Outside, verify_one_seal};
use vm_core::digest::Sha256Digest;
use vm_core::id::{LedgerId, SealId};
use vm_core::record::SystemKind;
use vm_core::source::Clock as _;
use vm_core::verdict::{Code, Finding, Report};
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};
use vm_seal::verify::{verify_bundle_alone, verify_seal};

use super::attest::Attest;
use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::outside::{TrustArgs, verified};
use super::selection::SelectionArgs;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh seal create
  vaultmesh seal create --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z
  vaultmesh seal verify 01900000-0000-7000-8000-0000000000aa --key KEY
  vaultmesh seal attest 01900000-0000-7000-8000-0000000000aa --as dsse --output seal.dsse.json";

/// Make and verify seals: deterministic digests over selections of rows
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Seal {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Create(Create),
    Verify(Verify),
    Attest(Attest),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  vaultmesh seal create
  vaultmesh seal create --kind mcp_calls --since 2026-01-01T00:00:00Z
  vaultmesh seal create --trace 01900000-0000-7000-8000-0000000000ff
  vaultmesh seal create --trust-stored-leaves

Without a selection everything is sealed. Windows include their beginning and exclude their end, so that adjacent
ones share no row.";

/// Seal a selection of rows, and record the bundle
#[derive(Args)]
#[command(after_help = CREATE_EXAMPLES)]
struct Create {
    #[command(flatten)]
    selected: SelectionArgs,
    /// Seal also a selection that holds no row, as proof that there was none
    #[arg(long)]
    allow_empty: bool,
    /// Take leaf hashes from the log, without reading and hashing each row again
    #[arg(long)]
    trust_stored_leaves: bool,
    /// Record no index before it, which is what shows others that the seal leaves nothing out
    #[arg(long)]
    without_index: bool,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  vaultmesh seal verify 01900000-0000-7000-8000-0000000000aa --key KEY --trust trust.toml
  vaultmesh seal verify ./01900000-0000-7000-8000-0000000000aa.json --key KEY

A bundle file is verified against the vault of its ledger; without one its rows stay undecided.";

/// Verify a seal against the rows it covers, and its anchors
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// Id of the seal, or a bundle file
    seal: String,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Made(Sealed);

impl Seal {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Create(command) => command.run(context),
            What::Verify(command) => command.run(context),
            What::Attest(command) => command.run(context),
        }
    }
}

impl Create {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let (mut vault, selection) = (context.open()?, self.selected.selection()?);
        let options = SealOptions {
            allow_empty: self.allow_empty,
            trust_stored_leaves: self.trust_stored_leaves,
            without_index: self.without_index,
        };
        let sealed = vault.seal_with(selection, options)?;
        Ok(Output::done(Made(sealed)))
    }
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        let seal = &self.0;
        page.write(Style::Good, "sealed");
        page.line(&format!(" {} rows", seal.leaves));
        page.field("seal", seal.seal_id);
        page.field("digest", seal.digest);
        page.field("file", &seal.path);
        page.field("file sha256", seal.file_sha256);
        page.field("log size", seal.as_of);
        if !seal.rows_hashed {
            page.line("No row was hashed again: leaf hashes are those of the log. To check the rows: vaultmesh verify");
        }
        page.line(&format!("Anchor it: vaultmesh anchor add {} --tsa NAME, or --local", seal.seal_id));
    }
}

impl Verify {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        match self.seal.parse::<SealId>() {
            Ok(seal) => Ok(verified(verify_one_seal(&context.reader()?, seal, &outside, SystemClock.now())?)),
            Err(_) => verify_file(context, Path::new(&self.seal), &outside),
        }
    }
}

/// A bundle file: against the vault at hand where that is its ledger, else alone, which leaves its rows undecided.
fn verify_file(context: &Context, path: &Path, outside: &Outside) -> Result<Output, CliError> {
    let bundle = SealBundle::parse(&read_limited(path, BUNDLE_MAX)?).map_err(VaultError::Bundle)?;
    let reader = context.reader().ok().filter(|reader| reader.ledger() == bundle.ledger());
    let report = match &reader {
        Some(reader) => {
            let mut report = verify_seal(&bundle, reader.view(), Some(reader.files()), outside.pinned()).0;
            report.merge(verify_anchors(reader, &bundle, outside)?);
            report.merge(vm_shadow::check_sealed_horizons(reader.view(), &bundle).map_err(VaultError::View)?);
            report
        }
        None => {
            let mut found = Report::new();
            let mut report = verify_bundle_alone(&bundle, outside.for_bundle(&bundle, &mut found).pinned());
            report.merge(found);
            report
        }
    };
    let mut report = report;
    outside.find_policies_unread(&format!("rows of seal {}", bundle.seal_id()), &mut report);
    let known = reader.as_ref().map_or_else(|| outside.clone(), |reader| outside.with_keys_of(reader));
    known.judge_second(bundle.checkpoint(), &format!("seal {} checkpoint", bundle.seal_id()), &mut report);
    let against_vault = reader.is_some();
    let (seal_id, ledger, digest) = (bundle.seal_id(), bundle.ledger(), bundle.claimed_digest());
    Ok(Output::checked(File { seal_id, ledger, digest, file_sha256: bundle.file_hash(), against_vault }, &report))
}

/// The anchors that the vault holds over this very file; over another they prove nothing.
fn verify_anchors(reader: &Reader, bundle: &SealBundle, outside: &Outside) -> Result<Report, CliError> {
    let (hash, mut recorded) = (bundle.file_hash().to_hex(), false);
    reader.visit_kind(SystemKind::Seal.as_str(), &mut |seal| {
        recorded |= seal.row.text("sha256_hex") == Some(hash.as_str());
    })?;
    if recorded {
        match verify_one_seal(reader, bundle.seal_id(), outside, SystemClock.now()) {
            Err(VaultError::NotFound { .. }) => {}
            answer => return Ok(answer?.report),
        }
    }
    let mut report = Report::new();
    report.find(Finding::new(Code::SealUnanchored, format!("seal {}", bundle.seal_id())));
    Ok(report)
}

#[derive(Serialize)]
struct File {
    seal_id: SealId,
    ledger: LedgerId,
    digest: Sha256Digest,
    file_sha256: Sha256Digest,
    /// Whether its rows were at hand.
    against_vault: bool,
}

impl Human for File {
    fn human(&self, page: &mut Page) {
        page.heading(&format!("seal {}", self.seal_id));
        page.field("ledger", self.ledger);
        page.field("digest", self.digest);
        page.field("file sha256", self.file_sha256);
        page.field("rows", if self.against_vault { "of the vault" } else { "not at hand" });
    }
}
