//! Selections: which rows a seal covers.
//!
//! ```text
//! {"kinds":["mcp_calls"],"scope":"time_window","since":"2026-01-01T00:00:00.000000Z","trace_ids":[],"until":null}
//! {"kinds":["mcp_calls"],"scope":"trace_set","since":null,"trace_ids":["0190..."],"until":null}
//! ```
//!
//! There is one way to write a selection, so that its bytes can be hashed: trace ids are sorted and unique, kinds
//! stand in table order, and members foreign to the scope are null or empty.

use serde_json::{Value, json};
use vm_core::error::RecordError;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::{StoredRow, Table};
use vm_core::view::{RowFilter, RowScope};

use crate::error::SelectionError;
use crate::merkle::TreeSize;
use crate::shape::Members;

/// Most traces in one selection. With 39 bytes each they take less than half of the longest bundle read.
pub const TRACES_MAX: usize = 10_000;

const TIME_WINDOW: &str = "time_window";
const TRACE_SET: &str = "trace_set";

/// Which rows, apart from their tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Rows whose time is not before `since` and before `until`, so that adjacent windows partition. No bound where
    /// there is none.
    TimeWindow {
        /// Inclusive.
        since: Option<Instant>,
        /// Exclusive.
        until: Option<Instant>,
    },
    /// Rows of these traces, sorted.
    TraceSet(Vec<TraceId>),
}

/// Rows to seal: a scope, over one or more tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    scope: Scope,
    kinds: Vec<Table>,
}

impl Selection {
    /// Rows of a window of time, of these tables in any order.
    ///
    /// # Errors
    /// [`SelectionError::EmptyWindow`] where `since` is not before `until`, [`SelectionError::NoKinds`] where no table
    /// is named.
    pub fn window(since: Option<Instant>, until: Option<Instant>, kinds: &[Table]) -> Result<Self, SelectionError> {
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(SelectionError::EmptyWindow { since, until });
        }
        Self::new(Scope::TimeWindow { since, until }, kinds)
    }

    /// Rows of some traces, of these tables; both in any order.
    ///
    /// # Errors
    /// [`SelectionError::NoTraces`], [`SelectionError::TooManyTraces`] or [`SelectionError::NoKinds`].
    pub fn traces(traces: impl IntoIterator<Item = TraceId>, kinds: &[Table]) -> Result<Self, SelectionError> {
        let mut traces: Vec<TraceId> = traces.into_iter().collect();
        traces.sort_unstable();
        traces.dedup();
        check_traces(&traces)?;
        Self::new(Scope::TraceSet(traces), kinds)
    }

    /// All rows of all tables.
    #[must_use]
    pub fn everything() -> Self {
        let scope = Scope::TimeWindow { since: None, until: None };
        Self { scope, kinds: Table::ALL.to_vec() }
    }

    fn new(scope: Scope, kinds: &[Table]) -> Result<Self, SelectionError> {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() {
            return Err(SelectionError::NoKinds);
        }
        Ok(Self { scope, kinds })
    }

    /// The scope.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The tables, in order.
    #[must_use]
    pub fn kinds(&self) -> &[Table] {
        &self.kinds
    }

    /// Whether `row` is selected.
    ///
    /// # Errors
    /// [`RecordError::Cell`] where the row's time or trace cannot be read.
    pub fn selects(&self, row: &StoredRow) -> Result<bool, RecordError> {
        let in_scope = match &self.scope {
            Scope::TimeWindow { since, until } => {
                let ts = row.ts()?;
                since.is_none_or(|since| since <= ts) && until.is_none_or(|until| ts < until)
            }
            Scope::TraceSet(traces) => traces.binary_search(&row.trace_id()?).is_ok(),
        };
        Ok(in_scope && self.kinds.contains(&row.table()))
    }

    /// The filter that asks a view for these rows as they stood at `as_of`.
    #[must_use]
    pub fn filter(&self, as_of: TreeSize) -> RowFilter {
        let scope = match &self.scope {
            Scope::TimeWindow { since, until } => RowScope::Window { since: *since, until: *until },
            Scope::TraceSet(traces) => RowScope::Traces(traces.clone()),
        };
        RowFilter { tables: self.kinds.clone(), scope, as_of: as_of.as_u64() }
    }

    /// The selection as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let (scope, since, until, traces) = match &self.scope {
            Scope::TimeWindow { since, until } => (TIME_WINDOW, *since, *until, [].as_slice()),
            Scope::TraceSet(traces) => (TRACE_SET, None, None, traces.as_slice()),
        };
        json!({ "scope": scope, "since": since, "until": until, "trace_ids": traces, "kinds": self.kinds })
    }

    /// Reads a selection in the one form that [`Selection::to_value`] writes.
    ///
    /// # Errors
    /// [`SelectionError`] says what departs from it.
    pub fn from_value(value: &Value) -> Result<Self, SelectionError> {
        let names = ["scope", "since", "until", "trace_ids", "kinds"];
        let members = Members::of(value, "/selection", &names)?;
        let since: Option<Instant> = members.nullable("since")?;
        let until: Option<Instant> = members.nullable("until")?;
        let traces: Vec<TraceId> = members.parse_list("trace_ids")?;
        let kinds: Vec<Table> = members.parse_list("kinds")?;
        if !kinds.is_sorted_by(|one, next| one < next) {
            return Err(SelectionError::KindOrder);
        }
        match members.text("scope")? {
            TIME_WINDOW if traces.is_empty() => Self::window(since, until, &kinds),
            TRACE_SET if since.is_none() && until.is_none() => {
                check_traces(&traces)?;
                if !traces.is_sorted_by(|one, next| one < next) {
                    return Err(SelectionError::TraceOrder);
                }
                Self::new(Scope::TraceSet(traces), &kinds)
            }
            TIME_WINDOW | TRACE_SET => Err(SelectionError::ForeignToScope),
            _ => Err(SelectionError::UnknownScope),
        }
    }
}

