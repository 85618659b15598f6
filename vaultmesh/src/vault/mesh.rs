//! Federation of this vault: its key, its mesh, what it shows and what it merges.

use std::path::Path;

use vm_core::capability::act;
use vm_core::key::SigningIdentity;
use vm_crdt::event::Seal;
use vm_crdt::sync::Role as Side;
use vm_crdt::{Change, Charter, EventBody, Payload, SealedEvent};
use vm_seal::selection::Selection;

use super::Vault;
use super::merge::Merged;
use crate::error::{MeshError, VaultError};
use crate::mesh::{Exchanged, Link, Mesh, MeshAck, Peer, Peering, Shared, exchange, exchange_files};
use crate::read::Reader;

/// What a sync came to.
#[derive(Debug)]
pub struct Synced {
    /// What went and came.
    pub exchanged: Exchanged,
    /// The receipt on record; none where nothing was new.
    pub merged: Option<Merged>,
}

impl Vault {
    /// The key by which this vault writes to a mesh, made where there is none yet.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`], [`VaultError::KeyMalformed`].
    pub fn mesh_key(&mut self) -> Result<SigningIdentity, VaultError> {
        self.keys.mesh(&mut *self.sources.entropy)
    }

    /// What peers need to know of this vault.
    ///
    /// # Errors
    /// As [`Vault::mesh_key`]; [`MeshError::Peer`] where the name is none.
    pub fn mesh_peer(&mut self, name: &str) -> Result<Peer, VaultError> {
        let member = self.mesh_key()?.public();
        Ok(Peer::new(name, self.note_key.clone(), member)?)
    }

    /// Makes a mesh of this vault and some peers, who may all write to it. This vault's mesh key seals what is final in it.
    ///
    /// # Errors
    /// [`MeshError::Charter`] for too many peers; those of [`Mesh::create`] and [`Mesh::pin`].
    pub fn mesh_create(&mut self, name: &str, peers: &[Peer]) -> Result<Mesh, VaultError> {
        let own = self.mesh_peer(name)?;
        let members = peers.iter().chain([&own]).map(|peer| *peer.member()).collect();
        let charter = Charter::new(self.ledger_id(), members, vec![*own.member()], 1).map_err(MeshError::Charter)?;
        self.mesh_join(&charter, name, peers)
    }

    /// Takes part in the mesh of a charter. Keys of the peers' logs are pinned, this vault's own among them.
    ///
    /// # Errors
    /// Those of [`Mesh::create`] and [`Mesh::pin`].
    pub fn mesh_join(&mut self, charter: &Charter, name: &str, peers: &[Peer]) -> Result<Mesh, VaultError> {
        let own = self.mesh_peer(name)?;
        let mut mesh = Mesh::create(self.dir(), charter, self.sources.patience.timeout)?;
        for peer in peers.iter().chain([&own]) {
            mesh.pin(peer)?;
        }
        Ok(mesh)
    }

    /// The mesh of this vault, held for writing.
    ///
    /// # Errors
    /// Those of [`Mesh::open`].
    pub fn mesh(&self) -> Result<Mesh, VaultError> {
        Ok(Mesh::open(self.dir(), self.sources.patience.timeout)?)
    }

    /// Writes an op; its name. Needs leave to record.
    ///
    /// # Errors
    /// [`VaultError::Token`]; those of [`Mesh::write`].
    pub fn mesh_write(&mut self, mesh: &mut Mesh, payload: Payload) -> Result<String, VaultError> {
        let _ = self.permit::<act::Record>()?;
        let (key, last) = (self.mesh_key()?, self.last_merge(mesh.charter().graph())?);
        Ok(mesh.write(payload, &key, last.as_ref())?.to_string())
    }

    /// Shows peers rows of this vault, whole. Needs leave to record.
    ///
    /// # Errors
    /// [`VaultError::Token`]; those of [`Mesh::share`].
    pub fn mesh_share(&mut self, mesh: &mut Mesh, selection: &Selection) -> Result<Shared, VaultError> {
        let _ = self.permit::<act::Record>()?;
        let (key, last) = (self.mesh_key()?, self.last_merge(mesh.charter().graph())?);
        mesh.share(&Reader::open(&self.place)?, selection, &key, last.as_ref())
    }

