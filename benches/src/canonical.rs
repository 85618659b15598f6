//! Parse, check, canonicalise and hash one event.

use sha2::{Digest as _, Sha256};
use vm_core::canonical;
use vm_core::digest::Sha256Digest;
use vm_core::error::CanonicalError;

use crate::error::BenchError;
use crate::event;
use crate::harness::{Effort, Reach, Row, compare};

const PATH: &str = "660-byte JSON event: parse, strict checks, canonicalise, SHA-256";
/// Events in turn, so that no branch predictor learns one by heart.
const EVENTS: u64 = 256;

/// Ours: strict I-JSON in, canonical bytes out, hashed.
///
/// # Errors
/// As [`canonical::parse`].
pub fn ours(event: &[u8]) -> Result<[u8; 32], CanonicalError> {
    let value = canonical::parse(event, canonical::BYTES_MAX)?;
    Ok(*Sha256Digest::of(&canonical::to_bytes(&value)?).as_bytes())
}

/// The peer: the obvious three crates, which check nothing.
///
/// # Errors
/// As `serde_json`.
pub fn theirs(event: &[u8]) -> Result<[u8; 32], serde_json::Error> {
    let value: serde_json::Value = serde_json::from_slice(event)?;
    Ok(Sha256::digest(serde_jcs::to_vec(&value)?).into())
}

/// The events of the workload.
#[must_use]
pub fn events() -> Vec<Vec<u8>> {
    (0..EVENTS).map(event::json).collect()
}

/// The row of the table. The times are of one event.
///
/// # Errors
/// [`BenchError`] where a side fails or both differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let events = events();
    for event in &events {
        let ours = ours(event).map_err(BenchError::side(PATH))?;
        let theirs = theirs(event).map_err(BenchError::side(PATH))?;
        if ours != theirs {
            return Err(BenchError::Differ { path: PATH, ours: hex(&ours), theirs: hex(&theirs) });
        }
    }
    let mut our_events = events.iter().cycle();
    let mut other_events = events.iter().cycle();
    let times = compare(
        effort,
        || our_events.next().map(|event| ours(event)),
        || other_events.next().map(|event| theirs(event)),
    );
    Ok(Row::new(PATH, "serde_json::Value + serde_jcs + sha2", times, Reach::AtLeast(9.0)))
}

fn hex(bytes: &[u8]) -> String {
    vm_core::digest::to_hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_every_event() {
        for event in events() {
            assert_eq!(ours(&event).unwrap(), theirs(&event).unwrap());
        }
    }
}
