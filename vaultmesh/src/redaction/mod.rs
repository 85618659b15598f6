//! Redaction policies of vaults: as files, those that ship, and what looks like a secret.
//!
//! A vault redacts by `redaction.toml` in its folder, or by the policy that ships where there is none. Before the first
//! row under a policy of its own it records that policy, so that whoever verifies sees what each row's `policy_hash` kept.

mod audit;
mod detect;
mod file;
mod shipped;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use vm_core::redact::Policy;

use crate::config::read_text;
use crate::error::RedactionFault;

pub(crate) use audit::judge;
pub use detect::{Detector, GITLEAKS_SHA256};
pub use file::PolicyFile;
pub use shipped::{BUILTIN, shipped, shipped_names, shipped_text};

/// Name of a vault's policy below its folder.
pub const REDACTION_FILE: &str = "redaction.toml";
/// Name under which a new one is written.
const TEMPORARY: &str = "redaction.toml.tmp";
/// Longest policy file read, in bytes: four times what its canonical form may take, for names in lists and comments.
pub const REDACTION_MAX: u64 = 256 * 1024;

/// The policy that rows of the vault at `vault` are redacted by from now on.
///
/// # Errors
/// [`RedactionFault`]: a file that cannot be read, or is no policy. Nothing is recorded under another one instead.
pub fn in_force(vault: &Path) -> Result<Policy, RedactionFault> {
    match load(&vault.join(REDACTION_FILE)) {
        Ok(file) => Ok(file.into_policy()),
        Err(RedactionFault::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Policy::builtin()),
        Err(fault) => Err(fault),
    }
}

/// Puts a policy in force in the vault at `vault`, whole or not at all; without a text the one that ships. What is open goes
/// on under the one that it was opened with.
///
/// # Errors
/// [`RedactionFault::File`].
pub fn put_in_force(vault: &Path, text: Option<&str>) -> Result<(), RedactionFault> {
    let path = vault.join(REDACTION_FILE);
    let put = || {
        match text {
            Some(text) => {
                let temporary = vault.join(TEMPORARY);
                // What an earlier try left there goes; a link in its place is not followed.
                ignore_absent(fs::remove_file(&temporary))?;
                let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                fs::rename(&temporary, &path)?;
            }
            None => ignore_absent(fs::remove_file(&path))?,
        }
        File::open(vault)?.sync_all()
    };
    put().map_err(|source| RedactionFault::File { path: path.clone(), source })
}

fn ignore_absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Reads a policy file.
///
/// # Errors
/// [`RedactionFault`].
pub fn load(path: &Path) -> Result<PolicyFile, RedactionFault> {
    let fault = |source| RedactionFault::File { path: path.to_owned(), source };
    let text = read_text(path, REDACTION_MAX).map_err(fault)?;
    let too_long = || RedactionFault::TooLong { path: path.to_owned(), limit: REDACTION_MAX };
    PolicyFile::parse(&text.ok_or_else(too_long)?)
}
