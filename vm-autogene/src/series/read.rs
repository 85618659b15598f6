//! Reading a series from a view: one pass for the window, one for the values. Memory is the bins, and the seals that wait for
//! their anchor.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use vm_core::digest::Sha256Digest;
use vm_core::error::RecordError;
use vm_core::id::RowId;
use vm_core::instant::Instant;
use vm_core::record::{LogEntry, StoredRow, SystemKind};
use vm_core::view::{EvidenceView, RowState, StoredEntry, Visit};

use super::{BINS_MAX, INPUTS_FORMAT, Inputs, OPEN_SEALS_MAX, Series, SeriesQuery};
use crate::error::SeriesError;
use crate::measure::{Measure, Rule};
use crate::span::Step;

impl Series {
    /// Reads the series that `query` asks for. Each row of the tables that its measure reads is hashed again and compared with the
    /// log before it is looked at, so that neither a value nor the window rests on an altered row, and none is altered into one that
    /// does not count. Cost: two passes over the log.
    ///
    /// # Errors
    /// [`SeriesError`].
    pub fn read(view: &dyn EvidenceView, query: &SeriesQuery) -> Result<Self, SeriesError> {
        let ledger = view.ledger().map_err(SeriesError::View)?;
        let size = view.size().map_err(SeriesError::View)?;
        let as_of = query.as_of.unwrap_or(size);
        if as_of > size {
            return Err(SeriesError::AsOf { expected: as_of, found: size });
        }
        let (since, bins) = window(view, query, as_of)?;
        let mut reading = Reading::new(&query.measure, query.step, since, bins);
        visit(view, &query.measure, as_of, &mut |entry, row| reading.take(entry, row))?;
        let (values, begun, inputs) = (reading.values(), reading.begun(), reading.inputs(as_of));
        let open = u64::try_from(reading.seals.len()).unwrap_or(u64::MAX);
        let (measure, backward) = (query.measure.clone(), reading.backward);
        Ok(Self { ledger, measure, step: query.step, since, values, begun, backward, open, inputs })
    }
}

/// Hands over the rows of tables that the measure reads, in order of place, each as it was logged.
fn visit(
    view: &dyn EvidenceView,
    measure: &Measure,
    as_of: u64,
    take: &mut dyn FnMut(&LogEntry, &StoredRow) -> Result<(), SeriesError>,
) -> Result<(), SeriesError> {
    let mut fault = None;
    let visited = view.visit_log(0, as_of, &mut |entry, state| {
        let taken = match (entry, state) {
            (StoredEntry::Entry(entry), _) if !measure.reads(entry.table) => Ok(()),
            (StoredEntry::Entry(entry), RowState::Present(row)) => {
                logged(&entry, &row).and_then(|()| take(&entry, &row))
            }
            (StoredEntry::Entry(LogEntry { seq, .. }) | StoredEntry::Malformed { seq }, _) => {
                Err(SeriesError::Unreadable { seq })
            }
        };
        match taken {
            Ok(()) => Ok(Visit::Continue),
            Err(error) => {
                fault = Some(error);
                Ok(Visit::Stop)
            }
        }
    });
    fault.map_or_else(|| visited.map_err(SeriesError::View), Err)
}

/// Whether a row is what the log holds at its place, and is named by it as it names itself.
fn logged(entry: &LogEntry, row: &StoredRow) -> Result<(), SeriesError> {
    let leaf = row.leaf_hash().map_err(|_: RecordError| SeriesError::Unreadable { seq: entry.seq })?;
    let named = row.table() == entry.table && row.schema() == entry.schema && row.id() == Ok(entry.row_id);
    if named && leaf == entry.leaf { Ok(()) } else { Err(SeriesError::Altered { seq: entry.seq }) }
}

/// Earliest and latest of some times.
#[derive(Clone, Copy, Default)]
struct Ends(Option<(Instant, Instant)>);

impl Ends {
    fn take(&mut self, ts: Instant) {
        self.0 = Some(self.0.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts))));
    }
}

