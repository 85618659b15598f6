//! Statistics that leave a vault with differential privacy: counts with noise, paid for out of a budget that the ledger keeps.

mod audit;
pub(crate) mod noise;

use std::collections::HashMap;

use serde::Serialize;
use vm_core::id::{RowId, TraceId};
use vm_core::record::{LogEntry, StoredRow, SystemKind, Table};
use vm_core::statistics::{Epsilon, PrivacyAccount, Question, Release};
use vm_core::view::{EvidenceView as _, RowFilter, RowScope, RowState, Visit};
use vm_ledger::Snapshot;

use crate::error::{StatisticsFault, VaultError};
use crate::read::Reader;

pub(crate) use audit::audit;

/// Share of the noise that is told to lie within the margin of a count.
const CONFIDENCE: f64 = 0.95;

/// Statistics that were given away.
#[derive(Clone, PartialEq, Debug)]
pub struct Released {
    /// The row that recorded them, before anybody saw them.
    pub row: RowId,
    /// Question, price and answer.
    pub release: Release,
    /// What is left of the budget, in millionths.
    pub left: u64,
}

/// One release of a ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct PastRelease {
    /// Its row.
    pub row: RowId,
    /// Question, price and answer.
    pub release: Release,
}

/// How far a count may be off, up or down, with a chance of 95 %: the least whole number that so much of the noise lies within.
#[must_use]
pub fn margin(release: &Release) -> f64 {
    let scale = f64::from(release.question().per_trace());
    let rate = f64::from(release.epsilon().micros()) / 1e6 / scale;
    // Of the noise, 2 exp(-rate (m + 1)) / (1 + exp(-rate)) is larger than m.
    let beyond = (1.0 - CONFIDENCE) * (1.0 + (-rate).exp()) / 2.0;
    (-beyond.ln() / rate - 1.0).ceil().max(0.0)
}

impl Reader {
    /// What statistics may give away, and what they gave.
    ///
    /// # Errors
    /// [`VaultError::Ledger`].
    pub fn privacy_account(&self) -> Result<PrivacyAccount, VaultError> {
        Ok(self.view().privacy_account()?)
    }

    /// All releases, in the order of the log. What was altered is left out; `verify` tells.
    ///
    /// # Errors
    /// [`VaultError::View`].
    pub fn releases(&self) -> Result<Vec<PastRelease>, VaultError> {
        let mut past = Vec::new();
        let visit = &mut |entry: LogEntry, state| {
            if let RowState::Present(row) = state
                && let Ok(release) = audit::release_in(&row)
            {
                past.push(PastRelease { row: entry.row_id, release });
            }
            Ok(Visit::Continue)
        };
        self.view().visit_kinds(&[SystemKind::StatisticsRelease], 0, visit).map_err(VaultError::View)?;
        Ok(past)
    }
}

/// Scale of the noise as a fraction: rows a trace may add, by epsilon.
pub(crate) fn scale(question: &Question, epsilon: Epsilon) -> (u64, u64) {
    (u64::from(question.per_trace()).saturating_mul(1_000_000), epsilon.micros().into())
}

/// The true counts: of each trace, the first rows by table and id, as many as may count.
pub(crate) fn count(
    snapshot: &Snapshot,
    question: &Question,
    seen: &mut dyn FnMut(u64),
) -> Result<Vec<i64>, VaultError> {
    let counts = question.counts();
    let mut counted = vec![0_i64; counts.len()];
    let mut of_trace: HashMap<TraceId, u32> = HashMap::new();
    let (mut rows, mut altered) = (0, None);
    let visit = &mut |entry: LogEntry, state| {
        rows += 1;
        seen(rows);
        let sound = |row: &StoredRow| row.leaf_hash().is_ok_and(|leaf| leaf == entry.leaf);
        let row = if let RowState::Present(row) = state { Some(row).filter(sound) } else { None };
        let Some((row, trace)) = row.and_then(|row| row.trace_id().ok().map(|trace| (row, trace))) else {
            altered = Some(entry.row_id);
            return Ok(Visit::Stop);
        };
        let Some(at) = counts.iter().position(|count| count.fits(&row)) else { return Ok(Visit::Continue) };
        let used = of_trace.entry(trace).or_default();
        if *used < question.per_trace() {
            *used += 1;
            if let Some(counted) = counted.get_mut(at) {
                *counted = counted.saturating_add(1);
            }
        }
        Ok(Visit::Continue)
    };
    snapshot.visit_matching(&filter(snapshot, question)?, visit).map_err(VaultError::View)?;
    match altered {
        Some(row) => Err(StatisticsFault::RowAltered { row }.into()),
        None => Ok(counted),
    }
}

fn filter(snapshot: &Snapshot, question: &Question) -> Result<RowFilter, VaultError> {
    let (since, until) = question.window();
    let asked = |table: &Table| question.counts().iter().any(|count| count.table() == *table);
    Ok(RowFilter {
        tables: Table::ALL.into_iter().filter(asked).collect(),
        scope: RowScope::Window { since, until },
        as_of: snapshot.size().map_err(VaultError::View)?,
    })
}

/// A count and what was said of it, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ReleasedCount {
    /// What was counted.
    pub count: String,
    /// How many, with the noise.
    pub value: i64,
}

impl ReleasedCount {
    /// The counts of a release.
    #[must_use]
    pub fn of(release: &Release) -> Vec<Self> {
        release.values().map(|(count, value)| Self { count: count.to_string(), value }).collect()
    }
}
