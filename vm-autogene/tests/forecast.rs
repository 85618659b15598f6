//! Forecasts: right where the answer is known, refused where there is too little, the same each time.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{at, header, hourly, numbers, query, reports, rows, tool};
use proptest::prelude::*;
use serde_json::json;
use vm_autogene::error::ForecastError;
use vm_autogene::forecaster::{HORIZON_MAX, Interval, Model};
use vm_autogene::recommend::Advice;
use vm_autogene::{
    Artifact as _, Direction, Ets, Forecast, Forecaster, Limit, Mstl, Naive, Prediction, Question, Recommendation,
    Series, SeriesQuery, forecast, plot,
};
use vm_core::id::RowId;
use vm_core::record::{LogEntry, Status, Table};
use vm_core::view::{EvidenceView, RowFilter, RowScope, StoredEntry, Visit};

fn ahead(counts: &[u32], question: &Question, forecaster: &dyn Forecaster) -> Result<Forecast, ForecastError> {
    let rows = hourly(counts);
    forecast(&rows, &reports(&rows), question, forecaster)
}

fn code(result: Result<Forecast, ForecastError>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_trend_goes_on() {
    let counts: Vec<u32> = numbers(1, 3, 48).iter().zip(0..).map(|(noise, hour)| 10 + 2 * hour + noise).collect();
    let forecast = ahead(&counts, &Question::new(12), &Ets).unwrap();
    for (hour, point) in (48_u32..).zip(&forecast.points) {
        assert!((point - f64::from(11 + 2 * hour)).abs() < 3.0, "{hour}: {point}");
    }
    assert_eq!((forecast.horizon, forecast.until), (12, at(48 * 3_600)));
    assert_eq!(forecast.model.parameters["chosen"], "AAN");
}

#[test]
fn a_season_comes_again() {
    let season = [5, 9, 20, 9, 5, 1, 1, 1];
    let counts: Vec<u32> = numbers(2, 2, 80).iter().zip(0..).map(|(noise, hour)| season[hour % 8] + noise).collect();
    let forecast = ahead(&counts, &Question::new(8), &Mstl::new(&[8]).unwrap()).unwrap();
    for (point, usual) in forecast.points.iter().zip(season) {
        assert!((point - f64::from(usual) - 0.5).abs() < 2.5, "{point} {usual}");
    }
    assert_eq!(forecast.model.name, "mstl-ets");
}

#[test]
fn the_random_walk_by_hand() {
    // Steps of 2 each way: sigma is 2, and the 95 % bounds are 1.96 sigma times the root of the distance.
    let forecast = ahead(&[4, 6, 4, 6, 4, 6, 4, 6, 4], &Question::new(4), &Naive).unwrap();
    assert_eq!(forecast.points, [4.0; 4]);
    let widest = &forecast.intervals[1];
    assert!((widest.upper[0] - 7.919_928).abs() < 1e-5 && (widest.upper[3] - 11.839_856).abs() < 1e-5);
    // No count is below 0.
    assert!((widest.lower[0] - 0.080_072).abs() < 1e-5 && widest.lower[3] == 0.0);
}

#[test]
fn too_little_is_refused_by_name() {
    let ask = Question::new(3);
    let many: Vec<u32> = numbers(3, 9, 40);
    assert_eq!(code(ahead(&many[..15], &ask, &Ets)), "forecast-too-few-bins");
    assert!(ahead(&many[..16], &ask, &Ets).is_ok());
    assert_eq!(code(ahead(&many[..7], &ask, &Naive)), "forecast-too-few-bins");
    assert_eq!(code(ahead(&many[..23], &ask, &Mstl::new(&[8]).unwrap())), "forecast-too-few-bins");
    assert!(ahead(&many[..24], &ask, &Mstl::new(&[8]).unwrap()).is_ok());
    assert_eq!(code(ahead(&[7; 40], &ask, &Ets)), "forecast-constant");
    assert_eq!(code(ahead(&[7; 40], &ask, &Naive)), "forecast-constant");
    let sparse =
        rows([tool(1, 0, Some(Status::Ok)), tool(2, 1_200, Some(Status::Error)), tool(3, 1_900, Some(Status::Ok))]);
    let series = Series::read(&sparse, &query("error-share", "1m")).unwrap();
    assert_eq!(code(forecast(&sparse, &series, &ask, &Naive)), "forecast-too-sparse");
}

#[test]
fn what_is_filled_in_is_not_observed() {
    // A value in every other bin: eight of sixteen.
    let status = |n: u64| Some(if n.is_multiple_of(3) { Status::Error } else { Status::Ok });
    let rows = rows((0..9).map(|n| tool(n, i64::try_from(n).unwrap() * 120, status(n))));
    let series = Series::read(&rows, &query("error-share", "1m")).unwrap();
    assert_eq!((series.values().len(), series.filled().unwrap().missing), (16, 8));
    let ask = Question::new(3);
    let models: [&dyn Forecaster; 2] = [&Ets, &Mstl::new(&[2]).unwrap()];
    for model in models {
        let refused = forecast(&rows, &series, &ask, model).unwrap_err();
        assert!(matches!(refused, ForecastError::TooFewBins { needed: 16, found: 8, .. }), "{refused}");
    }
    assert!(forecast(&rows, &series, &ask, &Naive).is_ok());
}

#[test]
fn questions_without_sense_are_refused_by_name() {
    let counts = numbers(4, 9, 20);
    let with = |change: &dyn Fn(&mut Question)| {
        let mut ask = Question::new(3);
        change(&mut ask);
        code(ahead(&counts, &ask, &Naive))
    };
    assert_eq!(with(&|ask| ask.horizon = 0), "forecast-horizon");
    assert_eq!(with(&|ask| ask.horizon = HORIZON_MAX + 1), "forecast-horizon");
    for levels in [vec![], vec![0.0], vec![1.0], vec![f64::NAN], vec![0.9, 0.8], vec![0.8, 0.8], vec![0.5; 9]] {
        assert_eq!(with(&|ask| ask.levels.clone_from(&levels)), "forecast-levels", "{levels:?}");
    }
    let limit = Limit { direction: Direction::Above, value: f64::INFINITY };
    assert_eq!(with(&|ask| ask.limit = Some(limit)), "forecast-limit");
    for periods in [&[][..], &[1], &[4, 4], &[2, 3, 4, 5]] {
        assert_eq!(Mstl::new(periods).unwrap_err().code(), "forecast-periods");
    }
}

/// A forecaster of one's own: whatever it is told to answer.
struct Told(Prediction);

impl Forecaster for Told {
    fn predict(&self, view: &dyn EvidenceView, series: &Series, _: &Question) -> Result<Prediction, ForecastError> {
        assert!(view.size().unwrap() > u64::try_from(series.values().len()).unwrap());
        Ok(self.0.clone())
    }
}

/// A forecaster that looks for more than the forecast will say it rests on.
struct Curious {
    first: RowId,
    later: RowId,
}

impl Forecaster for Curious {
    fn predict(&self, view: &dyn EvidenceView, series: &Series, ask: &Question) -> Result<Prediction, ForecastError> {
        let as_of = series.inputs().as_of;
        assert_eq!(view.size().unwrap(), as_of);
        assert!(view.row(self.first).unwrap().is_some() && view.row(self.later).unwrap().is_none());
        let (mut logged, mut matching, mut leaves) = (0, 0, 0);
        for from in [0, as_of, as_of + 1] {
            view.visit_log(from, u64::MAX, &mut |entry, _| {
                assert!(matches!(entry, StoredEntry::Entry(entry) if entry.seq < as_of));
                logged += 1;
                Ok(Visit::Continue)
            })
            .unwrap();
        }
        let scope = RowScope::Window { since: None, until: None };
        let all = RowFilter { tables: Table::ALL.to_vec(), scope, as_of: u64::MAX };
        let count = |entry: LogEntry, count: &mut u64| {
            assert!(entry.seq < as_of);
            *count += 1;
            Ok(Visit::Continue)
        };
        view.visit_matching(&all, &mut |entry, _| count(entry, &mut matching)).unwrap();
        view.visit_leaves(&all, &mut |entry| count(entry, &mut leaves)).unwrap();
        assert_eq!([logged, matching, leaves], [as_of; 3]);
        Naive.predict(view, series, ask)
    }
}

#[test]
fn a_forecaster_is_shown_the_log_as_it_was_read() {
    let rows = hourly(&numbers(12, 9, 30));
    let size = rows.size().unwrap();
    let as_of = SeriesQuery { as_of: Some(size - 20), ..query("count/proof_artifacts/report", "1h") };
    let series = Series::read(&rows, &as_of).unwrap();
    let curious = Curious { first: header(0, 0).id, later: header(size - 20, 0).id };
    assert!(forecast(&rows, &series, &Question::new(3), &curious).is_ok());
}

#[test]
fn an_answer_that_is_no_forecast_is_refused() {
    let good = || {
        let interval = |level, width: f64| Interval { level, lower: vec![5.0 - width; 2], upper: vec![5.0 + width; 2] };
        let intervals = vec![interval(0.8, 1.0), interval(0.95, 2.0)];
        Prediction { model: Model::new("told", json!({})), points: vec![5.0; 2], intervals }
    };
    let counts = numbers(5, 9, 20);
    let answer = |prediction| ahead(&counts, &Question::new(2), &Told(prediction));
    assert_eq!(answer(good()).unwrap().model.name, "told");
    let faults: [&dyn Fn(&mut Prediction); 9] = [
        &|bad| bad.points.push(5.0),
        &|bad| bad.points[1] = f64::NAN,
        &|bad| bad.points[0] = 6.5,
        &|bad| bad.intervals[0].lower[1] = f64::NEG_INFINITY,
        &|bad| bad.intervals[1].upper[1] = 5.5,
        &|bad| bad.intervals[1].upper.truncate(1),
        &|bad| bad.intervals[1].level = 0.9,
        &|bad| bad.intervals.truncate(1),
        &|bad| bad.model.name.clear(),
    ];
    for fault in faults {
        let mut bad = good();
        fault(&mut bad);
        assert_eq!(code(answer(bad)), "forecast-malformed");
    }
}

#[test]
fn a_limit_is_crossed_when_the_trend_says_so() {
    let counts: Vec<u32> = numbers(6, 3, 48).iter().map(|noise| 9 + noise).collect();
    let rows = hourly(&counts);
    let series = Series::read(&rows, &query("ledger-rows", "1h")).unwrap();
    let limit = |direction, value| Question { limit: Some(Limit { direction, value }), ..Question::new(24) };
    let find = |ask| forecast(&rows, &series, &ask, &Ets).unwrap().limit.unwrap();
    let found = find(limit(Direction::Above, 600.0));
    // 480 rows or so, ten an hour: twelve hours.
    let hours = (found.expected.unwrap().as_micros() - series.until().as_micros()) / 3_600_000_000;
    assert!(!found.already && (9..=14).contains(&hours), "{hours}");
    for interval in &found.intervals {
        assert!(interval.earliest.unwrap() <= found.expected.unwrap());
        assert!(interval.latest.is_none_or(|latest| latest >= found.expected.unwrap()));
    }
    let far = find(limit(Direction::Above, 1e9));
    assert!(!far.already && far.expected.is_none() && far.intervals.iter().all(|interval| interval.earliest.is_none()));
    assert!(find(limit(Direction::Above, 100.0)).already && find(limit(Direction::Below, 600.0)).already);
}

#[test]
fn drift_outliers_and_limits_are_recommended_and_quiet_is_not() {
    let quiet: Vec<u32> = numbers(7, 5, 60).iter().map(|noise| 20 + noise).collect();
    let advice = |counts: &[u32], ask: &Question| {
        let forecast = ahead(counts, ask, &Ets).unwrap();
        Recommendation::from_forecast(&forecast).unwrap().map(|recommendation| {
            assert_eq!(recommendation.forecast, forecast.hash().unwrap());
            recommendation.advice
        })
    };
    assert_eq!(advice(&quiet, &Question::new(5)), None);
    let mut drifted = quiet.clone();
    drifted[50..].iter_mut().for_each(|count| *count += 30);
    match advice(&drifted, &Question::new(5)).unwrap()[..] {
        [Advice::Drift(drift), ..] => {
            assert_eq!(drift.at, at(50 * 3_600));
            assert!(drift.after - drift.before > 28.0);
        }
        ref other => panic!("{other:?}"),
    }
    let mut burst = quiet.clone();
    burst[59] = 90;
    let found = advice(&burst, &Question::new(5)).unwrap();
    assert!(matches!(found[..], [Advice::Outlier(outlier)] if outlier.value == 90.0 && outlier.at == at(59 * 3_600)));
    let limit = Question { limit: Some(Limit { direction: Direction::Above, value: 22.0 }), ..Question::new(5) };
    assert!(matches!(advice(&quiet, &limit).unwrap()[..], [Advice::Limit { earliest: Some(_), .. }]));
}

#[test]
fn where_distance_has_no_measure_there_is_no_list_of_outliers() {
    let mut counts = [3; 30];
    counts[12] = 9;
    assert_eq!(ahead(&counts, &Question::new(2), &Naive).unwrap().outliers.found, None);
}

#[test]
fn a_share_stays_a_share() {
    let drafts = numbers(8, 10, 400).into_iter().zip(0_u64..).map(|(word, n)| {
        let status = if word < 9 { Status::Blocked } else { Status::Ok };
        tool(n, i64::try_from(n).unwrap() * 60, Some(status))
    });
    let rows = rows(drafts.collect::<Vec<_>>());
    let series = Series::read(&rows, &query("refusal-share", "10m")).unwrap();
    let forecast = forecast(&rows, &series, &Question::new(50), &Ets).unwrap();
    let widest = forecast.intervals.last().unwrap();
    assert!(widest.lower.iter().chain(&widest.upper).all(|bound| (0.0..=1.0).contains(bound)));
    assert!(widest.upper.contains(&1.0));
}

#[test]
fn pictures_show_what_was_asked() {
    let counts: Vec<u32> = numbers(9, 5, 48).iter().zip(0..).map(|(noise, hour)| 10 + hour + noise).collect();
    let rows = hourly(&counts);
    let series = reports(&rows);
    let ask = Question { limit: Some(Limit { direction: Direction::Above, value: 70.0 }), ..Question::new(12) };
    let forecast = forecast(&rows, &series, &ask, &Ets).unwrap();
    let svg = plot::svg(&series, Some(&forecast)).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<polygon").count(), 2);
    assert!(svg.contains("count/proof_artifacts/report (rows per bin), step 1h; ets for 12 bins"));
    assert_eq!(svg, plot::svg(&series, Some(&forecast)).unwrap());

    let text = plot::text(&series, Some(&forecast), 60, 10).unwrap();
    assert_eq!(text.lines().count(), 13);
    let field: Vec<&str> = text.lines().skip(1).take(10).map(|line| line.split_once('|').unwrap().1).collect();
    assert!(field[0].contains(':') || field[1].contains(':'), "{text}");
    for mark in ['*', 'o', ':', '-'] {
        assert!(field.iter().any(|line| line.contains(mark)), "{mark}\n{text}");
    }
    assert!(field.iter().all(|line| line.len() <= 60));
    assert!(plot::text(&series, Some(&forecast), 10, 10).unwrap().contains("6 bins a column"));
    assert!(plot::text(&series, None, 0, 0).unwrap().lines().count() == 7);

    let mut huge = forecast.clone();
    huge.limit.as_mut().unwrap().limit.value = f64::MAX;
    assert_eq!(plot::text(&series, Some(&huge), 60, 10).unwrap_err().code(), "plot-range");
    assert_eq!(plot::svg(&series, Some(&huge)).unwrap_err().code(), "plot-range");

    let other = Series::read(&rows, &query("ledger-rows", "1h")).unwrap();
    assert_eq!(plot::svg(&other, Some(&forecast)).unwrap_err().code(), "plot-other-series");
    let later = SeriesQuery {
        since: Some(at(60 * 3_600)),
        until: Some(at(70 * 3_600)),
        ..query("count/proof_artifacts/report", "1h")
    };
    let later = Series::read(&hourly(&numbers(9, 5, 72)), &later).unwrap();
    assert!(plot::text(&later, Some(&forecast), 60, 10).is_err());
}

#[test]
fn pictures_of_extreme_numbers_end() {
    let rows = hourly(&[4, 6, 5, 6, 4, 7, 4, 6, 4, 6]);
    let series = reports(&rows);
    let sound = forecast(&rows, &series, &Question::new(3), &Naive).unwrap();
    let (far, near) = (1.7e308, f64::from_bits(1e300_f64.to_bits() + 1));
    for (lower, upper) in
        [(-far, far), (-far, 7.0), (1e300, near), (near, near), (far, far), (-far, -far), (0.0, 5e-324)]
    {
        let mut extreme = sound.clone();
        extreme.points = vec![f64::midpoint(lower, upper); 3];
        for interval in &mut extreme.intervals {
            (interval.lower, interval.upper) = (vec![lower; 3], vec![upper; 3]);
        }
        let read = Forecast::parse(&extreme.to_bytes().unwrap()).unwrap();
        let (svg, text) = (plot::svg(&series, Some(&read)), plot::text(&series, Some(&read), 60, 10));
        if lower.abs().max(upper.abs()) > plot::RANGE_MAX {
            let codes = [svg.unwrap_err().code(), text.unwrap_err().code()];
            assert_eq!(codes, ["plot-range"; 2], "{lower} {upper}");
        } else {
            assert!(svg.unwrap().starts_with("<svg"), "{lower} {upper}");
            assert_eq!(text.unwrap().lines().count(), 13);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn intervals_hold_the_points_and_each_other_and_all_is_the_same_again(
        seed in any::<u64>(), below in 2_u32..40, len in 16_usize..60, horizon in 1_usize..30, trend in 0_u32..3,
        which in 0_usize..3,
    ) {
        let counts: Vec<u32> =
            numbers(seed, below, len).iter().zip(0..).map(|(noise, hour)| noise + 1 + trend * hour).collect();
        let model: Box<dyn Forecaster> = match which {
            0 => Box::new(Ets),
            1 => Box::new(Mstl::new(&[4]).unwrap()),
            _ => Box::new(Naive),
        };
        let ask = Question { levels: vec![0.5, 0.8, 0.99], ..Question::new(horizon) };
        match ahead(&counts, &ask, &*model) {
            Ok(one) => {
                for interval in &one.intervals {
                    for ((lower, point), upper) in interval.lower.iter().zip(&one.points).zip(&interval.upper) {
                        prop_assert!(0.0 <= *lower && lower <= point && point <= upper);
                    }
                }
                let bytes = one.to_bytes().unwrap();
                prop_assert_eq!(&ahead(&counts, &ask, &*model).unwrap().to_bytes().unwrap(), &bytes);
                prop_assert_eq!(Forecast::parse(&bytes).unwrap(), one);
            }
            Err(error) => prop_assert_eq!(error.code(), "forecast-constant"),
        }
    }
}
