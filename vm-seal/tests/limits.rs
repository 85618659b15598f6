//! Bundles and selections at their limits: the last that fits is read, the next is refused by name.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod fixture;

use fixture::World;
use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::act;
use vm_core::id::TraceId;
use vm_core::record::Table;
use vm_seal::bundle::{BUNDLE_MAX, SealBundle};
use vm_seal::digest::SCROLLS_MAX;
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;

/// A bundle as JSON, to be changed in one place. Whether it holds does not matter here.
fn bundle() -> Value {
    let mut world = World::full();
    let bundle = world.seal(Selection::everything());
    canonical::parse(bundle.as_bytes(), BUNDLE_MAX).unwrap()
}

fn read(good: &Value, pointer: &str, value: Value) -> Result<(), &'static str> {
    let mut changed = good.clone();
    *changed.pointer_mut(pointer).unwrap() = value;
    SealBundle::parse(&canonical::to_bytes(&changed).unwrap()).map(drop).map_err(|error| error.code())
}

#[test]
fn a_bundle_of_thousands_of_traces_is_read() {
    let mut world = World::full();
    let trace = world.trace();
    world.event(trace, None);
    let others = (0..3_000_u128).map(|number| TraceId::from_bytes(number.to_be_bytes()));
    let selection = Selection::traces(others.chain([trace]), &Table::ALL).unwrap();
    let bundle = world.seal(selection);
    assert!(bundle.as_bytes().len() > 100_000, "{}", bundle.as_bytes().len());
    assert_eq!(SealBundle::parse(bundle.as_bytes()), Ok(bundle));
}

#[test]
fn texts_of_a_bundle_have_a_limit() {
    let good = bundle();
    for (len, fits) in [(1_024, true), (1_025, false)] {
        let text = "x".repeat(len);
        for (pointer, value) in [
            ("/schema_last_migration", json!(text)),
            ("/inputs/receipt_roots", json!([text])),
            ("/inputs/receipt_roots", json!(["a", text])),
        ] {
            let expected = if fits { Ok(()) } else { Err("bundle-shape") };
            assert_eq!(read(&good, pointer, value), expected, "{pointer}, {len}");
        }
    }
    for (rules, expected) in [(0, Ok(())), (16, Ok(())), (17, Err("bundle-shape"))] {
        assert_eq!(read(&good, "/inputs/receipt_roots", json!(vec!["receipts/x"; rules])), expected, "{rules}");
    }
}

#[test]
fn numbers_of_a_bundle_have_their_ranges() {
    let good = bundle();
    let last = u64::from(u32::MAX);
    assert_eq!(read(&good, "/schema_version", json!(last)), Ok(()));
    assert_eq!(read(&good, "/schema_version", json!(last + 1)), Err("bundle-shape"));
    for pointer in ["/as_of", "/leaves"] {
        assert_eq!(read(&good, pointer, json!(-1)), Err("bundle-shape"), "{pointer}");
        assert_eq!(read(&good, pointer, json!(1.5)), Err("bundle-shape"), "{pointer}");
    }
}

#[test]
fn scrolls_of_a_bundle_have_a_limit_and_an_order() {
    let good = bundle();
    let one = &good["scrolls"][0];
    let scrolls = |names: &[String]| {
        let named = names.iter().map(|name| {
            let mut scroll = one.clone();
            scroll["engine"] = json!(name);
            scroll
        });
        named.collect::<Vec<Value>>()
    };
    let names: Vec<String> = (0..=SCROLLS_MAX).map(|number| format!("engine-{number:04}")).collect();
    assert_eq!(read(&good, "/scrolls", json!(scrolls(&names[1..]))), Ok(()));
    assert_eq!(read(&good, "/scrolls", json!(scrolls(&names))), Err("bundle-too-many-scrolls"));
    let more = [names.as_slice(), &["engine-last".to_owned()]].concat();
    assert_eq!(read(&good, "/scrolls", json!(scrolls(&more))), Err("bundle-too-many-scrolls"));
    let [first, second] = [&names[0], &names[1]].map(String::clone);
    assert_eq!(read(&good, "/scrolls", json!(scrolls(&[first.clone(), second.clone()]))), Ok(()));
    for wrong in [[second.clone(), first.clone()], [first.clone(), first]] {
        assert_eq!(read(&good, "/scrolls", json!(scrolls(&wrong))), Err("bundle-scroll-order"), "{wrong:?}");
    }
}

/// What no reader would take is not made: each limit of a bundle holds for whoever seals, too.
#[test]
fn a_bundle_that_could_not_be_read_is_not_made() {
    let mut world = World::full();
    let head = world.head();
    let permit = world.ledger.permit::<act::Seal>(&world.holder, &world.clock).unwrap();
    let signer = world.ledger.signer().clone();
    for (rules, expected) in [
        (vec!["x".repeat(1_024); 16], Ok(())),
        (vec!["x".repeat(1_025)], Err("seal-unreadable")),
        (vec!["x".to_owned(); 17], Err("seal-unreadable")),
        (vec!["x".repeat(BUNDLE_MAX)], Err("seal-unreadable")),
    ] {
        let mut request = SealRequest::over(Selection::everything(), &head);
        request.inputs.receipt_roots = rules;
        let made = seal(&world.ledger, request, &signer, &permit, &world.clock, &mut world.entropy);
        assert_eq!(made.map(drop).map_err(|error| error.code()), expected);
    }
}
