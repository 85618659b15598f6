//! An honest replica: its ops, its key, its disk.

use vm_core::key::SigningIdentity;
use vm_crdt::error::{AuthorError, StateError};
use vm_crdt::{Charter, Limits, OpId, Payload, Replica};

use crate::disk::Disk;
use crate::error::Violation;
use crate::weakness::Weakness;

/// Ops that wait for their past, of one author. Few, so that floods reach the bound.
pub(crate) const ORPHANS: usize = 16;

/// What an honest replica holds at most. None of it is reached but the store of orphans, which has to be.
pub(crate) const LIMITS: Limits =
    Limits { ops: 1 << 14, lanes: 256, clock_cells: 1 << 20, orphans: ORPHANS, orphan_bytes: 1 << 16 };

/// An honest replica.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) replica: Replica,
    pub(crate) disk: Disk,
    /// Under what it writes; nothing once it has lost its disk, until it is enrolled anew.
    pub(crate) author: Option<SigningIdentity>,
    /// Ops of its own that are on this disk.
    pub(crate) written: Vec<OpId>,
}

pub(crate) fn fresh(charter: &Charter, weakness: Weakness) -> Replica {
    let mut replica = Replica::new(charter.clone(), LIMITS);
    if let Some(rule) = weakness.rule() {
        vm_crdt::hazmat::skip(&mut replica, rule);
    }
    replica
}

impl Peer {
    pub(crate) fn new(charter: &Charter, author: SigningIdentity, weakness: Weakness) -> Self {
        let replica = fresh(charter, weakness);
        Self { replica, disk: Disk::default(), author: Some(author), written: Vec::new() }
    }

    /// Makes an op and puts it on disk, with all it rests on, before anybody else can get it. Nothing where this one may not write now.
    pub(crate) fn write(&mut self, at: usize, payload: Payload) -> Result<Option<OpId>, Violation> {
        let Some(author) = &self.author else { return Ok(None) };
        match self.replica.write(payload, author) {
            Ok(op) => {
                self.disk.write(&self.replica);
                self.written.push(*op.id());
                Ok(Some(*op.id()))
            }
            // It has not heard yet that it was enrolled.
            Err(AuthorError::Stranger { .. }) => Ok(None),
            Err(error) => Err(Violation::Write { author: at, code: error.code() }),
        }
    }

    /// Loses all but the disk.
    pub(crate) fn restart(&mut self, at: usize, charter: &Charter, weakness: Weakness) -> Result<(), Violation> {
        let replica = self.disk.read(fresh(charter, weakness)).map_err(|what| Violation::Disk { peer: at, what })?;
        self.replica = replica;
        Ok(())
    }

    /// Loses everything. The key is retired: who begins anew from less than was said would fork.
    pub(crate) fn lose(&mut self, charter: &Charter, weakness: Weakness) -> Option<SigningIdentity> {
        self.replica = fresh(charter, weakness);
        self.disk = Disk::default();
        self.written.clear();
        self.author.take()
    }

    /// Forgets payloads below a sealed compaction, where there is one that it has not followed yet.
    pub(crate) fn compact(&mut self, at: usize) -> Result<usize, Violation> {
        match self.replica.compact() {
            Ok(dropped) => {
                self.disk.compact(&self.replica);
                Ok(dropped)
            }
            Err(StateError::NotSealed) => Ok(0),
            Err(error) => Err(Violation::Disk { peer: at, what: format!("compaction: {}", error.code()) }),
        }
    }
}
