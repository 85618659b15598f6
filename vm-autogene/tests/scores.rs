//! Scores and calibration, against cases computed by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{at, hourly, numbers, query, reports};
use vm_autogene::error::ScoreError;
use vm_autogene::hazmat::Rows;
use vm_autogene::{Artifact as _, Calibration, Ets, Forecast, Naive, Question, Score, Series, SeriesQuery, forecast};

const PAST: [u32; 9] = [4, 6, 4, 6, 4, 6, 4, 6, 4];

/// The forecast of the random walk after `PAST`: points 4, sigma 2, mean step 2.
fn walk() -> (Rows, Forecast) {
    let rows = hourly(&PAST);
    let forecast = forecast(&rows, &reports(&rows), &Question::new(4), &Naive).unwrap();
    (rows, forecast)
}

fn later(came: &[u32]) -> Series {
    reports(&hourly(&[&PAST[..], came].concat()))
}

#[test]
fn a_score_by_hand() {
    let (_, forecast) = walk();
    // Errors 1, 0, 6: mean 7/3, in steps of 2: 7/6.
    let score = Score::of(&forecast, &later(&[5, 4, 10])).unwrap();
    assert_eq!((score.horizon, score.compared), (4, 3));
    assert!((score.mae - 7.0 / 3.0).abs() < 1e-12);
    assert!((score.mase.unwrap() - 7.0 / 6.0).abs() < 1e-12);
    // Bounds at 80 %: 4 +- 1.28155 * 2 * sqrt(h), those below at 0 from the second bin on in no case: 1.4369, 0.3752, 0.
    let z = 1.281_551_565_544_6 * 2.0;
    let widths = [2.0 * z, 2.0 * z * 2.0_f64.sqrt(), 4.0 + z * 3.0_f64.sqrt()];
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
    assert_eq!((together.compared, together.scores.len()), (4 + 4 + 3, 3));
    // After 4: 5 4 10 6; after 5: 4 10 6 8; after 4: 10 6 8.
    let errors = [1, 0, 6, 2, 1, 5, 1, 3, 6, 2, 4].map(f64::from);
    assert!((together.mae - errors.iter().sum::<f64>() / 11.0).abs() < 1e-12);
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
            numbers(seed, 30, 60).iter().zip(numbers(seed + 99, 30, 60)).map(|(a, b)| a + b).collect();
        let rows = hourly(&counts[..50]);
        let forecast = forecast(&rows, &reports(&rows), &Question::new(10), &Ets).unwrap();
        scores.push(Score::of(&forecast, &reports(&hourly(&counts))).unwrap());
    }
    let together = Calibration::of(&scores).unwrap();
    assert_eq!(together.compared, 400);
    let [eighty, ninety_five] = [0, 1].map(|at| together.levels[at].covered);
    assert!((290..=350).contains(&eighty), "{eighty} of 400");
    assert!((360..=400).contains(&ninety_five), "{ninety_five} of 400");
}
