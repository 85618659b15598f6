//! `config.toml` in the vault: what a vault's owner settles once. Everything in it can be left out.
//!
//! ```toml
//! format = "vm-config-v0"
//! lock_timeout_seconds = 5
//!
//! [[tsa]]
//! name = "example"
//! url = "http://tsa.example/tsr"
//! root = "trust/example.pem"
//! independent = true
//! min_interval_seconds = 15
//!
//! [[calendar]]
//! name = "alice"
//! url = "https://alice.calendar.example"
//!
//! [profiles.deployer]
//! actions = ["record"]
//! resource = "/proof_artifacts"
//! ```
//!
//! It says where to ask, never what to believe: whoever can write into a vault can write this file, so a verifier takes
//! its trust from a trust file outside (see [`crate::trust`]).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vm_core::capability::Profile;
use vm_core::path::VaultPath;

use crate::error::{ConfigError, TomlFault};

/// Name of the file below the vault.
pub const CONFIG_FILE: &str = "config.toml";
/// Longest configuration read, in bytes: some hundred authorities with their certificates inline.
const CONFIG_MAX: u64 = 1024 * 1024;
/// Longest wait for another writer, in seconds. An hour is more than any job that would rather wait than fail.
pub const LOCK_TIMEOUT_MAX: u64 = 3_600;
/// Longest root certificate file read, in bytes; a chain of a dozen takes 24 kB.
const PEM_MAX: u64 = 256 * 1024;
/// Longest name of an authority, in bytes: it stands in reports and on command lines.
const NAME_MAX: usize = 64;
/// Longest address of an authority, in bytes: what common servers accept.
const URL_MAX: usize = 2_048;

/// What `config.toml` says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    format: String,
    /// How long a write waits for other writers, in seconds, at most [`LOCK_TIMEOUT_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lock_timeout_seconds: Option<u64>,
    #[serde(default, rename = "tsa", skip_serializing_if = "Vec::is_empty")]
    authorities: Vec<TsaEntry>,
    #[serde(default, rename = "calendar", skip_serializing_if = "Vec::is_empty")]
    calendars: Vec<CalendarEntry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    profiles: BTreeMap<String, Profile>,
}

/// One calendar of OpenTimestamps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarEntry {
    name: String,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_interval_seconds: Option<u32>,
}

impl CalendarEntry {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// It is asked no more often than once in this time.
    #[must_use]
    pub fn pace(&self) -> Duration {
        Duration::from_secs(self.min_interval_seconds.unwrap_or(0).into())
    }
}

/// One timestamp authority.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TsaEntry {
    name: String,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_pem: Option<String>,
    #[serde(default)]
    independent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_interval_seconds: Option<u32>,
}

impl Config {
    /// Format string of the file.
    pub const FORMAT: &'static str = "vm-config-v0";

    /// Reads the configuration of the vault at `vault`; the defaults where there is no such file.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, unknown keys, values out of range.
    pub fn load(vault: &Path) -> Result<Option<Self>, ConfigError> {
        match read_bounded(&vault.join(CONFIG_FILE), CONFIG_MAX) {
            Ok(text) => Self::parse(&text).map(Some),
            Err(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| ConfigError::Malformed(TomlFault::new(&error, text)))?;
        if config.format != Self::FORMAT {
            return Err(ConfigError::FormatUnknown { found: config.format.chars().take(64).collect() });
        }
        if let Some(found) = config.lock_timeout_seconds.filter(|seconds| *seconds > LOCK_TIMEOUT_MAX) {
            return Err(ConfigError::LockTimeout { limit: LOCK_TIMEOUT_MAX, found });
        }
        for (place, entry) in config.authorities.iter().enumerate() {
            entry.check()?;
            if config.authorities.iter().take(place).any(|earlier| earlier.name == entry.name) {
                return Err(ConfigError::DuplicateTsa { name: entry.name.clone() });
            }
        }
        let mut names: Vec<&str> = config.authorities.iter().map(TsaEntry::name).collect();
        for entry in &config.calendars {
            check_name(&entry.name)?;
            check_url(&entry.url).map_err(|reason| ConfigError::TsaUrl { name: entry.name.clone(), reason })?;
            if names.contains(&entry.name.as_str()) {
                return Err(ConfigError::DuplicateTsa { name: entry.name.clone() });
            }
            names.push(&entry.name);
        }
        for name in config.profiles.keys() {
            check_name(name)?;
        }
        Ok(config)
    }

    /// The profile of this name: one of the file's, else a built-in one.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<Profile> {
        self.profiles.get(name).cloned().or_else(|| Profile::builtin(name))
    }

