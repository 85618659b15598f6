//! What is mutated, and why a mutant may survive.

use crate::error::Failure;
use crate::tree::{self, Tree};

/// Files that are mutated together, with the tests of one package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) package: String,
    /// Globs below the root.
    pub(super) files: Vec<String>,
    /// Test programs of the package that must notice, as options of `cargo test`. No other is built.
    pub(super) tests: Vec<String>,
    /// What the names of their tests contain; none where all run.
    pub(super) only: Option<String>,
}

/// A mutant that no test can tell from the code, with the reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Survivor {
    pub(super) group: String,
    pub(super) file: String,
    /// What was changed where, without line and column: those move.
    pub(super) mutant: String,
    /// How many of that description may survive.
    pub(super) count: usize,
    pub(super) reason: String,
}

impl Group {
    /// Where what came of it is written.
    pub(super) fn record_path(&self) -> String {
        format!("mutants/{}.txt", self.name)
    }
}

/// Shortest reason that is one, in bytes.
const REASON_LEAST: usize = 20;

/// Reads `mutants/groups.toml`.
pub(super) fn read(tree: &Tree) -> Result<Vec<Group>, Failure> {
    let path = "mutants/groups.toml";
    let table = tree::read_toml(&tree.root().join(path))?;
    let fault = || Failure::Missing(format!("{path}: a group has a name, a package, files and tests"));
    let list = table.get("group").and_then(toml::Value::as_array).ok_or_else(fault)?;
    let group = |entry: &toml::Value| {
        let texts = |name: &str| -> Option<Vec<String>> {
            entry.get(name)?.as_array()?.iter().map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        Some(Group {
            name: entry.get("name")?.as_str()?.to_owned(),
            package: entry.get("package")?.as_str()?.to_owned(),
            files: texts("files")?,
            tests: texts("tests")?,
            only: entry.get("only").map_or(Some(None), |text| Some(Some(text.as_str()?.to_owned())))?,
        })
    };
    list.iter().map(|entry| group(entry).ok_or_else(fault)).collect()
}

/// Reads `mutants/survivors.toml`.
pub(super) fn survivors(tree: &Tree) -> Result<Vec<Survivor>, Failure> {
    let path = "mutants/survivors.toml";
    survivors_of(&tree::read_toml(&tree.root().join(path))?)
        .map_err(|reason| Failure::Missing(format!("{path}: {reason}")))
}

fn survivors_of(table: &toml::Table) -> Result<Vec<Survivor>, String> {
    let list = table.get("survivor").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    list.iter()
        .map(|entry| {
            let text = |name: &str| {
                let text = entry.get(name).and_then(toml::Value::as_str).map(str::to_owned);
                text.ok_or_else(|| format!("an entry has no `{name}`: {entry}"))
            };
            let count = entry.get("count").map_or(Some(1), toml::Value::as_integer);
            let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
            let survivor = Survivor {
                group: text("group")?,
                file: text("file")?,
                mutant: text("mutant")?,
                count: count.ok_or_else(|| format!("a count is a number above 0: {entry}"))?,
                reason: text("reason")?,
            };
            if survivor.reason.len() < REASON_LEAST {
                return Err(format!("`{}` is no reason for {}", survivor.reason, survivor.mutant));
            }
            Ok(survivor)
        })
        .collect()
}

/// Entries of no group, and entries that stand twice.
pub(super) fn strangers(groups: &[Group], survivors: &[Survivor]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, survivor) in survivors.iter().enumerate() {
        let Survivor { group, file, mutant, .. } = survivor;
        if !groups.iter().any(|known| known.name == *group) {
            complaints.push(format!("no group `{group}`: {file}: {mutant}"));
        }
        let same = |other: &&Survivor| (&other.group, &other.file, &other.mutant) == (group, file, mutant);
        if survivors.iter().take(at).any(|other| same(&other)) {
            complaints.push(format!("listed twice: {file}: {mutant}"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[survivor]]\ngroup = \"a\"\nfile = \"x.rs\"\nmutant = \"replace + with -\"\nreason = \"the sum is never looked at\"\n";

    #[test]
    fn entries_are_read_strictly() {
        let read = |text: &str| survivors_of(&text.parse().unwrap());
        assert_eq!(read(GOOD).unwrap()[0].count, 1);
        assert_eq!(read(&format!("{GOOD}count = 2\n")).unwrap()[0].count, 2);
        for (from, to) in [("reason", "reasons"), ("the sum is never looked at", "dull"), ("file", "path")] {
            assert!(read(&GOOD.replace(from, to)).is_err(), "{from}");
        }
        assert!(read(&format!("{GOOD}count = 0\n")).is_err());
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn strangers_are_named() {
        let entries = survivors_of(&format!("{GOOD}{GOOD}").parse().unwrap()).unwrap();
        let group = |name: &str| Group {
            name: name.to_owned(),
            package: String::new(),
            files: Vec::new(),
            tests: Vec::new(),
            only: None,
        };
        assert_eq!(strangers(&[group("a")], &entries).len(), 1);
        assert_eq!(strangers(&[group("b")], &entries[..1]).len(), 1);
        assert!(strangers(&[group("a")], &entries[..1]).is_empty());
    }
}
