//! Series and forecasts over recorded MCP traffic. The frames are real; the captures hold no times, so a frame is put at each second.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::path::Path;

use common::{frame, query, rows};
use serde_json::Value;
use vm_autogene::hazmat::Rows;
use vm_autogene::{Artifact as _, Ets, Forecast, Question, Score, Series, SeriesQuery, forecast, plot};
use vm_core::record::{Direction, McpKind};

/// Direction and kind of each frame of the captures, one after the other.
fn recorded() -> Vec<(Direction, McpKind)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vaultmesh/tests/data/mcp");
    let mut frames = Vec::new();
    for name in ["log1", "log2", "log3", "log4", "log5"] {
        let text = std::fs::read_to_string(folder.join(name).with_extension("jsonl"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let message: Value = serde_json::from_str(line["m"].as_str().unwrap()).unwrap();
            let kind = match (message.get("method"), message.get("id"), message.get("error")) {
                (Some(_), Some(_), _) => McpKind::Request,
                (Some(_), None, _) => McpKind::Notification,
                (None, _, Some(_)) => McpKind::Error,
                (None, _, None) => McpKind::Response,
            };
            frames.push((line["d"].as_str().unwrap().parse().unwrap(), kind));
        }
    }
    frames
}

fn ledger(frames: &[(Direction, McpKind)]) -> Rows {
    rows(frames.iter().zip(0..).map(|((direction, kind), n)| frame(n, i64::try_from(n).unwrap(), *direction, *kind)))
}

#[test]
fn what_was_recorded_is_forecast_and_scored() {
    let frames = recorded();
    let requests = frames.iter().filter(|(_, kind)| *kind == McpKind::Request).count();
    assert!(frames.len() > 120 && requests > 50, "{} {requests}", frames.len());
    let earlier = ledger(&frames[..frames.len() * 3 / 4]);
    let series = Series::read(&earlier, &query("mcp-requests", "4s")).unwrap();
    let ahead = forecast(&earlier, &series, &Question::new(8), &Ets).unwrap();
    assert_eq!(Forecast::parse(&ahead.to_bytes().unwrap()).unwrap(), ahead);

    let whole = ledger(&frames);
    let later = SeriesQuery { since: Some(series.since()), ..query("mcp-requests", "4s") };
    let later = Series::read(&whole, &later).unwrap();
    let score = Score::of(&ahead, &later).unwrap();
    assert!(score.compared == 7 && score.mae < 4.0, "{score:?}");
    assert!(score.intervals[1].covered >= score.intervals[0].covered);
    assert!(plot::text(&later, Some(&ahead), 80, 12).unwrap().contains('o'));

    // A reader who has the longer log alone finds the same inputs.
    let again = SeriesQuery { as_of: Some(ahead.inputs.as_of), ..query("mcp-requests", "4s") };
    assert_eq!(Series::read(&whole, &again).unwrap().inputs(), ahead.inputs);
}
