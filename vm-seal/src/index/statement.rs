//! What an index row states: its runs, and the root of each order of each.
//!
//! ```text
//! {"format":"vm-index-v0","runs":[{"from":0,"term":{"root":"<64 hex>","size":2},"time":"<64 hex>","to":9,"trace":"<64 hex>"}],"size":9}
//! ```

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::digest::RootHash;
use vm_core::record::{StoredRow, SystemKind, Table};

use super::Order;
use crate::error::IndexError;
use crate::merkle::{LeafIndex, LeafRun, TreeSize};
use crate::shape::Members;

/// Format string of an index row's JSON.
pub const INDEX_FORMAT: &str = "vm-index-v0";
/// Most runs of an index: what [`Statement::kept`] leaves of a log of some billion rows.
pub const RUNS_MAX: usize = 64;
/// Runs of fewer rows are sorted again whenever as many follow: that takes some milliseconds, and few runs make short proofs.
const SMALL: u64 = 4_096;
/// As many longer runs of one level become one, so that a row is sorted again once a level.
const FAN: usize = 8;

/// A run, and what its trees come to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IndexedRun {
    pub(super) run: LeafRun,
    pub(super) time: RootHash,
    pub(super) trace: RootHash,
    pub(super) term: (TreeSize, RootHash),
}

/// What an index row states. Made by reading one, or out of the rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    runs: Vec<IndexedRun>,
}

impl IndexedRun {
    /// Places of the log that it covers.
    #[must_use]
    pub const fn run(&self) -> LeafRun {
        self.run
    }

    /// Size and root of the tree of an order.
    #[must_use]
    pub const fn tree(&self, order: Order) -> (TreeSize, RootHash) {
        let rows = TreeSize::new(self.run.count());
        match order {
            Order::Time => (rows, self.time),
            Order::Trace => (rows, self.trace),
            Order::Term => self.term,
        }
    }

    fn to_value(self) -> Value {
        let (size, root) = self.term;
        json!({
            "from": self.run.begin(), "to": self.run.end(), "time": self.time, "trace": self.trace,
            "term": { "size": size, "root": root },
        })
    }

    fn from_value(value: &Value) -> Result<Self, IndexError> {
        let members = Members::of(value, "/runs/*", &["from", "term", "time", "to", "trace"])?;
        let (from, to) = (LeafIndex::new(members.number("from")?), LeafIndex::new(members.number("to")?));
        let term = Members::of(members.value("term")?, "/runs/*/term", &["root", "size"])?;
        Ok(Self {
            run: LeafRun::new(from, to).map_err(|_| IndexError::Runs)?,
            time: members.digest("time", RootHash::parse_hex)?,
            trace: members.digest("trace", RootHash::parse_hex)?,
            term: (TreeSize::new(term.number("size")?), term.digest("root", RootHash::parse_hex)?),
        })
    }
}

impl Statement {
    /// States these runs.
    ///
    /// # Errors
    /// [`IndexError::Runs`] unless they cover a log from its beginning without gap, none of them empty, at most
    /// [`RUNS_MAX`].
    pub fn new(runs: Vec<IndexedRun>) -> Result<Self, IndexError> {
        let mut end = LeafIndex::new(0);
        for indexed in &runs {
            if indexed.run.begin() != end || indexed.run.is_empty() {
                return Err(IndexError::Runs);
            }
            end = indexed.run.end();
        }
        if runs.is_empty() || runs.len() > RUNS_MAX { Err(IndexError::Runs) } else { Ok(Self { runs }) }
    }

