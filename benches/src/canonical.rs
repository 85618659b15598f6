//! Canonical bytes: of an event and of recorded frames from their text, and of values.

use std::error::Error;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vm_core::canonical::{self, Canonicalizer};
use vm_core::digest::Sha256Digest;
use vm_core::error::CanonicalError;

use crate::draft;
use crate::error::BenchError;
use crate::event;
use crate::harness::{Effort, Reach, Row, compare};

const EVENT: &str = "660-byte JSON event: parse, strict checks, canonicalise, SHA-256";
const FRAME: &str = "recorded MCP frame: parse, strict checks, canonicalise, SHA-256";
const VALUE: &str = "value of a 660-byte event to canonical bytes";
/// Events in turn, so that no branch predictor learns one by heart.
const EVENTS: u64 = 256;

/// Ours: strict I-JSON in, canonical bytes out, hashed. The buffers are kept from one text to the next.
///
/// # Errors
/// As [`canonical::parse`].
pub fn ours(canonicalizer: &mut Canonicalizer, text: &[u8]) -> Result<[u8; 32], CanonicalError> {
    Ok(*Sha256Digest::of(canonicalizer.canonicalize(text, canonical::BYTES_MAX)?).as_bytes())
}

/// The peer: the obvious three crates, which check nothing.
///
/// # Errors
/// As `serde_json`.
pub fn theirs(text: &[u8]) -> Result<[u8; 32], serde_json::Error> {
    let value: Value = serde_json::from_slice(text)?;
    Ok(Sha256::digest(serde_jcs::to_vec(&value)?).into())
}

/// Ours of a value: into a buffer that is kept.
///
/// # Errors
/// As [`canonical::to_bytes`].
pub fn ours_of_value(out: &mut Vec<u8>, value: &Value) -> Result<usize, CanonicalError> {
    out.clear();
    canonical::write_value(value, out)?;
    Ok(out.len())
}

/// The peer's of a value.
///
/// # Errors
/// As `serde_json`.
pub fn theirs_of_value(value: &Value) -> Result<usize, serde_json::Error> {
    serde_jcs::to_vec(value).map(|bytes| bytes.len())
}

/// The events of the workload.
#[must_use]
pub fn events() -> Vec<Vec<u8>> {
    (0..EVENTS).map(event::json).collect()
}

/// The recorded frames, without the newline behind each.
///
/// # Errors
/// Where the recording cannot be read.
pub fn frames() -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
    let traffic = draft::traffic()?;
    Ok(traffic.iter().map(|frame| frame.bytes.trim_end().as_bytes().to_vec()).collect())
}

/// The values of the events.
///
/// # Errors
/// As [`canonical::parse`].
pub fn values() -> Result<Vec<Value>, CanonicalError> {
    events().iter().map(|event| canonical::parse(event, canonical::BYTES_MAX)).collect()
}

/// The row of the table about events. The times are of one event.
///
/// # Errors
/// [`BenchError`] where a side fails or both differ.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    row_of(EVENT, &events(), Reach::AtLeast(9.0), effort)
}

/// The same of recorded frames. The times are of one frame, the mean of all.
///
/// # Errors
/// As [`row`].
pub fn row_of_frames(effort: &Effort) -> Result<Row, BenchError> {
    row_of(FRAME, &frames().map_err(BenchError::side(FRAME))?, Reach::AtLeast(9.0), effort)
}

fn row_of(path: &'static str, texts: &[Vec<u8>], reach: Reach, effort: &Effort) -> Result<Row, BenchError> {
    let mut canonicalizer = Canonicalizer::new();
    for text in texts {
        let ours = ours(&mut canonicalizer, text).map_err(BenchError::side(path))?;
        let theirs = theirs(text).map_err(BenchError::side(path))?;
        if ours != theirs {
            return Err(BenchError::Differ { path, ours: hex(&ours), theirs: hex(&theirs) });
        }
    }
    let mut our_texts = texts.iter().cycle();
    let mut other_texts = texts.iter().cycle();
    let times = compare(
        effort,
        || our_texts.next().map(|text| ours(&mut canonicalizer, text)),
        || other_texts.next().map(|text| theirs(text)),
    );
    Ok(Row::new(path, "serde_json::Value + serde_jcs + sha2", times, reach))
}

/// The row of the table about values. The times are of one value.
///
/// # Errors
/// As [`row`].
pub fn row_of_values(effort: &Effort) -> Result<Row, BenchError> {
    let values = values().map_err(BenchError::side(VALUE))?;
    let mut out = Vec::new();
    for value in &values {
        ours_of_value(&mut out, value).map_err(BenchError::side(VALUE))?;
        let theirs = serde_jcs::to_vec(value).map_err(BenchError::side(VALUE))?;
        if out != theirs {
            return Err(BenchError::Differ { path: VALUE, ours: hex(&out), theirs: hex(&theirs) });
        }
    }
    let mut our_values = values.iter().cycle();
    let mut other_values = values.iter().cycle();
    let times = compare(
        effort,
        || our_values.next().map(|value| ours_of_value(&mut out, value)),
        || other_values.next().map(theirs_of_value),
    );
    Ok(Row::new(VALUE, "serde_jcs::to_vec, which checks nothing", times, Reach::AtLeast(5.0)))
}

fn hex(bytes: &[u8]) -> String {
    vm_core::digest::to_hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_every_text() {
        let mut canonicalizer = Canonicalizer::new();
        for text in events().into_iter().chain(frames().unwrap()) {
            assert_eq!(ours(&mut canonicalizer, &text).unwrap(), theirs(&text).unwrap());
        }
    }

    #[test]
    fn both_sides_agree_on_every_value() {
        for value in values().unwrap() {
            assert_eq!(ours_of_value(&mut Vec::new(), &value).unwrap(), theirs_of_value(&value).unwrap());
        }
    }
}
