//! Small texts: ids, instants, paths, names, words; and the rule that errors do not quote secrets.

use core::fmt::Display;
use core::str::FromStr;
use std::error::Error;

use vaultmesh::config::check_url;
use vm_anchor::rfc3161::Oid;
use vm_core::capability::Resource;
use vm_core::digest::{Sha256Digest, from_hex, to_hex};
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, LedgerId, RowId, SealId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::{PublicKey, Signature};
use vm_core::path::VaultPath;
use vm_core::record::{ArtifactKind, Direction, McpKind, Table};
use vm_shadow::horizon::HorizonId;

/// Stands for a secret in dictionaries and seeds.
pub const CANARY: &str = "hunter2hunter2";

/// Each small text that is read has one form. The first byte picks the reader.
pub fn small_texts(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = core::str::from_utf8(text) else { return };
    match kind % 20 {
        0 => one_form::<RowId>(text),
        1 => one_form::<TraceId>(text),
        2 => one_form::<SealId>(text),
        3 => one_form::<EngineName>(text),
        4 => one_form::<Instant>(text),
        5 => lenient_instant(text),
        6 => path(text),
        7 => one_form::<Resource>(text),
        8 => one_form::<Epoch>(text),
        9 => one_form::<Table>(text),
        10 => kind_of_artifact(text),
        11 => {
            assert!(text.parse::<HorizonId>().is_ok_and(|id| id.as_str() == text) || text.parse::<HorizonId>().is_err())
        }
        12 => one_form::<Oid>(text),
        13 => same(PublicKey::parse_hex(text).ok(), text),
        14 => same(Signature::parse_hex(text).ok(), text),
        15 => same(Sha256Digest::parse_hex(text).ok(), text),
        16 => same(LedgerId::parse(text).ok(), text),
        17 => hex(text),
        18 => words(text),
        _ => outside(text),
    }
}

fn one_form<T: FromStr + Display>(text: &str) {
    same(text.parse::<T>().ok(), text);
}

fn same<T: Display>(read: Option<T>, text: &str) {
    if let Some(read) = read {
        assert_eq!(read.to_string(), text);
    }
}

fn lenient_instant(text: &str) {
    if let Ok(instant) = Instant::parse_lenient(text) {
        assert_eq!(instant.to_string().parse(), Ok(instant));
        assert_eq!(Instant::from_micros(instant.as_micros()), Ok(instant));
    }
}

/// A path stays below its folder, whatever it is joined to.
fn path(text: &str) {
    let Ok(path) = text.parse::<VaultPath>() else { return };
    assert_eq!(path.as_str(), text);
    let parts: Vec<_> = std::path::Path::new(text).components().collect();
    assert!(parts.iter().all(|part| matches!(part, std::path::Component::Normal(_))), "{text:?}");
    assert_eq!(parts.len(), path.components().count());
}

fn kind_of_artifact(text: &str) {
    if let Ok(kind) = text.parse::<ArtifactKind>() {
        assert!(kind.as_str() == text && !kind.is_reserved() && !text.starts_with("vm-"));
    }
}

fn hex(text: &str) {
    if let Ok(bytes) = from_hex(text) {
        assert_eq!(to_hex(&bytes), text);
    }
}

fn words(text: &str) {
    if let Ok(word) = text.parse::<Direction>() {
        assert_eq!(word.as_str(), text);
    }
    if let Ok(word) = text.parse::<McpKind>() {
        assert_eq!(word.as_str(), text);
    }
}

fn outside(text: &str) {
    if let Some(trace) = TraceId::from_traceparent(text) {
        assert!(text.starts_with(&format!("00-{}-", to_hex(trace.as_bytes()))), "{text:?}");
    }
    if check_url(text).is_ok() {
        assert!(text.is_ascii() && text.starts_with("http"));
    }
}

/// Whoever reads an error, or a log of it, must not find the value that was refused. Names of members and of authorities
/// and format strings are no secrets and may be named, so nothing is said where the canary may be one of those.
pub fn assert_silent(error: &dyn Error, input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let quoted = format!("\"{CANARY}\"");
    let is_secret = |before: &str| {
        let before = before.trim_end().strip_suffix([':', '=']).map(str::trim_end);
        before.is_some_and(|name| !["name", "format"].iter().any(|open| name.trim_end_matches('"').ends_with(open)))
    };
    let secrets = input.match_indices(&quoted).filter(|(at, _)| input.get(..*at).is_some_and(is_secret)).count();
    if secrets == 0 || secrets != input.matches(CANARY).count() {
        return;
    }
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(!error.to_string().contains(CANARY), "quotes a value: {error}");
        cause = error.source();
    }
}
