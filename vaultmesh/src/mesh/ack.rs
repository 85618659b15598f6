//! Acknowledgements: a member's word that it holds all below the heads, so that payloads may be forgotten.
//!
//! ```json
//! {"ack":{"member":"<64 hex>","signature":"<128 hex>"},"format":"vm-mesh-ack-v0","frontier":["<64 hex>"],"graph":"<64 hex>","number":3}
//! ```
//!
//! The signature binds all of it but the format. The format is `docs/spec/mesh.md`.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::key::SigningIdentity;
use vm_crdt::event::FRONTIER_MAX;
use vm_crdt::{Ack, Change, GraphId, OpId, Replica};

use super::Mesh;
use crate::error::MeshError;

/// Format of an acknowledgement.
pub const MESH_ACK_FORMAT: &str = "vm-mesh-ack-v0";
/// Longest acknowledgement, in bytes: names of all heads at 67 bytes each, and what stands around them.
pub const MESH_ACK_MAX: usize = 67 * FRONTIER_MAX + 1024;

/// A member's acknowledgement, for whoever seals the compaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MeshAck {
    graph: GraphId,
    number: u32,
    frontier: Vec<OpId>,
    ack: Ack,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    ack: Ack,
    format: String,
    frontier: Vec<Sha256Digest>,
    graph: Sha256Digest,
    number: u32,
}

impl MeshAck {
    /// Reads an acknowledgement. Whether it holds, is for the event that it goes into.
    ///
    /// # Errors
    /// [`MeshError::Ack`], [`MeshError::FormatUnknown`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MeshError> {
        let bad = |reason| MeshError::Ack { reason };
        let value = canonical::parse(bytes, MESH_ACK_MAX).map_err(|_| bad("no sound JSON"))?;
        super::check_format("acknowledgement", &value, MESH_ACK_FORMAT)?;
        let stored = Stored::deserialize(value).map_err(|_| bad("members are missing, foreign or malformed"))?;
        let frontier = stored.frontier.iter().map(|digest| OpId::from_bytes(*digest.as_bytes())).collect();
        Ok(Self { graph: GraphId::from_digest(stored.graph), number: stored.number, frontier, ack: stored.ack })
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let frontier: Vec<Sha256Digest> =
            self.frontier.iter().map(|id| Sha256Digest::from_bytes(*id.as_bytes())).collect();
        let value = serde_json::json!({
            "ack": self.ack,
            "format": MESH_ACK_FORMAT,
            "frontier": frontier,
            "graph": self.graph.digest(),
            "number": self.number,
        });
        canonical::to_bytes(&value).unwrap_or_default()
    }

    /// What a replica would acknowledge now.
    fn of(replica: &Replica, member: &SigningIdentity) -> Self {
        let graph = replica.graph();
        let (name, number) = (graph.name(), graph.chain().number().saturating_add(1));
        let frontier: Vec<OpId> = graph.heads().copied().collect();
        let ack = Ack::sign(&name, number, &frontier, member);
        Self { graph: name, number, frontier, ack }
    }
}

impl Mesh {
    /// This member's word that it holds all that counts here, with what the ops carry.
    ///
    /// # Errors
    /// [`MeshError::NotWhole`] where it does not.
    pub fn acknowledge(&self, member: &SigningIdentity) -> Result<MeshAck, MeshError> {
        if !self.replica.is_whole() {
            return Err(MeshError::NotWhole);
        }
        Ok(MeshAck::of(&self.replica, member))
    }

    /// The change that lets everybody forget what lies below the heads, by the word of all members. `own` is that of whoever seals.
    ///
    /// # Errors
    /// [`MeshError::Ack`] where somebody acknowledged something else than what is here now, or a member did not.
    pub fn compaction(&self, own: &MeshAck, others: &[MeshAck]) -> Result<Change, MeshError> {
        let is_same = |ack: &&MeshAck| (ack.graph, ack.number, &ack.frontier) == (own.graph, own.number, &own.frontier);
        if !others.iter().all(|ack| is_same(&ack)) {
            return Err(MeshError::Ack { reason: "of other heads than this vault has now" });
        }
        let mut acks: Vec<Ack> = others.iter().chain([own]).map(|ack| ack.ack.clone()).collect();
        acks.sort_unstable_by_key(|ack| ack.member);
        acks.dedup_by_key(|ack| ack.member);
        let mut members = self.replica.graph().chain().members().filter(|(_, membership)| membership.revoked.is_none());
        if !members.all(|(member, _)| acks.iter().any(|ack| ack.member == *member)) {
            return Err(MeshError::Ack { reason: "of a member is missing" });
        }
        Ok(Change::Compact { state: Sha256Digest::of(&self.replica.state_below(&own.frontier)), acks })
    }

    /// Forgets the payloads below a sealed compaction, where there is one and this replica made the same state. How many were forgotten;
    /// nothing where its own state is another, since then one side is at fault.
    pub(super) fn forget(&mut self) -> usize {
        if self.replica.is_whole() { self.replica.compact().unwrap_or(0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        let (graph, member) = (GraphId::from_digest(Sha256Digest::of(b"graph")), SigningIdentity::from_seed(&[1; 32]));
        let frontier = vec![OpId::from_bytes([1; 32]), OpId::from_bytes([2; 32])];
        let ack = Ack::sign(&graph, 3, &frontier, &member);
        let ack = MeshAck { graph, number: 3, frontier, ack };
        let text = String::from_utf8(ack.to_bytes()).unwrap();
        assert_eq!(MeshAck::parse(text.as_bytes()).unwrap(), ack);
        let other = text.replace("ack-v0", "ack-v1");
        assert_eq!(MeshAck::parse(other.as_bytes()).unwrap_err().code(), "format-unknown");
        for bad in [
            text.replace("\"number\":3", "\"number\":4294967296"),
            text.replace("{\"ack\"", "{\"a\":1,\"ack\""),
            text.replace("\"number\":3", "\"n\":3"),
            " ".repeat(MESH_ACK_MAX + 1),
            String::new(),
        ] {
            assert_eq!(MeshAck::parse(bad.as_bytes()).unwrap_err().code(), "mesh-ack", "{bad:.100}");
        }
    }
}
