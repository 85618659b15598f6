//! `grant`, `revoke` and `tokens`: who may do what.

use std::collections::BTreeSet;

use clap::{ArgGroup, Args};
use serde::Serialize;
use vaultmesh::config::Config;
use vaultmesh::keys::HolderName;
use vaultmesh::vault::GrantRequest;
use vm_core::capability::{Action, Engines, Grant as Granted, InForce, Profile, Resource, RevocationReason};
use vm_core::digest::CapabilityHash;
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, RowId};
use vm_core::instant::Instant;
use vm_core::key::PublicKey;
use vm_core::source::Clock as _;

use super::context::Context;
use super::error::CliError;
use super::fields;
use super::input::parse_time;
use super::output::shown;
use crate::render::{Human, Output, Page, Style};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// Longest that a token lasts which says a number of days: ten years.
const DAYS_MAX: i64 = 3_660;

const GRANT_EXAMPLES: &str = "\
Examples:
  vaultmesh grant watch --profile guardian
  vaultmesh grant night --action record --resource /mcp_calls --days 1
  vaultmesh grant stamper --action anchor --uses 100 --every 60
  vaultmesh grant chief --profile sovereign --from-root
  vaultmesh --holder night record mcp --jsonl capture.jsonl

Profiles: observer (record /shadow_receipts), operator (record, seal, anchor), guardian (record), auditor (disclose), sovereign
(everything), and those under [profiles] in config.toml. A token is narrowed from the one the vault is opened with, and
can only allow less; --from-root issues it from the root key. Key and token are kept among the ledger's keys.";

/// Grant a capability token: let somebody record, seal, anchor, or more
#[derive(Args)]
#[command(after_help = GRANT_EXAMPLES, group = ArgGroup::new("what").required(true))]
pub(super) struct Grant {
    /// Who holds it: 1 to 64 characters from a-z, 0-9 and hyphen
    #[arg(value_name = "NAME")]
    holder: HolderName,
    /// Named bundle of actions
    #[arg(long, value_name = "NAME", group = "what")]
    profile: Option<String>,
    /// What it allows; can be given more than once
    #[arg(long, value_name = "ACTION", group = "what", value_parser = actions())]
    action: Vec<Action>,
    /// What it covers [default: the profile's, else /]
    #[arg(long, value_name = "PATH")]
    resource: Option<Resource>,
    /// Only scrolls of this engine; can be given more than once
    #[arg(long, value_name = "ENGINE")]
    engine: Vec<EngineName>,
    /// Only in this epoch; can be given more than once
    #[arg(long, value_name = "EPOCH")]
    epoch: Vec<Epoch>,
    /// How many days it lasts [default: 90, or as long as the token that it is narrowed from]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=DAYS_MAX))]
    days: Option<i64>,
    /// When it ends, instead, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "days")]
    expires: Option<Instant>,
    /// How often it may be used
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    uses: Option<u64>,
    /// Least seconds between two uses
    #[arg(long, value_name = "SECONDS", requires = "uses", value_parser = clap::value_parser!(u32).range(1..))]
    every: Option<u32>,
    /// The holder's own key, where it stays elsewhere [default: a new one, kept here]
    #[arg(long, value_name = "HEX", value_parser = PublicKey::parse_hex)]
    to: Option<PublicKey>,
    /// Issue it from the root key
    #[arg(long)]
    from_root: bool,
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  vaultmesh revoke 6d76940fc5980b6c1db6b26555e95e6f91ad4367c417a82d5eb9cf4c1e4e0e4d
  vaultmesh revoke 6d76940fc5980b6c1db6b26555e95e6f91ad4367c417a82d5eb9cf4c1e4e0e4d --reason key_compromise

Nothing is recorded under it from then on, nor under any token narrowed from it. What was recorded stands.";

/// Revoke a capability token, and all that were narrowed from it
#[derive(Args)]
#[command(after_help = REVOKE_EXAMPLES)]
pub(super) struct Revoke {
    /// Hash of the token, as `tokens` shows it
    #[arg(value_name = "HASH", value_parser = CapabilityHash::parse_hex)]
    capability: CapabilityHash,
    /// Why
    #[arg(long, value_name = "REASON", default_value = "unspecified", value_parser = reasons())]
    reason: RevocationReason,
}

const TOKENS_EXAMPLES: &str = "\
Examples:
  vaultmesh tokens
  vaultmesh --format jsonl tokens | jq 'select(.state == \"good\") | .capability'

A state is what the ledger says of the token now: good, revoked (it or one it descends from), expired, early, or
used up.";

/// List the capability tokens that were granted, and the present epoch
#[derive(Args)]
#[command(after_help = TOKENS_EXAMPLES)]
pub(super) struct Tokens {}

#[derive(Serialize)]
struct GrantedOut {
    capability: CapabilityHash,
    holder: PublicKey,
    chain: String,
    row: RowId,
}

#[derive(Serialize)]
struct TokenOut {
    capability: CapabilityHash,
    state: &'static str,
    holder: PublicKey,
    actions: BTreeSet<Action>,
    resource: Resource,
    engines: Engines,
    epochs: BTreeSet<Epoch>,
    not_before: Instant,
    expires: Instant,
    uses: Option<u64>,
    spent: u64,
    min_interval_seconds: Option<u32>,
    parent: Option<CapabilityHash>,
}

#[derive(Serialize)]
struct TokensOut {
    epoch: Epoch,
    tokens: Vec<TokenOut>,
}

impl Grant {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let Profile { actions, resource } = match &self.profile {
            Some(name) => profile(name, context.config()?.as_ref())?,
            None => Profile { actions: self.action.into_iter().collect(), resource: Resource::all() },
        };
        // A profile for everything is for as much as whoever grants it has.
        let resource = Some(resource).filter(|resource| *resource != Resource::all());
        let now = vaultmesh::system::SystemClock.now();
        let request = GrantRequest {
            holder: self.holder,
            key: self.to,
            actions,
            resource: self.resource.or(resource),
            engines: some(self.engine).map(|engines| Engines::Only(engines.into_iter().collect())),
            epochs: some(self.epoch).map(|epochs| epochs.into_iter().collect()),
            expires: self.expires.or(self.days.map(|days| now.saturating_add_micros(days.saturating_mul(DAY_MICROS)))),
            uses: self.uses,
            min_interval_seconds: self.every,
            from_root: self.from_root,
        };
        let granted = context.open()?.grant(request)?;
        let (capability, holder, row) = (granted.capability, granted.holder, granted.recorded.id);
        Ok(Output::done(GrantedOut { capability, holder, chain: shown(&granted.chain), row }))
    }
}

