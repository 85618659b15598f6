//! What a seal covers, where its gaps are, and statements of it that are not true.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::record::{McpKind, Phase, SystemKind, Table};
use vm_core::verdict::Code;
use vm_core::view::{EvidenceView, RowState, Visit};
use vm_seal::bundle::SealBundle;
use vm_seal::coverage::{Claims, Coverage, NAMED_MAX};
use vm_seal::selection::Selection;

/// A ledger with one gap of each kind, and a seal over all of it.
fn gaps() -> (World, SealBundle) {
    let mut world = World::full();
    let trace = world.trace();
    let lost = world.mcp(trace, McpKind::Request, None);
    world.mcp(trace, McpKind::NoAnswer, Some(lost.row_id));
    world.mcp(trace, McpKind::Request, None);
    world.tool(trace, Phase::Intent, None);
    world.shadow(trace);
    let opened = world.mark(SystemKind::HorizonOpened, None);
    world.mark(SystemKind::HorizonClosed, Some(opened.row_id));
    world.mark(SystemKind::HorizonOpened, None);
    let bundle = world.seal(Selection::everything());
    (world, bundle)
}

fn of_rows(world: &World, bundle: &SealBundle) -> Coverage {
    let mut coverage = Coverage::of_rows();
    let filter = bundle.digest().selection().filter(bundle.as_of());
    let mut take = |_, state| {
        let RowState::Present(row) = state else { unreachable!() };
        coverage.add(&row);
        Ok(Visit::Continue)
    };
    world.ledger.visit_matching(&filter, &mut take).unwrap();
    coverage
}

fn claims() -> Claims {
    let unsigned_lines = [("console".parse().unwrap(), 2), ("guard-1".parse().unwrap(), 0)];
    Claims { log_size: 20, unsigned_lines: unsigned_lines.into() }
}

#[test]
fn the_page_shows_a_statement() {
    let (world, bundle) = gaps();
    let found = of_rows(&world, &bundle).to_bytes(&bundle, true, &claims()).unwrap();
    let page = include_str!("../../docs/spec/coverage.md");
    let found = String::from_utf8(found).unwrap();
    let sample = page.lines().find(|line| line.starts_with("{\"as_of\"")).unwrap_or_else(|| panic!("shows {found}"));
    assert_eq!(found, sample);
    let coverage = of_rows(&world, &bundle);
    let told = coverage.check(sample.as_bytes(), &bundle, true).unwrap();
    assert_eq!(told.unsigned_lines.len(), 1, "engines without unsigned lines are not told");
    assert_eq!(told.log_size, 20);
}

#[test]
fn every_gap_is_found_and_what_is_whole_is_none() {
    let (world, bundle) = gaps();
    let value = of_rows(&world, &bundle).to_value(&bundle, true, &Claims::default());
    let counts = |value: &Value| {
        ["no_answer", "unanswered", "open_intents", "open_horizons"].map(|gap| value["gaps"][gap]["count"].clone())
    };
    assert_eq!(counts(&value), [1, 1, 1, 1].map(Value::from));
    let ids = |kind: &dyn Fn(&vm_core::record::StoredRow) -> bool| {
        let mut found = Vec::new();
        let filter = bundle.digest().selection().filter(bundle.as_of());
        let mut take = |_, state| {
            let RowState::Present(row) = state else { unreachable!() };
            found.extend(kind(&row).then(|| row.id().unwrap().to_string()));
            Ok(Visit::Continue)
        };
        world.ledger.visit_matching(&filter, &mut take).unwrap();
        found
    };
    let requests = ids(&|row| row.text("kind") == Some("request"));
    assert_eq!(value["gaps"]["no_answer"]["first"], json!([requests[1]]));
    assert_eq!(value["gaps"]["unanswered"]["first"], json!([requests[2]]));
    let intents = ids(&|row| row.text("phase") == Some("intent"));
    assert_eq!(value["gaps"]["open_intents"]["first"], json!([intents[1]]));
    let opened = ids(&|row| row.text("kind") == Some(SystemKind::HorizonOpened.as_str()));
    assert_eq!((opened.len(), &value["gaps"]["open_horizons"]["first"]), (2, &json!([opened[1]])));
    assert_eq!(value["observers"][0]["receipts"], 2);
    assert_eq!(value["rows"]["mcp_calls"], 5);
    let mut whole = World::empty();
    let bundle = whole.seal(Selection::everything());
    let value = of_rows(&whole, &bundle).to_value(&bundle, true, &Claims::default());
    assert_eq!(counts(&value), [0, 0, 0, 0].map(Value::from));
    assert_eq!(value["not_covered"], json!(["claimed-times", "other-rows", "unrecorded"]));
    let value = Coverage::of_cards(&[]).to_value(&bundle, false, &Claims::default());
    assert_eq!(value["not_covered"], json!(["claimed-times", "completeness", "contents", "other-rows", "unrecorded"]));
    assert_eq!((&value["gaps"], &value["observers"]), (&Value::Null, &Value::Null));
}

