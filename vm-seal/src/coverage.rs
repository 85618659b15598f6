//! Coverage statements: what the export of a seal covers, where its gaps are, and what it does not cover
//! (docs/spec/coverage.md).
//!
//! ```text
//! {"as_of":9,"asked":{...},"claims":{"log_size":12,"unsigned_lines":[]},"format":"vm-coverage-v2","gaps":{...},
//!  "not_covered":["claimed-times",...],"observers":[...],"rows":{"mcp_calls":2,...},"scrolls":[{"engine":"console","lines":4}]}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use vm_core::canonical;
use vm_core::digest::to_hex;
use vm_core::error::CanonicalError;
use vm_core::id::{EngineName, RowId};
use vm_core::record::{McpKind, Phase, StoredRow, SystemKind, Table};
use vm_core::verdict::{Code, Finding};

use crate::bundle::SealBundle;
use crate::error::{CoverageError, ShapeError};
use crate::index::Card;
use crate::shape::Members;

/// Format string of a coverage statement. There is no v1: test vectors that are kept for ever call it unknown.
pub const COVERAGE_FORMAT: &str = "vm-coverage-v2";
/// That of statements from before horizons were opened and closed by rows: every receipt's horizon counts as open. They are
/// read, and no longer made.
pub const COVERAGE_FORMAT_V0: &str = "vm-coverage-v0";
/// Longest statement read, in bytes: one over 10,000 traces, with 1,024 scrolls and observers, takes three quarters of it.
pub const COVERAGE_MAX: usize = 1 << 20;
/// Most members of a gap that are named; the others are counted.
pub const NAMED_MAX: usize = 256;
/// Most observers that are named: a statement of as many stays far below [`COVERAGE_MAX`].
pub const OBSERVERS_MAX: usize = 1_024;

/// What is known of the rows of an export. Memory: 32 bytes for each request, answer, intent and outcome, and for each
/// opening and closing of a horizon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage {
    rows: [u64; Table::ALL.len()],
    /// None in a blind export, whose rows say nothing.
    content: Option<Content>,
}

/// What the rows say of gaps between them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Content {
    observers: BTreeMap<String, u64>,
    no_answer: BTreeSet<RowId>,
    requests: BTreeSet<RowId>,
    answered: BTreeSet<RowId>,
    intents: BTreeSet<RowId>,
    completed: BTreeSet<RowId>,
    /// Of shadow receipts, as statements of the first format name them.
    receipts: BTreeSet<String>,
    opened: BTreeSet<RowId>,
    closed: BTreeSet<RowId>,
}

/// What nothing in an export bears out: the word of whoever exports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Claims {
    /// Entries of the log when the export was written.
    pub log_size: u64,
    /// Lines of scrolls behind their signed roots; those of no line are not told.
    pub unsigned_lines: BTreeMap<EngineName, u64>,
}

impl Coverage {
    /// No rows yet, which [`Coverage::add`] takes one by one.
    #[must_use]
    pub fn of_rows() -> Self {
        Self { rows: [0; Table::ALL.len()], content: Some(Content::default()) }
    }

    /// Rows of which there are only cards.
    #[must_use]
    pub fn of_cards(cards: &[Card]) -> Self {
        let mut coverage = Self { content: None, ..Self::of_rows() };
        cards.iter().for_each(|card| coverage.count(card.table));
        coverage
    }

    /// Takes in a row that was sealed.
    pub fn add(&mut self, row: &StoredRow) {
        self.count(row.table());
        if let Some(content) = &mut self.content {
            content.add(row);
        }
    }

    fn count(&mut self, table: Table) {
        let of_table = Table::ALL.iter().zip(&mut self.rows).find(|(other, _)| **other == table);
        of_table.into_iter().for_each(|(_, rows)| *rows += 1);
    }

    /// The statement. `is_proven` says whether a completeness proof stands beside the rows.
    #[must_use]
    pub fn to_value(&self, bundle: &SealBundle, is_proven: bool, claims: &Claims) -> Value {
        let digest = bundle.digest();
        let rows: Map<String, Value> =
            Table::ALL.iter().zip(self.rows).map(|(table, rows)| (table.to_string(), rows.into())).collect();
        let scrolls = digest.scrolls().iter().map(|scroll| json!({ "engine": scroll.engine, "lines": scroll.size }));
        let mut not_covered = vec!["claimed-times"];
        not_covered.extend((!is_proven).then_some("completeness"));
        not_covered.extend(self.content.is_none().then_some("contents"));
        not_covered.push("other-rows");
        not_covered.extend((!digest.scrolls().is_empty()).then_some("scroll-lines"));
        not_covered.push("unrecorded");
        json!({
            "as_of": bundle.as_of(),
            "asked": digest.selection().to_value(),
            "claims": claims.to_value(),
            "format": COVERAGE_FORMAT,
            "gaps": self.content.as_ref().map(Content::gaps),
            "not_covered": not_covered,
            "observers": self.content.as_ref().map(Content::observers),
            "rows": rows,
            "scrolls": scrolls.collect::<Vec<_>>(),
        })
    }

