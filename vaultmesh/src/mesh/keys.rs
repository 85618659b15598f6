//! By which keys the log of a peer is believed: the one that was pinned, and those that the peer's signed changes lead to from there.

use vm_core::digest::Sha256Digest;
use vm_core::error::NoteError;
use vm_core::key::{KeyHistory, KeyStanding, Note, NoteKey};
use vm_core::verdict::{Code, Finding};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::error::CheckpointError;
use vm_seal::fork::CheckpointFork;
use vm_seal::key_history::{KEY_HISTORY_MAX, KeyHistoryFile};

use super::peer::Peer;

/// Somebody signed who may be the peer by a key that it changed to: its history says, and is not here.
const UNPROVEN: &str = "key-change-unproven";
/// A key signed that was declared stolen, and nothing by a later key leads on from there.
pub(super) const STOLEN: &str = "key-stolen";
/// A key signed that the peer has at other sizes of its log.
const NOT_IN_FORCE: &str = "key-not-in-force";

/// A head, and the key that signed it.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) head: VerifiedCheckpoint,
    pub(super) key: NoteKey,
    /// Whether the key was declared stolen, so that anybody may have signed.
    pub(super) is_stolen: bool,
}

/// The head in a note of the log of `peer`. Without a history, by the pinned key alone.
pub(super) fn signed(note: &Note, peer: &Peer, keys: Option<&KeyHistory>) -> Result<Signed, &'static str> {
    let size = Checkpoint::parse_text(note.unverified_text()).map_err(|error| error.code())?.size().as_u64();
    let mut standing = None;
    for key in candidates(peer, keys, size) {
        let Ok(head) = Checkpoint::verify(note, &key) else { continue };
        let found = keys.map_or(KeyStanding::Good, |keys| keys.judge(key.public(), size));
        if matches!(found, KeyStanding::Good | KeyStanding::Stolen) {
            return Ok(Signed { head, key, is_stolen: found == KeyStanding::Stolen });
        }
        standing = Some(found);
    }
    if standing.is_some() {
        return Err(NOT_IN_FORCE);
    }
    let is_named = note.signers().any(|name| name == peer.key().name());
    match Checkpoint::verify(note, peer.key()) {
        Err(CheckpointError::Note(NoteError::NotSignedBy { .. })) if is_named => Err(UNPROVEN),
        Err(error) => Err(error.code()),
        // The pinned key is among the candidates, so it did not verify.
        Ok(_) => Err(UNPROVEN),
    }
}

/// Keys that may have signed a head of `size`, the likeliest first.
fn candidates(peer: &Peer, keys: Option<&KeyHistory>, size: u64) -> Vec<NoteKey> {
    let Some(keys) = keys else { return vec![peer.key().clone()] };
    let first = keys.key_at(size);
    let others = keys.spans().rev().map(|span| span.key).filter(|key| *key != first);
    [first].into_iter().chain(others).filter_map(|key| keys.note_key(key).ok()).collect()
}

/// Checks a proof of a fork by any key of the peer that nobody stole: a thief could show two histories that the peer never had.
pub(super) fn check_fork(fork: &CheckpointFork, peer: &Peer, keys: Option<&KeyHistory>) -> Result<(), &'static str> {
    let is_stolen =
        |key: &NoteKey| keys.and_then(|keys| keys.span_of(key.public())).is_some_and(|span| span.trusted.is_some());
    let mut fault = None;
    for key in candidates(peer, keys, 0) {
        match fork.check(&key) {
            Ok(_) if is_stolen(&key) => fault = Some(STOLEN),
            Ok(_) => return Ok(()),
            Err(error) => fault = fault.or(Some(error.code())),
        }
    }
    Err(fault.unwrap_or(UNPROVEN))
}

/// Reads the history of a peer's keys from a file that is named by its hash. It proves itself: its genesis hashes to the name in the
/// pinned key, and the pinned key must be one of those it leads to.
pub(super) fn read(peer: &Peer, hash: Sha256Digest, bytes: &[u8]) -> Result<KeyHistory, &'static str> {
    if bytes.len() > KEY_HISTORY_MAX {
        return Err("too-long");
    }
    if Sha256Digest::of(bytes) != hash {
        return Err("name");
    }
    let keys = KeyHistoryFile::parse(bytes).and_then(|file| file.verify()).map_err(|error| error.code())?;
    if keys.ledger() != peer.ledger() {
        return Err("key-history-other-ledger");
    }
    if keys.span_of(peer.key().public()).is_none() {
        return Err("key-history-no-such-key");
    }
    Ok(keys)
}

/// What a file that says nothing here comes to. Nothing of it is a contradiction: whoever can write to a mailbox can put it there.
pub(super) fn finding(name: &str, found: &'static str) -> Finding {
    let subject = format!("mesh/{name}");
    match found {
        UNPROVEN => Finding::new(Code::KeyChangeUnproven, subject),
        STOLEN => Finding::new(Code::KeyStolen, subject),
        _ => Finding::new(Code::ForeignRowUnproven, subject).found(found),
    }
}
