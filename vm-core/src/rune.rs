//! ProofRune: the generic container for a payload that must be hashable, replayable and auditable.
//!
//! ```text
//! {"capability_hash":"<64 hex>","epoch":"nigredo","format":"vm-proof-rune-v0","merkle_root":"<64 hex>|0",
//!  "payload":{...},"ts":"2026-01-02T03:04:05.000006Z"}
//! ```

use serde_json::{Value, json};

use crate::canonical;
use crate::digest::{CapabilityHash, RootHash};
use crate::epoch::Epoch;
use crate::error::RecordError;
use crate::instant::Instant;
use crate::redact::Redacted;

/// A payload with the capability it was made under, the root of the log it was made at, the epoch and the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofRune {
    payload: Redacted,
    capability_hash: CapabilityHash,
    merkle_root: Option<RootHash>,
    epoch: Epoch,
    ts: Instant,
}

impl ProofRune {
    /// Format string of a rune.
    pub const FORMAT: &'static str = "vm-proof-rune-v0";

    /// A rune around `payload`. `merkle_root` is the log's root when it was made, none where there was no log.
    #[must_use]
    pub const fn new(
        payload: Redacted,
        capability_hash: CapabilityHash,
        merkle_root: Option<RootHash>,
        epoch: Epoch,
        ts: Instant,
    ) -> Self {
        Self { payload, capability_hash, merkle_root, epoch, ts }
    }

    /// The capability it was made under.
    #[must_use]
    pub const fn capability_hash(&self) -> CapabilityHash {
        self.capability_hash
    }

    /// The epoch it was made in.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// [`RecordError::Canonical`] where the payload has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let payload = canonical::parse(self.payload.as_json().as_bytes(), canonical::BYTES_MAX);
        let root = self.merkle_root.map_or_else(|| "0".to_owned(), |root| root.to_hex());
        let value = json!({
            "format": Self::FORMAT, "payload": payload.map_err(RecordError::Canonical)?,
            "capability_hash": self.capability_hash, "merkle_root": root, "epoch": self.epoch, "ts": self.ts,
        });
        canonical::to_bytes(&value).map_err(RecordError::Canonical)
    }

    /// Reads a rune.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`], [`RecordError::Shape`] or [`RecordError::Canonical`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let value = canonical::parse_exact(bytes, canonical::BYTES_MAX).map_err(RecordError::Canonical)?;
        let object = value.as_object().ok_or(RecordError::Shape)?;
        let text = |name: &str| object.get(name).and_then(Value::as_str).ok_or(RecordError::Shape);
        let format = text("format")?;
        if format != Self::FORMAT {
            return Err(RecordError::UnknownFormat { found: format.chars().take(64).collect() });
        }
        let payload = object.get("payload").ok_or(RecordError::Shape)?;
        if object.len() != 6 {
            return Err(RecordError::Shape);
        }
        let root = match text("merkle_root")? {
            "0" => None,
            hex => Some(RootHash::parse_hex(hex).map_err(|_| RecordError::Shape)?),
        };
        Ok(Self {
            payload: Redacted::system(payload).map_err(RecordError::Canonical)?,
            capability_hash: CapabilityHash::parse_hex(text("capability_hash")?).map_err(|_| RecordError::Shape)?,
            merkle_root: root,
            epoch: text("epoch")?.parse().map_err(|_| RecordError::Shape)?,
            ts: text("ts")?.parse().map_err(|_| RecordError::Shape)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rune(root: Option<RootHash>) -> ProofRune {
        let payload = Redacted::system(&json!({"any": ["json", 1]})).unwrap();
        let ts = "2026-01-02T03:04:05.000006Z".parse().unwrap();
        ProofRune::new(payload, CapabilityHash::from_bytes([2; 32]), root, Epoch::Albedo, ts)
    }

    #[test]
    fn round_trip() {
        for root in [None, Some(RootHash::empty())] {
            let bytes = rune(root).to_bytes().unwrap();
            assert_eq!(ProofRune::parse(&bytes), Ok(rune(root)));
        }
    }

    #[test]
    fn unknown_formats_and_members_are_refused() {
        let text = String::from_utf8(rune(None).to_bytes().unwrap()).unwrap();
        let unknown = text.replace("vm-proof-rune-v0", "vm-proof-rune-v9");
        assert!(matches!(ProofRune::parse(unknown.as_bytes()), Err(RecordError::UnknownFormat { .. })));
        let surplus = text.replace("\"ts\"", "\"surplus\":1,\"ts\"");
        assert_eq!(ProofRune::parse(surplus.as_bytes()), Err(RecordError::Shape));
        let root = text.replace("\"merkle_root\":\"0\"", "\"merkle_root\":\"00\"");
        assert_eq!(ProofRune::parse(root.as_bytes()), Err(RecordError::Shape));
    }
}
