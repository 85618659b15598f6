//! `anchor add`: asks authorities for anchors, and records what they give.

#[cfg(not(feature = "client"))]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use serde::Serialize;
use vaultmesh::ask::{Outcome, Persistence, TRIES_MAX, WAIT_SECONDS_MAX};
#[cfg(not(feature = "client"))]
use vaultmesh::config::Config;
#[cfg(feature = "ethereum-client")]
use vaultmesh::config::check_url;
use vaultmesh::error::{EXIT_MACHINE, EXIT_USAGE};
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{Ask, Asked};
#[cfg(feature = "ethereum-client")]
use vm_anchor::ethereum::{Address, TransactionHash};
use vm_anchor::{Rail, TrustPolicy};
use vm_core::id::{RowId, SealId};
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::verdict::{Code, Finding, Verdict};

use super::EVIDENCE_MAX;
#[cfg(feature = "ethereum-client")]
use super::named::host_of;
#[cfg(feature = "client")]
use super::named::{calendar_of, tsa_of};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::read_limited;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh anchor add SEAL --local
  vaultmesh anchor add SEAL --tsa example --tsa http://tsa.example/tsr
  vaultmesh anchor add SEAL --tsa example --ots alice --eth http://127.0.0.1:8545 --btc seal.btc --trust trust.toml
  vaultmesh anchor add SEAL --token answer.tsr --trust trust.toml

Every authority is asked on its own and at the same time; one that fails is asked again, and keeps none of the others. What
fails is recorded as an attempt. The local authority needs no network and gives real tokens, which prove nothing to others. A
token fetched otherwise must be over the bundle file: openssl ts -query -data seals/SEAL.json -sha256 -cert -out query.tsq

A calendar gives a promise, which `anchor upgrade` completes some hours later. What a transaction of Bitcoin must carry is
printed by `anchor payload`.

Exit codes: 0 where all gave something, 3 where some did, 4 or 2 where none did.";

/// What there must be one of.
#[cfg(feature = "ethereum-client")]
const SOURCES: [&str; 6] = ["tsa", "ots", "eth", "btc", "local", "token"];
#[cfg(not(feature = "ethereum-client"))]
const SOURCES: [&str; 5] = ["tsa", "ots", "btc", "local", "token"];

/// Nobody's address: what is sent there is sent for its calldata.
#[cfg(feature = "ethereum-client")]
const NOBODY: &str = "0x0000000000000000000000000000000000000000";

#[cfg(feature = "ethereum-client")]
fn node_url(text: &str) -> Result<String, &'static str> {
    check_url(text).map(|()| text.to_owned())
}

/// Have authorities stamp a seal's bundle file, check what they give, and record it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("source").required(true).multiple(true).args(SOURCES))]
pub(super) struct Add {
    /// Id of the seal
    seal: SealId,
    /// Time-stamp authority to ask: a name from config.toml, or a URL; may be given several times
    #[arg(long, value_name = "NAME|URL")]
    tsa: Vec<String>,
    /// Calendar of OpenTimestamps to ask: a name from config.toml, or a URL; may be given several times
    #[arg(long, value_name = "NAME|URL")]
    ots: Vec<String>,
    /// Take this evidence of a Bitcoin transaction, as `anchor pack` writes it; may be given several times
    #[arg(long, value_name = "FILE")]
    btc: Vec<PathBuf>,
    /// Node of Ethereum or its kin (JSON-RPC) that sends a transaction from its first account, which pays; may be given
    /// several times
    #[cfg(feature = "ethereum-client")]
    #[arg(long, value_name = "URL", value_parser = node_url)]
    eth: Vec<String>,
    /// Address that the transaction is sent to; its calldata carries the digest
    #[cfg(feature = "ethereum-client")]
    #[arg(long, value_name = "ADDRESS", default_value = NOBODY, requires = "eth")]
    eth_to: Address,
    /// Complete with this transaction, which was sent before, instead of sending one
    #[cfg(feature = "ethereum-client")]
    #[arg(long, value_name = "HASH", requires = "eth")]
    eth_tx: Option<TransactionHash>,
    /// Ask the embedded authority, whose key lies beside the ledger's
    #[arg(long)]
    local: bool,
    /// Take this token, or whole response, that was fetched otherwise; - for stdin
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Trust file to judge what was fetched otherwise, and what chains gave
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// How often each authority is asked that does not answer, or is busy
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=i64::from(TRIES_MAX)))]
    tries: u32,
    /// How long all pauses between tries may be together, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=WAIT_SECONDS_MAX))]
    wait: u64,
}

/// What came of it.
#[derive(Serialize)]
struct Stamped {
    seal_id: SealId,
    anchors: Vec<Line>,
}

/// What came of one authority.
#[derive(Serialize)]
struct Line {
    rail: Rail,
    asked: String,
    outcome: Outcome,
    tries: u32,
    reason: Option<String>,
    row: Option<RowId>,
    path: Option<VaultPath>,
    gen_time: Option<Instant>,
    authority: Option<String>,
    independent: bool,
}

