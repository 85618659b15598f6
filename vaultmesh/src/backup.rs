//! Backups of a whole vault, made while it is written to.

use std::path::Path;

use vm_core::path::VaultPath;
use vm_ledger::{BackedUp, Plan};

use crate::config::{CONFIG_FILE, Config, TsaEntry};
use crate::error::VaultError;
use crate::read::Reader;
use crate::redaction::REDACTION_FILE;
use crate::vault::{LOCK_TIMEOUT, Place};

/// Copies the vault that `reader` has open to the new folder `to`: the database as the reader sees it, the files that
/// rows name, scrolls up to their signed roots, the mesh, and the configuration with the roots that it names. Keys stay behind,
/// also where their folder lies below the vault. `progress` hears of bytes that were copied.
///
/// # Errors
/// [`VaultError::Backup`], [`VaultError::Mesh`]; nothing has the name of `to` then.
pub fn backup_vault(
    reader: &Reader,
    place: &Place,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<BackedUp, VaultError> {
    let vault = reader.files().path();
    let keys = place.keys.canonicalize().ok();
    let withhold = |path: &VaultPath| {
        let file = vault.join(path.as_str());
        let file = file.canonicalize().unwrap_or(file);
        keys.as_ref().is_some_and(|keys| file.starts_with(keys))
    };
    // Without its redaction policy a restored vault would go on under another one.
    let settings = [CONFIG_FILE, REDACTION_FILE].into_iter();
    let mut extra: Vec<VaultPath> = settings.filter_map(|name| name.parse().ok()).collect();
    // A configuration that cannot be read is copied as it is; what it names is not known then.
    if let Ok(Some(config)) = Config::load(vault) {
        extra.extend(config.authorities().iter().filter_map(TsaEntry::root_path));
    }
    // Nobody writes the mesh while it is copied, so that the copy is of one moment.
    let mesh = crate::mesh::files(vault, LOCK_TIMEOUT)?;
    extra.extend(mesh.iter().flat_map(|(_, paths)| paths).cloned());
    extra.retain(|path| !withhold(path));
    let plan = Plan { extra, withhold: Some(&withhold) };
    vm_ledger::backup(reader.view(), to, &plan, progress).map_err(VaultError::Backup)
}
