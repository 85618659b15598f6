//! Questions that an index answers, and where their answers lie in it.

use serde_json::{Value, json};
use vm_core::error::RecordError;
use vm_core::record::{StoredRow, Table};

use super::{Card, Key, Order, Term, TermColumn};
use crate::error::QueryError;
use crate::selection::{Scope, Selection};
use crate::shape::Members;

/// Longest value of a term, in bytes: horizons are names, the other columns ids of 32 digits.
const VALUE_MAX: usize = 4_096;

/// Keys from one up to and without another, or to the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The least key in it.
    pub from: Key,
    /// The least key beyond it, if there is one.
    pub to: Option<Key>,
}

impl Interval {
    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn of_prefix(prefix: &[u8]) -> Self {
        Self { from: Key::least(prefix), to: Key::beyond(prefix) }
    }

    /// Whether `key` lies beyond it.
    #[must_use]
    pub fn is_before(&self, key: Key) -> bool {
        self.to.is_some_and(|to| to <= key)
    }

    /// Whether `key` lies in it.
    #[must_use]
    pub fn holds(&self, key: Key) -> bool {
        self.from <= key && !self.is_before(key)
    }
}

/// A question whose answer is a set of rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Rows of a window of time, or of some traces.
    Selection(Selection),
    /// Rows that refer to something by a column: a horizon, a request, an intent, a subject, a row corrected.
    Term {
        /// The column.
        column: TermColumn,
        /// Its value as leaf data has it: text, or an id as 32 lower-case hexadecimal digits.
        value: String,
    },
}

impl Query {
    /// The order in which its matches lie together.
    #[must_use]
    pub const fn order(&self) -> Order {
        match self {
            Self::Selection(selection) => match selection.scope() {
                Scope::TimeWindow { .. } => Order::Time,
                Scope::TraceSet(_) => Order::Trace,
            },
            Self::Term { .. } => Order::Term,
        }
    }

    /// Where its matches lie in that order, rising.
    #[must_use]
    pub fn intervals(&self) -> Vec<Interval> {
        match self {
            Self::Selection(selection) => match selection.scope() {
                Scope::TimeWindow { since, until } => {
                    let bound = |table: Table, ts: vm_core::instant::Instant| {
                        let biased = ts.as_micros().cast_unsigned() ^ (1 << 63);
                        let [a, b, c, d, e, f, g, h] = biased.to_be_bytes();
                        Key::least(&[table.number(), a, b, c, d, e, f, g, h])
                    };
                    let interval = |table: &Table| {
                        let whole = Interval::of_prefix(&[table.number()]);
                        let from = since.map_or(whole.from, |since| bound(*table, since));
                        Interval { from, to: until.map_or(whole.to, |until| Some(bound(*table, until))) }
                    };
                    selection.kinds().iter().map(interval).collect()
                }
                Scope::TraceSet(traces) => traces.iter().map(|trace| Interval::of_prefix(trace.as_bytes())).collect(),
            },
            Self::Term { column, value } => vec![Interval::of_prefix(Term::new(*column, value).as_bytes())],
        }
    }

    /// Whether a row matches.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where time or trace of the row cannot be read.
    pub fn matches(&self, row: &StoredRow) -> Result<bool, RecordError> {
        match self {
            Self::Selection(selection) => match selection.scope() {
                Scope::TimeWindow { .. } => selection.selects(row),
                Scope::TraceSet(traces) => Ok(traces.binary_search(&row.trace_id()?).is_ok()),
            },
            Self::Term { column, value } => {
                let is_of_table = TermColumn::of(row.table()).contains(column);
                Ok(is_of_table && column.value_in(row).as_deref() == Some(value.as_str()))
            }
        }
    }

    /// Whether a matching row is selected: of a trace set, only those of its kinds are.
    #[must_use]
    pub fn selects(&self, card: &Card) -> bool {
        match self {
            Self::Selection(selection) => selection.kinds().contains(&card.table),
            Self::Term { .. } => true,
        }
    }

    /// The question as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Selection(selection) => json!({ "selection": selection.to_value() }),
            Self::Term { column, value } => json!({ "term": { "column": column.as_str(), "value": value } }),
        }
    }

    /// Reads a question.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn from_value(value: &Value) -> Result<Self, QueryError> {
        if value.get("selection").is_some() {
            let members = Members::of(value, "/query", &["selection"])?;
            return Ok(Self::Selection(Selection::from_value(members.value("selection")?)?));
        }
        let members = Members::of(value, "/query", &["term"])?;
        let term = Members::of(members.value("term")?, "/query/term", &["column", "value"])?;
        let column = TermColumn::parse(term.text("column")?).ok_or_else(|| term.fault("column"))?;
        Self::term(column, term.text("value")?)
    }

    /// A question for rows that refer to `value` by `column`.
    ///
    /// # Errors
    /// [`QueryError::Value`] where no row can: too long, or no id where the column holds ids.
    pub fn term(column: TermColumn, value: &str) -> Result<Self, QueryError> {
        let is_id = |text: &str| text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let good = value.len() <= VALUE_MAX && (column == TermColumn::Horizon || is_id(value));
        if good {
            Ok(Self::Term { column, value: value.to_owned() })
        } else {
            Err(QueryError::Value { column: column.as_str() })
        }
    }
}

#[cfg(test)]
mod tests {
    use vm_core::id::TraceId;

    use super::*;

    #[test]
    fn questions_read_back() {
        let at = |text: &str| Some(vm_core::instant::Instant::parse_lenient(text).unwrap());
        let window = Selection::window(at("2026-01-02T00:00:00Z"), None, &[Table::McpCalls]).unwrap();
        let traces = Selection::traces([TraceId::from_bytes([7; 16])], &Table::ALL).unwrap();
        for query in [
            Query::Selection(window),
            Query::Selection(traces),
            Query::term(TermColumn::Horizon, "any text\n").unwrap(),
            Query::term(TermColumn::Subject, &"0a".repeat(16)).unwrap(),
        ] {
            assert_eq!(Query::from_value(&query.to_value()), Ok(query));
        }
        for (value, code) in [
            (json!({}), "query-shape"),
            (json!({ "term": { "column": "tool", "value": "x" } }), "query-shape"),
            (json!({ "term": { "column": "subject_id", "value": "0A" } }), "query-value"),
            (json!({ "selection": {}, "term": {} }), "query-shape"),
            (json!({ "selection": {} }), "query-selection"),
        ] {
            assert_eq!(Query::from_value(&value).unwrap_err().code(), code, "{value}");
        }
    }

    #[test]
    fn windows_of_the_last_table_and_the_last_trace_have_an_end_or_none() {
        let [.., last] = Query::Selection(Selection::everything()).intervals()[..] else { panic!() };
        assert_eq!(last, Interval { from: Key::least(&[4]), to: Some(Key::least(&[5])) });
        let traces = Selection::traces([TraceId::from_bytes([0xff; 16])], &Table::ALL).unwrap();
        let [only] = Query::Selection(traces).intervals()[..] else { panic!() };
        assert!(only.holds(Key::least(&[0xff; 24])) && !only.holds(Key::least(&[0xff; 15])));
    }
}