    /// Names of the file's own profiles.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The calendars, in order.
    #[must_use]
    pub fn calendars(&self) -> &[CalendarEntry] {
        &self.calendars
    }

    /// How long a write waits for other writers, if the file says so.
    #[must_use]
    pub fn lock_timeout(&self) -> Option<Duration> {
        self.lock_timeout_seconds.map(Duration::from_secs)
    }

    /// The authorities, in order.
    #[must_use]
    pub fn authorities(&self) -> &[TsaEntry] {
        &self.authorities
    }

    /// The authority of this name.
    #[must_use]
    pub fn authority(&self, name: &str) -> Option<&TsaEntry> {
        self.authorities.iter().find(|entry| entry.name == name)
    }
}

impl TsaEntry {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the vault's owner says that somebody else runs it. A claim for reports, never for verdicts.
    #[must_use]
    pub const fn is_independent(&self) -> bool {
        self.independent
    }

    /// It is asked no more often than once in this time.
    #[must_use]
    pub fn pace(&self) -> Duration {
        Duration::from_secs(self.min_interval_seconds.unwrap_or(0).into())
    }

    /// Path of its root certificate below the vault, where it is a file.
    #[must_use]
    pub fn root_path(&self) -> Option<VaultPath> {
        self.root.as_deref().and_then(|root| root.parse().ok())
    }

    /// Its root certificate, PEM: inline, or from the file below `vault`.
    ///
    /// # Errors
    /// [`ConfigError::Read`] or [`ConfigError::TooLong`].
    pub fn root_pem(&self, vault: &Path) -> Result<String, ConfigError> {
        match (&self.root_pem, &self.root) {
            (Some(pem), _) => Ok(pem.clone()),
            (None, Some(root)) => read_bounded(&vault.join(root), PEM_MAX),
            (None, None) => Err(ConfigError::TsaRoot { name: self.name.clone() }),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let name = self.name.clone();
        check_name(&name)?;
        check_url(&self.url).map_err(|reason| ConfigError::TsaUrl { name: name.clone(), reason })?;
        match (&self.root, &self.root_pem) {
            (Some(path), None) => {
                path.parse::<VaultPath>().map_err(|source| ConfigError::TsaRootPath { name, source })?;
                Ok(())
            }
            (None, Some(pem)) if pem.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
            _ => Err(ConfigError::TsaRoot { name }),
        }
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) {
        return Err(ConfigError::TsaName);
    }
    Ok(())
}

/// Whether an authority can be asked at `url`; the reason if not, without repeating it.
///
/// # Errors
/// The reason.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else { return Err("it begins with neither http:// nor https://") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if url.len() > URL_MAX || !url.chars().all(|c| c.is_ascii_graphic()) {
        return Err("it is long or holds blanks or other than ASCII characters");
    }
    if host.contains('@') {
        return Err("it holds a user name or password, which would stand in the vault");
    }
    if host.is_empty() {
        return Err("it names no host");
    }
    Ok(())
}

fn read_bounded(path: &Path, limit: u64) -> Result<String, ConfigError> {
    let fault = |source| ConfigError::Read { path: path.to_owned(), source };
    read_text(path, limit).map_err(fault)?.ok_or_else(|| ConfigError::TooLong { path: path.to_owned(), limit })
}

