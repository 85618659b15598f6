//! The workspace on disk: its root, its members, its files.

use std::path::{Path, PathBuf};

use crate::error::Failure;

/// Folders that are made by tools or hold data that is not written by hand.
const SKIPPED: [&str; 5] = ["target", ".git", "artifacts", "corpus", "node_modules"];

/// The workspace.
pub(crate) struct Tree {
    root: PathBuf,
    members: Vec<Member>,
}

/// One member crate.
pub(crate) struct Member {
    /// Folder below the root, with `/` between its parts.
    pub(crate) folder: String,
    /// Package name.
    pub(crate) name: String,
    /// The parsed manifest.
    pub(crate) manifest: toml::Table,
}

impl Member {
    /// Whether others may depend on it: whatever is not marked otherwise.
    pub(crate) fn is_published(&self) -> bool {
        let package = self.manifest.get("package");
        package.and_then(|package| package.get("publish")).and_then(toml::Value::as_bool) != Some(false)
    }
}

impl Tree {
    /// Finds the root from the manifest folder of this program and reads every member's manifest.
    pub(crate) fn open() -> Result<Self, Failure> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
        let root = here.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let workspace = read_toml(&root.join("Cargo.toml"))?;
        let listed = workspace.get("workspace").and_then(|table| table.get("members")).and_then(toml::Value::as_array);
        let mut members = Vec::new();
        for folder in listed.into_iter().flatten().filter_map(toml::Value::as_str) {
            let manifest = read_toml(&root.join(folder).join("Cargo.toml"))?;
            let name = manifest
                .get("package")
                .and_then(|package| package.get("name"))
                .and_then(toml::Value::as_str)
                .unwrap_or(folder)
                .to_owned();
            members.push(Member { folder: folder.to_owned(), name, manifest });
        }
        if members.is_empty() {
            return Err(Failure::Missing(format!("no workspace members in {}", root.join("Cargo.toml").display())));
        }
        Ok(Self { root, members })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The version that all members share.
    pub(crate) fn version(&self) -> Result<String, Failure> {
        let manifest = read_toml(&self.root.join("Cargo.toml"))?;
        let package = manifest.get("workspace").and_then(|table| table.get("package"));
        let version = package.and_then(|table| table.get("version")).and_then(toml::Value::as_str);
        version.map(str::to_owned).ok_or_else(|| Failure::Missing("the workspace has no version".to_owned()))
    }

    /// Reads a text file by its path below the root.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        let path = self.root.join(path);
        std::fs::read_to_string(&path).map_err(Failure::io(path))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Every file below `folder` whose name ends in one of `endings`, as sorted paths below the root.
    pub(crate) fn files(&self, folder: &str, endings: &[&str]) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        self.walk(folder, endings, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &str, endings: &[&str], found: &mut Vec<String>) -> Result<(), Failure> {
        let path = self.root.join(folder);
        for entry in std::fs::read_dir(&path).map_err(Failure::io(&path))? {
            let entry = entry.map_err(Failure::io(&path))?;
            let kind = entry.file_type().map_err(Failure::io(entry.path()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if kind.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&below, endings, found)?;
                }
            } else if kind.is_file() && endings.iter().any(|ending| below.ends_with(ending)) {
                found.push(below);
            }
        }
        Ok(())
    }
}

/// Reads and parses a TOML file.
pub(crate) fn read_toml(path: &Path) -> Result<toml::Table, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::io(path))?;
    text.parse().map_err(|source| Failure::Manifest { path: path.to_path_buf(), source })
}
