//! The self-test of `deny.toml`: a rule that nothing has ever broken may have stopped working.
//!
//! A copy of the manifests, with empty source files, must pass as it is. Then every forbidden arrow and every banned crate is added at
//! once, and each must be refused by name. Banned crates are stood in for by empty ones of the same name, so nothing is downloaded for them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::arrows;
use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{self, Tree};

/// Version of the stand-ins: below every bound that a ban names.
const STAND_IN: &str = "0.0.1";

/// One arrow that must be refused: who would depend, and on what.
type Arrow = (String, String);

/// `cargo xtask deny`.
pub(crate) fn self_test(tree: &Tree) -> Result<(), Failure> {
    let copy = copy_manifests(tree)?;
    run::run(cargo(&copy, &["fetch", "--quiet"]))?;
    let control = check(&copy)?;
    if !control.passed {
        return Err(Failure::Deny(format!("the manifests as they are do not pass:\n{}", control.text)));
    }
    let mut wanted = BTreeSet::new();
    for member in tree.members() {
        let mut manifest = member.manifest.clone();
        for target in forbidden_targets(tree, &member.name) {
            add_dependency(&copy, &mut manifest, &target)?;
            wanted.insert((member.name.clone(), target));
        }
        let path = copy.join(&member.folder).join("Cargo.toml");
        write(&path, &manifest.to_string())?;
    }
    let found = check(&copy)?;
    let missed: Vec<String> =
        wanted.iter().filter(|arrow| !found.refuses(arrow)).map(|(from, to)| format!("{from} -> {to}")).collect();
    if found.passed || !missed.is_empty() {
        return Err(Failure::Deny(format!(
            "these were added and not refused: {}\n{}",
            missed.join(", "),
            found.tail()
        )));
    }
    println!("{} forbidden arrows were added to a copy, and each was refused by name", wanted.len());
    Ok(())
}

/// What member `from` must not name: members and crates of others that the table keeps from it, and banned crates.
/// A member without a library is left out: cargo itself ignores a dependency on it.
fn forbidden_targets(tree: &Tree, from: &str) -> Vec<String> {
    let is_library = |name: &str| {
        let mut members = tree.members().iter();
        members.any(|member| member.name == name && tree.has(&format!("{}/src/lib.rs", member.folder)))
    };
    let members = arrows::MEMBERS.iter().filter(|arrow| is_library(arrow.to));
    let targets = members.chain(arrows::OUTSIDE).filter(|arrow| arrow.to != from && !arrows::allowed(arrow, from));
    let banned = arrows::NEVER.iter().map(|name| (*name).to_owned());
    targets.map(|arrow| arrow.to.to_owned()).chain(banned).collect()
}

/// Adds `target` as a dev-dependency: arrows for tests are forbidden too, and only they may close a circle.
fn add_dependency(copy: &Path, manifest: &mut toml::Table, target: &str) -> Result<(), Failure> {
    let mut entry = toml::Table::new();
    if arrows::MEMBERS.iter().any(|arrow| arrow.to == target) {
        entry.insert("path".to_owned(), copy.join(folder_of(copy, target)?).display().to_string().into());
    } else {
        entry.insert("path".to_owned(), stand_in(copy, target)?.display().to_string().into());
        entry.insert("version".to_owned(), format!("={STAND_IN}").into());
    }
    entry.insert("package".to_owned(), target.into());
    let section = manifest.entry("dev-dependencies").or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(section) = section.as_table_mut() {
        section.insert(format!("forbidden-{target}"), toml::Value::Table(entry));
    }
    Ok(())
}

fn folder_of(copy: &Path, package: &str) -> Result<String, Failure> {
    let workspace = tree::read_toml(&copy.join("Cargo.toml"))?;
    let members = workspace.get("workspace").and_then(|table| table.get("members")).and_then(toml::Value::as_array);
    for folder in members.into_iter().flatten().filter_map(toml::Value::as_str) {
        let manifest = tree::read_toml(&copy.join(folder).join("Cargo.toml"))?;
        if manifest.get("package").and_then(|table| table.get("name")).and_then(toml::Value::as_str) == Some(package) {
            return Ok(folder.to_owned());
        }
    }
    Err(Failure::Deny(format!("no member `{package}` in the copy")))
}

