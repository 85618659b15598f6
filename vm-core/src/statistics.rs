//! Statistics that leave a ledger: what may be given away of them in all, and what was.
//!
//! A release is a list of counts with noise, epsilon-differentially private (Dwork, McSherry, Nissim and Smith, "Calibrating noise
//! to sensitivity in private data analysis", 2006) for whole traces: whatever a single trace holds changes the chance of any
//! answer by no more than a factor of exp(epsilon). Releases add up, over the whole life of a ledger, and a budget says to how much.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::canonical;
use crate::error::StatisticsError;
use crate::instant::Instant;
use crate::record::{StoredRow, SystemKind, Table, check_format};

/// Most counts of one release: enough for the tools of an agent, and a row of a few kilobytes.
pub const COUNTS_MAX: usize = 256;
/// Longest name of a count, in bytes: a tool's, an MCP method's or an artifact kind's.
pub const COUNT_NAME_MAX: usize = 128;
/// Most rows of one trace that a release can count. More noise than this many rows make drowns any answer.
pub const PER_TRACE_MAX: u32 = 1_000_000;
/// The greatest count in a release: what a double holds exactly, so that JSON does (RFC 8785).
pub const VALUE_MAX: i64 = (1 << 53) - 1;

/// A loss of privacy, in millionths: greater than nought, 1,000 at most. That much is no privacy any more, and less is more noise
/// than there are rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epsilon(u32);

impl Epsilon {
    const MICROS_MAX: u32 = 1_000 * Self::UNIT;
    const UNIT: u32 = 1_000_000;

    /// An epsilon of so many millionths.
    ///
    /// # Errors
    /// [`StatisticsError::Epsilon`].
    pub const fn from_micros(micros: u32) -> Result<Self, StatisticsError> {
        if micros == 0 || micros > Self::MICROS_MAX { Err(StatisticsError::Epsilon) } else { Ok(Self(micros)) }
    }

    /// Millionths.
    #[must_use]
    pub const fn micros(self) -> u32 {
        self.0
    }
}

/// Millionths as a decimal number.
#[must_use]
pub fn decimal(micros: u64) -> String {
    let unit = u64::from(Epsilon::UNIT);
    let text = format!("{}.{:06}", micros / unit, micros % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.0.into()))
    }
}

impl FromStr for Epsilon {
    type Err = StatisticsError;

    /// Reads a decimal number of at most six places, so that what is spent is exactly what was asked for.
    fn from_str(text: &str) -> Result<Self, StatisticsError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(StatisticsError::Epsilon);
        }
        let read = |text: &str| text.parse::<u32>().map_err(|_| StatisticsError::Epsilon);
        let micros = read(whole)?.checked_mul(Self::UNIT).and_then(|whole| {
            let part = format!("{part:0<6}").parse::<u32>().ok()?;
            whole.checked_add(part)
        });
        Self::from_micros(micros.ok_or(StatisticsError::Epsilon)?)
    }
}

/// What is counted: the rows of a table, or those of one tool, MCP method or kind of artifact. `TABLE`, `TABLE/NAME`.
///
/// Rows of the system's own kinds do not count: they are the ledger's, nobody's traces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Count {
    table: Table,
    name: Option<String>,
}

impl Count {
    /// The column that a name is looked up in; shadow receipts have none.
    const fn column(table: Table) -> Option<&'static str> {
        match table {
            Table::ToolInvocations => Some("tool"),
            Table::McpCalls => Some("method"),
            Table::ProofArtifacts => Some("kind"),
            Table::ShadowReceipts => None,
        }
    }

    /// Its table.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// Whether it counts a row.
    #[must_use]
    pub fn fits(&self, row: &StoredRow) -> bool {
        let is_named = || match (&self.name, Self::column(self.table)) {
            (None, _) => true,
            (Some(name), Some(column)) => row.text(column) == Some(name),
            (Some(_), None) => false,
        };
        row.table() == self.table && SystemKind::of_row(row).is_none() && is_named()
    }

    /// Whether a row could fit both.
    fn overlaps(&self, other: &Self) -> bool {
        self.table == other.table && (self.name.is_none() || other.name.is_none() || self.name == other.name)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.table),
            Some(name) => write!(f, "{}/{name}", self.table),
        }
    }
}

