//! `docs/guardians.md` and `docs/guardians.svg` are what the seeded scenarios give.
//!
//! ```text
//! VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured
//! ```

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions)]

mod measure;
mod world;

use std::fmt::Write as _;
use std::path::Path;

use measure::poison::{ATTACKS, Attack, IDENTITIES, Poisoned, at, shares};
use measure::rest::FALSE_ALARM_RUNS;
use measure::{Rate, plot, rest};
use vm_guardian::Thresholds;

/// Runs at each share of liars, and of each other scenario.
const RUNS: u64 = 10;
/// Runs without liars: they are cheap, and their rate is small.
const POISON_FALSE_ALARM_RUNS: u64 = 100;

fn percent(rate: f64) -> String {
    format!("{:.0} %", rate * 100.0)
}

fn table(page: &mut String, title: &str, scenario: &str, rates: &[Rate]) {
    let _ = write!(page, "\n### {title}\n\n{scenario}\n\n| severity | spoke |\n| --- | --- |\n");
    for rate in rates {
        let _ = writeln!(page, "| {} | {} |", rate.severity, percent(rate.rate));
    }
}

fn thresholds(page: &mut String) {
    let all = Thresholds::default();
    let _ = write!(
        page,
        "\n## Thresholds\n\nEach is a member of `Thresholds`, whose documentation gives its reason; each can be set otherwise.\n\n\
         | threshold | default |\n| --- | --- |\n"
    );
    for (name, value) in [
        ("quorum", all.quorum.to_string()),
        ("per_identity_cap", all.per_identity_cap.to_string()),
        ("support", all.support.to_string()),
        ("dissent", format!("{:.4}", all.dissent)),
        ("outlier", all.outlier.to_string()),
        ("outlier_rate", all.outlier_rate.to_string()),
        ("scale_floor", all.scale_floor.to_string()),
        ("trend_level", all.trend_level.to_string()),
        ("trend_groups", all.trend_groups.to_string()),
        ("trend_group_min", all.trend_group_min.to_string()),
        ("rate_rise", all.rate_rise.to_string()),
        ("support_drift", all.support_drift.to_string()),
        ("unlabelled_refusals", all.unlabelled_refusals.to_string()),
        ("replay_level", all.replay_level.to_string()),
        ("clock_back_micros", all.clock_back_micros.to_string()),
        ("clock_ahead_micros", all.clock_ahead_micros.to_string()),
        ("open_call_micros", all.open_call_micros.to_string()),
        ("open_calls", all.open_calls.to_string()),
        ("traced_kinds", format!("{:?}", all.traced_kinds)),
    ] {
        let _ = writeln!(page, "| `{name}` | {value} |");
    }
}

fn write(name: &str, content: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("VAULTMESH_WRITE_DOCS").is_some() {
        std::fs::write(&path, content).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == content,
        "docs/{name} is stale; run VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured"
    );
}

fn poison_table(page: &mut String, attack: Attack, measured: &[Poisoned]) {
    let _ = write!(
        page,
        "\n#### {}\n\n| liars of {IDENTITIES} | guardian spoke | promotion carried against the honest | by the mean of all signals | promotion of the honest held up |\n| --- | --- | --- | --- | --- |\n",
        match attack {
            Attack::Shout => "Shout: liars say the opposite as loud as can be",
            Attack::Whisper => "Whisper: liars stay close to one half",
            Attack::Flood =>
                "Flood: liars shout, twenty times as often, and through ten actors more each that are not enrolled",
        }
    );
    for row in measured
        .iter()
        .filter(|row| row.liars < 2 || row.liars % 5 == 0 || [33, 34, 49].contains(&row.liars) || row.liars > 60)
    {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            row.liars,
            percent(row.detected),
            percent(row.flipped),
            percent(row.naive),
            percent(row.held_up)
        );
    }
}

#[test]
fn the_page_is_what_the_scenarios_give() {
    let mut page = format!(
        "# Guardians, measured\n\nThis page and its plot are what seeded scenarios give, {RUNS} runs each; \
         `VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured` writes them again. The first row of each table \
         is in order, and runs more often ({POISON_FALSE_ALARM_RUNS} times for signals, {FALSE_ALARM_RUNS} times for ledgers): what is said there is a false \
         alarm. None in {FALSE_ALARM_RUNS} leaves room for a rate of 7.5 % (rule of three, 95 %).\n\n\
         ## Poisoned signals\n\nA hundred enrolled identities say how much they support a promotion. The honest speak \
         around 0.2 and so against it (normal, deviation 0.1). Liars know that and pull to the other side. The stated bound: \
         while the honest agree, no share of liars up to 1 - `dissent`, two thirds, carries a promotion; more than a third can \
         hold one up, and the guardian says so.\n\n![Rates over the share of liars](guardians.svg)\n"
    );
    let measured: Vec<(Attack, Vec<Poisoned>)> = ATTACKS
        .iter()
        .map(|attack| {
            (
                *attack,
                shares(*attack)
                    .into_iter()
                    .map(|liars| at(liars, *attack, if liars == 0 { POISON_FALSE_ALARM_RUNS } else { RUNS }))
                    .collect(),
            )
        })
        .collect();
    for (attack, measured) in &measured {
        poison_table(&mut page, *attack, measured);
        for row in measured {
            let below = row.liars as f64 / IDENTITIES as f64 <= 2.0 / 3.0;
            assert!(!below || row.flipped == 0.0, "{attack:?}: {row:?}");
            if row.liars >= 34 {
                assert!(row.detected == 1.0 || row.liars > 66, "{attack:?}: {row:?}");
            }
        }
    }
    let line = |attack: usize, of: fn(&Poisoned) -> f64| -> Vec<(f64, f64)> {
        measured[attack].1.iter().map(|row| (row.liars as f64, of(row))).collect()
    };
    let lines = [
        ("guardian spoke, shout", "#0a6", line(0, |row| row.detected)),
        ("guardian spoke, whisper", "#06c", line(1, |row| row.detected)),
        ("carried against the honest, shout", "#c00", line(0, |row| row.flipped)),
        ("carried by the mean of all, shout", "#e90", line(0, |row| row.naive)),
        ("carried by the mean of all, flood", "#a50", line(2, |row| row.naive)),
    ];
    write("guardians.svg", &plot::svg("Poisoned signals: rates over the share of liars", 80.0, 66.67, &lines));
    page += "\n## The other guardians\n";
    let others = [
        (
            "Tampering",
            "Rows are altered, removed or made up in a ledger of 40; the verification has the key and a head.",
            rest::tampering(RUNS),
        ),
        ("Anchors", "Ten seals, some without an anchor.", rest::anchor(RUNS)),
        (
            "Overblocking",
            "Three hundred benign calls in their order, refused at a rate that rises evenly from 5 % by so many points.",
            rest::overblocking(RUNS),
        ),
        (
            "Clock",
            "Forty rows up to a second apart; once the clock goes back. The threshold is ten seconds, less the time until the next row.",
            rest::clock(RUNS),
        ),
        ("Traces", "A hundred calls, some with their outcome in another trace.", rest::trace(RUNS)),
    ];
    for (title, scenario, rates) in &others {
        table(&mut page, title, scenario, rates);
        assert!(rates[0].rate <= 0.05, "{title}: false alarms {rates:?}");
        assert!(rates.last().unwrap().rate == 1.0, "{title}: {rates:?}");
    }
    thresholds(&mut page);
    write("guardians.md", &page);
}