    /// An event with this vault's seal: taken at once where that is enough, else to be sealed by others. Needs leave to seal.
    ///
    /// # Errors
    /// [`VaultError::Token`], [`MeshError::Event`].
    pub fn mesh_seal(&mut self, mesh: &mut Mesh, change: Change) -> Result<SealedEvent, VaultError> {
        let _ = self.permit::<act::Seal>()?;
        let key = self.mesh_key()?;
        let (body, seal): (EventBody, Seal) = mesh.event(change, &key);
        let event = SealedEvent::check(body, vec![seal], mesh.charter()).map_err(MeshError::Event)?;
        mesh.seal(event.clone())?;
        Ok(event)
    }

    /// This vault's word that it holds all that counts in the mesh. Needs leave to record.
    ///
    /// # Errors
    /// [`VaultError::Token`], [`MeshError::NotWhole`].
    pub fn mesh_ack(&mut self, mesh: &Mesh) -> Result<MeshAck, VaultError> {
        let _ = self.permit::<act::Record>()?;
        Ok(mesh.acknowledge(&self.mesh_key()?)?)
    }

    /// Seals that everybody may forget what lies below the heads, by the word of all other members. Needs leave to seal.
    ///
    /// # Errors
    /// [`MeshError::Ack`], [`MeshError::Event`] where a member's is missing; those of [`Vault::mesh_seal`].
    pub fn mesh_compact(&mut self, mesh: &mut Mesh, others: &[MeshAck]) -> Result<SealedEvent, VaultError> {
        let own = self.mesh_ack(mesh)?;
        let change = mesh.compaction(&own, others)?;
        self.mesh_seal(mesh, change)
    }

    /// Syncs with the vault or mailbox at `dir`, and records the receipt.
    ///
    /// # Errors
    /// [`VaultError::Token`] where the holder may not record; those of [`exchange_files`] and [`Vault::record_merge`].
    pub fn sync_files(&mut self, mesh: &mut Mesh, dir: &Path) -> Result<Synced, VaultError> {
        let _ = self.permit::<act::Record>()?;
        let seeds = [self.mesh_seed(), self.mesh_seed()];
        let exchanged = exchange_files(mesh, dir, seeds, self.sources.patience.timeout)?;
        self.record_sync(mesh, exchanged)
    }

    /// Syncs with whoever is at the other end of `link`, and records the receipt.
    ///
    /// # Errors
    /// [`VaultError::Token`] where the holder may not record; those of [`exchange`] and [`Vault::record_merge`].
    pub fn sync_link(&mut self, mesh: &mut Mesh, link: &mut dyn Link, side: Side) -> Result<Synced, VaultError> {
        let _ = self.permit::<act::Record>()?;
        let key = self.mesh_key()?;
        let peering = Peering { role: side, key: Some(&key), seed: self.mesh_seed() };
        let exchanged = exchange(mesh, link, &peering)?;
        self.record_sync(mesh, exchanged)
    }

    /// A merge that brought nothing new and sent nothing says nothing, but the first. While this vault lacks what it had before, no receipt says
    /// otherwise; what stands aside since its author was proven to have forked may be gone everywhere.
    fn record_sync(&mut self, mesh: &Mesh, mut exchanged: Exchanged) -> Result<Synced, VaultError> {
        let last = self.last_merge(exchanged.merge.graph)?;
        let has_proofs = mesh.replica().graph().proofs().next().is_some();
        let behind = mesh.behind(last.as_ref());
        let is_behind = behind.is_some();
        behind.into_iter().for_each(|finding| exchanged.report.find(finding));
        let merge = &exchanged.merge;
        if is_behind && !has_proofs {
            return Ok(Synced { exchanged, merged: None });
        }
        let last = last.as_ref().map(|receipt| receipt.merge());
        let is_same = last.is_some_and(|last| last.after == merge.after && last.events == merge.events);
        let merged = if is_same && merge.received == 0 && merge.sent == 0 {
            None
        } else {
            Some(self.record_merge(merge.clone())?)
        };
        Ok(Synced { exchanged, merged })
    }

    fn mesh_seed(&mut self) -> [u8; 48] {
        let mut seed = [0; 48];
        self.sources.entropy.fill(&mut seed);
        seed
    }
}