    /// Number of rows covered: the place of the row that states it.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize::new(self.runs.last().map_or(0, |last| last.run.end().as_u64()))
    }

    /// The runs in order.
    #[must_use]
    pub fn runs(&self) -> &[IndexedRun] {
        &self.runs
    }

    /// Runs to keep as they are in an index of `size` rows; the rows behind them become one. A short run is kept while it is of a
    /// higher power of two than all behind it together, a longer one until there are eight of its level, the powers of eight: no
    /// row is sorted again more often than there are powers of two up to 4,096 and of eight beyond.
    #[must_use]
    pub fn kept(&self, size: TreeSize) -> &[IndexedRun] {
        let mut kept = self.runs.as_slice();
        while let Some((last, before)) = kept.split_last() {
            let behind = size.as_u64().saturating_sub(last.run.end().as_u64());
            let (Some(behind_log), Some(level)) = (behind.checked_ilog2(), behind.checked_ilog(8)) else { break };
            let count = last.run.count();
            let of_level = |run: &&IndexedRun| run.run.count() >= SMALL && run.run.count().ilog(8) == level;
            let same = kept.iter().rev().take_while(of_level).count();
            if count.ilog(8) < level || (count < SMALL && count.ilog2() <= behind_log) || kept.len() >= RUNS_MAX {
                kept = before;
            } else if same + 1 >= FAN {
                kept = kept.get(..kept.len() - same).unwrap_or_default();
            } else {
                break;
            }
        }
        kept
    }

    /// The statement as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let runs: Vec<Value> = self.runs.iter().copied().map(IndexedRun::to_value).collect();
        json!({ "format": INDEX_FORMAT, "runs": runs, "size": self.size() })
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// [`IndexError`]; an unknown format is told apart.
    pub fn from_value(value: &Value) -> Result<Self, IndexError> {
        match value.get("format").and_then(Value::as_str) {
            Some(INDEX_FORMAT) => {}
            Some(other) => return Err(IndexError::FormatUnknown { found: other.chars().take(64).collect() }),
            None => return Err(IndexError::NotAnIndex),
        }
        let members = Members::of(value, "", &["format", "runs", "size"])?;
        let runs = members.list("runs")?;
        if runs.len() > RUNS_MAX {
            return Err(IndexError::Runs);
        }
        let statement = Self::new(runs.iter().map(IndexedRun::from_value).collect::<Result<_, _>>()?)?;
        if statement.size() == TreeSize::new(members.number("size")?) { Ok(statement) } else { Err(IndexError::Runs) }
    }

    /// What the row at place `seq` states, which must be an index of all rows before it; none where it is a row of another
    /// kind.
    ///
    /// # Errors
    /// [`IndexError`]; [`IndexError::Lagging`] where it covers another number of rows.
    pub fn of_row(row: &StoredRow, seq: u64) -> Result<Option<Self>, IndexError> {
        if row.table() != Table::ProofArtifacts || row.text("kind") != Some(SystemKind::Index.as_str()) {
            return Ok(None);
        }
        let json = row.text("meta_json").ok_or(IndexError::NotAnIndex)?;
        let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(IndexError::Json)?;
        let statement = Self::from_value(&value)?;
        if statement.size() == TreeSize::new(seq) {
            Ok(Some(statement))
        } else {
            Err(IndexError::Lagging { expected: TreeSize::new(seq), found: statement.size() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(from: u64, to: u64) -> IndexedRun {
        let root = RootHash::empty();
        let run = LeafRun::new(LeafIndex::new(from), LeafIndex::new(to)).unwrap();
        IndexedRun { run, time: root, trace: root, term: (TreeSize::ZERO, root) }
    }

    #[test]
    fn statements_read_back_and_others_are_refused() {
        let good = Statement::new(vec![run(0, 4), run(4, 6)]).unwrap();
        assert_eq!(Statement::from_value(&good.to_value()), Ok(good.clone()));
        for runs in [
            vec![],
            vec![run(1, 2)],
            vec![run(0, 2), run(3, 4)],
            vec![run(0, 2), run(2, 2)],
            vec![run(0, 2), run(1, 3)],
        ] {
            assert_eq!(Statement::new(runs), Err(IndexError::Runs));
        }
        let many = (0..65).map(|at| run(at, at + 1)).collect();
        assert_eq!(Statement::new(many), Err(IndexError::Runs));
        for (pointer, value, code) in [
            ("/format", json!("vm-index-v1"), "format-unknown"),
            ("/format", json!(1), "index-none"),
            ("/size", json!(7), "index-runs"),
            ("/runs/1/from", json!(5), "index-runs"),
            ("/runs/1/to", json!(3), "index-runs"),
            ("/runs/0/time", json!("0"), "index-shape"),
        ] {
            let mut bad = good.to_value();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert_eq!(Statement::from_value(&bad).unwrap_err().code(), code, "{pointer}");
        }
    }

    #[test]
    fn runs_stay_few_however_the_log_grows_and_no_row_is_sorted_often() {
        for batch in [1_u64, 2, 3, 7, 100] {
            let (mut statement, mut size, mut sorted): (Option<Statement>, u64, u64) = (None, 0, 0);
            for round in 0..5_000 {
                size += batch + round % 3;
                let kept = statement.as_ref().map_or(&[][..], |before| before.kept(TreeSize::new(size)));
                let from = kept.last().map_or(0, |last| last.run.end().as_u64());
                sorted += size - from;
                let runs: Vec<_> = kept.iter().copied().chain([run(from, size)]).collect();
                assert!(
                    runs.len() <= 12 + FAN * usize::try_from(size.ilog(8)).unwrap(),
                    "{} runs of {size}",
                    runs.len()
                );
                statement = Some(Statement::new(runs).unwrap());
            }
            assert!(sorted <= size * u64::from(size.ilog2() + 1), "{sorted} of {size}");
        }
    }
}
