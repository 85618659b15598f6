//! Files of a vault in memory.

use std::collections::BTreeMap;

use vm_core::id::EngineName;
use vm_core::path::VaultPath;
use vm_core::view::{FileFault, VaultFiles};

/// Files by path, as if below a vault.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(BTreeMap<VaultPath, Vec<u8>>);

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file there, in place of another if there was one.
    pub fn put(&mut self, path: VaultPath, content: Vec<u8>) {
        self.0.insert(path, content);
    }

    /// Takes a file away.
    pub fn remove(&mut self, path: &VaultPath) -> Option<Vec<u8>> {
        self.0.remove(path)
    }

    /// Content of a file.
    #[must_use]
    pub fn content(&self, path: &VaultPath) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }
}

impl VaultFiles for MemoryFiles {
    fn read(&self, path: &VaultPath, visit: &mut dyn FnMut(&[u8])) -> Result<(), FileFault> {
        match self.0.get(path) {
            Some(content) => {
                visit(content);
                Ok(())
            }
            None => Err(FileFault::Missing { path: path.to_string() }),
        }
    }

    fn engines(&self) -> Result<Vec<EngineName>, FileFault> {
        let engine = |path: &VaultPath| {
            let mut components = path.components();
            let below = components.next() == Some("receipts");
            components.next().filter(|_| below)?.parse().ok()
        };
        let mut engines: Vec<EngineName> = self.0.keys().filter_map(engine).collect();
        engines.dedup();
        Ok(engines)
    }
}