impl FromStr for Count {
    type Err = StatisticsError;

    fn from_str(text: &str) -> Result<Self, StatisticsError> {
        let (table, name) = text.split_once('/').map_or((text, None), |(table, name)| (table, Some(name)));
        let table: Table = table.parse().map_err(|_| StatisticsError::Count)?;
        let is_sound = |name: &str| {
            let fits = !name.is_empty() && name.len() <= COUNT_NAME_MAX && !name.chars().any(char::is_control);
            fits && Self::column(table).is_some() && (table != Table::ProofArtifacts || !name.starts_with("vm-"))
        };
        if name.is_some_and(|name| !is_sound(name)) {
            return Err(StatisticsError::Count);
        }
        Ok(Self { table, name: name.map(str::to_owned) })
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a release counts. All of it is chosen without looking at the rows, or it would tell of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    counts: Vec<Count>,
    per_trace: u32,
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Question {
    /// Counts `counts` from `since` up to and without `until`, at most the first `per_trace` rows of each trace among them.
    ///
    /// # Errors
    /// [`StatisticsError::Counts`] where there are none or too many, or a row would count twice;
    /// [`StatisticsError::PerTrace`]; [`StatisticsError::Window`] where it is empty.
    pub fn new(
        counts: Vec<Count>,
        per_trace: u32,
        since: Option<Instant>,
        until: Option<Instant>,
    ) -> Result<Self, StatisticsError> {
        let mut sorted = counts.iter().collect::<Vec<_>>();
        sorted.sort();
        // Sorted, a table alone stands right before its names, and what is said twice side by side.
        let is_twice = sorted.windows(2).any(|pair| matches!(pair, [one, other] if one.overlaps(other)));
        if counts.is_empty() || counts.len() > COUNTS_MAX || is_twice {
            return Err(StatisticsError::Counts);
        }
        if per_trace == 0 || per_trace > PER_TRACE_MAX {
            return Err(StatisticsError::PerTrace);
        }
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(StatisticsError::Window);
        }
        Ok(Self { counts, per_trace, since, until })
    }

    /// What is counted, in order; no row fits two of them.
    #[must_use]
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// Most rows of one trace that count, over all counts together: how far one trace can move the answer.
    #[must_use]
    pub const fn per_trace(&self) -> u32 {
        self.per_trace
    }

    /// First and last time that counts: from, and up to and without.
    #[must_use]
    pub const fn window(&self) -> (Option<Instant>, Option<Instant>) {
        (self.since, self.until)
    }
}

/// How much may be given away in all, from its row on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrivacyBudget(pub Epsilon);

impl PrivacyBudget {
    /// Format string of a budget.
    pub const FORMAT: &'static str = "vm-privacy-budget-v0";

    /// The content as JSON.
    #[must_use]
    pub fn to_value(self) -> Value {
        json!({ "epsilon_micros": self.0.micros(), "format": Self::FORMAT })
    }

    /// Reads the content of a row.
    ///
    /// # Errors
    /// [`StatisticsError::Record`] or [`StatisticsError::Epsilon`].
    pub fn from_value(value: &Value) -> Result<Self, StatisticsError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            epsilon_micros: u32,
            #[serde(rename = "format")]
            _format: String,
        }
        check_format(value, Self::FORMAT)?;
        let content = Content::deserialize(value).map_err(|_| StatisticsError::Shape)?;
        Ok(Self(Epsilon::from_micros(content.epsilon_micros)?))
    }
}

