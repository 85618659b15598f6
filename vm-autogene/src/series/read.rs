//! Reading a series from a view: one pass for the window where it is open, one for the values. Memory is the bins, and the seals
//! that wait for their anchor.

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
    /// Reads the series that `query` asks for. Each row that counts is hashed again and compared with the log, so that no value
    /// rests on an altered row. Cost: one pass over the log, two where an end of the window is left open.
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
        let (values, inputs) = (reading.values(), reading.inputs(as_of));
        let open = u64::try_from(reading.seals.len()).unwrap_or(u64::MAX);
        let (measure, backward) = (query.measure.clone(), reading.backward);
        Ok(Self { ledger, measure, step: query.step, since, values, backward, open, inputs })
    }
}

/// Hands over the rows of tables that the measure reads, in order of place.
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
            (StoredEntry::Entry(entry), RowState::Present(row)) => take(&entry, &row),
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

/// Begin of the first bin, and how many there are.
fn window(view: &dyn EvidenceView, query: &SeriesQuery, as_of: u64) -> Result<(Instant, usize), SeriesError> {
    let mut ends: Option<(Instant, Instant)> = query.since.zip(query.until);
    if ends.is_none() {
        visit(view, &query.measure, as_of, &mut |entry, row| {
            if query.measure.weigh(row).is_some() {
                let ts = time(entry, row)?;
                ends = Some(ends.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts))));
            }
            Ok(())
        })?;
    }
    let (min, max) = ends.ok_or(SeriesError::Empty)?;
    let since = query.since.map_or_else(|| query.step.floor(min), |since| query.step.ceil(since));
    let until = query.step.floor(query.until.unwrap_or(max));
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
        if *self.measure == Measure::AnchoringLag && row.text("kind") == Some(SystemKind::Anchor.as_str()) {
            return self.take_anchor(entry, row);
        }
        let Some(weight) = self.measure.weigh(row) else {
            return Ok(());
        };
        let ts = time(entry, row)?;
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
        self.count(entry, row, ts)
    }

    /// An anchor ends the wait of the seal that it names, if it is the first to.
    fn take_anchor(&mut self, entry: &LogEntry, row: &StoredRow) -> Result<(), SeriesError> {
        let subject = row.row_ref("subject_id").map_err(|_| SeriesError::Unreadable { seq: entry.seq })?;
        let Some(sealed) = subject.and_then(|seal| self.seals.remove(&seal)) else {
            return Ok(());
        };
        let ts = time(entry, row)?;
        if let Some(bin) = self.step.index(self.since, sealed).and_then(|index| self.bins.get_mut(index)) {
            // A clock that went back shows no wait, not a negative one.
            let lag = u64::try_from(ts.as_micros() - sealed.as_micros()).unwrap_or(0);
            bin.sum += crate::number::real(lag) / 1e6;
            bin.rows = bin.rows.saturating_add(1);
        }
        self.count(entry, row, ts)
    }

    /// Makes a row one of the inputs.
    fn count(&mut self, entry: &LogEntry, row: &StoredRow, ts: Instant) -> Result<(), SeriesError> {
        let leaf = row.leaf_hash().map_err(|_: RecordError| SeriesError::Unreadable { seq: entry.seq })?;
        if leaf != entry.leaf {
            return Err(SeriesError::Altered { seq: entry.seq });
        }
        self.hash.update(leaf.as_bytes());
        self.count += 1;
        self.places = Some(self.places.map_or((entry.seq, entry.seq), |(first, _)| (first, entry.seq)));
        if self.latest.is_some_and(|latest| ts < latest) {
            self.backward += 1;
        } else {
            self.latest = Some(ts);
        }
        Ok(())
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

    fn inputs(&self, as_of: u64) -> Inputs {
        let sha256 = Sha256Digest::from_bytes(self.hash.clone().finalize().into());
        let (first, last) = self.places.unzip();
        Inputs { as_of, count: self.count, first, last, sha256 }
    }
}
