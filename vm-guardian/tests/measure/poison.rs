//! Poisoned signals: of a hundred enrolled identities, some lie.

use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_guardian::detect::poisoning::{Ingest, Judgement, Outcome};
use vm_guardian::{Signal, Thresholds};

use super::Dice;
use crate::world::{START, collected, collector};

/// Identities of a scenario.
pub(crate) const IDENTITIES: usize = 100;

/// What liars do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attack {
    /// All say 1.
    Shout,
    /// All say a little more than half.
    Whisper,
    /// All say 1, twenty times as often as the honest, and each through ten actors that are not enrolled as well.
    Flood,
}

pub(crate) const ATTACKS: [Attack; 3] = [Attack::Shout, Attack::Whisper, Attack::Flood];

/// The answer where `liars` of the identities are poisoned and the honest ones speak around `honest`.
pub(crate) fn judge(liars: usize, honest: f64, attack: Attack, run: u64, thresholds: &Thresholds) -> Judgement {
    let mut dice = Dice::new(1, run);
    let mut enrolments = collected();
    for at in 0..IDENTITIES {
        enrolments.enrol(format!("{at}"), format!("{at}"));
    }
    let (mut ingest, mut tick) = (Ingest::new(thresholds), 0);
    let mut say = |actor: &str, value: f64| {
        tick += 1;
        let at = Instant::from_micros(START + tick).unwrap();
        let signal =
            Signal::new(actor, "support", "x", value.clamp(0.0, 1.0), at, TraceId::from_bytes([1; 16])).unwrap();
        ingest.take(&signal.identified(&enrolments, Some(collector())));
    };
    // Liars pull to the other side of what the honest say.
    let up = honest < 0.5;
    let (loud, low) = if up { (1.0, 0.55) } else { (0.0, 0.45) };
    for identity in 0..IDENTITIES {
        let actor = identity.to_string();
        match attack {
            _ if identity >= liars => say(&actor, dice.normal(honest, 0.1)),
            Attack::Shout => say(&actor, loud),
            Attack::Whisper => say(&actor, low),
            Attack::Flood => {
                (0..20).for_each(|_| say(&actor, loud));
                (0..10).for_each(|sybil| say(&format!("{actor}-{sybil}"), loud));
            }
        }
    }
    ingest.judge(thresholds).remove(0)
}

/// Shares of liars that are measured, in percent: each to 49, then to where it ends. A flood costs more and is sampled.
pub(crate) fn shares(attack: Attack) -> Vec<usize> {
    match attack {
        Attack::Flood => vec![0, 1, 5, 10, 20, 30, 33, 34, 40, 49, 60, 66, 67, 80],
        Attack::Shout | Attack::Whisper => (0..50).chain([50, 55, 60, 65, 66, 67, 70, 75, 80]).collect(),
    }
}

/// Rates over seeded runs at one share of liars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poisoned {
    pub(crate) liars: usize,
    /// The guardian said that something was wrong.
    pub(crate) detected: f64,
    /// A promotion that the honest oppose was supported.
    pub(crate) flipped: f64,
    /// The same by the mean of all signals.
    pub(crate) naive: f64,
    /// A promotion that the honest support was not.
    pub(crate) held_up: f64,
}

pub(crate) fn at(liars: usize, attack: Attack, runs: u64) -> Poisoned {
    let thresholds = Thresholds::default();
    let against: Vec<Judgement> = (0..runs).map(|run| judge(liars, 0.2, attack, run, &thresholds)).collect();
    let behind = (0..runs).map(|run| judge(liars, 0.8, attack, run, &thresholds));
    let rate = |hits: usize| hits as f64 / runs as f64;
    let count = |test: &dyn Fn(&Judgement) -> bool| rate(against.iter().filter(|judged| test(judged)).count());
    Poisoned {
        liars,
        detected: count(&|judged| !judged.faults(&thresholds).is_empty()),
        flipped: count(&|judged| judged.outcome == Outcome::Supported),
        naive: count(&|judged| judged.naive >= thresholds.support),
        held_up: rate(behind.filter(|judged| judged.outcome != Outcome::Supported).count()),
    }
}