/// Counts that were given away, each with its noise in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    question: Question,
    epsilon: Epsilon,
    values: Vec<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseContent {
    counts: Vec<(Count, i64)>,
    epsilon_micros: u32,
    format: String,
    per_trace: u32,
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Release {
    /// Format string of a release.
    pub const FORMAT: &'static str = "vm-statistics-release-v0";

    /// The answer to a question, a value for each of its counts.
    ///
    /// # Errors
    /// [`StatisticsError::Shape`] where the values are of another number, or one is beyond [`VALUE_MAX`].
    pub fn new(question: Question, epsilon: Epsilon, values: Vec<i64>) -> Result<Self, StatisticsError> {
        let fits = |value: &i64| (-VALUE_MAX..=VALUE_MAX).contains(value);
        if values.len() != question.counts.len() || !values.iter().all(fits) {
            return Err(StatisticsError::Shape);
        }
        Ok(Self { question, epsilon, values })
    }

    /// What was asked.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// What it cost.
    #[must_use]
    pub const fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// Counts and what was said of each.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&Count, i64)> {
        self.question.counts.iter().zip(self.values.iter().copied())
    }

    /// The content as JSON.
    ///
    /// # Errors
    /// [`StatisticsError::Shape`] never in practice: every member has a form in JSON.
    pub fn to_value(&self) -> Result<Value, StatisticsError> {
        let (since, until) = self.question.window();
        let content = ReleaseContent {
            counts: self.values().map(|(count, value)| (count.clone(), value)).collect(),
            epsilon_micros: self.epsilon.micros(),
            format: Self::FORMAT.to_owned(),
            per_trace: self.question.per_trace,
            since,
            until,
        };
        serde_json::to_value(content).map_err(|_| StatisticsError::Shape)
    }

    /// Reads the content of a row.
    ///
    /// # Errors
    /// As [`Question::new`] and [`Release::new`]; [`StatisticsError::Record`], [`StatisticsError::Epsilon`].
    pub fn from_value(value: &Value) -> Result<Self, StatisticsError> {
        check_format(value, Self::FORMAT)?;
        let content = ReleaseContent::deserialize(value).map_err(|_| StatisticsError::Shape)?;
        let (counts, values) = content.counts.into_iter().unzip();
        let question = Question::new(counts, content.per_trace, content.since, content.until)?;
        let release = Self::new(question, Epsilon::from_micros(content.epsilon_micros)?, values)?;
        // A member that is missing reads as null, and a time in another form as well: there is one form.
        if release.to_value()? == *value { Ok(release) } else { Err(StatisticsError::Shape) }
    }
}

/// What may be given away at a place of the log, and what was before it: a fold over rows, for writers and audits alike.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PrivacyAccount {
    budget: Option<Epsilon>,
    spent: u64,
    releases: u64,
}

impl PrivacyAccount {
    /// The budget in force; none before the first.
    #[must_use]
    pub const fn budget(&self) -> Option<Epsilon> {
        self.budget
    }

    /// What all releases cost together, in millionths.
    #[must_use]
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// How many releases there were.
    #[must_use]
    pub const fn releases(&self) -> u64 {
        self.releases
    }