    /// The statement as it is stored.
    ///
    /// # Errors
    /// [`CanonicalError`] where it has no canonical form.
    pub fn to_bytes(&self, bundle: &SealBundle, is_proven: bool, claims: &Claims) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(&self.to_value(bundle, is_proven, claims))
    }

    /// Checks that a statement is the one that bundle and rows give, with the claims that it makes; gives these.
    ///
    /// # Errors
    /// [`CoverageError`]; [`CoverageError::code`] says what each of them means.
    pub fn check(&self, bytes: &[u8], bundle: &SealBundle, is_proven: bool) -> Result<Claims, CoverageError> {
        let value = canonical::parse_exact(bytes, COVERAGE_MAX).map_err(CoverageError::Json)?;
        match value.get("format").and_then(Value::as_str) {
            Some(COVERAGE_FORMAT | COVERAGE_FORMAT_V0) => {}
            Some(other) => return Err(CoverageError::FormatUnknown { found: other.chars().take(64).collect() }),
            None => return Err(ShapeError::Member { pointer: "/format".to_owned() }.into()),
        }
        let told = value.get("claims").unwrap_or(&Value::Null);
        let claims = Claims::from_value(told)?;
        let mut expected = self.to_value(bundle, is_proven, &claims);
        if value.get("format").and_then(Value::as_str) == Some(COVERAGE_FORMAT_V0) {
            expected["format"] = COVERAGE_FORMAT_V0.into();
            if let Some(content) = &self.content {
                expected["gaps"]["open_horizons"] = gap(content.receipts.iter());
            }
        }
        // Whatever it claims, nothing bears it out.
        if let Some(place) = expected.get_mut("claims") {
            place.clone_from(told);
        }
        let member = |(name, expected): (&String, &Value)| (value.get(name) != Some(expected)).then(|| name.clone());
        // Numbers that differ in writing alone are equal as canonical JSON writes them.
        if canonical::to_bytes(&expected).map_err(CoverageError::Json)? == bytes {
            return Ok(claims);
        }
        let differs = expected.as_object().into_iter().flatten().find_map(member);
        Err(CoverageError::Differs { member: differs.unwrap_or_else(|| "members".to_owned()) })
    }
}

impl Content {
    fn add(&mut self, row: &StoredRow) {
        // A reference of another length is none.
        let reference = |column| row.row_ref(column).ok().flatten();
        match row.table() {
            Table::ToolInvocations => {
                self.completed.extend(reference("intent_id"));
                let is_intent = row.text("phase") == Some(Phase::Intent.as_str());
                self.intents.extend(row.id().ok().filter(|_| is_intent));
            }
            Table::McpCalls => {
                let (kind, answered) = (row.text("kind"), reference("answers_id"));
                self.answered.extend(answered);
                self.no_answer.extend(answered.filter(|_| kind == Some(McpKind::NoAnswer.as_str())));
                let is_request = kind == Some(McpKind::Request.as_str());
                self.requests.extend(row.id().ok().filter(|_| is_request));
            }
            Table::ShadowReceipts => {
                let key = to_hex(row.blob("observer_key").unwrap_or_default());
                *self.observers.entry(key).or_default() += 1;
                self.receipts.extend(row.text("horizon_id").map(str::to_owned));
            }
            Table::ProofArtifacts => match row.text("kind").and_then(SystemKind::of_word) {
                Some(SystemKind::HorizonOpened) => self.opened.extend(row.id()),
                Some(SystemKind::HorizonClosed) => self.closed.extend(reference("subject_id")),
                _ => {}
            },
        }
    }

    fn observers(&self) -> Vec<Value> {
        let named = self.observers.iter().take(OBSERVERS_MAX);
        named.map(|(key, receipts)| json!({ "key": key, "receipts": receipts })).collect()
    }

    fn gaps(&self) -> Value {
        json!({
            "no_answer": gap(self.no_answer.iter()),
            "open_horizons": gap(self.opened.difference(&self.closed)),
            "open_intents": gap(self.intents.difference(&self.completed)),
            "unanswered": gap(self.requests.difference(&self.answered)),
        })
    }
}

impl CoverageError {
    /// What it means to whoever verifies an export.
    #[must_use]
    pub fn finding(&self, subject: impl Into<String>) -> Finding {
        let code = if let Self::FormatUnknown { .. } = self { Code::FormatUnknown } else { Code::CoverageAltered };
        Finding::new(code, subject).found(self)
    }
}

/// How many there are, and the first of them.
fn gap(all: impl Iterator<Item = impl ToString>) -> Value {
    let (mut count, mut first) = (0_u64, Vec::new());
    for one in all {
        count += 1;
        if first.len() < NAMED_MAX {
            first.push(one.to_string());
        }
    }
    json!({ "count": count, "first": first })
}

impl Claims {
    fn to_value(&self) -> Value {
        let lines = |(engine, lines): (&EngineName, &u64)| json!({ "engine": engine, "lines": lines });
        let told: Vec<Value> = self.unsigned_lines.iter().filter(|(_, lines)| **lines > 0).map(lines).collect();
        json!({ "log_size": self.log_size, "unsigned_lines": told })
    }

    fn from_value(value: &Value) -> Result<Self, ShapeError> {
        let members = Members::of(value, "/claims", &["log_size", "unsigned_lines"])?;
        let line = |value: &Value| {
            let line = Members::of(value, "/claims/unsigned_lines/*", &["engine", "lines"])?;
            Ok((line.parse("engine")?, line.number("lines")?))
        };
        let unsigned_lines = members.list("unsigned_lines")?.iter().map(line).collect::<Result<_, ShapeError>>()?;
        Ok(Self { log_size: members.number("log_size")?, unsigned_lines })
    }
}