/// A text file's content, or none where it is longer than `limit` bytes: a stream's length is known only when it was read.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<Option<String>> {
    let mut text = String::new();
    let read = fs::File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    Ok((u64::try_from(read).unwrap_or(u64::MAX) <= limit).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "format = \"vm-config-v0\"\nlock_timeout_seconds = 7\n\n\
        [[tsa]]\nname = \"one\"\nurl = \"http://tsa.example:80/tsr\"\nroot = \"trust/one.pem\"\nindependent = true\n\n\
        [[tsa]]\nname = \"two\"\nurl = \"https://two.example\"\nroot_pem = \"-----BEGIN CERTIFICATE-----\\n\"\n";

    #[test]
    fn a_whole_configuration_is_read_and_written_back() {
        let config = Config::parse(GOOD).unwrap();
        assert_eq!(config.lock_timeout(), Some(Duration::from_secs(7)));
        let names: Vec<&str> = config.authorities().iter().map(TsaEntry::name).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(config.authority("one").unwrap().is_independent());
        assert!(!config.authority("two").unwrap().is_independent());
        assert_eq!(Config::parse(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn no_file_means_defaults() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(dir.path()).unwrap(), None);
        fs::write(dir.path().join(CONFIG_FILE), GOOD).unwrap();
        let config = Config::load(dir.path()).unwrap().unwrap();
        let missing = config.authority("one").unwrap().root_pem(dir.path()).unwrap_err();
        assert_eq!(missing.code(), "config-read");
        fs::create_dir(dir.path().join("trust")).unwrap();
        fs::write(dir.path().join("trust/one.pem"), "pem").unwrap();
        assert_eq!(config.authority("one").unwrap().root_pem(dir.path()).unwrap(), "pem");
    }

    #[test]
    fn each_fault_is_named() {
        let change = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        for (text, code) in [
            (String::new(), "config-malformed"),
            (change("lock_timeout_seconds", "lock_timout_seconds"), "config-malformed"),
            (change("independent = true", "independant = true"), "config-malformed"),
            (change("vm-config-v0", "vm-config-v9"), "format-unknown"),
            (change("= 7", "= 3601"), "config-lock-timeout"),
            (change("= 7", "= -1"), "config-malformed"),
            (change("\"two\"", "\"one\""), "config-duplicate-tsa"),
            (format!("{GOOD}[[calendar]]\nname = \"one\"\nurl = \"http://c.example\"\n"), "config-duplicate-tsa"),
            (format!("{GOOD}[[calendar]]\nname = \"c\"\nurl = \"c.example\"\n"), "config-tsa-url"),
            (format!("{GOOD}[[calendar]]\nname = \"c\"\n"), "config-malformed"),
            (change("\"two\"", "\"Two\""), "config-tsa-name"),
            (change("http://", "ftp://"), "config-tsa-url"),
            (change("http://", "http://me:secret@"), "config-tsa-url"),
            (change("trust/one.pem", "../one.pem"), "config-tsa-root-path"),
            (change("root = \"trust/one.pem\"\n", ""), "config-tsa-root"),
            (change("independent", "root_pem = \"-----BEGIN CERTIFICATE-----\"\nindependent"), "config-tsa-root"),
        ] {
            assert_eq!(Config::parse(&text).unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        use std::error::Error as _;
        let error = Config::parse(&GOOD.replacen("lock_timeout_seconds", "lock_timout_seconds", 1)).unwrap_err();
        assert!(error.source().unwrap().to_string().contains("lock_timout_seconds"));
        let error = Config::parse(&GOOD.replacen("http://", "http://me:hunter2@", 1)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_quoted() {
        use std::error::Error as _;
        for value in ["\"hunter2\"", "[\"hunter2, expected hunter2\"]", "\"hunter2, expected hunter2\""] {
            let error = Config::parse(&GOOD.replacen("= 7", &format!("= {value}"), 1)).unwrap_err();
            let cause = error.source().unwrap().to_string();
            assert_eq!(cause, "line 2: expected u64", "{value}");
        }
    }
}
