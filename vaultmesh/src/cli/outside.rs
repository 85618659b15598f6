//! What a verifier brings from outside the vault, and how a verification is shown.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::anchors::{AnchorState, Interval};
use vaultmesh::error::{KeysError, VaultError};
use vaultmesh::trust::TrustFile;
use vaultmesh::verify::{Outside, RecordedAt, SealState, Verification};
use vm_core::id::LedgerId;
use vm_core::key::{MlDsaCosignerKey, NOTE_MAX, Note, NoteKey};
use vm_seal::key_history::{KEY_HISTORY_MAX, KeyHistoryFile};

use super::error::CliError;
use super::input::read_limited;
use crate::render::{Human, Output, Page, Style};

/// Key and trust file.
#[derive(Args, Debug, Default)]
pub(super) struct TrustArgs {
    /// The ledger's key as `init` printed it, kept elsewhere since
    #[arg(long, value_name = "VKEY")]
    key: Option<NoteKey>,
    /// The ledger's ML-DSA key (`trust key --as ml-dsa`): heads and seals must then bear its line as well
    #[arg(long, value_name = "VKEY")]
    pq_key: Option<MlDsaCosignerKey>,
    /// Trust file: the key, and the authorities whose anchors count
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Key history of the ledger (`keys history`), where its key was changed since it was pinned
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

impl TrustArgs {
    /// What they say, without a head.
    pub(super) fn load(self) -> Result<Outside, CliError> {
        let trust = self.trust.map(|path| TrustFile::load(&path)).transpose()?;
        let other = trust.as_ref().and_then(|trust| trust.key.as_ref());
        if let (Some(key), Some(other)) = (&self.key, other)
            && key != other
        {
            // Neither may win silently: one of the two is not what its giver thinks.
            return Err(CliError::Usage { what: "--key and the trust file name different keys".to_owned() });
        }
        let mut outside = Outside { key: self.key, pq_key: self.pq_key, trust, ..Outside::default() };
        let other = outside.trust.as_ref().and_then(|trust| trust.pq_key.as_ref());
        if let (Some(key), Some(other)) = (&outside.pq_key, other)
            && key != other
        {
            return Err(CliError::Usage { what: "--pq-key and the trust file name different keys".to_owned() });
        }
        if let (Some(key), Some(second)) = (outside.pinned(), outside.second_pinned())
            && key.name() != second.name()
        {
            return Err(CliError::Usage { what: "the key and the ML-DSA key are of different ledgers".to_owned() });
        }
        if let Some(path) = &self.history {
            let file = KeyHistoryFile::parse(&read_limited(path, KEY_HISTORY_MAX)?);
            let keys = file.and_then(|file| file.verify());
            outside.add_history(keys.map_err(|error| VaultError::Keys(KeysError::Change(error)))?)?;
        }
        Ok(outside)
    }
}

/// Reads a head that was kept in a file.
pub(super) fn read_head(path: &std::path::Path) -> Result<Note, CliError> {
    let bytes = read_limited(path, NOTE_MAX)?;
    Note::parse(&bytes).map_err(|error| CliError::argument("--head", VaultError::Note(error)))
}

/// The result of a verification, its report aside.
#[derive(Serialize)]
struct Verified {
    subject: String,
    ledger: LedgerId,
    size: u64,
    seals: Vec<SealState>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recorded: Vec<RecordedAt>,
}

/// The answer of a verification.
pub(super) fn verified(answer: Verification) -> Output {
    let Verification { subject, ledger, size, seals, recorded, report, .. } = answer;
    Output::checked(Verified { subject, ledger, size, seals, recorded }, &report)
}

impl Human for Verified {
    fn human(&self, page: &mut Page) {
        page.heading(&self.subject);
        page.field("ledger", self.ledger);
        page.field("log", format!("{} entries", self.size));
        for seal in &self.seals {
            write_seal(page, seal);
        }
        for RecordedAt { row, interval } in &self.recorded {
            page.field("recorded", row);
            page.field_if("  not before", interval.not_before);
            page.field_if("  not after", interval.not_after);
        }
    }
}

fn write_seal(page: &mut Page, seal: &SealState) {
    let name = seal.seal_id.map_or_else(|| "unreadable".to_owned(), |id| id.to_string());
    page.field("seal", name);
    page.field_if("  digest", seal.digest);
    if let (Some(leaves), Some(as_of)) = (seal.leaves, seal.as_of) {
        page.field("  covers", format!("{leaves} rows of the log at {as_of}"));
    }
    for anchor in &seal.anchors {
        write_anchor(page, anchor);
    }
    for attempt in &seal.attempts {
        page.write(Style::Faint, "    attempt      ");
        page.line(&format!(" {} {} by {}: {}", attempt.rail, attempt.state, attempt.authority, attempt.reason));
    }
    let Interval { not_before, not_after } = seal.interval;
    page.field_if("  not before", not_before);
    page.field_if("  not after", not_after);
}

fn write_anchor(page: &mut Page, anchor: &AnchorState) {
    let rail = anchor.rail.map_or("of no rail", |rail| rail.as_str());
    let who = anchor.authority.as_ref().map_or_else(String::new, |name| format!(" by {name}"));
    let when = anchor.gen_time.map_or_else(String::new, |time| format!(" at {time}"));
    let ours = if anchor.authority.is_some() && !anchor.independent { ", not independent" } else { "" };
    let counts = match (anchor.accepted, anchor.uncounted) {
        (true, _) => "counts".to_owned(),
        (false, None) => "does not count".to_owned(),
        (false, Some(why)) => format!("does not count: {why}"),
    };
    page.write(Style::Faint, "    anchor       ");
    page.line(&format!(" {rail} {}{who}{when}{ours}; {counts}", anchor.state.as_str()));
}
