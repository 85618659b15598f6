//! Redact recorded frames: text in, row draft out, with openings ready to be encrypted.

use std::hint::black_box;

use serde_json::Value;
use vm_core::instant::Instant;

use crate::draft::{Frame, Maker, traffic};
use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, compare};

const PATH: &str = "147 recorded MCP frames from text to row drafts: parse, redact, commit";

/// Ours: every frame read, redacted and drafted. The bytes of commitments' openings, so that none is left unmade.
///
/// # Errors
/// As [`Maker::frame`].
pub fn ours(maker: &mut Maker, traffic: &[Frame]) -> Result<usize, Fault> {
    let mut secrets = 0;
    for (ordinal, frame) in (0_u64..).zip(traffic) {
        let draft = black_box(maker.frame(ordinal, frame)?);
        secrets += draft.secrets().len();
    }
    Ok(secrets)
}

/// The peer: the same text read into trees, nothing else.
///
/// # Errors
/// As `serde_json`.
pub fn theirs(traffic: &[Frame]) -> Result<usize, serde_json::Error> {
    let mut objects = 0;
    for frame in traffic {
        let value: Value = black_box(serde_json::from_str(&frame.bytes)?);
        objects += usize::from(value.is_object());
    }
    Ok(objects)
}

/// A maker of drafts for [`ours`].
///
/// # Errors
/// Never.
pub fn maker() -> Result<Maker, Fault> {
    Ok(Maker::new(Instant::from_micros(1_767_000_000_000_000)?, 5))
}

/// The row of the table. The times are of all frames once.
///
/// # Errors
/// [`BenchError`] where a side fails.
pub fn row(effort: &Effort) -> Result<Row, BenchError> {
    let made = || -> Result<_, Fault> { Ok((traffic()?, maker()?)) };
    let (traffic, mut maker) = made().map_err(BenchError::side(PATH))?;
    ours(&mut maker, &traffic).map_err(BenchError::side(PATH))?;
    theirs(&traffic).map_err(BenchError::side(PATH))?;
    let times = compare(effort, || ours(&mut maker, &traffic).is_ok(), || theirs(&traffic).is_ok());
    Ok(Row::new(PATH, "serde_json::Value of the same text, nothing redacted", times, Reach::AtMost(3.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_read_every_frame() {
        let traffic = traffic().unwrap();
        assert_eq!(theirs(&traffic).unwrap(), traffic.len());
        assert_eq!(ours(&mut maker().unwrap(), &traffic).unwrap(), 0);
    }
}