#[test]
fn many_are_counted_and_the_first_are_named() {
    let mut world = World::empty();
    let trace = world.trace();
    for _ in 0..=NAMED_MAX {
        world.tool(trace, Phase::Intent, None);
    }
    let bundle = world.seal(Selection::everything());
    let value = of_rows(&world, &bundle).to_value(&bundle, true, &Claims::default());
    let gap = &value["gaps"]["open_intents"];
    assert_eq!(gap["count"], NAMED_MAX + 1);
    assert_eq!(gap["first"].as_array().unwrap().len(), NAMED_MAX);
    assert!(gap["first"].as_array().unwrap().is_sorted_by_key(|id| id.as_str()));
}

#[test]
fn a_statement_that_says_anything_else_is_told_by_its_code() {
    let (world, bundle) = gaps();
    let coverage = of_rows(&world, &bundle);
    let good = coverage.to_value(&bundle, true, &claims());
    let code = |value: &Value| {
        let bytes = canonical::to_bytes(value).unwrap();
        coverage.check(&bytes, &bundle, true).unwrap_err().finding("x").code()
    };
    for table in Table::ALL {
        let mut bad = good.clone();
        bad["rows"][table.as_str()] = json!(100);
        assert_eq!(code(&bad), Code::CoverageAltered);
    }
    for (pointer, value) in [
        ("/as_of", json!(1)),
        ("/asked/scope", json!("trace_set")),
        ("/scrolls/0/lines", json!(2)),
        ("/observers/0/receipts", json!(1)),
        ("/observers", json!(null)),
        ("/gaps", json!(null)),
        ("/gaps/no_answer/count", json!(0)),
        ("/gaps/no_answer/first", json!([])),
        ("/not_covered", json!([])),
        ("/claims", json!(null)),
        ("/claims/log_size", json!(-1)),
        ("/claims/unsigned_lines/0/engine", json!("../x")),
        ("/claims/unsigned_lines/0/lines", json!(-1)),
        ("/format", json!(7)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_eq!(code(&bad), Code::CoverageAltered, "{pointer}");
    }
    for name in good.as_object().unwrap().keys() {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(name);
        assert_eq!(code(&bad), Code::CoverageAltered, "{name}");
    }
    let mut bad = good.clone();
    bad["more"] = json!(1);
    assert_eq!(code(&bad), Code::CoverageAltered);
    bad["format"] = json!("vm-coverage-v1");
    assert_eq!(code(&bad), Code::FormatUnknown);
    // A statement from before rows opened horizons names those of receipts.
    let mut first = good.clone();
    first["format"] = json!("vm-coverage-v0");
    assert_eq!(code(&first), Code::CoverageAltered);
    first["gaps"]["open_horizons"] = json!({ "count": 1, "first": ["deploy"] });
    assert!(coverage.check(&canonical::to_bytes(&first).unwrap(), &bundle, true).is_ok());
    first["format"] = json!("vm-coverage-v2");
    assert_eq!(code(&first), Code::CoverageAltered);
    let bytes = canonical::to_bytes(&good).unwrap();
    assert_eq!(coverage.check(&bytes, &bundle, false).unwrap_err().code(), "coverage-differs", "not proven");
    assert_eq!(coverage.check(&bytes[1..], &bundle, true).unwrap_err().code(), "coverage-json");
    assert_eq!(coverage.check(&bytes, &bundle, true).unwrap().unsigned_lines.len(), 1);
}
