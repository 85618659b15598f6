//! The writers' lock: an advisory lock on `ledger.lock`, whose content says who holds it.
//!
//! ```text
//! pid 4711
//! command record mcp
//! since 2026-01-02T03:04:05.000006Z
//! ```
//!
//! Whoever wants it first gets to the head of the line, which is a lock on the vault's folder, and lets that go once it
//! has the lock. So only one at a time tries for the lock, and a writer that has just let go of it cannot take it again
//! over the head of one who waits.

use core::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::thread;
use std::time::{Duration, Instant as Tick};

use vm_core::instant::Instant;

use crate::error::FileError;
use crate::files::VaultDir;

/// Name of the lock file below the vault.
pub const LOCK_FILE: &str = "ledger.lock";
/// Bytes read of the lock file.
const HOLDER_MAX: u64 = 512;
/// Length of the file: the three lines, padded with spaces. It is overwritten in place, because some file systems
/// flush a file that was cut to nothing and written again when it is closed.
const HOLDER_LEN: usize = 256;
/// Longest command named, in characters.
const COMMAND_MAX: usize = 40;
/// First and longest pause between two tries; a commit takes about a quarter of a millisecond. The longest is short
/// because those who wait for the head of the line get there by chance: each must try often while it is free.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(1));

/// Who holds the lock, as far as the file says. Only good for telling a person: the lock itself is the kernel's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LockHolder {
    /// Process id.
    pub pid: Option<u32>,
    /// What it is doing.
    pub command: Option<String>,
    /// Since when, by its own clock.
    pub since: Option<String>,
}

impl LockHolder {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim().chars().filter(|c| !c.is_control()).collect::<String>())
        };
        Self { pid: field("pid ").and_then(|pid| pid.parse().ok()), command: field("command "), since: field("since ") }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("another process")?,
        }
        if let Some(command) = &self.command {
            write!(f, " ({command})")?;
        }
        match &self.since {
            Some(since) => write!(f, " since {since}"),
            None => Ok(()),
        }
    }
}

/// What a writer says of itself, and how long it waits for another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Name of the command, which others see while they wait. Not its arguments: they may hold secrets.
    pub command: String,
    /// How long to wait for the lock.
    pub timeout: Duration,
}

impl Default for Patience {
    /// Ten seconds: far longer than any commit, shorter than a person waits without asking why.
    fn default() -> Self {
        Self { command: "vm-ledger".to_owned(), timeout: Duration::from_secs(10) }
    }
}

/// The lock, held. Dropping it releases it; so does the end of the process.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// A lock that could not be had.
#[derive(Debug)]
pub(crate) enum LockError {
    Held(LockHolder),
    File(FileError),
}

impl Lock {
    /// Takes the lock below `dir`, waiting for at most the timeout.
    pub(crate) fn acquire(dir: &VaultDir, patience: &Patience, now: Instant) -> Result<Self, LockError> {
        let mut file = dir.open_lock().map_err(LockError::File)?;
        let until = Tick::now() + patience.timeout;
        let head = dir.line().map_err(LockError::File)?;
        // A file system that cannot lock folders (NFS) keeps no line; the lock itself is what counts.
        let in_line = wait(|| head.try_lock(), until).unwrap_or(true);
        let had = in_line
            && wait(|| file.try_lock(), until).map_err(|source| LockError::File(FileError::io(LOCK_FILE, source)))?;
        drop(head);
        if !had {
            return Err(LockError::Held(holder(&mut file)));
        }
        let command: String = patience.command.chars().filter(|c| !c.is_control()).collect();
        let command: String = command.chars().take(COMMAND_MAX).collect();
        let text = format!("pid {}\ncommand {command}\nsince {now}\n", std::process::id());
        // Whether the word gets onto the disk matters to nobody: the lock is held either way.
        let text = format!("{text:HOLDER_LEN$}");
        let told = file.rewind().and_then(|()| file.write_all(text.as_bytes()));
        drop(told);
        Ok(Self { file })
    }
}

impl Lock {
    /// Waits until no writer is at work, and keeps others out for as long as what it gives lives. None where a writer
    /// takes longer, or there is no lock file: then nobody ever wrote, or nobody can.
    pub(crate) fn settled(dir: &VaultDir, timeout: Duration) -> Option<File> {
        let until = Tick::now() + timeout;
        let file = dir.open_file(&LOCK_FILE.parse().ok()?).ok()?;
        let head = dir.line().ok()?;
        let had = wait(|| head.try_lock(), until).unwrap_or(true) && wait(|| file.try_lock_shared(), until).ok()?;
        had.then_some(file)
    }
}

/// Tries until it is had, or until `until`; whether it was had. Never fewer than one try.
fn wait(mut attempt: impl FnMut() -> Result<(), TryLockError>, until: Tick) -> std::io::Result<bool> {
    let mut pause = PAUSE.0;
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Tick::now() < until => {
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE.1);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file releases it too.
        drop(self.file.unlock());
    }
}

fn holder(file: &mut File) -> LockHolder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(HOLDER_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => LockHolder::parse(&text),
        Err(_) => LockHolder::default(),
    }
}

impl From<LockError> for crate::error::LedgerError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => Self::Locked { holder },
            LockError::File(error) => Self::File(error),
        }
    }
}

impl From<LockError> for crate::error::ScrollError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => Self::Locked { holder },
            LockError::File(error) => Self::File(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultDir::open(dir.path()).unwrap();
        let now = Instant::from_micros(0).unwrap();
        let patience = |command: &str| Patience { command: command.to_owned(), timeout: Duration::from_millis(30) };
        let held = Lock::acquire(&vault, &patience("record\nmcp"), now).unwrap();
        match Lock::acquire(&vault, &patience("seal"), now) {
            Err(LockError::Held(holder)) => {
                assert_eq!(holder.pid, Some(std::process::id()));
                let said = holder.to_string();
                assert!(said.ends_with("(recordmcp) since 1970-01-01T00:00:00.000000Z"), "{said}");
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        Lock::acquire(&vault, &patience("seal"), now).unwrap();
    }

    #[test]
    fn a_garbled_lock_file_names_nobody() {
        assert_eq!(LockHolder::parse("").to_string(), "another process");
        assert_eq!(LockHolder::parse("pid x\nsince y").to_string(), "another process since y");
    }
}
