//! Authorities by their names in `config.toml`, or by their addresses.

use std::path::Path;
use std::time::Duration;

use vaultmesh::config::{Config, check_url};
use vaultmesh::error::VaultError;
use vaultmesh::vault::Ask;
use vm_anchor::policy::{RootCertificate, TrustedAuthority};

use crate::cli::error::CliError;

/// The authority of this name or URL. One from the configuration comes with its root.
pub(super) fn tsa_of(vault: &Path, tsa: &str, config: Option<&Config>) -> Result<Ask, CliError> {
    let Some(entry) = config.and_then(|config| config.authority(tsa)) else {
        if let Err(reason) = check_url(tsa) {
            let what = format!("--tsa is neither a [[tsa]] entry of config.toml nor a URL that can be asked: {reason}");
            return Err(CliError::Usage { what });
        }
        return Ok(Ask::Tsa { name: host_of(tsa), url: tsa.to_owned(), root: None, pace: Duration::ZERO });
    };
    let pem = entry.root_pem(vault).map_err(VaultError::Config)?;
    let root = RootCertificate::from_pem(&pem).map_err(VaultError::Policy)?;
    let authority = if entry.is_independent() {
        TrustedAuthority::independent(entry.name(), root)
    } else {
        TrustedAuthority::local(entry.name(), root)
    };
    let root = Some(authority.map_err(VaultError::Policy)?);
    Ok(Ask::Tsa { name: entry.name().to_owned(), url: entry.url().to_owned(), root, pace: entry.pace() })
}

/// The calendar of this name or URL.
pub(super) fn calendar_of(calendar: &str, config: Option<&Config>) -> Result<Ask, CliError> {
    let mut entries = config.map(Config::calendars).unwrap_or_default().iter();
    if let Some(entry) = entries.find(|entry| entry.name() == calendar) {
        return Ok(Ask::Calendar { name: entry.name().to_owned(), url: entry.url().to_owned(), pace: entry.pace() });
    }
    match check_url(calendar) {
        Ok(()) => Ok(Ask::Calendar { name: host_of(calendar), url: calendar.to_owned(), pace: Duration::ZERO }),
        Err(reason) => {
            let what = format!("--ots is neither a [[calendar]] of config.toml nor a URL that can be asked: {reason}");
            Err(CliError::Usage { what })
        }
    }
}

/// Host and port of a URL that was checked: all of it that is recorded.
pub(super) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}
