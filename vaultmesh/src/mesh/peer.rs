//! Peers: whose log key is pinned, and by which key they write to the graph.
//!
//! ```json
//! {"checkpoint_key":"vaultmesh/<64 hex>+<8 hex>+<base64>","format":"vm-mesh-peer-v0","member":"<64 hex>","name":"laptop"}
//! ```
//!
//! Whoever has a vault gives this file to its peers by a way that they trust; it is not signed, since it says which keys to believe. The
//! format is `docs/spec/mesh.md`.

use serde::{Deserialize, Serialize};
use vm_core::canonical;
use vm_core::id::LedgerId;
use vm_core::key::{NoteKey, PublicKey};

use super::folder::Folder;
use crate::error::MeshError;

/// Format of a peer.
pub const PEER_FORMAT: &str = "vm-mesh-peer-v0";
/// Longest peer, in bytes: two keys and a name take some 350.
pub(super) const PEER_MAX: usize = 4 * 1024;
/// Longest name of a peer.
const NAME_MAX: usize = 64;

/// A vault that takes part: the key of its log, and the key by which it writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    name: String,
    ledger: LedgerId,
    key: NoteKey,
    member: PublicKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    checkpoint_key: NoteKey,
    format: String,
    member: PublicKey,
    name: String,
}

impl Peer {
    /// A peer of this name: 1 to 64 characters from `a-z`, `0-9` and hyphen.
    ///
    /// # Errors
    /// [`MeshError::Peer`] where the name is none, or the key is not that of a ledger's log.
    pub fn new(name: &str, key: NoteKey, member: PublicKey) -> Result<Self, MeshError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=NAME_MAX).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(MeshError::Peer { reason: "name is not 1 to 64 characters from a-z, 0-9 and hyphen" });
        }
        let ledger = key.name().strip_prefix("vaultmesh/").and_then(|id| LedgerId::parse(id).ok());
        let ledger = ledger.filter(|ledger| ledger.origin() == key.name());
        let ledger = ledger.ok_or(MeshError::Peer { reason: "checkpoint_key is not the key of a ledger's log" })?;
        Ok(Self { name: name.to_owned(), ledger, key, member })
    }

    /// Reads a peer; white space around it is no part of it.
    ///
    /// # Errors
    /// [`MeshError::Peer`], [`MeshError::FormatUnknown`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MeshError> {
        let value = canonical::parse(bytes, PEER_MAX).map_err(|_| MeshError::Peer { reason: "no sound JSON" })?;
        super::check_format("peer", &value, PEER_FORMAT)?;
        let stored = Stored::deserialize(value);
        let stored = stored.map_err(|_| MeshError::Peer { reason: "members are missing, foreign or malformed" })?;
        Self::new(&stored.name, stored.checkpoint_key, stored.member)
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = serde_json::json!({
            "checkpoint_key": self.key,
            "format": PEER_FORMAT,
            "member": self.member,
            "name": self.name,
        });
        canonical::to_bytes(&value).unwrap_or_default()
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ledger.
    #[must_use]
    pub const fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The key that verifies its checkpoints.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// The key by which it writes to the graph.
    #[must_use]
    pub const fn member(&self) -> &PublicKey {
        &self.member
    }
}

/// File of the peer with this ledger.
pub(super) fn path(ledger: LedgerId) -> String {
    format!("peers/{ledger}.json")
}

/// All that are pinned, in the order of their ledgers.
pub(super) fn load(folder: &Folder) -> Result<Vec<Peer>, MeshError> {
    let mut peers = Vec::new();
    for name in folder.list("peers", ".json")? {
        let bytes = folder.read(&name, PEER_MAX)?.unwrap_or_default();
        let peer = Peer::parse(&bytes).map_err(|error| folder.damaged(&name, error.code()))?;
        if path(peer.ledger) != name {
            return Err(folder.damaged(&name, "name"));
        }
        peers.push(peer);
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::key::SigningIdentity;

    use super::*;

    fn sample() -> Peer {
        let key = |seed| SigningIdentity::from_seed(&[seed; 32]).public();
        let ledger = LedgerId::from_genesis(LeafHash::from_bytes([1; 32]));
        Peer::new("laptop", NoteKey::new(ledger.origin(), key(1)).unwrap(), key(2)).unwrap()
    }

    #[test]
    fn the_page_shows_a_peer_and_the_policy() {
        let page = include_str!("../../../docs/spec/mesh.md");
        let shown = page.split("```json\n").nth(1).unwrap().split("\n```").next().unwrap();
        assert_eq!(shown, String::from_utf8(sample().to_bytes()).unwrap());
        assert_eq!(Peer::parse(shown.as_bytes()).unwrap(), sample());
        assert!(page.contains(&format!("```text\n{}```", super::super::MERGE_POLICY)));
    }

    #[test]
    fn no_other_file_is_a_peer() {
        let good = String::from_utf8(sample().to_bytes()).unwrap();
        for (bad, code) in [
            (good.replace("peer-v0", "peer-v1"), "format-unknown"),
            (good.replace("\"laptop\"", "\"Laptop\""), "mesh-peer"),
            (good.replace("\"laptop\"", "\"\""), "mesh-peer"),
            (good.replace("\"laptop\"", &format!("\"{}\"", "a".repeat(65))), "mesh-peer"),
            (good.replace("{\"checkpoint", "{\"a\":1,\"checkpoint"), "mesh-peer"),
            (good.replace("vaultmesh/01", "vaultmesh/02"), "mesh-peer"),
            ("{}".to_owned(), "format-unknown"),
            (String::new(), "mesh-peer"),
        ] {
            assert_eq!(Peer::parse(bad.as_bytes()).unwrap_err().code(), code, "{bad}");
        }
        let scroll = NoteKey::new("example.com/log", *sample().member()).unwrap();
        assert_eq!(Peer::new("a", scroll, *sample().member()).unwrap_err().code(), "mesh-peer");
    }
}
