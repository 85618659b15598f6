//! Federation: vaults that exchange evidence and twin state without a leader, also where one of them lies.
//!
//! A mesh is one graph of `vm-crdt`. What a vault has of it lies in its folder `mesh/`, as plain files that are written once and never
//! altered: the same files make a folder on a stick or a shared disk a mailbox, which is a replica that has no key.
//!
//! Three things travel: ops of the graph, which say what their authors saw and edit the twin state; heads, which show that a peer's log
//! grew out of the one before; and rows of a peer, each with its path to such a head. Rows count as proven where the peer's key, which
//! this vault's owner pinned, signed the head. All else is shown as what it is: somebody's word.

mod ack;
mod exchange;
mod folder;
mod foreign;
mod keys;
mod link;
mod log;
mod peer;
mod share;
mod store;

use std::path::Path;
use std::time::Duration;

use vm_core::digest::Sha256Digest;
use vm_core::key::SigningIdentity;
use vm_core::path::VaultPath;
use vm_core::verdict::{Code, Finding};
use vm_crdt::event::Seal;
use vm_crdt::graph::Limits;
use vm_crdt::sync::Role;
use vm_crdt::{Change, Charter, EventBody, MergeReceipt, OpId, Payload, Replica, SealedEvent};

use crate::error::MeshError;

pub use ack::{MESH_ACK_FORMAT, MESH_ACK_MAX, MeshAck};
pub use exchange::{Exchanged, Peering, Refused, exchange};
pub use folder::{FILE_MAX, FILES_MAX};
pub use foreign::{Foreign, ForeignRow, ForeignState};
pub use link::{Link, TcpLink, listen};
pub use peer::{PEER_FORMAT, Peer};
pub use share::{SHARE_ROWS_MAX, Shared};

use folder::Folder;
use store::Store;

/// The rules by which this release merges, named in each receipt: SHA-256 over this text.
pub const MERGE_POLICY: &str = "vm-mesh-policy-v0\n\
ops: the rules V1 to V5 of vm-crdt; both sides of a conflict are kept\n\
rows: kept where a pinned key signed the head of their log\n";

/// One replica of a graph, in a folder, held for writing: nobody else writes it meanwhile.
#[derive(Debug)]
pub struct Mesh {
    folder: Folder,
    store: Store,
    replica: Replica,
    peers: Vec<Peer>,
}

impl Mesh {
    /// Makes a replica of `charter` in the vault or mailbox at `dir`, which is made where it is not there.
    ///
    /// # Errors
    /// [`MeshError::Exists`] where another graph is there already, [`MeshError::Busy`], [`MeshError::Folder`].
    pub fn create(dir: &Path, charter: &Charter, timeout: Duration) -> Result<Self, MeshError> {
        let folder = Folder::create(dir, timeout)?;
        match folder.charter()? {
            Some(there) if there != *charter => return Err(MeshError::Exists { graph: there.graph() }),
            Some(_) => {}
            None => folder.write(folder::CHARTER, &charter.to_bytes())?,
        }
        Self::load(folder)
    }

    /// Opens the replica of the vault or mailbox at `dir`. Every op, event and proof in it is checked as if it came from elsewhere. Cost:
    /// about 50 us an op.
    ///
    /// # Errors
    /// [`MeshError::Missing`], [`MeshError::Busy`], [`MeshError::Damaged`], [`MeshError::Folder`].
    pub fn open(dir: &Path, timeout: Duration) -> Result<Self, MeshError> {
        Self::load(Folder::open(dir, timeout)?)
    }

    fn load(folder: Folder) -> Result<Self, MeshError> {
        let charter = folder.charter()?.ok_or_else(|| MeshError::Missing { path: folder.path().to_owned() })?;
        let (store, replica) = Store::load(&folder, Replica::new(charter, Limits::default()))?;
        let peers = peer::load(&folder)?;
        Ok(Self { folder, store, replica, peers })
    }