/// Makes an empty crate of this name and gives its folder.
fn stand_in(copy: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = copy.join("stand-ins").join(name);
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{STAND_IN}\"\nedition = \"2024\"\n");
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src/lib.rs"), "")?;
    Ok(folder)
}

/// Copies what `cargo metadata` reads: manifests and the lock file as they are, source files empty.
fn copy_manifests(tree: &Tree) -> Result<PathBuf, Failure> {
    let copy = tree.root().join("target/xtask/deny-self-test");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(Failure::io(&copy))?;
    }
    for path in ["Cargo.toml", "Cargo.lock", "deny.toml"] {
        write(&copy.join(path), &tree.read(path)?)?;
    }
    for member in tree.members() {
        let path = format!("{}/Cargo.toml", member.folder);
        write(&copy.join(&path), &tree.read(&path)?)?;
        for path in tree.files(&member.folder, &[".rs"])? {
            write(&copy.join(path), "")?;
        }
    }
    Ok(copy)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::io(folder))?;
    }
    std::fs::write(path, text).map_err(Failure::io(path))
}

/// What `cargo deny check bans` said.
struct Answer {
    passed: bool,
    /// Crates that an arrow to was refused, with who had it.
    refused: BTreeSet<Arrow>,
    /// Crates refused as such.
    banned: BTreeSet<String>,
    text: String,
}

impl Answer {
    fn refuses(&self, (from, to): &Arrow) -> bool {
        self.banned.contains(to) && (arrows::find(to).is_none() || self.refused.contains(&(from.clone(), to.clone())))
    }

    /// The end of the output: enough to see why, not enough to drown it.
    fn tail(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

fn check(copy: &Path) -> Result<Answer, Failure> {
    let output = run::capture(cargo(
        copy,
        &[
            "deny",
            "--offline",
            "--format",
            "json",
            "check",
            "--hide-inclusion-graph",
            "--allow",
            "unused-wrapper",
            "bans",
        ],
    ))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (refused, banned) = read_diagnostics(&text);
    Ok(Answer { passed: output.status.success(), refused, banned, text })
}

/// The refused arrows and the refused crates in `cargo deny --format json`, one diagnostic a line.
fn read_diagnostics(text: &str) -> (BTreeSet<Arrow>, BTreeSet<String>) {
    let (mut refused, mut banned) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let Ok(diagnostic) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        let field = |name| diagnostic.pointer(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let names = quoted_names(field("/fields/message"));
        match (field("/fields/code"), names.as_slice()) {
            ("unmatched-wrapper", [from, to]) => {
                refused.insert((from.clone(), to.clone()));
            }
            ("banned", [name]) => {
                banned.insert(name.clone());
            }
            _ => {}
        }
    }
    (refused, banned)
}

/// The crate names in a message that quotes them as `'name = version'`.
fn quoted_names(message: &str) -> Vec<String> {
    let quoted = message.split('\'').skip(1).step_by(2);
    quoted.filter_map(|text| text.split_once(" = ")).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_diagnostics() {
        let text = concat!(
            r#"{"fields":{"code":"unmatched-wrapper","message":"direct parent 'vm-shadow = 0.1.0' of banned crate 'vm-ledger = 0.1.0' was not marked as a wrapper"}}"#,
            "\n",
            r#"{"fields":{"code":"banned","message":"crate 'vm-ledger = 0.1.0' is explicitly banned"}}"#,
            "\nnot json\n"
        );
        let (refused, banned) = read_diagnostics(text);
        let arrow = ("vm-shadow".to_owned(), "vm-ledger".to_owned());
        assert!(refused.contains(&arrow));
        assert!(Answer { passed: false, refused, banned, text: String::new() }.refuses(&arrow));
    }

    #[test]
    fn an_arrow_that_nobody_refused_is_missed() {
        let (refused, banned) = read_diagnostics("");
        let answer = Answer { passed: true, refused, banned, text: String::new() };
        assert!(!answer.refuses(&("vm-shadow".to_owned(), "vm-ledger".to_owned())));
        assert!(!answer.refuses(&("vm-core".to_owned(), "rsa".to_owned())));
    }
}
