//! A home of its own for each test: vault, keys, and a clean environment.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Home {
    dir: TempDir,
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its result as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in {:?}; stderr {:?}", self.out, self.err))
    }

    /// Fails the test unless the command ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout {:?}\nstderr {:?}", self.out, self.err);
        self
    }

    /// Codes of the findings in its JSON.
    pub(crate) fn findings(&self) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().cloned().unwrap_or_default();
        findings.iter().filter_map(|finding| finding["code"].as_str()).map(str::to_owned).collect()
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With a new vault in it.
    pub(crate) fn with_vault() -> Self {
        let home = Self::new();
        home.run(&["init"]).expect(0);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.path("vault")
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh"));
        command.env_clear().env("HOME", self.dir.path()).current_dir(self.dir.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("VAULTMESH_VAULT", self.vault()).env("VAULTMESH_KEYS", self.path("keys"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// In JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Ran {
        self.run(&[&["--format", "json"], args].concat())
    }

    /// What a command that must end with `code` says in JSON.
    #[track_caller]
    pub(crate) fn told(&self, code: i32, args: &[&str]) -> Value {
        self.json(args).expect(code).json()
    }

    /// The code of the error with which a command is refused.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        self.told(2, args)["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses early does not read its input.
        let _ = stdin.write_all(input);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The ledger's key.
    pub(crate) fn key(&self) -> String {
        let json = self.json(&["doctor"]).json();
        json["result"]["key"].as_str().unwrap().to_owned()
    }

    /// Entries in the log.
    pub(crate) fn log_size(&self) -> u64 {
        let head = self.run(&["head"]).expect(0).out;
        head.lines().nth(1).unwrap().parse().unwrap()
    }

    /// Records a tool's act; gives the row's id.
    pub(crate) fn tool(&self, name: &str) -> String {
        let json = self.json(&["record", "tool", name, "--input", "{\"a\":1}"]).expect(0).json();
        json["result"]["id"].as_str().unwrap().to_owned()
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &name) } else { assert!(std::fs::copy(&path, &name).is_ok()) }
    }
}

/// Names of all files below a folder, sorted.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
