//! `docs/guardians.md` and `docs/guardians.svg` are what the seeded scenarios give.
//!
//! ```text
//! VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured
//! ```

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions)]

mod measure;
mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use measure::poison::{ATTACKS, Attack, IDENTITIES, Poisoned, at, shares};
use measure::rest::FALSE_ALARM_RUNS;
use measure::{Rate, plot, rest};
use vm_core::digest::Sha256Digest;
use vm_guardian::Thresholds;

/// Runs at each share of liars, and of each other scenario.
const RUNS: u64 = 10;
/// Runs without liars: they are cheap, and their rate is small.
const POISON_FALSE_ALARM_RUNS: u64 = 100;

/// How often a share of liars is run.
const fn runs(liars: usize) -> u64 {
    if liars == 0 { POISON_FALSE_ALARM_RUNS } else { RUNS }
}

fn percent(rate: f64) -> String {
    format!("{:.0} %", rate * 100.0)
}

fn table(page: &mut String, title: &str, scenario: &str, rates: &[Rate]) {
    let _ = write!(page, "\n### {title}\n\n{scenario}\n\n| severity | spoke |\n| --- | --- |\n");
    for rate in rates {
        let _ = writeln!(page, "{}", line(rate));
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

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// A scenario of another guardian: title, words, severities of the page and the one that the test measures again, beside none.
type Scenario = (&'static str, &'static str, &'static [u32], u32, fn(&[u32], u64) -> Vec<Rate>);

const OTHERS: [Scenario; 5] = [
    (
        "Tampering",
        "Rows are altered, removed or made up in a ledger of 40; the verification has the key and a head.",
        &[0, 1, 2, 4],
        1,
        rest::tampering,
    ),
    ("Anchors", "Ten seals, some without an anchor.", &[0, 1, 3, 10], 1, rest::anchor),
    (
        "Overblocking",
        "Three hundred benign calls in their order, refused at a rate that rises evenly from 5 % by so many points.",
        &[0, 10, 20, 30, 40, 60, 80],
        60,
        rest::overblocking,
    ),
    (
        "Clock",
        "Forty rows up to a second apart; once the clock goes back. The threshold is ten seconds.",
        &[0, 1, 5, 10, 12, 15, 30, 60],
        15,
        rest::clock,
    ),
    ("Traces", "A hundred calls, some with their outcome in another trace.", &[0, 1, 5, 20], 1, rest::trace),
];

fn poison_line(row: &Poisoned) -> String {
    let rates = [row.detected, row.flipped, row.naive, row.held_up].map(percent);
    format!("| {} | {} |", row.liars, rates.join(" | "))
}

fn line(rate: &Rate) -> String {
    format!("| {} | {} |", rate.severity, percent(rate.rate))
}

fn title(attack: Attack) -> &'static str {
    match attack {
        Attack::Shout => "Shout: liars say the opposite as loud as can be",
        Attack::Whisper => "Whisper: liars stay close to one half",
        Attack::Flood => {
            "Flood: liars shout, twenty times as often, and through ten actors more each that are not enrolled"
        }
    }
}

fn poison_table(page: &mut String, attack: Attack, measured: &[Poisoned]) {
    let _ = write!(
        page,
        "\n#### {}\n\n| liars of {IDENTITIES} | guardian spoke | promotion carried against the honest | by the mean of all signals | promotion of the honest held up |\n| --- | --- | --- | --- | --- |\n",
        title(attack)
    );
    for row in measured
        .iter()
        .filter(|row| row.liars < 2 || row.liars % 5 == 0 || [33, 34, 49].contains(&row.liars) || row.liars > 60)
    {
        let _ = writeln!(page, "{}", poison_line(row));
    }
}

/// The bound that is stated holds for what was measured.
fn check_bound(attack: Attack, row: &Poisoned) {
    let below = row.liars as f64 / IDENTITIES as f64 <= 2.0 / 3.0;
    assert!(!below || row.flipped == 0.0, "{attack:?}: {row:?}");
    assert!(!(34..=66).contains(&row.liars) || row.detected == 1.0, "{attack:?}: {row:?}");
}

/// Part of the page below a heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(heading).unwrap_or_else(|| panic!("{heading} is not there"));
    rest.split("\n#").next().unwrap_or_default()
}

const STALE: &str = "docs/guardians.md is stale; run VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured";

/// The page, written anew where that is asked for.
fn page() -> String {
    static WRITTEN: Once = Once::new();
    if std::env::var_os("VAULTMESH_WRITE_DOCS").is_some() {
        WRITTEN.call_once(write_page);
    }
    std::fs::read_to_string(docs("guardians.md")).unwrap()
}

/// The whole takes a minute, so a part of it is measured again: each line must stand in the page as it is.
fn check_attack(attack: Attack) {
    let page = page();
    // What is said where nobody lies is a false alarm: measured like the rest, as often as for the page.
    for liars in [0, 1, 33, 34, 49, 67] {
        let row = at(liars, attack, runs(liars));
        check_bound(attack, &row);
        assert!(section(&page, title(attack)).contains(&poison_line(&row)), "{STALE}: {row:?}");
    }
}

#[test]
fn the_page_is_what_liars_who_shout_come_to() {
    check_attack(Attack::Shout);
}

#[test]
fn the_page_is_what_liars_who_whisper_come_to() {
    check_attack(Attack::Whisper);
}

#[test]
fn the_page_is_what_a_flood_of_lies_comes_to() {
    check_attack(Attack::Flood);
}

#[test]
fn the_page_is_what_the_other_scenarios_give() {
    // Each attack has its test above.
    assert_eq!(ATTACKS, [Attack::Shout, Attack::Whisper, Attack::Flood]);
    let page = page();
    for (name, _, _, severity, measure) in OTHERS {
        for rate in measure(&[0, severity], RUNS) {
            assert!(section(&page, &format!("### {name}\n")).contains(&line(&rate)), "{STALE}: {rate:?}");
        }
    }
    let plotted = Sha256Digest::of(&std::fs::read(docs("guardians.svg")).unwrap()).to_hex();
    assert!(page.contains(&plotted), "docs/guardians.svg is not the plot of the page");
    let mut bounds = String::new();
    thresholds(&mut bounds);
    assert!(page.contains(&bounds), "{STALE}");
}

fn write_page() {
    let mut page = format!(
        "# Guardians, measured\n\nThis page and its plot are what seeded scenarios give, {RUNS} runs each; \
         `VAULTMESH_WRITE_DOCS=1 cargo test -p vm-guardian --test measured` writes them again. The first row of each table \
         is in order, and runs more often ({POISON_FALSE_ALARM_RUNS} times for signals, {FALSE_ALARM_RUNS} times for ledgers): what is said there is a false \
         alarm. None in {FALSE_ALARM_RUNS} leaves room for a rate of 7.5 % (rule of three, 95 %).\n\n\
         ## Poisoned signals\n\nA hundred enrolled identities say how much they support a promotion. The honest speak \
         around 0.2 and so against it (normal, deviation 0.1). Liars know that and pull to the other side. The stated bound: \
         while the honest agree, no share of liars up to 1 - `dissent`, two thirds, carries a promotion; more than a third can \
         hold one up, and the guardian says so. Below a third, liars who whisper are seldom seen and carry nothing; close to \
         a third the noise of one honest identity can hold a promotion up.\n\n![Rates over the share of liars](guardians.svg)\n"
    );
    let measured: Vec<(Attack, Vec<Poisoned>)> = ATTACKS
        .iter()
        .map(|attack| (*attack, shares(*attack).into_iter().map(|liars| at(liars, *attack, runs(liars))).collect()))
        .collect();
    for (attack, measured) in &measured {
        poison_table(&mut page, *attack, measured);
        measured.iter().for_each(|row| check_bound(*attack, row));
    }
    let points = |attack: usize, of: fn(&Poisoned) -> f64| -> Vec<(f64, f64)> {
        measured[attack].1.iter().map(|row| (row.liars as f64, of(row))).collect()
    };
    let lines = [
        ("guardian spoke, shout", "#0a6", points(0, |row| row.detected)),
        ("guardian spoke, whisper", "#06c", points(1, |row| row.detected)),
        ("carried against the honest, shout", "#c00", points(0, |row| row.flipped)),
        ("carried by the mean of all, shout", "#e90", points(0, |row| row.naive)),
        ("carried by the mean of all, flood", "#a50", points(2, |row| row.naive)),
    ];
    let plot = plot::svg("Poisoned signals: rates over the share of liars", 80.0, 66.67, &lines);
    std::fs::write(docs("guardians.svg"), &plot).unwrap();
    let _ = write!(page, "\nSHA-256 of the plot: `{}`\n", Sha256Digest::of(plot.as_bytes()).to_hex());
    page += "\n## The other guardians\n";
    for (title, scenario, severities, _, measure) in OTHERS {
        let rates = measure(severities, RUNS);
        table(&mut page, title, scenario, &rates);
        assert!(rates[0].rate <= 0.05, "{title}: false alarms {rates:?}");
        assert!(rates.last().unwrap().rate >= 0.9, "{title}: {rates:?}");
    }
    thresholds(&mut page);
    std::fs::write(docs("guardians.md"), &page).unwrap();
}