impl Add {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let config = context.config()?;
        let mut vault = context.open()?;
        let mut asks = Vec::new();
        for tsa in &self.tsa {
            asks.push(tsa_of(vault.dir(), tsa, config.as_ref())?);
        }
        for calendar in &self.ots {
            asks.push(calendar_of(calendar, config.as_ref())?);
        }
        if self.local {
            asks.push(Ask::Local);
        }
        let policy = self.trust.as_deref().map(TrustFile::load).transpose()?;
        let policy = policy.map_or_else(|| Ok(TrustPolicy::default()), |trust| trust.policy())?;
        #[cfg(feature = "ethereum-client")]
        for url in &self.eth {
            asks.push(Ask::Ethereum {
                name: host_of(url),
                url: url.clone(),
                to: self.eth_to,
                sent: self.eth_tx,
                trust: policy.clone(),
                wait: Duration::from_secs(self.wait),
            });
        }
        for file in &self.btc {
            let evidence = read_limited(file, EVIDENCE_MAX)?;
            asks.push(Ask::Given { rail: Rail::Bitcoin, evidence, policy: policy.clone() });
        }
        if let Some(token) = &self.token {
            let evidence = read_limited(token, EVIDENCE_MAX)?;
            asks.push(Ask::Given { rail: Rail::Rfc3161, evidence, policy });
        }
        let persistence = Persistence { tries: self.tries, wait: Duration::from_secs(self.wait) };
        let mut asked = vault.anchor_all(self.seal, asks, persistence)?;
        if let [one] = asked.as_mut_slice()
            && one.result.is_err()
            && let Some(Asked { result: Err(error), .. }) = asked.pop()
        {
            return Err(error.into());
        }
        Ok(answer(self.seal, asked))
    }
}

fn answer(seal_id: SealId, asked: Vec<Asked>) -> Output {
    let (mut anchors, mut findings, mut dropped, mut exits) = (Vec::new(), Vec::new(), 0, Vec::new());
    for Asked { rail, authority: asked, outcome, tries, result } in asked {
        let mut line = Line {
            rail,
            asked,
            outcome,
            tries,
            reason: None,
            row: None,
            path: None,
            gen_time: None,
            authority: None,
            independent: false,
        };
        match result {
            Ok(anchored) => {
                findings.extend_from_slice(anchored.report.findings());
                dropped += anchored.report.findings_dropped();
                line.row = Some(anchored.recorded.id);
                line.path = Some(anchored.path);
                line.gen_time = anchored.gen_time;
                line.authority = anchored.authority;
                line.independent = anchored.independent;
            }
            Err(error) => {
                let subject = format!("{rail} {}", line.asked);
                let found = format!("{}: {}", outcome.as_str(), error.code());
                findings.push(Finding::new(Code::AnchorFailed, subject).found(found));
                exits.push(error.exit_code());
                line.reason = Some(error.code().to_owned());
            }
        }
        anchors.push(line);
    }
    let (failed, all) = (exits.len(), anchors.len());
    let output = Output::done(Stamped { seal_id, anchors }).noticing(findings, dropped);
    match failed {
        0 => output,
        some if some < all => output.failing(Verdict::Undecided),
        _ if exits.contains(&EXIT_MACHINE) => output.exiting(EXIT_MACHINE),
        _ => output.exiting(EXIT_USAGE),
    }
}

#[cfg(not(feature = "client"))]
fn calendar_of(_: &str, _: Option<&Config>) -> Result<Ask, CliError> {
    Err(CliError::Usage { what: "this build has no network client".to_owned() })
}

#[cfg(not(feature = "client"))]
fn tsa_of(_: &Path, _: &str, _: Option<&Config>) -> Result<Ask, CliError> {
    Err(CliError::Usage {
        what: "this build has no network client; fetch the token otherwise and give it with --token".to_owned(),
    })
}

impl Human for Stamped {
    fn human(&self, page: &mut Page) {
        page.heading(&format!("seal {}", self.seal_id));
        for line in &self.anchors {
            line.human(page);
        }
    }
}

impl Line {
    fn human(&self, page: &mut Page) {
        let style = if self.outcome.is_good() { Style::Good } else { Style::Bad };
        page.write(style, self.outcome.as_str());
        page.line(&format!(" {} by {}", self.rail, self.authority.as_ref().unwrap_or(&self.asked)));
        page.field_if("  time", self.gen_time);
        if self.row.is_some() {
            page.field("  independent", if self.independent { "yes" } else { "no" });
        }
        page.field_if("  evidence", self.path.as_ref());
        page.field_if("  row", self.row);
        page.field_if("  reason", self.reason.as_ref());
        if self.tries > 1 {
            page.field("  tries", self.tries);
        }
    }
}
