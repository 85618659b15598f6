//! Measures: what is counted of a ledger, and how a bin's value follows from its rows.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vm_core::record::{McpKind, Phase, Status, StoredRow, SystemKind, Table};

use crate::error::SeriesError;

/// Longest kind of a [`Measure::Count`], in bytes: a tool's name or an artifact's kind.
pub const COUNT_KIND_MAX: usize = 128;

/// What a series measures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Measure {
    /// Tool calls a bin: intents, and records made once after the act. `tool-calls`.
    ToolCalls,
    /// MCP requests a bin. `mcp-requests`.
    McpRequests,
    /// Of tool calls that ended, the share that failed. `error-share`.
    ErrorShare,
    /// Of MCP answers, the share that are errors. `mcp-error-share`.
    McpErrorShare,
    /// Of tool calls that ended, the share that was refused before it was made. A rise on benign work is overblocking.
    /// `refusal-share`.
    RefusalShare,
    /// Mean time from the row of a seal to the first anchor row that names it, in seconds, in the bin of the seal.
    /// `anchoring-lag`.
    AnchoringLag,
    /// Rows of the ledger by the end of a bin. `ledger-rows`.
    LedgerRows,
    /// Bytes of text and blobs in the rows of the ledger by the end of a bin. `ledger-bytes`.
    LedgerBytes,
    /// Rows a bin of one table, or of one kind in it: tool, MCP kind or artifact kind. `count/TABLE`, `count/TABLE/KIND`.
    Count {
        /// The table.
        table: Table,
        /// Value of its column `tool` or `kind`; shadow receipts have none.
        kind: Option<String>,
    },
}

/// How a bin's value follows from what fell into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// The sum; nothing is 0.
    Sum,
    /// The mean; nothing is a missing value.
    Mean,
    /// The sum of all bins so far; nothing leaves it as it was.
    Level,
}

impl Measure {
    /// Measures without parameters.
    const PLAIN: [Self; 8] = [
        Self::ToolCalls,
        Self::McpRequests,
        Self::ErrorShare,
        Self::McpErrorShare,
        Self::RefusalShare,
        Self::AnchoringLag,
        Self::LedgerRows,
        Self::LedgerBytes,
    ];

    const fn plain_name(&self) -> &'static str {
        match self {
            Self::ToolCalls => "tool-calls",
            Self::McpRequests => "mcp-requests",
            Self::ErrorShare => "error-share",
            Self::McpErrorShare => "mcp-error-share",
            Self::RefusalShare => "refusal-share",
            Self::AnchoringLag => "anchoring-lag",
            Self::LedgerRows => "ledger-rows",
            Self::LedgerBytes => "ledger-bytes",
            Self::Count { .. } => "count",
        }
    }

    /// Unit of its values.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::ToolCalls => "calls per bin",
            Self::McpRequests => "requests per bin",
            Self::ErrorShare | Self::McpErrorShare | Self::RefusalShare => "share, 0 to 1",
            Self::AnchoringLag => "seconds",
            Self::LedgerRows => "rows",
            Self::LedgerBytes => "bytes",
            Self::Count { .. } => "rows per bin",
        }
    }

    /// Least and greatest value there can be.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        match self {
            Self::ErrorShare | Self::McpErrorShare | Self::RefusalShare => (0.0, 1.0),
            _ => (0.0, f64::INFINITY),
        }
    }

    pub(crate) const fn rule(&self) -> Rule {
        match self {
            Self::ToolCalls | Self::McpRequests | Self::Count { .. } => Rule::Sum,
            Self::ErrorShare | Self::McpErrorShare | Self::RefusalShare | Self::AnchoringLag => Rule::Mean,
            Self::LedgerRows | Self::LedgerBytes => Rule::Level,
        }
    }

    /// Whether rows of `table` may count.
    pub(crate) fn reads(&self, table: Table) -> bool {
        match self {
            Self::ToolCalls | Self::ErrorShare | Self::RefusalShare => table == Table::ToolInvocations,
            Self::McpRequests | Self::McpErrorShare => table == Table::McpCalls,
            Self::AnchoringLag => table == Table::ProofArtifacts,
            Self::LedgerRows | Self::LedgerBytes => true,
            Self::Count { table: counted, .. } => *counted == table,
        }
    }

    /// What a row adds to its bin; none where it does not count. A seal of [`Measure::AnchoringLag`] adds nothing by itself.
    pub(crate) fn weigh(&self, row: &StoredRow) -> Option<f64> {
        let share = |column, hit: &str, all: &[&str]| {
            let word = row.text(column)?;
            all.contains(&word).then(|| if word == hit { 1.0 } else { 0.0 })
        };
        let counted = |counts: bool| counts.then_some(1.0);
        match self {
            Self::ToolCalls => counted(row.text("phase").is_some_and(|phase| phase != Phase::Outcome.as_str())),
            Self::McpRequests => counted(row.text("kind") == Some(McpKind::Request.as_str())),
            Self::ErrorShare => share("status", Status::Error.as_str(), &ENDED),
            Self::RefusalShare => share("status", Status::Blocked.as_str(), &ENDED),
            Self::McpErrorShare => share("kind", McpKind::Error.as_str(), &ANSWERS),
            Self::AnchoringLag => (row.text("kind") == Some(SystemKind::Seal.as_str())).then_some(0.0),
            Self::LedgerRows => Some(1.0),
            Self::LedgerBytes => Some(crate::number::real_len(row.byte_len())),
            Self::Count { table, kind } => counted(match kind {
                None => true,
                Some(kind) => kind_column(*table).is_some_and(|column| row.text(column) == Some(kind)),
            }),
        }
    }
}