    /// What is left, in millionths.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.budget.map_or(0, |budget| u64::from(budget.micros()).saturating_sub(self.spent))
    }

    /// Whether `epsilon` more may be given away.
    ///
    /// # Errors
    /// [`StatisticsError::NoBudget`], [`StatisticsError::Overspent`].
    pub fn admit(&self, epsilon: Epsilon) -> Result<(), StatisticsError> {
        if self.budget.is_none() {
            return Err(StatisticsError::NoBudget);
        }
        let (left, asked) = (self.left(), u64::from(epsilon.micros()));
        if asked > left { Err(StatisticsError::Overspent { asked, left }) } else { Ok(()) }
    }

    /// Takes in the next row of the log and passes over those of other kinds. A release that goes beyond the budget counts as
    /// spent all the same: it was given away.
    ///
    /// # Errors
    /// [`StatisticsError`]: the row does not read, or gives away more than is left.
    pub fn apply(&mut self, row: &StoredRow) -> Result<(), StatisticsError> {
        let content = || {
            let json = row.text("meta_json").ok_or(StatisticsError::Shape)?;
            canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(|_| StatisticsError::Shape)
        };
        match SystemKind::of_row(row) {
            Some(SystemKind::PrivacyBudget) => self.budget = Some(PrivacyBudget::from_value(&content()?)?.0),
            Some(SystemKind::StatisticsRelease) => {
                let epsilon = Release::from_value(&content()?)?.epsilon;
                let admitted = self.admit(epsilon);
                self.spent = self.spent.saturating_add(epsilon.micros().into());
                self.releases = self.releases.saturating_add(1);
                admitted?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Count {
        text.parse().unwrap()
    }

    fn epsilon(text: &str) -> Epsilon {
        text.parse().unwrap()
    }

    #[test]
    fn an_epsilon_is_what_was_written() {
        for (text, micros) in
            [("1", 1_000_000), ("0.5", 500_000), ("0.000001", 1), ("1000", 1_000_000_000), ("2.50", 2_500_000)]
        {
            assert_eq!(epsilon(text).micros(), micros, "{text}");
        }
        for bad in
            ["", "0", "0.0", "-1", "+1", "1e3", "0.0000001", "1000.000001", "1.", ".5", "nan", "5000000000", " 1"]
        {
            assert_eq!(bad.parse::<Epsilon>(), Err(StatisticsError::Epsilon), "{bad:?}");
        }
        for text in ["1", "0.5", "0.000001", "1000", "12.34"] {
            assert_eq!(epsilon(text).to_string(), text);
        }
    }

    #[test]
    fn no_row_counts_twice() {
        let ask =
            |counts: &[&str]| Question::new(counts.iter().map(|text| count(text)).collect(), 1, None, None).map(drop);
        assert_eq!(ask(&["tool_invocations/a", "tool_invocations/b", "mcp_calls"]), Ok(()));
        for twice in [
            vec![],
            vec!["mcp_calls", "mcp_calls"],
            vec!["mcp_calls/tools/call", "mcp_calls"],
            vec!["tool_invocations/a", "tool_invocations/b", "tool_invocations"],
            vec!["tool_invocations", "mcp_calls", "tool_invocations/z"],
            vec!["tool_invocations/a", "mcp_calls", "tool_invocations/a"],
        ] {
            assert_eq!(ask(&twice), Err(StatisticsError::Counts), "{twice:?}");
        }
        for bad in ["", "x", "tool_invocations/", "shadow_receipts/x", "proof_artifacts/vm-genesis", "mcp_calls/a\nb"] {
            assert_eq!(bad.parse::<Count>(), Err(StatisticsError::Count), "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        let question = Question::new(vec![count("mcp_calls/tools/call"), count("tool_invocations")], 3, None, None);
        let release = Release::new(question.clone().unwrap(), epsilon("0.25"), vec![7, -2]).unwrap();
        let value = release.to_value().unwrap();
        assert_eq!(Release::from_value(&value).unwrap(), release);
        assert!(Release::new(question.clone().unwrap(), epsilon("1"), vec![1]).is_err());
        assert!(Release::new(question.unwrap(), epsilon("1"), vec![1, VALUE_MAX + 1]).is_err());
        for (member, bad) in [
            ("epsilon_micros", json!(0)),
            ("per_trace", json!(0)),
            ("counts", json!([["mcp_calls", 1.5]])),
            ("counts", json!([["mcp_calls", 1], ["mcp_calls/x", 1]])),
            ("since", json!("yesterday")),
            ("format", json!("vm-statistics-release-v1")),
            ("surplus", json!(1)),
        ] {
            let mut changed = value.clone();
            changed[member] = bad;
            assert!(Release::from_value(&changed).is_err(), "{member}");
        }
        let budget = PrivacyBudget(epsilon("3"));
        assert_eq!(PrivacyBudget::from_value(&budget.to_value()), Ok(budget));
        assert!(
            PrivacyBudget::from_value(&json!({ "epsilon_micros": 1, "format": PrivacyBudget::FORMAT, "x": 1 }))
                .is_err()
        );
    }
}