impl Revoke {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        Ok(fields::recorded(&context.open()?.revoke(self.capability, self.reason)?))
    }
}

impl Tokens {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let in_force = context.reader()?.in_force()?;
        let now = vaultmesh::system::SystemClock.now();
        let tokens = in_force.tokens().map(|(hash, grant)| token(&in_force, *hash, grant, now)).collect();
        Ok(Output::done(TokensOut { epoch: in_force.epoch(), tokens }).listing("tokens"))
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn token(in_force: &InForce, capability: CapabilityHash, grant: &Granted, now: Instant) -> TokenOut {
    let lineage = in_force.lineage(&capability);
    let spent = in_force.spent(&capability);
    let state = if lineage.iter().any(|hash| in_force.is_revoked(hash)) {
        "revoked"
    } else if now >= grant.expires {
        "expired"
    } else if now < grant.not_before {
        "early"
    } else if grant.uses.is_some_and(|uses| spent >= uses) {
        "used up"
    } else {
        "good"
    };
    let Granted { holder, actions, engines, epochs, resource, not_before, expires, uses, min_interval_seconds, .. } =
        grant.clone();
    let parent = lineage.len().checked_sub(2).and_then(|at| lineage.get(at)).copied();
    TokenOut {
        capability,
        state,
        holder,
        actions,
        resource,
        engines,
        epochs,
        not_before,
        expires,
        uses,
        spent,
        min_interval_seconds,
        parent,
    }
}

fn profile(name: &str, config: Option<&Config>) -> Result<Profile, CliError> {
    let found = config.map_or_else(|| Profile::builtin(name), |config| config.profile(name));
    found.ok_or_else(|| {
        let own = config.map(|config| config.profiles().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
        let known: Vec<String> = Profile::BUILTIN.iter().map(|name| (*name).to_owned()).chain(own).collect();
        CliError::Usage { what: format!("there is no profile {name:?}; there are {}", known.join(", ")) }
    })
}

impl Human for GrantedOut {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "granted");
        page.line(&format!(" {}", self.capability));
        page.field("holder", self.holder);
        page.field("kept in", &self.chain);
        page.field("row", self.row);
    }
}

impl Human for TokensOut {
    fn human(&self, page: &mut Page) {
        page.field("epoch", self.epoch);
        for token in &self.tokens {
            page.write(if token.state == "good" { Style::Good } else { Style::Bad }, token.state);
            page.line(&format!(" {}", token.capability));
            let actions: Vec<&str> = token.actions.iter().map(|action| action.as_str()).collect();
            page.field("allows", format!("{} on {}", actions.join(", "), token.resource));
            page.field("holder", token.holder);
            page.field("expires", token.expires);
            if let Some(uses) = token.uses {
                page.field("uses", format!("{} of {uses}", token.spent));
            }
        }
    }
}

fn actions() -> impl clap::builder::TypedValueParser<Value = Action> {
    use clap::builder::TypedValueParser as _;
    let words: Vec<&'static str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    clap::builder::PossibleValuesParser::new(words)
        .try_map(|word| Action::ALL.iter().copied().find(|action| action.as_str() == word).ok_or("no such action"))
}

fn reasons() -> impl clap::builder::TypedValueParser<Value = RevocationReason> {
    use clap::builder::TypedValueParser as _;
    let words = RevocationReason::ALL.map(RevocationReason::as_str);
    clap::builder::PossibleValuesParser::new(words).try_map(|word| {
        RevocationReason::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or("no such reason")
    })
}
