//! Where the vault and its keys are, and where each of these settings comes from.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use etcetera::BaseStrategy as _;
use serde::Serialize;
use vaultmesh::config::{CONFIG_FILE, Config, LOCK_TIMEOUT_MAX};
use vaultmesh::keys::HolderName;
use vaultmesh::read::Reader;
use vaultmesh::vault::{LOCK_TIMEOUT, Place, Sources, Vault};

use super::error::CliError;
use crate::render::{Format, may_paint};

/// Environment variable that names the vault.
const ENV_VAULT: &str = "VAULTMESH_VAULT";
/// Environment variable that names the folder of keys.
const ENV_KEYS: &str = "VAULTMESH_KEYS";
/// Name of our folder below the platform's.
const FOLDER: &str = "vaultmesh";

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(super) struct Global {
    /// Folder of the vault [else VAULTMESH_VAULT, else vaultmesh/vault in the platform's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    vault: Option<PathBuf>,
    /// Folder of the keys of all ledgers [else VAULTMESH_KEYS, else vaultmesh/keys in the platform's configuration folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    keys: Option<PathBuf>,
    /// How results are written [default: human]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Global options")]
    format: Option<Format>,
    /// How long a write waits for another writer [else lock_timeout_seconds of config.toml, else 5]
    #[arg(long, global = true, value_name = "SECONDS", help_heading = "Global options")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=LOCK_TIMEOUT_MAX))]
    lock_timeout: Option<u64>,
    /// Write with the token of this holder, granted with `grant` [default: the operator's]
    #[arg(id = "token_holder", long = "holder", global = true, value_name = "NAME", help_heading = "Global options")]
    holder: Option<HolderName>,
}

impl Global {
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or_default()
    }
}

/// Where a setting comes from; the first that is given counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Origin {
    /// An option of the command.
    Flag,
    /// An environment variable.
    Env,
    /// `config.toml` of the vault.
    File,
    /// Nobody said anything.
    Default,
}

impl Origin {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Env => "env",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// A setting and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// What every command works with.
pub(super) struct Context {
    /// Name of the command, without its arguments: they may hold secrets.
    pub(super) command: String,
    /// How results are written.
    pub(super) format: Format,
    /// Whether stdout belongs to somebody else.
    aside: bool,
    global: Global,
}

impl Context {
    pub(super) fn new(global: Global, command: String, aside: bool) -> Self {
        Self { command, format: global.format(), aside, global }
    }

    /// Where results go.
    pub(super) fn results(&self) -> Box<dyn Write> {
        if self.aside { Box::new(io::stderr()) } else { Box::new(io::stdout().lock()) }
    }

    /// Whether results may be painted.
    pub(super) fn may_paint(&self) -> bool {
        if self.aside { may_paint(&io::stderr()) } else { may_paint(&io::stdout()) }
    }

    pub(super) fn vault(&self) -> Result<Setting<PathBuf>, CliError> {
        folder(self.global.vault.as_deref(), ENV_VAULT, || {
            Ok(etcetera::choose_base_strategy()
                .map_err(|_| CliError::NoHome { option: "--vault" })?
                .data_dir()
                .join(FOLDER)
                .join("vault"))
        })
    }

    pub(super) fn keys(&self) -> Result<Setting<PathBuf>, CliError> {
        folder(self.global.keys.as_deref(), ENV_KEYS, || {
            Ok(etcetera::choose_base_strategy()
                .map_err(|_| CliError::NoHome { option: "--keys" })?
                .config_dir()
                .join(FOLDER)
                .join("keys"))
        })
    }

    pub(super) fn format_setting(&self) -> Setting<Format> {
        let origin = if self.global.format.is_some() { Origin::Flag } else { Origin::Default };
        Setting { value: self.format, origin }
    }

    pub(super) fn lock_timeout(&self, config: Option<&Config>) -> Setting<Duration> {
        if let Some(seconds) = self.global.lock_timeout {
            return Setting { value: Duration::from_secs(seconds), origin: Origin::Flag };
        }
        match config.and_then(Config::lock_timeout) {
            Some(value) => Setting { value, origin: Origin::File },
            None => Setting { value: LOCK_TIMEOUT, origin: Origin::Default },
        }
    }

    /// Vault and keys.
    pub(super) fn place(&self) -> Result<Place, CliError> {
        Ok(Place { vault: self.vault()?.value, keys: self.keys()?.value })
    }

    /// `config.toml` of the vault, if it has one.
    pub(super) fn config(&self) -> Result<Option<Config>, CliError> {
        Ok(Config::load(&self.vault()?.value).map_err(vaultmesh::error::VaultError::Config)?)
    }

    /// Path of `config.toml`.
    pub(super) fn config_path(&self) -> Result<PathBuf, CliError> {
        Ok(self.vault()?.value.join(CONFIG_FILE))
    }

    /// The vault, open for recording.
    pub(super) fn open(&self) -> Result<Vault, CliError> {
        let config = self.config()?;
        let timeout = self.lock_timeout(config.as_ref()).value;
        Ok(Vault::open_as(&self.place()?, self.sources()?, timeout, self.global.holder.as_ref())?)
    }

    /// The vault, open for a change of its keys, be the log key lost.
    pub(super) fn open_to_change_keys(&self) -> Result<Vault, CliError> {
        let config = self.config()?;
        let timeout = self.lock_timeout(config.as_ref()).value;
        let holder = self.global.holder.as_ref();
        Ok(Vault::open_to_change_keys(&self.place()?, self.sources()?, timeout, holder)?)
    }

    /// Clock, entropy, and the name that others see who wait for us.
    pub(super) fn sources(&self) -> Result<Sources, CliError> {
        let mut sources = Sources::system()?;
        sources.command = format!("vaultmesh {}", self.command);
        Ok(sources)
    }

    /// The vault as it stands now, read-only.
    pub(super) fn reader(&self) -> Result<Reader, CliError> {
        Ok(Reader::open(&self.place()?)?)
    }
}

fn folder(
    flag: Option<&Path>,
    variable: &'static str,
    default: impl FnOnce() -> Result<PathBuf, CliError>,
) -> Result<Setting<PathBuf>, CliError> {
    if let Some(flag) = flag {
        return Ok(Setting { value: flag.to_owned(), origin: Origin::Flag });
    }
    // An empty variable is as good as none, as with the platform's own.
    if let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        return Ok(Setting { value: value.into(), origin: Origin::Env });
    }
    Ok(Setting { value: default()?, origin: Origin::Default })
}