    /// The replica.
    #[must_use]
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// What the graph was made with.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        self.replica.graph().chain().charter()
    }

    /// Peers whose keys are pinned, in the order of their ledgers.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Whether this is a mailbox: a folder without a ledger, which believes nobody and keeps what well-formed files others put there.
    #[must_use]
    pub fn is_mailbox(&self) -> bool {
        self.folder.is_mailbox()
    }

    /// Pins the key of a peer's log, durably.
    ///
    /// # Errors
    /// [`MeshError::Repinned`] where another key of that ledger is pinned: which one is right, no program can say.
    pub fn pin(&mut self, peer: &Peer) -> Result<(), MeshError> {
        match self.peers.iter().find(|known| known.ledger() == peer.ledger()) {
            Some(known) if known.key() != peer.key() => return Err(MeshError::Repinned { ledger: peer.ledger() }),
            Some(known) if known == peer => return Ok(()),
            _ => {}
        }
        self.folder.replace(&peer::path(peer.ledger()), &peer.to_bytes())?;
        self.peers = peer::load(&self.folder)?;
        Ok(())
    }

    /// Makes the next op of `author`, on disk when this returns. `last` is the last receipt of a merge that this vault's ledger has: an author
    /// that begins anew from less than it had said would fork, so nothing is written where what that receipt names is not here.
    ///
    /// # Errors
    /// [`MeshError::Behind`], [`MeshError::Unmet`] for a member that never met another, [`MeshError::Author`], [`MeshError::Folder`].
    pub fn write(
        &mut self,
        payload: Payload,
        author: &SigningIdentity,
        last: Option<&MergeReceipt>,
    ) -> Result<OpId, MeshError> {
        self.check_current(author, last)?;
        let op = self.replica.write(payload, author)?;
        self.save()?;
        Ok(*op.id())
    }

    fn check_current(&self, author: &SigningIdentity, last: Option<&MergeReceipt>) -> Result<(), MeshError> {
        let missing = self.missing_since(last);
        if missing > 0 {
            return Err(MeshError::Behind { missing });
        }
        let is_founder = self.charter().sealers().contains(&author.public());
        if last.is_none() && !is_founder {
            return Err(MeshError::Unmet);
        }
        Ok(())
    }

    /// How many heads this vault had after its last merge that are not here: it is older than that.
    fn missing_since(&self, last: Option<&MergeReceipt>) -> usize {
        let graph = self.replica.graph();
        let heads = last.and_then(|receipt| receipt.merge().after.heads.as_ref());
        heads.into_iter().flatten().filter(|id| graph.place(id).is_none()).count()
    }

    /// That this replica lacks what it had at `last`, the last receipt of a merge that this vault's ledger has: whatever it says leaves something out.
    #[must_use]
    pub fn behind(&self, last: Option<&MergeReceipt>) -> Option<Finding> {
        let missing = self.missing_since(last);
        let found = || format!("{missing} heads of its last merge are not here");
        (missing > 0).then(|| Finding::new(Code::ReplicaBehind, "mesh").found(found()))
    }

    /// An event about this graph as it stands, with this sealer's word for it.
    #[must_use]
    pub fn event(&self, change: Change, sealer: &SigningIdentity) -> (EventBody, Seal) {
        let graph = self.replica.graph();
        let body = EventBody {
            graph: graph.name(),
            number: graph.chain().number() + 1,
            previous: graph.chain().last(),
            frontier: graph.heads().copied().collect(),
            change,
        };
        let seal = body.seal(sealer);
        (body, seal)
    }

    /// Takes a sealed event, on disk when this returns.
    ///
    /// # Errors
    /// [`MeshError::Event`], [`MeshError::Folder`].
    pub fn seal(&mut self, event: SealedEvent) -> Result<(), MeshError> {
        let _ = self.replica.seal(event)?;
        self.save()
    }

    /// Puts on disk whatever is new.
    ///
    /// # Errors
    /// [`MeshError::Folder`].
    pub(crate) fn save(&mut self) -> Result<(), MeshError> {
        self.store.save(&self.folder, &self.replica)?;
        if self.forget() == 0 {
            return Ok(());
        }
        self.store.save(&self.folder, &self.replica)
    }
}

/// All files of the mesh in a vault, by their paths below the vault, and what keeps others from writing them; nothing where none is there.
pub(crate) fn files(vault: &Path, timeout: Duration) -> Result<Option<(impl Drop + use<>, Vec<VaultPath>)>, MeshError> {
    match Folder::open(vault, timeout) {
        Ok(folder) => {
            let paths = folder.all()?;
            Ok(Some((folder.into_lock(), paths)))
        }
        Err(MeshError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses JSON whose `format` is not this one, as what it is and not as malformed.
fn check_format(what: &'static str, value: &serde_json::Value, format: &str) -> Result<(), MeshError> {
    let found = value.get("format").and_then(serde_json::Value::as_str).unwrap_or_default();
    if found == format {
        Ok(())
    } else {
        Err(MeshError::FormatUnknown { what, found: found.chars().take(64).collect() })
    }
}

/// SHA-256 over [`MERGE_POLICY`].
#[must_use]
pub fn merge_policy() -> Sha256Digest {
    Sha256Digest::of(MERGE_POLICY.as_bytes())
}

/// Exchanges with the replica in the vault or mailbox at `dir`, which is a replica of the same graph from then on.
///
/// # Errors
/// As [`exchange`], for either side.
pub fn exchange_files(
    mesh: &mut Mesh,
    dir: &Path,
    seeds: [[u8; 48]; 2],
    timeout: Duration,
) -> Result<Exchanged, MeshError> {
    // Whether another vault takes part is for its owner to say.
    let mut other = if folder::has_ledger(dir) {
        Mesh::open(dir, timeout)?
    } else {
        Mesh::create(dir, &mesh.charter().clone(), timeout)?
    };
    let [ours, theirs] = seeds;
    let (mut here, mut there) = link::pair();
    std::thread::scope(|scope| {
        let answering = scope.spawn(move || {
            exchange(&mut other, &mut there, &Peering { role: Role::Responder, key: None, seed: theirs })
        });
        let done = exchange(mesh, &mut here, &Peering { role: Role::Initiator, key: None, seed: ours });
        drop(here);
        let answered = answering.join().unwrap_or(Err(MeshError::Frame { what: "answer" }));
        // Where one side failed, the other only saw that it went.
        match (done, answered) {
            (Ok(_) | Err(MeshError::Link(_) | MeshError::Gone { .. }), Err(error)) => Err(error),
            (done, _) => done,
        }
    })
}
