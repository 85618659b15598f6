//! Series: what counts, into which bin, and what the hash covers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{artifact, at, frame, header, hourly, query, rows, tool};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use vm_autogene::error::SeriesError;
use vm_autogene::hazmat::Rows;
use vm_autogene::series::{BINS_MAX, INPUTS_FORMAT};
use vm_autogene::{Series, SeriesQuery};
use vm_core::record::{Direction, McpKind, RowDraft, Status};
use vm_core::view::RowState;

fn values(drafts: Vec<RowDraft>, measure: &str, step: &str) -> Vec<Option<f64>> {
    Series::read(&rows(drafts), &query(measure, step)).unwrap().values().to_vec()
}

#[test]
fn shares_are_of_what_ended_and_missing_where_nothing_did() {
    let calls = || {
        vec![
            tool(1, 0, Some(Status::Ok)),
            tool(2, 1, Some(Status::Error)),
            tool(3, 2, Some(Status::Blocked)),
            tool(4, 3, Some(Status::Unknown)),
            tool(5, 4, None),
            tool(6, 130, Some(Status::Blocked)),
            tool(7, 200, Some(Status::Ok)),
        ]
    };
    assert_eq!(values(calls(), "tool-calls", "1m"), [Some(5.0), Some(0.0), Some(1.0)]);
    assert_eq!(values(calls(), "error-share", "1m"), [Some(0.25), None, Some(0.0)]);
    assert_eq!(values(calls(), "refusal-share", "1m"), [Some(0.25), None, Some(1.0)]);
    assert_eq!(values(calls(), "count/tool_invocations/grep", "1m"), [Some(5.0), Some(0.0), Some(1.0)]);
    assert!(matches!(Series::read(&rows(calls()), &query("count/tool_invocations/ls", "1m")), Err(SeriesError::Empty)));
}

#[test]
fn mcp_frames_are_counted_by_what_they_are() {
    let frames = || {
        let (c2s, s2c) = (Direction::ClientToServer, Direction::ServerToClient);
        vec![
            frame(1, 0, c2s, McpKind::Request),
            frame(2, 1, s2c, McpKind::Error),
            frame(3, 2, c2s, McpKind::Notification),
            frame(4, 3, s2c, McpKind::Response),
            frame(5, 61, c2s, McpKind::Request),
            frame(6, 62, s2c, McpKind::Response),
        ]
    };
    assert_eq!(values(frames(), "mcp-requests", "1m"), [Some(1.0)]);
    assert_eq!(values(frames(), "mcp-error-share", "1m"), [Some(0.5)]);
}

#[test]
fn a_lag_lasts_to_the_first_anchor_and_stands_in_the_bin_of_the_seal() {
    let (seal, anchor) = ("vm-ouroboros-seal", "vm-anchor");
    let rows = rows([
        artifact(1, 0, seal, None),
        artifact(2, 10, seal, None),
        artifact(3, 40, anchor, Some(header(1, 0).id)),
        artifact(4, 50, anchor, Some(header(1, 0).id)),
        artifact(5, 70, seal, None),
        artifact(6, 60, anchor, Some(header(5, 0).id)),
        artifact(7, 90, anchor, Some(header(2, 0).id)),
        artifact(8, 130, seal, None),
        artifact(9, 200, seal, None),
        artifact(10, 201, anchor, Some(header(9, 0).id)),
    ]);
    let series = Series::read(&rows, &query("anchoring-lag", "1m")).unwrap();
    // (40 + 80) / 2; the clock went back, so no lag; a seal that waits. The seal in the last bin, and its anchor, are not read.
    assert_eq!(series.values(), [Some(60.0), Some(0.0), None]);
    assert_eq!((series.open(), series.inputs().count, series.inputs().last), (1, 7, Some(7)));
    assert_eq!(series.backward(), 1);
}

#[test]
fn levels_add_up_and_stay_where_nothing_comes() {
    let drafts = || [0, 1, 2, 130, 131, 250].iter().zip(1..).map(|(at, n)| artifact(n, *at, "report", None)).collect();
    assert_eq!(values(drafts(), "ledger-rows", "1m"), [Some(3.0), Some(3.0), Some(5.0), Some(5.0)]);
    let since = SeriesQuery { since: Some(at(60)), ..query("ledger-rows", "1m") };
    let series = Series::read(&rows(drafts()), &since).unwrap();
    assert_eq!(series.values(), [Some(3.0), Some(5.0), Some(5.0)]);
    assert_eq!(series.inputs().count, 5);
    let bytes = values(drafts(), "ledger-bytes", "1m");
    assert_eq!(bytes[0], bytes[1]);
    assert!(bytes[0] > Some(100.0) && bytes[2] > bytes[1]);
}

