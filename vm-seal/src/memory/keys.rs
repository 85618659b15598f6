//! Changes of the log key of a ledger in memory.

use vm_core::capability::{Permit, act};
use vm_core::id::TraceId;
use vm_core::key::{KeyChange, KeyChangeReason, SigningIdentity};
use vm_core::record::{Appended, FormatChange, SystemKind};
use vm_core::source::{Clock, Entropy};

use super::{MemoryLedger, system_row};
use crate::error::MemoryError;

impl MemoryLedger {
    /// Records that `new` takes the place of the log key, and signs with it from that row on. A row before it announces the format.
    ///
    /// # Errors
    /// [`MemoryError`]: `root` is not the ledger's root key, or the new key was one of its keys before.
    pub fn change_log_key(
        &mut self,
        permit: &Permit<act::Record>,
        root: &SigningIdentity,
        new: &SigningIdentity,
        (reason, trusted_size): (KeyChangeReason, Option<u64>),
        trace: TraceId,
        (clock, entropy): (&dyn Clock, &mut dyn Entropy),
    ) -> Result<Appended, MemoryError> {
        let capability = Some(permit.capability());
        let announced = FormatChange::adding(KeyChange::FORMAT).to_value();
        let announced = system_row(SystemKind::FormatChange, &announced, trace, capability, clock, entropy)?;
        let at = self.tree.size().as_u64() + 1;
        let keys = (self.signer.public(), new);
        let change = KeyChange::of_log(root, self.ledger, at, keys, reason, trusted_size)?;
        change.check(self.ledger, self.root_key)?;
        let row = system_row(SystemKind::KeyChange, &change.to_value(), trace, capability, clock, entropy)?;
        self.push(announced)?;
        let appended = self.push(row)?;
        self.signer = new.clone();
        self.sign()?;
        Ok(appended)
    }
}
