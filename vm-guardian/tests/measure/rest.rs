//! The other five guardians.

use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::record::{Cell as RowCell, Phase, Status};
use vm_core::verdict::{Report, Verdict};
use vm_guardian::detect::{AnchorGuardian, ClockGuardian, OverblockingGuardian, TamperingGuardian, TraceGuardian};
use vm_guardian::{Budget, Guardian, Signal};
use vm_seal::memory::hazmat;

use super::{Dice, Rate};
use crate::world::{START, World};

fn rates(
    guardian: &dyn Guardian,
    severities: &[u32],
    unit: &str,
    runs: u64,
    build: &dyn Fn(u32, u64) -> World,
) -> Vec<Rate> {
    // Only the first two need the verification, which costs more than the rest.
    let verified = ["tampering", "anchor"].contains(&guardian.name());
    let spoke = |world: &World| {
        let report = if verified { world.report() } else { Report::new() };
        world.observe_with(guardian, &report, Budget::default()).verdict() != Verdict::Verified
    };
    let rate = |severity: &u32| {
        let runs = if *severity == 0 { FALSE_ALARM_RUNS } else { runs };
        let hits = (0..runs).filter(|run| spoke(&build(*severity, *run))).count();
        Rate { severity: format!("{severity} {unit}"), x: f64::from(*severity), rate: hits as f64 / runs as f64 }
    };
    severities.iter().map(rate).collect()
}

fn calls(world: &mut World, count: u32) -> Vec<vm_core::record::Appended> {
    let call = |world: &mut World| {
        let trace = world.trace();
        world.tool(trace, Phase::Complete, Some(Status::Ok), None)
    };
    (0..count).map(|_| call(world)).collect()
}

/// Runs of ledgers in order, in which whatever is said is a false alarm: none of forty leave room for a rate of 7.5 % (rule of
/// three, 95 %).
pub(crate) const FALSE_ALARM_RUNS: u64 = 40;

/// Of 40 rows, some are altered, removed or made up.
pub(crate) fn tampering(severities: &[u32], runs: u64) -> Vec<Rate> {
    rates(&TamperingGuardian, severities, "rows of 40", runs, &|severity, run| {
        let (mut world, mut dice) = (World::new(run), Dice::new(2, run));
        let rows = calls(&mut world, 40);
        let first = (dice.uniform() * 36.0) as usize;
        for at in 0..severity as usize {
            let row = rows[first + at].row_id;
            match (run as usize + at) % 3 {
                0 => hazmat::remove_row(&mut world.ledger, row),
                1 => {
                    let stored = vm_core::view::EvidenceView::row(&world.ledger, row).unwrap().unwrap().row;
                    hazmat::insert_unlogged(&mut world.ledger, &stored);
                }
                _ => {
                    let status = RowCell::Text("error".to_owned());
                    hazmat::change_cell(&mut world.ledger, row, "status", &status);
                }
            }
        }
        world
    })
}

/// Of ten seals, some have no anchor.
pub(crate) fn anchor(severities: &[u32], runs: u64) -> Vec<Rate> {
    rates(&AnchorGuardian, severities, "seals of 10", runs, &|severity, run| {
        let (mut world, mut dice) = (World::new(run), Dice::new(3, run));
        let first = (dice.uniform() * 10.0) as u32;
        for at in 0..10 {
            calls(&mut world, 1);
            let (_, row) = world.seal();
            if (at + 10 - first) % 10 >= severity {
                world.anchor(&row);
            }
        }
        world
    })
}

/// Three hundred benign calls, refused at a rate that rises from 5 % by some percent.
pub(crate) fn overblocking(severities: &[u32], runs: u64) -> Vec<Rate> {
    rates(&OverblockingGuardian, severities, "points", runs, &|severity, run| {
        let (mut world, mut dice) = (World::new(run), Dice::new(4, run));
        world.enrolments.enrol("person", "person");
        let trace = world.trace();
        let now = Instant::from_micros(START).unwrap();
        world.signal(&Signal::label("person", true, now, trace).unwrap());
        for at in 0..300 {
            let refused = 0.05 + f64::from(severity) / 100.0 * f64::from(at) / 300.0;
            let status = if dice.uniform() < refused { Status::Blocked } else { Status::Ok };
            world.tool(trace, Phase::Complete, Some(status), None);
        }
        world
    })
}

/// A clock that jitters by up to a second and goes back once by some seconds.
pub(crate) fn clock(severities: &[u32], runs: u64) -> Vec<Rate> {
    rates(&ClockGuardian, severities, "s back", runs, &|severity, run| {
        let (mut world, mut dice) = (World::new(run), Dice::new(5, run));
        let at = 10 + (dice.uniform() * 20.0) as u32;
        for row in 0..40 {
            let jitter = (dice.uniform() * 1_000_000.0) as i64;
            world.advance(if row == at { -i64::from(severity) * 1_000_000 } else { jitter });
            calls(&mut world, 1);
        }
        world.now = Some(Instant::from_micros(world.clock.0.get() + 120_000_000).unwrap());
        world
    })
}

/// Of a hundred calls, some have their outcome in another trace.
pub(crate) fn trace(severities: &[u32], runs: u64) -> Vec<Rate> {
    rates(&TraceGuardian, severities, "links of 100", runs, &|severity, run| {
        let (mut world, mut dice) = (World::new(run), Dice::new(6, run));
        let first = (dice.uniform() * 80.0) as u32;
        for at in 0..100 {
            let trace = world.trace();
            let intent = world.tool(trace, Phase::Intent, None, None);
            let broken = (first..first + severity).contains(&at);
            let other = if broken { TraceId::from_bytes([8; 16]) } else { trace };
            world.tool(other, Phase::Outcome, Some(Status::Ok), Some(intent.row_id));
        }
        world
    })
}