#[test]
fn the_window_is_of_whole_bins() {
    let drafts: Vec<_> = (0..10).map(|n| artifact(n, i64::try_from(n).unwrap() * 60, "report", None)).collect();
    let rows = rows(drafts);
    let read =
        |since, until| Series::read(&rows, &SeriesQuery { since, until, ..query("count/proof_artifacts", "1m") });
    let series = read(Some(at(30)), Some(at(150))).unwrap();
    assert_eq!((series.since(), series.until(), series.inputs().count), (at(60), at(120), 1));
    // An end that is told closes the last bin that a later row shows to be over.
    assert_eq!(read(None, Some(at(500))).unwrap().values().len(), 8);
    assert!(matches!(read(Some(at(60)), Some(at(60))), Err(SeriesError::NoBins { .. })));
    assert!(matches!(read(Some(at(60)), Some(at(0))), Err(SeriesError::NoBins { .. })));
    let beyond = SeriesQuery { as_of: Some(11), ..query("count/proof_artifacts", "1m") };
    assert!(matches!(Series::read(&rows, &beyond), Err(SeriesError::AsOf { expected: 11, found: 10 })));
}

#[test]
fn too_many_bins_are_refused() {
    let far = 60 * i64::try_from(BINS_MAX + 1).unwrap();
    let rows = rows([artifact(1, 0, "report", None), artifact(2, far, "report", None)]);
    let read = |until| Series::read(&rows, &SeriesQuery { until, ..query("count/proof_artifacts", "1m") });
    assert!(matches!(read(None), Err(SeriesError::TooManyBins { limit: BINS_MAX, .. })));
    assert_eq!(read(Some(at(far - 60))).unwrap().values().len(), BINS_MAX);
}

#[test]
fn what_lies_before_and_behind_the_log_is_no_zero() {
    let drafts = || (0..10).map(|n| artifact(n, i64::try_from(n).unwrap() * 60 + 5, "report", None));
    let ends = |rows: &Rows, measure: &str, since, until| {
        let read = Series::read(rows, &SeriesQuery { since, until, ..query(measure, "1m") });
        read.map(|series| (series.since(), series.until(), series.values().len())).map_err(|error| error.code())
    };
    let (whole, reports) = (rows(drafts()), "count/proof_artifacts/report");
    let (early, late) = (Some(at(-86_400)), Some(at(86_400)));
    for (since, until) in [(None, None), (early, None), (None, late), (early, late)] {
        for measure in [reports, "ledger-rows", "ledger-bytes"] {
            assert_eq!(ends(&whole, measure, since, until), Ok((at(0), at(540), 9)), "{measure} {since:?} {until:?}");
        }
    }
    assert_eq!(ends(&whole, reports, late, None), Err("series-no-bins"));
    assert_eq!(ends(&whole, reports, None, early), Err("series-no-bins"));
    assert_eq!(ends(&whole, "count/proof_artifacts/other", early, late), Err("series-empty"));
    // Rows of the same table show that there were no reports; those of another are not looked at.
    let before = [artifact(20, -130, "other", None), tool(21, -7_200, None)];
    let after = [artifact(22, 900, "other", None), tool(23, 7_200, None)];
    let more = rows(before.into_iter().chain(drafts()).chain(after));
    assert_eq!(ends(&more, reports, early, late), Ok((at(-180), at(900), 18)));
    assert_eq!(ends(&more, reports, None, None), Ok((at(0), at(540), 9)));
}

#[test]
fn the_hash_can_be_computed_again_from_the_log() {
    let rows = rows([
        artifact(1, 0, "report", None),
        tool(2, 1, Some(Status::Ok)),
        artifact(3, 2, "other", None),
        artifact(4, 3, "report", None),
        artifact(5, 61, "report", None),
    ]);
    let inputs = Series::read(&rows, &query("count/proof_artifacts/report", "1m")).unwrap().inputs();
    assert_eq!((inputs.as_of, inputs.count, inputs.first, inputs.last), (5, 2, Some(0), Some(3)));
    let mut hash = Sha256::new().chain_update(INPUTS_FORMAT).chain_update("\n");
    for (entry, _) in rows.entries().filter(|(entry, _)| [0, 3].contains(&entry.seq)) {
        hash.update(entry.leaf.as_bytes());
    }
    assert_eq!(inputs.sha256.as_bytes()[..], hash.finalize()[..]);
}

