//! The samples in the format pages are what the code writes and reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::path::Path;

use common::{artifact, header, hourly, query, reports, rows};
use vm_autogene::{
    Artifact, Calibration, Direction, Forecast, Limit, Naive, Question, Recommendation, Score, Series, SeriesQuery,
    forecast,
};
use vm_core::record::{RowDraft, Table};

const PAST: [u32; 10] = [4, 6, 5, 6, 4, 7, 4, 6, 4, 6];

fn sample() -> Forecast {
    let rows = hourly(&PAST);
    let limit = Some(Limit { direction: Direction::Above, value: 9.0 });
    forecast(&rows, &reports(&rows), &Question { limit, ..Question::new(3) }, &Naive).unwrap()
}

fn scored() -> Score {
    Score::of(&sample(), &reports(&hourly(&[&PAST[..], &[7, 10, 8]].concat()))).unwrap()
}

fn assert_shown(name: &str, sample: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(name);
    let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sample = core::str::from_utf8(sample).unwrap();
    assert!(page.contains(sample), "{name} does not show:\n{sample}");
}

/// Its sample is on the page and read back; another format, a further member, a missing one and a wrong type are refused.
fn assert_format<A: Artifact + PartialEq + core::fmt::Debug>(page: &str, artifact: &A) {
    let bytes = artifact.to_bytes().unwrap();
    assert_eq!(&A::parse(&bytes).unwrap(), artifact);
    assert_shown(page, &bytes);
    let text = String::from_utf8(bytes).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        A::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().code()
    };
    assert_eq!(refused("-v0\"", "-v1\""), "artifact-unknown-format");
    assert_eq!(refused("{", "{\"a\":1,"), "artifact-shape");
    assert_eq!(refused("\"ledger\":\"", "\"ledger\":\"x"), "artifact-shape");
    assert_eq!(refused("{", "{ "), "artifact-canonical");
    assert_eq!(A::parse(b"[]").unwrap_err().code(), "artifact-unknown-format");
    assert_eq!(A::parse(b"").unwrap_err().code(), "artifact-canonical");
}

#[test]
fn the_forecast_page_shows_one() {
    let sample = sample();
    assert_format("autogene-forecast.md", &sample);
    let text = String::from_utf8(sample.to_bytes().unwrap()).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Forecast::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().code()
    };
    assert_eq!(refused("\"horizon\":3", "\"horizon\":2"), "artifact-rule");
    assert_eq!(refused("\"level\":0.95", "\"level\":0.7"), "artifact-rule");
    assert_eq!(refused("\"bins\":10", "\"bins\":11"), "artifact-rule");
    let between =
        text.replace("T15:00:00", "T15:30:00").replace("\"until\":\"2026-09-22T01:00", "\"until\":\"2026-09-22T01:30");
    assert_ne!(between, text);
    assert_eq!(Forecast::parse(between.as_bytes()).unwrap_err().code(), "artifact-rule");
    assert_eq!(refused("\"points\":[6,", "\"points\":[60,"), "artifact-rule");
    // Of the limit, not of the intervals.
    assert_eq!(refused("\"latest\":null,\"level\":0.95", "\"latest\":null,\"level\":7"), "artifact-rule");
    assert_eq!(refused("\"step\":3600", "\"step\":0"), "artifact-shape");
    assert_eq!(refused("\"series\":\"count", "\"series\":\"sum"), "artifact-shape");
}

#[test]
fn the_recommendation_page_shows_one() {
    let recommendation = Recommendation::from_forecast(&sample()).unwrap().unwrap();
    assert_format("autogene-recommendation.md", &recommendation);
    let twice = Recommendation { advice: vec![recommendation.advice[0]; 2], ..recommendation.clone() };
    assert_eq!(twice.to_bytes().unwrap_err().code(), "artifact-rule");
    let none = Recommendation { advice: Vec::new(), ..recommendation };
    assert_eq!(none.to_bytes().unwrap_err().code(), "artifact-rule");
}

#[test]
fn the_score_page_shows_one() {
    assert_format("autogene-score.md", &scored());
    let more = Score { compared: 4, ..scored() };
    assert_eq!(more.to_bytes().unwrap_err().code(), "artifact-rule");
    let negative = Score { mae: -1.0, ..scored() };
    assert_eq!(negative.to_bytes().unwrap_err().code(), "artifact-rule");
}

#[test]
fn the_calibration_page_shows_one() {
    let calibration = Calibration::of(&[scored()]).unwrap();
    assert_format("autogene-calibration.md", &calibration);
    let twice = Calibration { scores: vec![calibration.scores[0]; 2], ..calibration };
    assert_eq!(twice.to_bytes().unwrap_err().code(), "artifact-rule");
}

#[test]
fn artifacts_are_ordinary_rows() {
    let recommendation = Recommendation::from_forecast(&sample()).unwrap().unwrap();
    let subject = header(1, 0).id;
    let drafts: [(RowDraft, &str); 4] = [
        (sample().draft(header(1, 0), None).unwrap(), "autogene_forecast"),
        (recommendation.draft(header(2, 0), Some(subject)).unwrap(), "autogene_recommendation"),
        (scored().draft(header(3, 0), Some(subject)).unwrap(), "autogene_score"),
        (Calibration::of(&[scored()]).unwrap().draft(header(4, 0), None).unwrap(), "autogene_calibration"),
    ];
    for (draft, kind) in drafts {
        assert!(!draft.is_reserved() && draft.table() == Table::ProofArtifacts);
        let row = draft.into_row(None).unwrap();
        assert_eq!(row.text("kind"), Some(kind));
        assert!(row.text("meta_json").unwrap().contains(&kind.replace('_', "-")));
    }
    let row = sample().draft(header(1, 0), None).unwrap().into_row(None).unwrap();
    assert_eq!(Forecast::parse(row.text("meta_json").unwrap().as_bytes()).unwrap(), sample());
}

/// What the forecast rests on can be read out of the artifact, and computed again by whoever holds a longer log.
#[test]
fn the_inputs_of_an_artifact_can_be_computed_again() {
    let drafts = |more: bool| {
        let counted =
            PAST.iter().chain(&[1]).zip(0_i64..).flat_map(|(count, hour)| (0..*count).map(move |n| (hour, n)));
        let base = counted.zip(0..).map(|((hour, n), id)| artifact(id, hour * 3_600 + i64::from(n), "report", None));
        base.chain(more.then(|| artifact(999, 0, "report", None)))
    };
    let sample = sample();
    let (since, until, as_of) = (Some(sample.since), Some(sample.until), Some(sample.inputs.as_of));
    let again = SeriesQuery { since, until, as_of, ..query(&sample.series.to_string(), &sample.step.to_string()) };
    assert_eq!(Series::read(&rows(drafts(true)), &again).unwrap().inputs(), sample.inputs);
    let all = SeriesQuery { as_of: None, ..again };
    assert_ne!(Series::read(&rows(drafts(true)), &all).unwrap().inputs().sha256, sample.inputs.sha256);
    assert_eq!(Series::read(&rows(drafts(false)), &all).unwrap().inputs(), sample.inputs);
}
