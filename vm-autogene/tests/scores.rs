//! Scores and calibration, against cases computed by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{at, hourly, numbers, query, reports};
use vm_autogene::error::ScoreError;
use vm_autogene::hazmat::Rows;
use vm_autogene::{Artifact as _, Calibration, Ets, Forecast, Naive, Question, Score, Series, SeriesQuery, forecast};
use vm_core::instant::Instant;
use vm_core::view::EvidenceView as _;

const PAST: [u32; 9] = [4, 6, 4, 6, 4, 6, 4, 6, 4];

/// The forecast of the random walk after `PAST`: points 4, sigma 2, mean step 2.
fn walk() -> (Rows, Forecast) {
    let rows = hourly(&PAST);
    let forecast = forecast(&rows, &reports(&rows), &Question::new(4), &Naive).unwrap();
    (rows, forecast)
}

fn later_of(counts: &[u32]) -> Series {
    reports(&hourly(counts))
}

fn later(came: &[u32]) -> Series {
    later_of(&[&PAST[..], came].concat())
}

#[test]
fn a_score_by_hand() {
    let (_, forecast) = walk();
    // The first bin had begun. Errors 0, 6, 1: mean 7/3, in steps of 2: 7/6.
    let score = Score::of(&forecast, &later(&[9, 4, 10, 5])).unwrap();
    assert_eq!((score.horizon, score.compared), (4, 3));
    assert!((score.mae - 7.0 / 3.0).abs() < 1e-12);
    assert!((score.mase.unwrap() - 7.0 / 6.0).abs() < 1e-12);
    // Bounds at 80 %: 4 +- 1.28155 * 2 * sqrt(h) for h from 2 on, those below 0.3752, 0, 0.
    let z = 1.281_551_565_544_6 * 2.0;
    let widths = [2.0 * z * 2.0_f64.sqrt(), 4.0 + z * 3.0_f64.sqrt(), 4.0 + z * 2.0];
    let outside = 10.0 - (4.0 + z * 3.0_f64.sqrt());
    let winkler = (widths.iter().sum::<f64>() + 2.0 / 0.2 * outside) / 3.0;
    assert_eq!((score.intervals[0].level, score.intervals[0].covered), (0.8, 2));
    assert!((score.intervals[0].winkler - winkler).abs() < 1e-9, "{} {winkler}", score.intervals[0].winkler);
    assert_eq!(score.intervals[1].covered, 3);
    assert!((score.intervals[0].coverage(score.compared) - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(score.forecast, forecast.hash().unwrap());
}

#[test]
fn what_cannot_be_scored_is_refused_by_name() {
    let (rows, forecast) = walk();
    let refused = |series: &Series| Score::of(&forecast, series).unwrap_err();
    assert!(matches!(refused(&reports(&rows)), ScoreError::NotLater { .. }));
    let long = hourly(&[&PAST[..], &[5, 5]].concat());
    let read = |measure, step| Series::read(&long, &query(measure, step)).unwrap();
    assert!(matches!(refused(&read("ledger-rows", "1h")), ScoreError::Other { what: "measure" }));
    assert!(matches!(refused(&read("count/proof_artifacts/report", "30m")), ScoreError::Other { what: "step" }));
    let early = SeriesQuery { until: Some(at(9 * 3_600)), ..query("count/proof_artifacts/report", "1h") };
    assert!(matches!(refused(&Series::read(&long, &early).unwrap()), ScoreError::NothingToCompare));
    // Of the first bin the log of the forecast held a row.
    assert!(matches!(refused(&later(&[5])), ScoreError::Begun { found: 1 }));
    // Bins between those of the grid.
    let shifted = |at: Instant| at.saturating_add_micros(1_800_000_000);
    let between = Forecast { since: shifted(forecast.since), until: shifted(forecast.until), ..forecast.clone() };
    assert_eq!(Score::of(&between, &later(&[5, 4, 10])).unwrap_err().code(), "artifact-rule");
}

/// Whoever forecasts what the log held already has a model that fits it, sooner or later.
#[test]
fn what_the_log_of_a_forecast_told_is_not_scored() {
    // In the last hours nothing came, which the log tells as well.
    let counts = [&numbers(5, 9, 40)[..], &[0, 0, 0]].concat();
    let (rows, reports) = (hourly(&counts), query("count/proof_artifacts/report", "1h"));
    let cut = SeriesQuery { until: Some(at(30 * 3_600)), ..reports.clone() };
    let series = Series::read(&rows, &cut).unwrap();
    assert_eq!(series.inputs().as_of, rows.size().unwrap());
    let ahead = |horizon| forecast(&rows, &series, &Question::new(horizon), &Naive).unwrap();
    let score = |horizon, came: &[u32]| Score::of(&ahead(horizon), &later_of(&[&counts, came].concat()));
    for (horizon, came) in [(5, &[1][..]), (13, &[1, 1]), (14, &[1, 1]), (14, &[1, 1, 1])] {
        let error = score(horizon, came).unwrap_err();
        assert!(matches!(error, ScoreError::Begun { found } if found == horizon), "{horizon}: {error}");
    }
    // Hours 30 to 43 are left out: 40 to 42 had passed, 43 had begun.
    let more = score(20, &[1, 7, 8, 9]).unwrap();
    assert_eq!(more.compared, 3);
    let last = series.values().last().copied().flatten().unwrap();
    assert!(
        (more.mae - [7.0, 8.0, 9.0].iter().map(|value: &f64| (value - last).abs()).sum::<f64>() / 3.0).abs() < 1e-12
    );
}

#[test]
fn bins_that_have_not_come_are_no_outcomes_of_zero() {
    let (_, forecast) = walk();
    let long = hourly(&[&PAST[..], &[5, 4]].concat());
    let (since, until) = (Some(forecast.since), Some(at(30 * 3_600)));
    let far = SeriesQuery { since, until, ..query("count/proof_artifacts/report", "1h") };
    assert_eq!(Score::of(&forecast, &Series::read(&long, &far).unwrap()).unwrap().compared, 1);
}

#[test]
fn errors_too_large_for_a_double_are_refused() {
    let (_, forecast) = walk();
    let mut huge = forecast.clone();
    huge.points = vec![f64::MAX; 4];
    huge.intervals.iter_mut().for_each(|interval| interval.upper = vec![f64::MAX; 4]);
    assert!(huge.to_bytes().is_ok());
    let came = later(&[5, 4, 10, 5]);
    assert_eq!(Score::of(&huge, &came).unwrap_err().code(), "artifact-rule");
    let score = Score::of(&forecast, &came).unwrap();
    let large = Score { mae: f64::MAX, ..score };
    assert_eq!(Calibration::of(&[large]).unwrap_err().code(), "artifact-rule");
}

#[test]
fn scores_taken_together_by_hand_in_any_order() {
    let counts: Vec<u32> = PAST.iter().copied().chain([5, 4, 10, 6, 8]).collect();
    let scores: Vec<Score> = (9..12)
        .map(|made| {
            let rows = hourly(&counts[..made]);
            let forecast = forecast(&rows, &reports(&rows), &Question::new(4), &Naive).unwrap();
            Score::of(&forecast, &later(&counts[9..])).unwrap()
        })
        .collect();
    let together = Calibration::of(&scores).unwrap();
    assert_eq!((together.compared, together.scores.len()), (3 + 3 + 2, 3));
    // Without the bin that had begun: after 4: 4 10 6; after 5: 10 6 8; after 4: 6 8.
    let errors = [0, 6, 2, 5, 1, 3, 2, 4].map(f64::from);
    assert!((together.mae - errors.iter().sum::<f64>() / 8.0).abs() < 1e-12);
    assert_eq!(together.levels[1].covered, scores.iter().map(|score| score.intervals[1].covered).sum::<usize>());
    let mut turned = scores.clone();
    turned.reverse();
    assert_eq!(Calibration::of(&turned).unwrap().to_bytes().unwrap(), together.to_bytes().unwrap());
    assert_eq!(Calibration::parse(&together.to_bytes().unwrap()).unwrap(), together);

    let refused = |scores: &[Score]| Calibration::of(scores).unwrap_err().code();
    assert_eq!(refused(&[]), "score-not-together");
    assert_eq!(refused(&[scores[0].clone(), scores[0].clone()]), "score-not-together");
    let mut other = scores[1].clone();
    other.step = "2h".parse().unwrap();
    assert_eq!(refused(&[scores[0].clone(), other]), "score-not-together");
}

/// What the intervals of smoothing are worth on a walk that it can know nothing of but its size.
#[test]
fn intervals_at_eighty_hold_about_eighty_of_a_hundred() {
    let mut scores = Vec::new();
    for seed in 0..40 {
        let counts: Vec<u32> =
            numbers(seed, 30, 61).iter().zip(numbers(seed + 99, 30, 61)).map(|(a, b)| a + b).collect();
        let rows = hourly(&counts[..50]);
        let forecast = forecast(&rows, &reports(&rows), &Question::new(11), &Ets).unwrap();
        scores.push(Score::of(&forecast, &reports(&hourly(&counts))).unwrap());
    }
    let together = Calibration::of(&scores).unwrap();
    assert_eq!(together.compared, 400);
    let [eighty, ninety_five] = [0, 1].map(|at| together.levels[at].covered);
    assert!((290..=350).contains(&eighty), "{eighty} of 400");
    assert!((360..=400).contains(&ninety_five), "{ninety_five} of 400");
}
