//! Proofs of restraint as stored objects.
//!
//! ```text
//! {"checkpoint":"<note>","complete":{"opening":{...},"proposal":null,"trace":{...}},"format":"vm-restraint-proof-v0",
//!  "hashes":["<64 hex>"],"opened":[{"option":0,"receipt_salt":"<64 hex>","salt":"<64 hex>","value":"deploy"}],
//!  "opening":"0190...","rows":[{"data":"{\"format\":\"vm-row-v0\",...}","seq":0}]}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::RootHash;
use vm_core::id::RowId;
use vm_core::key::Note;
use vm_core::redact::{Opening, Salt};
use vm_seal::complete::CompletenessProof;
use vm_seal::merkle::MultiProof;

use crate::error::RestraintError;

/// Format string of a proof of restraint.
pub const RESTRAINT_FORMAT: &str = "vm-restraint-proof-v0";
/// Longest proof read or written, in bytes: the limit of canonical JSON.
pub const RESTRAINT_MAX: usize = canonical::BYTES_MAX;

/// A proof of restraint. What it shows, [`RestraintProof::verify`] says; nothing of it is believed before.
#[derive(Clone, PartialEq, Debug)]
pub struct RestraintProof {
    pub(super) checkpoint: Note,
    pub(super) opening: RowId,
    /// By rising place.
    pub(super) rows: Vec<ShownRow>,
    pub(super) hashes: MultiProof,
    pub(super) opened: Vec<OpenedOption>,
    pub(super) complete: Answers,
}

/// What the index is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answers {
    /// Rows about the opening.
    pub(super) opening: CompletenessProof,
    /// Rows about the proposal that the opening names, if it names one.
    pub(super) proposal: Option<CompletenessProof>,
    /// Rows of the opening's trace.
    pub(super) trace: CompletenessProof,
}

/// A row of the log, shown in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownRow {
    /// Its leaf data.
    pub data: String,
    /// Its place.
    pub seq: u64,
}

/// What an option was, and the salts that open the commitments to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedOption {
    option: u8,
    /// Of the receipt, where the closing names one for the option.
    receipt_salt: Option<Salt>,
    salt: Salt,
    value: Value,
}

impl OpenedOption {
    /// The option at place `option`, by the opening of its commitment and that of the receipt for it, if there is one. None
    /// where the value was not kept.
    #[must_use]
    pub fn new(option: u8, opening: &Opening, receipt: Option<&Opening>) -> Option<Self> {
        let value = opening.value()?.clone();
        Some(Self { option, receipt_salt: receipt.map(Opening::salt), salt: opening.salt(), value })
    }

    /// Its place among the options, from 0.
    #[must_use]
    pub const fn option(&self) -> u8 {
        self.option
    }

    /// Its description.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    pub(super) const fn salt(&self) -> &Salt {
        &self.salt
    }

    pub(super) const fn receipt_salt(&self) -> Option<&Salt> {
        self.receipt_salt.as_ref()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    checkpoint: String,
    complete: AnswerMembers,
    #[serde(rename = "format")]
    _format: String,
    hashes: Vec<RootHash>,
    opened: Vec<OpenedOption>,
    opening: RowId,
    rows: Vec<ShownRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerMembers {
    opening: Value,
    proposal: Option<Value>,
    trace: Value,
}

impl RestraintProof {
    /// Row of the opening that it is about.
    #[must_use]
    pub const fn opening(&self) -> RowId {
        self.opening
    }

    /// The signed checkpoint of the log at the size that it is for.
    #[must_use]
    pub const fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// The rows that it shows, by rising place.
    #[must_use]
    pub fn rows(&self) -> &[ShownRow] {
        &self.rows
    }

    /// Reads a proof, which must be canonical and at most [`RESTRAINT_MAX`] bytes long.
    ///
    /// # Errors
    /// [`RestraintError`]; an unknown format is told apart from a malformed proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, RestraintError> {
        let value = canonical::parse_exact(bytes, RESTRAINT_MAX).map_err(RestraintError::Json)?;
        match value.get("format").and_then(Value::as_str) {
            Some(RESTRAINT_FORMAT) => {}
            Some(other) => return Err(RestraintError::FormatUnknown { found: other.chars().take(64).collect() }),
            None => return Err(RestraintError::Shape),
        }
        let members = Members::deserialize(&value).map_err(|_| RestraintError::Shape)?;
        let answers = members.complete;
        let proof = Self {
            checkpoint: Note::parse(members.checkpoint.as_bytes()).map_err(RestraintError::Note)?,
            opening: members.opening,
            rows: members.rows,
            hashes: MultiProof::from_hashes(members.hashes),
            opened: members.opened,
            complete: Answers {
                opening: answer(&answers.opening)?,
                proposal: answers.proposal.as_ref().map(answer).transpose()?,
                trace: answer(&answers.trace)?,
            },
        };
        // A member left out where null is meant would read as the same proof under another text.
        if proof.to_bytes()? == bytes { Ok(proof) } else { Err(RestraintError::Shape) }
    }

    /// The stored bytes, without a newline at the end.
    ///
    /// # Errors
    /// [`RestraintError`] where it would be longer than can be read again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RestraintError> {
        let value = json!({
            "checkpoint": self.checkpoint.to_string(),
            "complete": {
                "opening": answer_value(&self.complete.opening)?,
                "proposal": self.complete.proposal.as_ref().map(answer_value).transpose()?,
                "trace": answer_value(&self.complete.trace)?,
            },
            "format": RESTRAINT_FORMAT,
            "hashes": self.hashes.hashes(),
            "opened": self.opened,
            "opening": self.opening,
            "rows": self.rows,
        });
        let bytes = canonical::to_bytes(&value).map_err(RestraintError::Json)?;
        // As long and as deep as it is, it must be readable.
        canonical::parse_exact(&bytes, RESTRAINT_MAX).map_err(RestraintError::Json)?;
        Ok(bytes)
    }
}

/// A completeness proof is an object of its own format inside this one.
fn answer(value: &Value) -> Result<CompletenessProof, RestraintError> {
    let bytes = canonical::to_bytes(value).map_err(RestraintError::Json)?;
    CompletenessProof::parse(&bytes).map_err(RestraintError::Answer)
}

fn answer_value(proof: &CompletenessProof) -> Result<Value, RestraintError> {
    let bytes = proof.to_bytes().map_err(RestraintError::Answer)?;
    canonical::parse(&bytes, RESTRAINT_MAX).map_err(RestraintError::Json)
}