fn check_traces(traces: &[TraceId]) -> Result<(), SelectionError> {
    match traces.len() {
        0 => Err(SelectionError::NoTraces),
        found if found > TRACES_MAX => Err(SelectionError::TooManyTraces { limit: TRACES_MAX, found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use vm_core::record::{Cell, CellKind, SCHEMA};

    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse_lenient(text).unwrap()
    }

    fn trace(byte: u8) -> TraceId {
        TraceId::from_bytes([byte; 16])
    }

    #[test]
    fn written_and_read_back() {
        let noon = at("2026-01-02T12:00:00Z");
        for selection in [
            Selection::everything(),
            Selection::window(Some(noon), None, &[Table::McpCalls]).unwrap(),
            Selection::window(None, Some(noon), &[Table::ShadowReceipts, Table::ToolInvocations]).unwrap(),
            Selection::traces([trace(2), trace(1), trace(2)], &Table::ALL).unwrap(),
        ] {
            assert_eq!(Selection::from_value(&selection.to_value()), Ok(selection));
        }
    }

    #[test]
    fn other_forms_are_refused_by_name() {
        let (early, late) = ("2026-01-02T12:00:00.000000Z", "2026-01-02T13:00:00.000000Z");
        let (one, two) = (trace(1), trace(2));
        let all = json!(["tool_invocations", "mcp_calls"]);
        for (scope, since, until, traces, kinds, code) in [
            ("time_window", json!(late), json!(early), json!([]), all.clone(), "selection-empty-window"),
            ("time_window", json!(early), json!(early), json!([]), all.clone(), "selection-empty-window"),
            ("time_window", json!(early), json!(late), json!([one]), all.clone(), "selection-foreign-to-scope"),
            ("trace_set", json!(early), json!(null), json!([one]), all.clone(), "selection-foreign-to-scope"),
            ("trace_set", json!(null), json!(late), json!([one]), all.clone(), "selection-foreign-to-scope"),
            ("trace_set", json!(null), json!(null), json!([]), all.clone(), "selection-no-traces"),
            ("trace_set", json!(null), json!(null), json!([two, one]), all.clone(), "selection-trace-order"),
            ("trace_set", json!(null), json!(null), json!([one, one]), all.clone(), "selection-trace-order"),
            ("trace_set", json!(null), json!(null), json!(["X"]), all.clone(), "selection-shape"),
            ("all", json!(null), json!(null), json!([]), all.clone(), "selection-unknown-scope"),
            ("time_window", json!("2026-01-02T12:00:00Z"), json!(null), json!([]), all, "selection-shape"),
            ("time_window", json!(null), json!(null), json!([]), json!([]), "selection-no-kinds"),
            ("time_window", json!(null), json!(null), json!([]), json!(["log"]), "selection-shape"),
            (
                "time_window",
                json!(null),
                json!(null),
                json!([]),
                json!(["mcp_calls", "tool_invocations"]),
                "selection-kind-order",
            ),
            (
                "time_window",
                json!(null),
                json!(null),
                json!([]),
                json!(["mcp_calls", "mcp_calls"]),
                "selection-kind-order",
            ),
        ] {
            let value = json!({ "scope": scope, "since": since, "until": until, "trace_ids": traces, "kinds": kinds });
            assert_eq!(Selection::from_value(&value).unwrap_err().code(), code, "{value}");
        }
        let mut surplus = Selection::everything().to_value();
        surplus["limit"] = json!(1);
        assert_eq!(Selection::from_value(&surplus).unwrap_err().code(), "selection-shape");
    }

    #[test]
    fn there_is_a_most_of_traces() {
        let traces = |count: usize| (0_u128..).take(count).map(|n| TraceId::from_bytes(n.to_be_bytes()));
        let most = Selection::traces(traces(TRACES_MAX), &Table::ALL).unwrap();
        assert_eq!(Selection::from_value(&most.to_value()), Ok(most.clone()));
        let error = Selection::traces(traces(TRACES_MAX + 1), &Table::ALL).unwrap_err();
        assert_eq!(error.code(), "selection-too-many-traces");
        let mut more = most.to_value();
        more["trace_ids"] = json!(traces(TRACES_MAX + 1).collect::<Vec<_>>());
        assert_eq!(Selection::from_value(&more).unwrap_err().code(), "selection-too-many-traces");
    }

    fn row(table: Table, ts: &str, by: TraceId) -> StoredRow {
        let cells = table.columns(SCHEMA).unwrap().iter().map(|column| match (column.name, column.kind) {
            ("ts", _) => Cell::Text(ts.into()),
            ("trace_id", _) => Cell::Blob(by.as_bytes().to_vec()),
            (_, CellKind::Integer) => Cell::Integer(1),
            (_, CellKind::Real) => Cell::Real(0.5),
            (_, CellKind::Text) => Cell::Text("x".into()),
            (_, CellKind::Blob) => Cell::Blob(vec![1; 16]),
        });
        StoredRow::new(table, SCHEMA, cells.collect()).unwrap()
    }

    #[test]
    fn rows_are_selected_by_time_trace_and_table() {
        let (early, noon, late) =
            ("2026-01-02T11:59:59.999999Z", "2026-01-02T12:00:00.000000Z", "2026-01-02T13:00:00.000000Z");
        let calls = &[Table::McpCalls];
        let window =
            |since: Option<&str>, until: Option<&str>| Selection::window(since.map(at), until.map(at), calls).unwrap();
        let selects = |selection: &Selection, ts| selection.selects(&row(Table::McpCalls, ts, trace(1))).unwrap();
        for (since, until, expected) in [
            (None, None, [true, true, true]),
            (Some(noon), None, [false, true, true]),
            (None, Some(noon), [true, false, false]),
            (Some(noon), Some(late), [false, true, false]),
        ] {
            let selection = window(since, until);
            assert_eq!([early, noon, late].map(|ts| selects(&selection, ts)), expected, "{since:?} {until:?}");
            assert!(!selection.selects(&row(Table::ToolInvocations, noon, trace(1))).unwrap());
            assert!(selection.selects(&row(Table::McpCalls, "noon", trace(1))).is_err());
        }
        let selection = Selection::traces([trace(3), trace(1)], calls).unwrap();
        for (table, by, expected) in [
            (Table::McpCalls, trace(1), true),
            (Table::McpCalls, trace(3), true),
            (Table::McpCalls, trace(2), false),
            (Table::ShadowReceipts, trace(1), false),
        ] {
            assert_eq!(selection.selects(&row(table, noon, by)), Ok(expected), "{table} {by}");
        }
    }
}
