//! When each authority was last asked, so that none is asked more often than its entry in `config.toml` allows.
//!
//! ```json
//! {"asked":{"example":"2026-01-02T03:04:05.000006Z"},"format":"vm-asked-v0"}
//! ```
//!
//! `asked.json` in the vault is a memory for manners, no evidence: where it is lost or spoilt, nobody is kept waiting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process};

use serde::{Deserialize, Serialize};
use vm_core::instant::Instant;

use crate::config::read_text;
use crate::error::VaultError;

/// Name of the file below the vault.
const FILE: &str = "asked.json";
/// Format of the file.
const FORMAT: &str = "vm-asked-v0";
/// Longest file read, in bytes: some hundred authorities.
const BYTES_MAX: u64 = 64 * 1024;

/// When each authority was last asked.
#[derive(Debug)]
pub(crate) struct Paces {
    path: PathBuf,
    stored: Stored,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    asked: BTreeMap<String, Instant>,
    format: String,
}

impl Paces {
    pub(crate) fn load(vault: &Path) -> Self {
        let path = vault.join(FILE);
        let text = read_text(&path, BYTES_MAX).ok().flatten().unwrap_or_default();
        let stored = serde_json::from_str(&text).ok().filter(|stored: &Stored| stored.format == FORMAT);
        let stored = stored.unwrap_or_else(|| Stored { asked: BTreeMap::new(), format: FORMAT.to_owned() });
        Self { path, stored }
    }

    /// How long an authority must still be left alone. A time to come, as after a clock was set back, does not count.
    pub(crate) fn left(&self, name: &str, interval: Duration, now: Instant) -> Duration {
        let Some(last) = self.stored.asked.get(name) else { return Duration::ZERO };
        match u64::try_from(now.as_micros() - last.as_micros()) {
            Ok(since) => interval.saturating_sub(Duration::from_micros(since)),
            Err(_) => Duration::ZERO,
        }
    }

    /// Notes that an authority is asked now.
    pub(crate) fn note(&mut self, name: &str, now: Instant) {
        self.stored.asked.insert(name.to_owned(), now);
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`VaultError::File`].
    pub(crate) fn save(&self) -> Result<(), VaultError> {
        let fault = |source| VaultError::File { path: self.path.clone(), source };
        let text = serde_json::to_string(&self.stored).map_err(|error| fault(error.into()))?;
        let temporary = self.path.with_extension(format!("tmp-{}", process::id()));
        fs::write(&temporary, text).map_err(fault)?;
        fs::rename(&temporary, &self.path).map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(1_767_323_045_000_006 + seconds * 1_000_000).unwrap()
    }

    #[test]
    fn what_was_asked_is_remembered_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut paces = Paces::load(dir.path());
        let minute = Duration::from_secs(60);
        assert_eq!(paces.left("a", minute, at(0)), Duration::ZERO);
        paces.note("a", at(0));
        paces.save().unwrap();
        let paces = Paces::load(dir.path());
        for (seconds, left) in [(0, 60), (20, 40), (60, 0), (61, 0), (-1, 0)] {
            assert_eq!(paces.left("a", minute, at(seconds)), Duration::from_secs(left), "{seconds}");
        }
        assert_eq!(paces.left("b", minute, at(0)), Duration::ZERO);
    }

    #[test]
    fn a_spoilt_file_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{}", r#"{"asked":{"a":"2026-01-02T03:04:05.000006Z"},"format":"vm-asked-v9"}"#] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(Paces::load(dir.path()).left("a", Duration::from_secs(60), at(0)), Duration::ZERO, "{text}");
        }
        let page = include_str!("pace.rs");
        let sample = page.lines().find_map(|line| line.strip_prefix("//! {\"asked\"")).unwrap();
        fs::write(dir.path().join(FILE), format!("{{\"asked\"{sample}")).unwrap();
        assert_eq!(Paces::load(dir.path()).left("example", Duration::from_secs(60), at(0)), Duration::from_secs(60));
    }
}
