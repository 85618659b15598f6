//! `doctor`: whether this machine is fit to record and verify, and where each setting comes from.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use vaultmesh::config::Config;
use vaultmesh::error::VaultError;
use vaultmesh::keys::{KeyStore, Role};
use vaultmesh::read::Reader;
use vaultmesh::subjects::SubjectKeys;
use vaultmesh::system::SystemClock;
use vm_core::id::LedgerId;
use vm_core::instant::Instant;
use vm_core::key::NoteKey;
use vm_core::source::Clock as _;
use vm_core::verdict::Verdict;
use vm_core::view::{EvidenceView as _, RowState, Visit};

use super::context::{Context, Origin};
use super::error::CliError;
use crate::render::{Human, Output, Page, Style};

/// A clock before this is wrong: the day this format was laid down, 2026-01-01, in microseconds of Unix time.
const CLOCK_FLOOR: i64 = 1_767_225_600_000_000;
/// How far a row may lie in the future before the clock is doubted: five minutes, in microseconds.
const CLOCK_AHEAD: i64 = 5 * 60 * 1_000_000;

const EXAMPLES: &str = "\
Examples:
  vaultmesh doctor
  vaultmesh --format json doctor | jq .result.settings

It looks at the surroundings; whether the evidence holds is for `vaultmesh verify`.";

/// Check folders, permissions, keys, schema, clock and configuration
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {}

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Note,
    Bad,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    remedy: Option<String>,
}

#[derive(Serialize)]
struct SettingShown {
    name: &'static str,
    value: String,
    origin: Origin,
}

#[derive(Serialize)]
struct Examined {
    ledger: Option<LedgerId>,
    key: Option<NoteKey>,
    checks: Vec<Check>,
    settings: Vec<SettingShown>,
}

impl Doctor {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut examined = Examined { ledger: None, key: None, checks: Vec::new(), settings: Vec::new() };
        let config = examined.config(context)?;
        examined.settings(context, config.as_ref())?;
        let place = context.place()?;
        examined.folder("vault", &place.vault, 0o022);
        examined.folder("keys", &place.keys, 0o022);
        match Reader::open(&place) {
            Ok(reader) => {
                examined.evidence(&reader);
                let keys = KeyStore::new(&place.keys, reader.ledger());
                examined.folder("ledger's keys", keys.dir(), 0o077);
                examined.keys(&keys);
                examined.erasures(&reader, &keys);
            }
            Err(error) => examined.bad("ledger", &error),
        }
        let bad = examined.checks.iter().any(|check| check.state == State::Bad);
        let output = Output::done(examined);
        Ok(if bad { output.failing(Verdict::Undecided) } else { output })
    }
}

impl Examined {
    fn add(&mut self, name: &'static str, state: State, found: impl Into<String>, remedy: Option<&str>) {
        self.checks.push(Check { name, state, found: found.into(), remedy: remedy.map(str::to_owned) });
    }

    fn bad(&mut self, name: &'static str, error: &VaultError) {
        self.add(name, State::Bad, super::error::chain(error), Some(error.remedy()));
    }

    fn config(&mut self, context: &Context) -> Result<Option<Config>, CliError> {
        let path = context.config_path()?;
        match Config::load(&context.vault()?.value) {
            Ok(Some(config)) => {
                self.add("config", State::Good, path.display().to_string(), None);
                Ok(Some(config))
            }
            Ok(None) => {
                self.add("config", State::Good, "no config.toml: defaults", None);
                Ok(None)
            }
            Err(error) => {
                self.bad("config", &VaultError::Config(error));
                Ok(None)
            }
        }
    }

    fn settings(&mut self, context: &Context, config: Option<&Config>) -> Result<(), CliError> {
        let mut add = |name, value, origin| self.settings.push(SettingShown { name, value, origin });
        let (vault, keys) = (context.vault()?, context.keys()?);
        add("vault", vault.value.display().to_string(), vault.origin);
        add("keys", keys.value.display().to_string(), keys.origin);
        let format = context.format_setting();
        add("format", format.value.as_str().to_owned(), format.origin);
        let timeout = context.lock_timeout(config);
        add("lock_timeout_seconds", timeout.value.as_secs().to_string(), timeout.origin);
        for entry in config.map(Config::authorities).unwrap_or_default() {
            let who = if entry.is_independent() { "said to be independent" } else { "not independent" };
            add("tsa", format!("{} at {}, {who}", entry.name(), entry.url()), Origin::File);
        }
        Ok(())
    }

    /// A folder, and whether others than its owner have rights in `forbidden`.
    fn folder(&mut self, name: &'static str, path: &Path, forbidden: u32) {
        let shown = path.display();
        match std::fs::metadata(path) {
            Err(error) => self.add(
                name,
                State::Bad,
                format!("{shown}: {error}"),
                Some("Run `vaultmesh init`, or name another folder."),
            ),
            Ok(meta) if !meta.is_dir() => {
                self.add(name, State::Bad, format!("{shown} is no folder"), Some("Name a folder."))
            }
            Ok(meta) => match mode_of(&meta) & forbidden {
                0 => self.add(name, State::Good, shown.to_string(), None),
                _ => {
                    let found = format!("{shown} is open to others (mode {:03o})", mode_of(&meta) & 0o777);
                    self.add(name, State::Bad, found, Some("Take the rights of others away with chmod."));
                }
            },
        }
    }

