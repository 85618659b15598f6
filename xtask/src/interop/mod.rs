//! Foreign clients: each format that others read is checked by a client that shares no code with this workspace, and
//! what those clients make is checked here.
//!
//! The list is in `check.rs`, the clients' drivers are `xtask/interop/*.py`, what came of the last complete run is
//! `xtask/interop/record.toml`, and `docs/interop.md` is made from it. A client that cannot be installed, a command
//! that does not get as far as an answer, and a client that accepts an altered bit each fail the run: nothing is
//! skipped.

mod check;
mod checks;
mod clients;
mod page;
mod record;
mod site;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

use check::DIFFERENCES;
use checks::CHECKS;
use clients::Clients;
use record::Record;
use site::Site;

pub(crate) use page::{PATH as PAGE, page};

/// Where what came of it is written.
const RECORD: &str = "xtask/interop/record.toml";

/// What was asked for.
#[derive(Default)]
struct Wish {
    /// A Python of at least [`clients::PYTHON_LEAST`].
    python: Option<PathBuf>,
    /// Nothing is written, and work in progress may be tried.
    dry: bool,
}

/// `cargo xtask interop [--python PROGRAM] [--dry]`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let wish = parse(arguments)?;
    let commit = if wish.dry { String::new() } else { commit(tree)? };
    let clients = Clients::install(tree, wish.python.as_deref())?;
    let site = Site::make(tree, build(tree)?, &clients)?;
    let (mut answers, mut gaps, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for check in CHECKS {
        match site.ask(check) {
            Ok(answer) => {
                println!("ok   {}: {}, {}", check.client, check.format, check.what);
                answers.push(answer);
            }
            Err(fault) => {
                println!("FAIL {}: {}, {}\n     {fault}", check.client, check.format, check.what);
                faults.push(format!("{} ({}, {})", check.client, check.format, check.what));
            }
        }
    }
    for difference in DIFFERENCES {
        match site.tell_apart(difference) {
            Ok(gap) => gaps.push(gap),
            Err(fault) => {
                println!("FAIL {}: {}\n     {fault}", difference.client, difference.what);
                faults.push(format!("{} ({})", difference.client, difference.what));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Found(format!("{} do not hold or did not run: {}", faults.len(), faults.join("; "))));
    }
    println!("{} checks, each with its altered twin", answers.len());
    if wish.dry {
        return Ok(());
    }
    let record = Record { commit, vaultmesh: tree.version()?, clients: clients.versions().to_vec(), answers, gaps };
    write(tree, RECORD, &record.to_text()?)?;
    write(tree, PAGE, &page::of(&record))
}

/// What the committed record and the list of checks have against each other.
pub(crate) fn standing_complaints(tree: &Tree) -> Result<Vec<String>, Failure> {
    let record = Record::parse(&tree.read(RECORD)?).map_err(Failure::Missing)?;
    let mut complaints = record.strangers(CHECKS, DIFFERENCES);
    complaints.extend(record.other_versions(&clients::pins(tree)?));
    Ok(complaints)
}

fn parse(arguments: &[String]) -> Result<Wish, Failure> {
    let (mut wish, mut rest) = (Wish::default(), arguments.iter());
    while let Some(argument) = rest.next() {
        match (argument.as_str(), &wish.python) {
            ("--dry", _) => wish.dry = true,
            ("--python", None) => {
                let program = rest.next().ok_or_else(|| Failure::Usage("--python needs a program".to_owned()))?;
                wish.python = Some(PathBuf::from(program));
            }
            (other, _) => return Err(Failure::Usage(format!("`interop` does not take `{other}`"))),
        }
    }
    Ok(wish)
}

/// The commit that is checked out. What a record says must be what was run, so the tree must hold nothing else.
fn commit(tree: &Tree) -> Result<String, Failure> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(tree.root()).args(arguments).stdin(Stdio::null());
        let shown = run::shown(&command);
        let output = run::capture(command)?;
        if !output.status.success() {
            return Err(Failure::Command { command: shown, status: output.status.to_string() });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let others = [":(exclude)xtask/interop/record.toml", ":(exclude)docs/interop.md"];
    let changed = git(&["status", "--porcelain", "--", ".", others[0], others[1]])?;
    if !changed.is_empty() {
        let text = "the tree differs from its commit; commit first, or try it with --dry:\n";
        return Err(Failure::Missing(format!("{text}{changed}")));
    }
    Ok(git(&["rev-parse", "--short=12", "HEAD"])?.trim().to_owned())
}

/// Builds the binary and the example for Ethereum and copies them, so that a build meanwhile does not change what is run.
fn build(tree: &Tree) -> Result<PathBuf, Failure> {
    run::run(cargo(tree.root(), &["build", "--quiet", "--package", "vaultmesh", "--bin", "vaultmesh"]))?;
    let copy = folder(tree).join("vaultmesh");
    std::fs::create_dir_all(folder(tree)).map_err(Failure::io(folder(tree)))?;
    std::fs::copy(tree.root().join("target/debug/vaultmesh"), &copy).map_err(Failure::io(&copy))?;
    let example = ["--package", "vm-anchor", "--example", "ethereum", "--features", "ethereum-client"];
    run::run(cargo(tree.root(), &[&["build", "--quiet"], example.as_slice()].concat()))?;
    let beside = folder(tree).join("ethereum");
    std::fs::copy(tree.root().join("target/debug/examples/ethereum"), &beside).map_err(Failure::io(&beside))?;
    Ok(copy)
}

/// Where everything happens.
fn folder(tree: &Tree) -> PathBuf {
    tree.root().join("target/interop")
}

fn write(tree: &Tree, path: &str, text: &str) -> Result<(), Failure> {
    let path = tree.root().join(path);
    std::fs::write(&path, text).map_err(Failure::io(&path))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Removes a folder that may not be there.
fn remove(path: &Path) -> Result<(), Failure> {
    if path.exists() { std::fs::remove_dir_all(path).map_err(Failure::io(path)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let wish = parse(&words("--dry --python a")).unwrap();
        assert!(wish.dry && wish.python == Some(PathBuf::from("a")));
        for bad in ["--python", "--python a --python b", "openssl"] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
