//! Tables of verdicts kept in the repository: what is found must stand there, and what stands there must be found.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of an outside suite; where it is absent, says on stderr that the suite did not run.
pub(crate) fn vectors(suite: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VAULTMESH_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    let folder = root.join(suite);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("conformance: suite {suite} did not run: no vectors at {}", folder.display());
    None
}

/// Whether stale pages and tables are to be written again.
pub(crate) fn is_writing() -> bool {
    std::env::var_os("VAULTMESH_WRITE_DOCS").is_some()
}

/// Compares the rows found with those of `tests/data/NAME`, below its heading; writes them where that is asked for.
pub(crate) fn check(name: &str, heading: &str, rows: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = format!("{heading}\n{}\n", rows.join("\n"));
    if is_writing() {
        fs::write(&path, &text).unwrap();
        return;
    }
    let listed = fs::read_to_string(&path).unwrap_or_default();
    let listed: BTreeSet<&str> = listed.lines().skip(1).collect();
    let found: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    let unlisted: Vec<&&str> = found.difference(&listed).collect();
    let stale: Vec<&&str> = listed.difference(&found).collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "tests/data/{name}: run with VAULTMESH_WRITE_DOCS=1 and read what changed\nunlisted: {unlisted:#?}\nstale: {stale:#?}"
    );
}
