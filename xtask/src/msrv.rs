//! The oldest compiler that the crates promise to build with.
//!
//! It is the one that this repository is built with, so that every build, test and lint of CI enforces it. What is left to
//! check is that the two are the same, that the README says so, and that no dependency asks for more.

use serde_json::Value;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{self, Tree};

/// Checks the promise.
pub(crate) fn check(tree: &Tree) -> Result<(), Failure> {
    let promised = promised(tree)?;
    let fault = |text: String| Err(Failure::Missing(text));
    let channel = tree::read_toml(&tree.root().join("rust-toolchain.toml"))?;
    let channel = channel.get("toolchain").and_then(|table| table.get("channel")).and_then(toml::Value::as_str);
    if channel.and_then(version) != version(&promised) {
        return fault(format!(
            "rust-version is {promised} and rust-toolchain.toml pins {channel:?}: nothing tests the promise"
        ));
    }
    let stated = format!("MSRV {promised}");
    if !tree.read("README.md")?.contains(&stated) {
        return fault(format!("README.md does not state {stated}"));
    }
    let metadata =
        run::capture(cargo(tree.root(), &["metadata", "--format-version", "1", "--locked", "--all-features"]))?;
    if !metadata.status.success() {
        return fault(String::from_utf8_lossy(&metadata.stderr).trim().to_owned());
    }
    let (count, greedy) = greedy(&metadata.stdout, &promised)?;
    if !greedy.is_empty() {
        return fault(format!("these need more than {promised}: {}", greedy.join(", ")));
    }
    println!("none of {count} packages asks for more than {promised}, which is the compiler of this repository");
    Ok(())
}

fn promised(tree: &Tree) -> Result<String, Failure> {
    let manifest = tree::read_toml(&tree.root().join("Cargo.toml"))?;
    let package = manifest.get("workspace").and_then(|table| table.get("package"));
    let version = package.and_then(|table| table.get("rust-version")).and_then(toml::Value::as_str);
    version.map(str::to_owned).ok_or_else(|| Failure::Missing("the workspace has no rust-version".to_owned()))
}

/// How many packages there are, and those that ask for a newer compiler than `promised`.
fn greedy(metadata: &[u8], promised: &str) -> Result<(usize, Vec<String>), Failure> {
    let value: Value = serde_json::from_slice(metadata).map_err(|error| Failure::Missing(error.to_string()))?;
    let packages = value.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    let greedy = packages.iter().filter_map(|package| {
        let needs = package.get("rust_version")?.as_str()?;
        let name = package.get("name")?.as_str()?;
        (version(needs) > version(promised)).then(|| format!("{name} ({needs})"))
    });
    Ok((packages.len(), greedy.collect()))
}

/// Major and minor number; patches never need a newer compiler.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("1.95.0"), version("1.95"));
        assert!(version("1.100") > version("1.95"));
        assert_eq!(version("stable"), None);
    }

    #[test]
    fn what_needs_more_is_named() {
        let metadata = br#"{"packages":[{"name":"a","rust_version":"1.96"},{"name":"b","rust_version":null},{"name":"c","rust_version":"1.9.3"}]}"#;
        let (count, greedy) = greedy(metadata, "1.95").unwrap();
        assert_eq!((count, greedy), (3, vec!["a (1.96)".to_owned()]));
    }
}
