//! Seeds: the same twice, and whatever is broken on purpose is seen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use vaultmesh_simulate::error::Violation;
use vaultmesh_simulate::{LEAST, RARE, Tally, Weakness, simulate, trace};

/// Seeds within which each broken check must be seen.
const SEEDS: u64 = 150;

#[test]
fn a_seed_is_the_same_every_time_and_another_is_not() {
    let runs: Vec<_> = (0..6).map(|seed| simulate(seed, Weakness::None).unwrap()).collect();
    for (seed, run) in (0..).zip(&runs) {
        assert_eq!(simulate(seed, Weakness::None).as_ref(), Ok(run), "seed {seed}");
        let (traced, log) = trace(seed, Weakness::None);
        assert_eq!(traced.as_ref(), Ok(run), "seed {seed} with a log");
        assert!(!log.is_empty());
    }
    assert!(runs.windows(2).all(|pair| pair[0].digest != pair[1].digest));
}

/// The first violation that a weakness leads to.
fn caught(weakness: Weakness) -> (u64, Violation) {
    let found = (0..SEEDS).find_map(|seed| simulate(seed, weakness).err().map(|violation| (seed, violation)));
    found.unwrap_or_else(|| panic!("{} goes unseen", weakness.name()))
}

#[test]
fn unchecked_signatures_are_seen() {
    let (seed, violation) = caught(Weakness::Signature);
    println!("seed {seed}: {violation}");
    assert!(
        matches!(violation, Violation::Slandered { .. } | Violation::Lost { .. } | Violation::Write { .. }),
        "{violation}"
    );
}

#[test]
fn ops_that_do_not_follow_their_authors_last_are_seen() {
    let (seed, violation) = caught(Weakness::Parent);
    println!("seed {seed}: {violation}");
    // A pack leaves out numbers that follow from the parent: such an op comes out of it as another, whose signature does not hold.
    let is_seen = matches!(violation, Violation::Rule { .. } | Violation::Unproven { .. } | Violation::Session { .. });
    assert!(is_seen, "{violation}");
}

#[test]
fn a_fork_that_is_whitewashed_is_seen() {
    let (seed, violation) = caught(Weakness::Whitewash);
    println!("seed {seed}: {violation}");
    assert!(matches!(violation, Violation::Rule { .. }), "{violation}");
}

#[test]
fn counting_by_arrival_is_seen() {
    let (seed, violation) = caught(Weakness::Arrival);
    println!("seed {seed}: {violation}");
    let differs = matches!(violation, Violation::Differ { .. } | Violation::Restless { .. } | Violation::Rule { .. });
    assert!(differs || matches!(violation, Violation::Session { .. }), "{violation}");
}

#[test]
fn a_simulator_that_does_nothing_fails() {
    assert_eq!(Tally::default().missing(100).len(), LEAST.len() + 1);
    assert_eq!(Tally::default().missing(1_000).len(), LEAST.len() + RARE.len() + 1);
    assert!(Tally::default().missing(99).is_empty(), "fewer than a hundred seeds owe nothing");
}