/// Begin of the first bin, and how many there are.
fn window(view: &dyn EvidenceView, query: &SeriesQuery, as_of: u64) -> Result<(Instant, usize), SeriesError> {
    let (mut all, mut counted) = (Ends::default(), Ends::default());
    visit(view, &query.measure, as_of, &mut |entry, row| {
        let ts = time(entry, row)?;
        all.take(ts);
        if query.measure.weigh(row).is_some() {
            counted.take(ts);
        }
        Ok(())
    })?;
    let ((first, last), (min, max)) = all.0.zip(counted.0).ok_or(SeriesError::Empty)?;
    let (first, last) = (query.step.floor(first), query.step.floor(last));
    let since = query.since.map_or_else(|| query.step.floor(min), |since| query.step.ceil(since).max(first));
    let until = query.step.floor(query.until.unwrap_or(max)).min(last);
    match query.step.index(since, until) {
        None | Some(0) => Err(SeriesError::NoBins { since, until }),
        Some(bins) if bins > BINS_MAX => Err(SeriesError::TooManyBins { limit: BINS_MAX, since, until }),
        Some(bins) => Ok((since, bins)),
    }
}

fn time(entry: &LogEntry, row: &StoredRow) -> Result<Instant, SeriesError> {
    row.ts().map_err(|_| SeriesError::Unreadable { seq: entry.seq })
}

/// Sum and number of what fell into a bin.
#[derive(Clone, Copy, Default)]
struct Bin {
    sum: f64,
    rows: u32,
}

struct Reading<'a> {
    measure: &'a Measure,
    step: Step,
    since: Instant,
    bins: Vec<Bin>,
    /// Place of the first row read in each bin, and of the first behind them all.
    firsts: Vec<Option<u64>>,
    /// What a level held before the first bin.
    before: f64,
    /// Seals that no anchor has named yet, and their times.
    seals: BTreeMap<RowId, Instant>,
    latest: Option<Instant>,
    backward: u64,
    count: u64,
    places: Option<(u64, u64)>,
    hash: Sha256,
}

impl<'a> Reading<'a> {
    fn new(measure: &'a Measure, step: Step, since: Instant, bins: usize) -> Self {
        let hash = Sha256::new().chain_update(INPUTS_FORMAT).chain_update(b"\n");
        Self {
            measure,
            step,
            since,
            bins: vec![Bin::default(); bins],
            firsts: vec![None; bins + 1],
            before: 0.0,
            seals: BTreeMap::new(),
            latest: None,
            backward: 0,
            count: 0,
            places: None,
            hash,
        }
    }

    fn take(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), SeriesError> {
        let ts = time(entry, row)?;
        let behind = self.bins.len();
        let bin = self.step.index(self.since, ts).and_then(|index| self.firsts.get_mut(index.min(behind)));
        if let Some(first @ None) = bin {
            *first = Some(entry.seq);
        }
        if *self.measure == Measure::AnchoringLag && row.text("kind") == Some(SystemKind::Anchor.as_str()) {
            return self.take_anchor(entry, row, ts);
        }
        let Some(weight) = self.measure.weigh(row) else {
            return Ok(());
        };
        let index = self.step.index(self.since, ts);
        match index.map(|index| self.bins.get_mut(index)) {
            Some(Some(_)) if *self.measure == Measure::AnchoringLag => {
                if self.seals.len() >= OPEN_SEALS_MAX {
                    return Err(SeriesError::TooManySeals { limit: OPEN_SEALS_MAX });
                }
                self.seals.insert(entry.row_id, ts);
            }
            Some(Some(bin)) => {
                bin.sum += weight;
                bin.rows = bin.rows.saturating_add(1);
            }
            None if self.measure.rule() == Rule::Level => self.before += weight,
            _ => return Ok(()),
        }
        self.count(entry, ts);
        Ok(())
    }

