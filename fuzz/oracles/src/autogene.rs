//! Artifacts of Autogene: forecasts, recommendations, scores, calibrations.

use core::fmt::Debug;
use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::json;
use vm_autogene::hazmat::Rows;
use vm_autogene::recommend::Advice;
use vm_autogene::{Artifact, Calibration, Forecast, Recommendation, Score, Series, SeriesQuery, Step, plot};
use vm_core::digest::Sha256Digest;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{ProofArtifact, RowHeader};
use vm_core::redact::Redacted;

use crate::anchor::at;

/// Reports an hour: what the forecast of the page saw, and what came after it.
const HOURS: [u8; 12] = [4, 6, 5, 6, 4, 7, 4, 6, 4, 6, 7, 10];
/// Begin of the first hour, in microseconds.
const BEGIN: i64 = 1_790_002_800_000_000;

/// The series that the forecast of the page is about, with two more bins.
static LATER: LazyLock<Series> = LazyLock::new(|| {
    let mut rows = Rows::default();
    // One more, so that the last hour is whole.
    for (hour, count) in (0_i64..).zip(HOURS.iter().chain(&[1])) {
        for second in 0..i64::from(*count) {
            let id = RowId::from_bytes((i128::from(hour) << 8 | i128::from(second)).to_be_bytes());
            let ts = Instant::from_micros(BEGIN + (hour * 3_600 + second) * 1_000_000).expect("a time");
            let header = RowHeader { id, ts, trace_id: TraceId::from_bytes([1; 16]), corrects: None };
            let meta = Some(Redacted::system(&json!({})).expect("an object has a canonical form"));
            let kind = "report".parse().expect("a kind");
            let report = ProofArtifact { header, kind, file: None, subject: None, meta };
            rows.push(report.into_draft(None).expect("a row")).expect("a row");
        }
    }
    let measure = "count/proof_artifacts/report".parse().expect("a measure");
    Series::read(&rows, &SeriesQuery::new(measure, Step::HOUR)).expect("a series")
});

/// An artifact that is read is in its one form, and all its numbers are finite; what is made of it can be written; a forecast
/// can be drawn.
pub fn autogene_artifact(data: &[u8]) {
    if let Some(forecast) = read::<Forecast>(data) {
        check_forecast(&forecast);
    }
    if let Some(recommendation) = read::<Recommendation>(data) {
        let numbers = recommendation.advice.iter().flat_map(|advice| match advice {
            Advice::Limit { limit, level, .. } => [limit.value, *level],
            Advice::Drift(drift) => [drift.before, drift.after],
            Advice::Outlier(outlier) => [outlier.value, outlier.value],
        });
        finite(numbers);
        let kinds: HashSet<_> = recommendation.advice.iter().map(core::mem::discriminant).collect();
        assert_eq!(kinds.len(), recommendation.advice.len(), "two of a kind");
    }
    if let Some(score) = read::<Score>(data) {
        finite([score.mae].into_iter().chain(score.mase));
        finite(score.intervals.iter().flat_map(|one| [one.level, one.winkler, one.coverage(score.compared)]));
        if let Ok(calibration) = Calibration::of(&[score]) {
            refused_or_written(&calibration);
        }
    }
    if let Some(calibration) = read::<Calibration>(data) {
        finite([calibration.mae].into_iter().chain(calibration.levels.iter().flat_map(|one| [one.level, one.winkler])));
    }
}

fn read<A: Artifact + PartialEq + Debug>(data: &[u8]) -> Option<A> {
    let artifact = A::parse(data).ok()?;
    assert_eq!(artifact.to_bytes().ok().as_deref(), Some(data));
    assert_eq!(artifact.hash().ok(), Some(Sha256Digest::of(data)));
    let header =
        RowHeader { id: RowId::from_bytes([7; 16]), ts: at(), trace_id: TraceId::from_bytes([8; 16]), corrects: None };
    let row = artifact.draft(header, None).ok().and_then(|draft| draft.complete(None).ok()).expect("it makes a row");
    assert_eq!(row.text("meta_json").map(str::as_bytes), Some(data));
    Some(artifact)
}

fn finite(numbers: impl IntoIterator<Item = f64>) {
    assert!(numbers.into_iter().all(f64::is_finite), "a number is not finite");
}

/// What is made of extreme numbers may be none that can be stored. Then it is not.
fn refused_or_written<A: Artifact + PartialEq + Debug>(made: &A) {
    if let Ok(bytes) = made.to_bytes() {
        assert_eq!(A::parse(&bytes).ok().as_ref(), Some(made));
    }
}

fn check_forecast(forecast: &Forecast) {
    finite([forecast.observed.last, forecast.observed.scale].into_iter().chain(forecast.points.iter().copied()));
    for interval in &forecast.intervals {
        finite([interval.level].into_iter().chain(interval.lower.iter().chain(&interval.upper).copied()));
        assert!(interval.lower.iter().zip(&forecast.points).all(|(bound, point)| bound <= point));
        assert!(interval.upper.iter().zip(&forecast.points).all(|(bound, point)| bound >= point));
    }
    finite(forecast.drift.iter().flat_map(|drift| [drift.before, drift.after]));
    finite(forecast.outliers.found.iter().flatten().map(|outlier| outlier.value));
    finite(forecast.limit.iter().map(|crossing| crossing.limit.value));
    // It holds the rules of its format, so what follows from it does, too.
    if let Some(made) = Recommendation::from_forecast(forecast).expect("it was written") {
        let bytes = made.to_bytes().expect("it can be written");
        assert_eq!(Recommendation::parse(&bytes).ok(), Some(made));
    }
    if let Ok(score) = Score::of(forecast, &LATER) {
        refused_or_written(&score);
    }
    let text = plot::text(&LATER, Some(forecast), 60, 10);
    assert_eq!(text.is_ok(), plot::svg(&LATER, Some(forecast)).is_ok(), "drawn one way, drawn the other");
}