#[test]
fn no_value_rests_on_a_row_that_is_missing_or_altered() {
    let read = |place: usize, state| {
        let mut rows = hourly(&[2, 2]);
        rows.tamper(place, state);
        Series::read(&rows, &query("count/proof_artifacts/report", "1h"))
    };
    let other = artifact(0, 1, "report", None).into_row(None).unwrap();
    assert!(matches!(read(0, RowState::Present(other)), Err(SeriesError::Altered { seq: 0 })));
    assert!(matches!(read(1, RowState::Missing), Err(SeriesError::Unreadable { seq: 1 })));
    let malformed = RowState::Malformed { column: "kind".to_owned() };
    assert!(matches!(read(3, malformed), Err(SeriesError::Unreadable { seq: 3 })));
    // Altered so that it counts no more, that it opens the window, or lies in the bin that is left out.
    for (place, seconds, kind) in
        [(0, 0, "other"), (3, -90_000, "report"), (4, 2_592_000, "report"), (4, 7_200, "other")]
    {
        let row = artifact(place, seconds, kind, None).into_row(None).unwrap();
        let altered = read(usize::try_from(place).unwrap(), RowState::Present(row));
        assert!(matches!(altered, Err(SeriesError::Altered { seq }) if seq == place), "{place} {seconds} {kind}");
    }
    let calls = || rows((0..4).map(|n| tool(n, i64::try_from(n).unwrap() * 60, Some(Status::Error))));
    for (measure, status) in [("tool-calls", None), ("error-share", None), ("refusal-share", Some(Status::Ok))] {
        let mut rows = calls();
        assert!(Series::read(&rows, &query(measure, "1m")).is_ok());
        rows.tamper(1, RowState::Present(tool(1, 60, status).into_row(None).unwrap()));
        let altered = Series::read(&rows, &query(measure, "1m"));
        assert!(matches!(altered, Err(SeriesError::Altered { seq: 1 })), "{measure}");
    }
    // A row of a table that is not read is none of its business.
    let mut rows = rows([tool(1, 0, None), artifact(2, 1, "report", None), artifact(3, 61, "report", None)]);
    rows.tamper(0, RowState::Missing);
    assert!(Series::read(&rows, &query("count/proof_artifacts/report", "1m")).is_ok());
}

proptest! {
    #[test]
    fn values_do_not_depend_on_the_order_of_the_log(
        seconds in prop::collection::vec(0_i64..2_000, 2..60),
        measure in prop::sample::select(vec!["tool-calls", "error-share", "ledger-rows", "ledger-bytes"]),
        shift in 1_usize..59,
    ) {
        let drafts = |order: &[usize]| {
            let status = |n: usize| Some(Status::ALL[n % Status::ALL.len()]);
            order.iter().map(|n| tool(u64::try_from(*n).unwrap(), seconds[*n], status(*n))).collect::<Vec<_>>()
        };
        let order: Vec<usize> = (0..seconds.len()).collect();
        let mut other = order.clone();
        other.rotate_left(shift % seconds.len());
        let [one, two] = [order, other].map(|order| Series::read(&rows(drafts(&order)), &query(measure, "1m")));
        match (one, two) {
            (Ok(one), Ok(two)) => {
                prop_assert_eq!(one.values(), two.values());
                prop_assert_eq!(one.inputs().count, two.inputs().count);
                prop_assert_eq!(one.since(), two.since());
            }
            (one, two) => prop_assert_eq!(one.map_err(|error| error.code()).err(), two.map_err(|error| error.code()).err()),
        }
    }

    #[test]
    fn every_row_of_the_window_counts_once(counts in prop::collection::vec(0_u32..5, 1..30)) {
        prop_assume!(counts[0] > 0);
        let series = common::reports(&hourly(&counts));
        let wanted: Vec<Option<f64>> = counts.iter().map(|count| Some(f64::from(*count))).collect();
        prop_assert_eq!(series.values(), wanted);
        prop_assert_eq!(series.inputs().count, u64::from(counts.iter().sum::<u32>()));
    }
}
