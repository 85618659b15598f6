//! Folders of this process alone, which go when it has done with them.

use std::fs;
use std::path::{Path, PathBuf};

use vm_core::source::Entropy as _;

use crate::error::VaultError;
use crate::system::SystemEntropy;

/// A new folder below the system's temporary folder, which nobody else may read.
#[derive(Debug)]
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn create() -> Result<Self, VaultError> {
        let mut random = [0; 16];
        SystemEntropy::open()?.fill(&mut random);
        let path = std::env::temp_dir().join(format!("vaultmesh-{}", vm_core::digest::to_hex(&random)));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|source| VaultError::File { path: path.clone(), source })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