    fn evidence(&mut self, reader: &Reader) {
        self.ledger = Some(reader.ledger());
        self.key = reader.claimed_key().ok();
        match reader.view().schema() {
            Ok((version, migration)) => self.add("schema", State::Good, format!("{version} ({migration})"), None),
            Err(error) => self.bad("schema", &VaultError::View(error)),
        }
        for fault in reader.view().schema_faults() {
            self.add("schema", State::Bad, fault.clone(), Some("Somebody changed the database; verify the vault."));
        }
        match reader.files().check_writable() {
            Ok(()) => self.add("recording", State::Good, "folder and database can be written", None),
            Err(error) => {
                let remedy = Some("It can be read and verified; to record, give this user the right to write there.");
                self.add("recording", State::Bad, super::error::chain(&error), remedy);
            }
        }
        match last_time(reader) {
            Ok(last) => self.clock(SystemClock.now(), last),
            Err(error) => self.bad("log", &error),
        }
    }

    fn clock(&mut self, now: Instant, last: Option<Instant>) {
        let ahead = last.filter(|last| *last > now.saturating_add_micros(CLOCK_AHEAD));
        let remedy = Some("Set the machine's clock; order is by the log, but times would mislead.");
        match ahead {
            _ if now.as_micros() < CLOCK_FLOOR => {
                self.add("clock", State::Bad, format!("{now} is in the past"), remedy)
            }
            Some(last) => self.add("clock", State::Bad, format!("{now}, but the last row is of {last}"), remedy),
            None => self.add("clock", State::Good, now.to_string(), None),
        }
    }

    fn keys(&mut self, keys: &KeyStore) {
        let root = "root.key";
        for role in [Role::Log, Role::Operator] {
            if let Err(error) = keys.identity(role) {
                self.bad("signing keys", &error);
            }
        }
        if let Err(error) = keys.openings() {
            self.bad("openings key", &error);
        }
        if let Err(error) = keys.operator() {
            self.bad("capability", &error);
        }
        if !self.checks.iter().any(|check| ["signing keys", "openings key", "capability"].contains(&check.name)) {
            self.add("signing keys", State::Good, keys.dir().display().to_string(), None);
        }
        if keys.has(root) {
            let remedy = Some("It is needed rarely; it can be moved to a safer place.");
            self.add("root key", State::Note, "lies beside the others", remedy);
        } else {
            self.add("root key", State::Good, "kept elsewhere", None);
        }
    }
}

impl Examined {
    /// Erasures that a crash left unfinished: a key that is still here, or openings that are still there.
    fn erasures(&mut self, reader: &Reader, keys: &KeyStore) {
        let left = || -> Result<Vec<String>, VaultError> {
            let (mut left, receipts) = (Vec::new(), reader.view().erasures()?);
            let present = SubjectKeys::new(keys, reader.ledger()).all()?;
            for erasure in receipts.iter().filter(|erasure| present.contains_key(&erasure.key)) {
                left.push(format!("receipt {}: the key is still here", erasure.receipt));
            }
            for (receipt, count) in reader.view().unfinished_erasures()? {
                left.push(format!("receipt {receipt}: {count} openings are still there"));
            }
            Ok(left)
        };
        match left() {
            Ok(left) => left.into_iter().for_each(|found| {
                self.add(
                    "erasure",
                    State::Bad,
                    found,
                    Some("Find out whose it was and erase it again: `vaultmesh erase` finishes what the receipt says."),
                );
            }),
            Err(error) => self.bad("erasure", &error),
        }
    }
}

/// Time of the last row in the log.
fn last_time(reader: &Reader) -> Result<Option<Instant>, VaultError> {
    let size = reader.view().size().map_err(VaultError::View)?;
    let mut last = None;
    let visit = &mut |_, state: RowState| {
        if let RowState::Present(row) = state {
            last = row.ts().ok();
        }
        Ok(Visit::Continue)
    };
    reader.view().visit_log(size.saturating_sub(1), size, visit).map_err(VaultError::View)?;
    Ok(last)
}

#[cfg(unix)]
fn mode_of(meta: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(meta)
}

#[cfg(not(unix))]
const fn mode_of(_: &std::fs::Metadata) -> u32 {
    0
}

impl Human for Examined {
    fn human(&self, page: &mut Page) {
        for check in &self.checks {
            let (style, word) = match check.state {
                State::Good => (Style::Good, "good"),
                State::Note => (Style::Strong, "note"),
                State::Bad => (Style::Bad, "bad "),
            };
            page.write(style, word);
            page.line(&format!("  {:<14} {}", check.name, check.found));
            if let Some(remedy) = &check.remedy {
                page.line(&format!("      {:<14} {remedy}", ""));
            }
        }
        page.heading("settings");
        for setting in &self.settings {
            page.field(setting.name, format!("{} ({})", setting.value, setting.origin.as_str()));
        }
        page.field_if("ledger", self.ledger);
        page.field_if("key", self.key.as_ref());
    }
}
