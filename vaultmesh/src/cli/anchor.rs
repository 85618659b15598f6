//! `anchor add|verify`: proof from outside that a seal existed at a time.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;
use vaultmesh::config::{Config, check_url};
use vaultmesh::error::VaultError;
use vaultmesh::system::SystemClock;
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{Anchored, Vault};
use vaultmesh::verify::verify_one_seal;
use vm_anchor::TrustPolicy;
use vm_anchor::policy::{RootCertificate, TrustedAuthority};
use vm_core::id::{RowId, SealId};
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::outside::{TrustArgs, verified};
use crate::render::{Human, Output, Page, Style};

/// Longest token or response read, in bytes: the largest of public authorities are about 8 kB.
const TOKEN_MAX: usize = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  vaultmesh anchor add 01900000-0000-7000-8000-0000000000aa --local
  vaultmesh anchor add 01900000-0000-7000-8000-0000000000aa --tsa http://tsa.example/tsr
  vaultmesh anchor verify 01900000-0000-7000-8000-0000000000aa --trust trust.toml --key KEY";

/// Anchor seals outside the ledger (RFC 3161 time stamps), and verify anchors
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Anchor {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Add(Add),
    Verify(Verify),
}

const ADD_EXAMPLES: &str = "\
Examples:
  vaultmesh anchor add SEAL --local
  vaultmesh anchor add SEAL --tsa example
  vaultmesh anchor add SEAL --tsa http://tsa.example/tsr
  vaultmesh anchor add SEAL --token answer.tsr --trust trust.toml

The local authority needs no network and gives real tokens, which prove nothing to others. A token fetched otherwise
must be over the bundle file: openssl ts -query -data seals/SEAL.json -sha256 -cert -out query.tsq";

/// Stamp a seal's bundle file, check the token, and record it
#[derive(Args)]
#[command(after_help = ADD_EXAMPLES)]
#[command(group = ArgGroup::new("source").required(true).args(["tsa", "local", "token"]))]
struct Add {
    /// Id of the seal
    seal: SealId,
    /// Authority to ask: a name from config.toml, or a URL
    #[arg(long, value_name = "NAME|URL")]
    tsa: Option<String>,
    /// Ask the embedded authority, whose key lies beside the ledger's
    #[arg(long)]
    local: bool,
    /// Take this token, or whole response, that was fetched otherwise; - for stdin
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// With --token: trust file with its authority's root
    #[arg(long, value_name = "FILE", requires = "token")]
    trust: Option<PathBuf>,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  vaultmesh anchor verify SEAL --trust trust.toml --key KEY";

/// Verify the anchors of a seal, and the seal with them
#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// Id of the seal
    seal: SealId,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Serialize)]
struct Stamped {
    seal_id: SealId,
    row: RowId,
    path: VaultPath,
    gen_time: Option<Instant>,
    authority: Option<String>,
    independent: bool,
}

impl Anchor {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Add(command) => command.run(context),
            What::Verify(command) => command.run(context),
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let config = context.config()?;
        let mut vault = context.open()?;
        let anchored = match (&self.tsa, &self.token) {
            (Some(tsa), _) => ask(&mut vault, self.seal, tsa, config.as_ref())?,
            (None, Some(token)) => {
                let bytes = read_limited(token, TOKEN_MAX)?;
                let policy = self.trust.as_deref().map(TrustFile::load).transpose()?;
                let policy = policy.map_or_else(|| Ok(TrustPolicy::default()), |trust| trust.policy())?;
                vault.anchor_token(self.seal, &bytes, &policy)?
            }
            (None, None) => vault.anchor_local(self.seal)?,
        };
        Ok(stamped(anchored))
    }
}

/// Asks the authority of this name or URL. One from the configuration comes with its root.
fn ask(vault: &mut Vault, seal: SealId, tsa: &str, config: Option<&Config>) -> Result<Anchored, CliError> {
    let Some(entry) = config.and_then(|config| config.authority(tsa)) else {
        if let Err(reason) = check_url(tsa) {
            let what = format!("--tsa is neither a [[tsa]] entry of config.toml nor a URL that can be asked: {reason}");
            return Err(CliError::Usage { what });
        }
        return fetch(vault, seal, tsa, None);
    };
    let pem = entry.root_pem(vault.dir()).map_err(VaultError::Config)?;
    let root = RootCertificate::from_pem(&pem).map_err(VaultError::Policy)?;
    let authority = if entry.is_independent() {
        TrustedAuthority::independent(entry.name(), root)
    } else {
        TrustedAuthority::local(entry.name(), root)
    };
    fetch(vault, seal, entry.url(), Some(authority.map_err(VaultError::Policy)?))
}

#[cfg(feature = "client")]
fn fetch(vault: &mut Vault, seal: SealId, url: &str, root: Option<TrustedAuthority>) -> Result<Anchored, CliError> {
    Ok(vault.anchor_http(seal, url, root)?)
}

#[cfg(not(feature = "client"))]
fn fetch(_: &mut Vault, _: SealId, _: &str, _: Option<TrustedAuthority>) -> Result<Anchored, CliError> {
    Err(CliError::Usage {
        what: "this build has no network client; fetch the token otherwise and give it with --token".to_owned(),
    })
}

fn stamped(anchored: Anchored) -> Output {
    let Anchored { seal_id, path, gen_time, authority, independent, report, recorded } = anchored;
    let findings = report.findings().to_vec();
    Output::done(Stamped { seal_id, row: recorded.id, path, gen_time, authority, independent })
        .noticing(findings, report.findings_dropped())
}

impl Human for Stamped {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "anchored");
        page.line(&format!(" seal {}", self.seal_id));
        page.field_if("time", self.gen_time);
        page.field_if("authority", self.authority.as_ref());
        page.field("independent", if self.independent { "yes" } else { "no" });
        page.field("token", &self.path);
        page.field("row", self.row);
    }
}

impl Verify {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let outside = self.trust.load()?;
        Ok(verified(verify_one_seal(&context.reader()?, self.seal, &outside, SystemClock.now())?))
    }
}