    /// An anchor ends the wait of the seal that it names, if it is the first to.
    fn take_anchor(&mut self, entry: &LogEntry, row: &StoredRow, ts: Instant) -> Result<(), SeriesError> {
        let subject = row.row_ref("subject_id").map_err(|_| SeriesError::Unreadable { seq: entry.seq })?;
        let Some(sealed) = subject.and_then(|seal| self.seals.remove(&seal)) else {
            return Ok(());
        };
        if let Some(bin) = self.step.index(self.since, sealed).and_then(|index| self.bins.get_mut(index)) {
            // A clock that went back shows no wait, not a negative one.
            let lag = u64::try_from(ts.as_micros() - sealed.as_micros()).unwrap_or(0);
            bin.sum += crate::number::real(lag) / 1e6;
            bin.rows = bin.rows.saturating_add(1);
        }
        self.count(entry, ts);
        Ok(())
    }

    /// Makes a row one of the inputs.
    fn count(&mut self, entry: &LogEntry, ts: Instant) {
        self.hash.update(entry.leaf.as_bytes());
        self.count += 1;
        self.places = Some(self.places.map_or((entry.seq, entry.seq), |(first, _)| (first, entry.seq)));
        if self.latest.is_some_and(|latest| ts < latest) {
            self.backward += 1;
        } else {
            self.latest = Some(ts);
        }
    }

    fn values(&self) -> Vec<Option<f64>> {
        let mut level = self.before;
        let value = |bin: &Bin| match self.measure.rule() {
            Rule::Sum => Some(bin.sum),
            Rule::Mean => (bin.rows > 0).then(|| bin.sum / f64::from(bin.rows)),
            Rule::Level => {
                level += bin.sum;
                Some(level)
            }
        };
        self.bins.iter().map(value).collect()
    }

    /// For each bin the first place at which a row of its time or a later one stands.
    fn begun(&self) -> Vec<Option<u64>> {
        let mut least: Option<u64> = None;
        let from_behind = self.firsts.iter().rev().map(|first| {
            least = least.into_iter().chain(*first).min();
            least
        });
        let mut begun: Vec<Option<u64>> = from_behind.collect();
        begun.reverse();
        begun.truncate(self.bins.len());
        begun
    }

    fn inputs(&self, as_of: u64) -> Inputs {
        let sha256 = Sha256Digest::from_bytes(self.hash.clone().finalize().into());
        let (first, last) = self.places.unzip();
        Inputs { as_of, count: self.count, first, last, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use vm_core::digest::LeafHash;
    use vm_core::id::TraceId;
    use vm_core::record::{ProofArtifact, RowHeader, SchemaVersion, Table};
    use vm_core::redact::Redacted;

    use super::*;

    #[test]
    fn a_row_is_logged_under_its_own_name_and_leaf_alone() {
        let id = RowId::from_bytes([1; 16]);
        let ts = Instant::from_micros(0).unwrap();
        let header = RowHeader { id, ts, trace_id: TraceId::from_bytes([2; 16]), corrects: None };
        let meta = Some(Redacted::system(&serde_json::json!({})).unwrap());
        let draft = ProofArtifact { header, kind: "report".parse().unwrap(), file: None, subject: None, meta };
        let row = draft.into_draft(None).unwrap().into_row(None).unwrap();
        let (table, schema, leaf) = (row.table(), row.schema(), row.leaf_hash().unwrap());
        let entry = LogEntry { seq: 3, table, row_id: id, schema, leaf };
        assert!(logged(&entry, &row).is_ok());
        let others = [
            LogEntry { table: Table::McpCalls, ..entry },
            LogEntry { row_id: RowId::from_bytes([2; 16]), ..entry },
            LogEntry { schema: SchemaVersion::new(1), ..entry },
            LogEntry { leaf: LeafHash::of(b"other"), ..entry },
        ];
        for other in others {
            assert!(matches!(logged(&other, &row), Err(SeriesError::Altered { seq: 3 })), "{other:?}");
        }
    }
}
