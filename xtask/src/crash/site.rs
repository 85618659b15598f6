//! A vault under test: how its commands are run, and what must hold of it after each mishap.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::crash::memory::Memory;
use crate::error::Failure;
use crate::run;

/// Longest that any command may take, in seconds. The longest takes well under one, and the machine may be busy.
const TIMEOUT: &str = "120";
/// What `verify` may leave undecided of a vault that nothing happened to.
const USUAL: [&str; 5] = ["rollback-not-excluded", "seal-missing", "seal-unanchored", "rows-unsealed", "no-trust-root"];
/// What it may say as well of a vault whose last command was cut off: lines of a scroll that nobody signed.
const CUT: &str = "scroll-unsigned-tail";
/// What every command may say of a vault whose `init` or `import` did not come to an end. A reader cannot take back what
/// SQLite had begun before it had a WAL, and says that it may not write.
const NO_VAULT: [&str; 3] = ["vault-absent", "ledger-not-a-ledger", "store-read-only"];

/// A folder with a vault, its keys, and files beside them.
#[derive(Clone, Debug)]
pub(super) struct Site {
    binary: PathBuf,
    dir: PathBuf,
    /// Key of the ledger, as a verifier pins it.
    key: String,
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Answer {
    /// Exit code; none where a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Answer {
    /// The last line of the results: the envelope of the answer.
    pub(super) fn envelope(&self) -> Value {
        let last = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_default()
    }

    /// Stable code of the error, where it is one.
    pub(super) fn error(&self) -> String {
        self.envelope().pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The answer in one line, for a report.
    pub(super) fn told(&self) -> String {
        let out: String = self.out.lines().last().unwrap_or_default().chars().take(600).collect();
        format!("exit {:?}, stdout `{out}`, stderr `{}`", self.code, self.err.trim())
    }
}

impl Site {
    /// A site at `dir`, empty.
    pub(super) fn empty(binary: &Path, dir: &Path) -> Result<Self, Failure> {
        remove(dir)?;
        fs::create_dir_all(dir.join("in")).map_err(Failure::io(dir))?;
        Ok(Self { binary: binary.to_owned(), dir: dir.to_owned(), key: String::new() })
    }

    /// A site at `dir` with a new vault.
    pub(super) fn init(binary: &Path, dir: &Path) -> Result<Self, Failure> {
        let mut site = Self::empty(binary, dir)?;
        let answer = site.must(&["init"], None)?;
        site.take_key(&answer);
        Ok(site)
    }

    /// Learns the key from the answer of `init`.
    pub(super) fn take_key(&mut self, answer: &Answer) {
        let key = answer.envelope();
        self.key = key.pointer("/result/key").and_then(Value::as_str).unwrap_or_default().to_owned();
    }

    /// The same site, copied to another folder.
    pub(super) fn copy_to(&self, dir: &Path) -> Result<Self, Failure> {
        remove(dir)?;
        copy(&self.dir, dir)?;
        Ok(Self { dir: dir.to_owned(), ..self.clone() })
    }

    /// The site that lies in another folder.
    pub(super) fn at(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command in the site's folder, with vault and keys named and results as JSON lines. `before` is put in front of
    /// it, for example a tracer.
    pub(super) fn command(&self, before: &[String], args: &[&str]) -> Command {
        let program = before.first().map_or_else(|| self.binary.clone(), PathBuf::from);
        let mut command = Command::new(program);
        if !before.is_empty() {
            command.args(before.iter().skip(1)).arg(&self.binary);
        }
        // Far longer than any disk stalls: who waits longer has been passed over for ever.
        let place = ["--vault", "vault", "--keys", "keys", "--format", "jsonl", "--lock-timeout", "60"];
        command.args(place).args(args);
        command.current_dir(&self.dir).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, args: &[&str], input: Option<&Path>) -> Result<Answer, Failure> {
        self.run_under(&[], args, input)
    }

    /// Runs a command to its end below another program, which hands on its exit code.
    pub(super) fn run_under(&self, under: &[String], args: &[&str], input: Option<&Path>) -> Result<Answer, Failure> {
        let mut before: Vec<String> = ["timeout", TIMEOUT].map(str::to_owned).to_vec();
        before.extend_from_slice(under);
        let mut command = self.command(&before, args);
        if let Some(input) = input {
            command.stdin(fs::File::open(input).map_err(Failure::io(input))?);
        }
        let output = run::capture(command)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    /// Runs a command that has no reason to fail.
    pub(super) fn must(&self, args: &[&str], input: Option<&Path>) -> Result<Answer, Failure> {
        let answer = self.run(args, input)?;
        match answer.code {
            Some(0) => Ok(answer),
            _ => Err(self.wrong(&format!("`{}` failed: {}", args.join(" "), answer.told()))),
        }
    }

    /// Something that must not be, with the place to look at.
    pub(super) fn wrong(&self, what: &str) -> Failure {
        Failure::Crash(format!("{what}; see {}", self.dir.display()))
    }

    /// What must hold at every moment: nothing acknowledged is missing, the log is contiguous, and `verify` neither
    /// contradicts nor leaves open more than it would of any vault; `cut` where a command may have been cut off.
    pub(super) fn check(&self, memory: &Memory, cut: bool) -> Result<(), Failure> {
        let answer = self.verify(cut)?;
        if !matches!(answer.code, Some(0 | 3)) {
            return if memory.is_empty() { Ok(()) } else { Err(self.wrong("an acknowledged vault is gone")) };
        }
        let listed = self.must(&["list", "--limit", "100000"], None)?;
        memory.compare_rows(&listed.out).map_err(|what| self.wrong(&what))?;
        let size = answer.envelope().pointer("/result/size").and_then(Value::as_u64);
        let rows = listed.out.lines().count().saturating_sub(1);
        if size != u64::try_from(rows).ok() {
            return Err(self.wrong(&format!("{rows} rows are listed, and verify counts {size:?}")));
        }
        let vault = self.dir.join("vault");
        if let Some(lost) = memory.files().find(|path| !vault.join(path).is_file()) {
            return Err(self.wrong(&format!("the acknowledged file {lost} is gone")));
        }
        memory.compare_scrolls(&vault).map_err(|what| self.wrong(&what))
    }

    /// Runs `verify`: it must not contradict, whatever happened, nor find anything unusual.
    pub(super) fn verify(&self, cut: bool) -> Result<Answer, Failure> {
        let mut args = vec!["verify"];
        if !self.key.is_empty() {
            args.extend(["--key", &self.key]);
        }
        let answer = self.run(&args, None)?;
        let envelope = answer.envelope();
        let codes = envelope.pointer("/findings").and_then(Value::as_array).into_iter().flatten();
        let severe = codes.filter(|finding| finding.pointer("/severity").and_then(Value::as_str) != Some("remark"));
        let mut codes = severe.filter_map(|finding| finding.pointer("/code").and_then(Value::as_str));
        let usual =
            |code: &str| USUAL.contains(&code) || cut && code == CUT || self.key.is_empty() && code == "no-trust-key";
        match answer.code {
            Some(0 | 3) => match codes.find(|code| !usual(code)) {
                None => Ok(answer),
                Some(code) => Err(self.wrong(&format!("verify finds {code}: {}", answer.told()))),
            },
            Some(2 | 4) if NO_VAULT.contains(&answer.error().as_str()) => Ok(answer),
            _ => Err(self.wrong(&format!("verify: {}", answer.told()))),
        }
    }
}

/// Takes a folder away, if it is there.
pub(super) fn remove(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::io(dir)(error)),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(Failure::io(to))?;
    for entry in fs::read_dir(from).map_err(Failure::io(from))? {
        let entry = entry.map_err(Failure::io(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(Failure::io(&source))?.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Failure::io(&target))?;
        }
    }
    Ok(())
}
