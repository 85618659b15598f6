//! Foreign logs, line by line: limits, duplicates, and what could not be read.

use core::fmt;
use core::marker::PhantomData;
use std::collections::BTreeSet;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use vm_core::instant::Instant;

use crate::error::{LineError, LogError};
use crate::signal::{Signal, SignalKey};

/// Longest log read at once, in bytes; more is handed over in parts. As of canonical JSON: one such log and its signals fit
/// in memory many times.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest line in bytes. Tetragon cuts arguments at 4 KiB each and Falco its output at 64 KiB; twice that, for what is
/// escaped.
pub const LINE_MAX: usize = 128 * 1024;
/// Most lines of a log read at once: each is a row to record, and a hundred thousand rows are a second of the ledger.
pub const LINES_MAX: usize = 100_000;
/// Most faults that are kept one by one; the rest are counted. What a person reads.
pub const FAULTS_MAX: usize = 100;

/// A line that gave no signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineFault {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub error: LineError,
}

/// What a log gave.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SignalLog {
    /// Its signals, in order, each once.
    pub signals: Vec<Signal>,
    /// Lines whose key had been there before.
    pub duplicates: u64,
    /// Lines that are no events of something that was seen or lost, such as a sensor's test of itself.
    pub passed_over: u64,
    /// Lines that gave no signal, at most [`FAULTS_MAX`] of them.
    pub faults: Vec<LineFault>,
    /// How many more such lines there are.
    pub faults_dropped: u64,
}

/// Reads a log, one JSON object a line, empty lines aside. `read` makes a signal of an event, or none of one that is known
/// and tells of nothing seen.
pub(super) fn read<T: DeserializeOwned>(
    bytes: &[u8],
    read: impl Fn(T) -> Result<Option<Signal>, LineError>,
) -> Result<SignalLog, LogError> {
    if bytes.len() > BYTES_MAX {
        return Err(LogError::TooLong { limit: BYTES_MAX, found: bytes.len() });
    }
    let mut log = SignalLog::default();
    let mut seen: BTreeSet<SignalKey> = BTreeSet::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if at > LINES_MAX || (at == LINES_MAX && !line.is_empty()) {
            return Err(LogError::TooManyLines { limit: LINES_MAX });
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match one(line, &read) {
            Ok(Some(signal)) if seen.insert(signal.key()) => log.signals.push(signal),
            Ok(Some(_)) => log.duplicates += 1,
            Ok(None) => log.passed_over += 1,
            Err(error) if log.faults.len() < FAULTS_MAX => log.faults.push(LineFault { line: at + 1, error }),
            Err(_) => log.faults_dropped += 1,
        }
    }
    Ok(log)
}

fn one<T: DeserializeOwned>(
    line: &[u8],
    read: &impl Fn(T) -> Result<Option<Signal>, LineError>,
) -> Result<Option<Signal>, LineError> {
    if line.len() > LINE_MAX {
        return Err(LineError::TooLong { limit: LINE_MAX, found: line.len() });
    }
    // Not the canonical reader: foreign logs hold integers that it refuses, such as nanoseconds since 1970.
    let event = serde_json::from_slice(line).map_err(|error| LineError::Malformed { column: error.column() })?;
    let Object(event) = event;
    read(event)
}

/// An object: a derived reader alone takes a list of the members' values for one, too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Reads an RFC 3339 time and cuts it to microseconds: sensors print nanoseconds.
pub(super) fn time(text: &str) -> Result<Instant, LineError> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let cut = match text.split_once('.') {
        Some((whole, fraction)) if digits(fraction) > 6 => {
            let (kept, rest) = fraction.split_at_checked(6).ok_or(LineError::Time)?;
            format!("{whole}.{kept}{}", rest.get(digits(rest)..).unwrap_or_default())
        }
        _ => text.to_owned(),
    };
    Instant::parse_lenient(&cut).map_err(|_| LineError::Time)
}

/// `text`, or what stands for a text that is empty.
pub(super) fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.trim().is_empty() { other } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_not_rounded() {
        for (text, cut) in [
            ("2026-07-04T20:46:44.180672852Z", "2026-07-04T20:46:44.180672Z"),
            ("2026-07-04T20:46:44.9999999Z", "2026-07-04T20:46:44.999999Z"),
            ("2026-07-04T20:46:44Z", "2026-07-04T20:46:44.000000Z"),
            ("2026-07-04T22:46:44.18067285+02:00", "2026-07-04T20:46:44.180672Z"),
        ] {
            assert_eq!(time(text).unwrap().to_string(), cut, "{text}");
        }
        for text in ["", "yesterday", "2026-07-04T20:46:44.1234567", "2026-07-04T20:46:44.123456789é", "."] {
            assert_eq!(time(text), Err(LineError::Time), "{text}");
        }
    }
}