/// How a tool call may end. `unknown` is among them: whoever does not know how many failed must not leave them out.
const ENDED: [&str; 4] =
    [Status::Ok.as_str(), Status::Error.as_str(), Status::Blocked.as_str(), Status::Unknown.as_str()];
const ANSWERS: [&str; 2] = [McpKind::Response.as_str(), McpKind::Error.as_str()];

const fn kind_column(table: Table) -> Option<&'static str> {
    match table {
        Table::ToolInvocations => Some("tool"),
        Table::McpCalls | Table::ProofArtifacts => Some("kind"),
        Table::ShadowReceipts => None,
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain_name())?;
        match self {
            Self::Count { table, kind: None } => write!(f, "/{table}"),
            Self::Count { table, kind: Some(kind) } => write!(f, "/{table}/{kind}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Measure {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let unknown = || SeriesError::UnknownMeasure { found: text.chars().take(64).collect() };
        let Some(counted) = text.strip_prefix("count/") else {
            return Self::PLAIN.into_iter().find(|measure| measure.plain_name() == text).ok_or_else(unknown);
        };
        let (table, kind) = counted.split_once('/').map_or((counted, None), |(table, kind)| (table, Some(kind)));
        let table: Table = table.parse().map_err(|_| unknown())?;
        let sound = |kind: &str| {
            let fits = !kind.is_empty() && kind.len() <= COUNT_KIND_MAX && !kind.chars().any(char::is_control);
            fits && kind_column(table).is_some()
        };
        if kind.is_some_and(|kind| !sound(kind)) {
            return Err(unknown());
        }
        Ok(Self::Count { table, kind: kind.map(str::to_owned) })
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let counted = ["count/mcp_calls", "count/tool_invocations/grep", "count/proof_artifacts/a/b"];
        let names = Measure::PLAIN.iter().map(ToString::to_string).chain(counted.map(str::to_owned));
        for name in names {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn other_names_are_refused() {
        let long = format!("count/mcp_calls/{}", "k".repeat(COUNT_KIND_MAX + 1));
        let names = ["", "count", "count/", "count/rows", "Tool-calls", "count/mcp_calls/", "count/shadow_receipts/x"];
        for name in names.into_iter().chain([long.as_str(), "count/mcp_calls/a\nb"]) {
            assert!(matches!(name.parse::<Measure>(), Err(SeriesError::UnknownMeasure { .. })), "{name}");
        }
    }
}
