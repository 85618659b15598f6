//! Where outside vectors are.

use std::path::PathBuf;

/// Folder of the suite `name`, or none, said on stderr, where the vectors are not there.
pub(crate) fn suite(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VAULTMESH_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors")), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("conformance: suite {name} did not run: no vectors at {}", folder.display());
    None
}
