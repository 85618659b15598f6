//! The model checks of the gate: TLC over `spec/`, the real code's logs held to the same specification, stateright and the
//! random walks over the real transition.
//!
//! A guard that is turned off must break its invariant, and a doctored log must be refused: where one is not, the command
//! fails, since then the check sees nothing.

mod tlc;
mod trace;

use std::collections::BTreeMap;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

use tlc::{Report, Tlc};

/// Walks unless told. `cargo test` makes 1,000, one in a hundred of the long form.
const WALKS: u64 = 200;
/// From here on the walks are built with optimisation, which costs a build of its own.
const WALKS_RELEASE: u64 = 5_000;

/// A configuration that must break an invariant: what is turned off, the invariant, and the bounds it takes.
struct MustFail {
    off: Option<&'static str>,
    breaks: &'static str,
    /// Bounds of time, of policies and of crashes. A counterexample within narrow bounds is one within all wider ones.
    bounds: [u8; 3],
}

const fn off(guard: &'static str, breaks: &'static str, bounds: [u8; 3]) -> MustFail {
    MustFail { off: Some(guard), breaks, bounds }
}

/// What must be seen, or the search saw nothing: its denial is broken with every guard on.
const fn seen(denial: &'static str, bounds: [u8; 3]) -> MustFail {
    MustFail { off: None, breaks: denial, bounds }
}

const MUST_FAIL: &[MustFail] = &[
    off("CheckQuorum", "NoUngatedExecution", [0, 0, 0]),
    off("CheckProposer", "NoUngatedExecution", [0, 0, 0]),
    off("CheckWithdrawn", "NoUngatedExecution", [0, 1, 0]),
    off("CheckEpoch", "ApprovalsEndWithTheEpoch", [0, 0, 0]),
    off("CheckSingle", "NoSecondExecution", [0, 0, 0]),
    off("CheckSingle", "OneIntent", [0, 0, 0]),
    off("CheckAnchor", "PromotedOnAnchorsOnly", [0, 0, 0]),
    off("CheckChange", "EpochByProposalOnly", [0, 0, 0]),
    off("CheckOpen", "RunsInItsEpoch", [0, 0, 0]),
    off("CheckIntent", "OutcomeAfterIntent", [0, 0, 0]),
    off("CheckDurable", "NoSecondExecution", [0, 0, 1]),
    off("CheckRecovery", "NoSecondExecution", [0, 0, 1]),
    seen("NothingSucceeds", [0, 0, 0]),
    seen("EpochStays", [0, 0, 0]),
    seen("NothingIsLost", [0, 0, 1]),
];

/// `cargo xtask model [--walks N]`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let walks = parse(arguments)?;
    let tlc = Tlc::install(tree)?;
    let config = tree.read("spec/Gate.cfg")?;
    search(&tlc, &config)?;
    for case in MUST_FAIL {
        fail(&tlc, &config, case)?;
    }
    traces(tree, &tlc)?;
    run::run(test(tree, "model", false, &[]))?;
    let mut walk = test(tree, "walk", walks >= WALKS_RELEASE, &["random"]);
    walk.env("VAULTMESH_GATE_WALKS", walks.to_string());
    run::run(walk)
}

fn parse(arguments: &[String]) -> Result<u64, Failure> {
    match arguments {
        [] => Ok(WALKS),
        [name, count] if name == "--walks" => match count.parse() {
            Ok(walks) if walks > 0 => Ok(walks),
            _ => Err(Failure::Usage(format!("--walks needs a number from 1, found `{count}`"))),
        },
        _ => Err(Failure::Usage(format!("`model` takes --walks N alone, found `{}`", arguments.join(" ")))),
    }
}

/// A test of vm-dee, with what it prints.
fn test(tree: &Tree, name: &str, optimised: bool, filter: &[&str]) -> std::process::Command {
    let mut command = cargo(tree.root(), &["test", "--quiet"]);
    command.args(optimised.then_some("--release")).args(["--package", "vm-dee", "--test", name]);
    command.args(filter).args(["--", "--nocapture"]);
    command
}

fn search(tlc: &Tlc, config: &str) -> Result<(), Failure> {
    tlc.write("Gate.cfg", config)?;
    let bounds = config.lines().filter(|line| line.contains(" = ") && !line.contains("Check")).map(str::trim);
    println!("bounds: {}", bounds.collect::<Vec<_>>().join(", "));
    let report = tlc.check("Gate.tla", "Gate.cfg", true)?;
    expect(&report, report.is_complete, "Gate")?;
    say("Gate: every invariant holds", &report);
    Ok(())
}

fn say(what: &str, report: &Report) {
    println!("{what}: {} states, {} distinct, {:.0} s", report.generated, report.distinct, report.seconds);
}

/// A failure that ends with the last that TLC said.
fn expect(report: &Report, holds: bool, what: &str) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    println!("{}", report.text);
    Err(Failure::Found(format!("{what} is not as it must be; TLC's words are above")))
}

/// The configuration with one guard off, narrower bounds and one invariant.
fn narrowed(config: &str, case: &MustFail) -> Result<String, Failure> {
    let mut text = config.split("INVARIANTS").next().unwrap_or_default().to_owned();
    let turned = |guard| (format!("  {guard} = TRUE\n"), format!("  {guard} = FALSE\n"));
    let mut changes: Vec<(String, String)> = case.off.map(turned).into_iter().collect();
    for (name, bound) in ["NowMax", "PoliciesMax", "CrashesMax"].into_iter().zip(case.bounds) {
        changes.push((format!("  {name} = 1\n"), format!("  {name} = {bound}\n")));
    }
    for (from, to) in changes {
        if !text.contains(&from) {
            return Err(Failure::Missing(format!("spec/Gate.cfg has no line `{}`", from.trim())));
        }
        text = text.replace(&from, &to);
    }
    text.push_str("INVARIANT ");
    text.push_str(case.breaks);
    text.push('\n');
    Ok(text)
}

fn fail(tlc: &Tlc, config: &str, case: &MustFail) -> Result<(), Failure> {
    tlc.write("MustFail.cfg", &narrowed(config, case)?)?;
    let report = tlc.check("Gate.tla", "MustFail.cfg", true)?;
    let what = case.off.map_or_else(|| "all guards on".to_owned(), |guard| format!("{guard} off"));
    expect(&report, report.broken.as_deref() == Some(case.breaks), &format!("{what}: {}", case.breaks))?;
    say(&format!("{what}: breaks {}, as it must", case.breaks), &report);
    Ok(())
}

/// Logs of the real code are read to their ends, doctored ones are not.
fn traces(tree: &Tree, tlc: &Tlc) -> Result<(), Failure> {
    let path = tree.root().join("target/model/traces.jsonl");
    if path.exists() {
        std::fs::remove_file(&path).map_err(Failure::io(&path))?;
    }
    let mut tell = test(tree, "walk", false, &["told"]);
    tell.env("VAULTMESH_GATE_TRACES", &path);
    run::run(tell)?;
    let traces = trace::parse(&std::fs::read_to_string(&path).map_err(Failure::io(&path))?)?;
    let events: usize = traces.iter().map(Vec::len).sum();
    let config = tree.read("spec/GateTrace.cfg")?;
    tlc.write("GateTrace.cfg", &config)?;
    tlc.write("Traces.tla", &trace::module(&traces))?;
    let report = tlc.check("GateTrace.tla", "GateTrace.cfg", false)?;
    // A state before each event, and one at the end of each log.
    let is_read = report.distinct == u64::try_from(events + traces.len()).unwrap_or(u64::MAX);
    expect(&report, report.is_complete && is_read, "a log of the real code")?;
    say(&format!("{} logs of the real code, {events} events: accepted", traces.len()), &report);

    let doctored: Vec<trace::Doctored> = traces.iter().flat_map(trace::doctor).collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &doctored {
        *kinds.entry(one.how).or_default() += 1;
    }
    tlc.write("Doctored.cfg", &format!("{config}  NoneIsRead\n"))?;
    tlc.write("Traces.tla", &trace::module(doctored.iter().map(|one| &one.events)))?;
    let report = tlc.check("GateTrace.tla", "Doctored.cfg", true)?;
    let all = kinds.len() == trace::HOWS && report.is_complete;
    expect(&report, all, "a doctored log")?;
    say(&format!("{} doctored logs: refused", doctored.len()), &report);
    for (how, count) in kinds {
        println!("  {count:>3} {how}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parse(&[]).unwrap(), WALKS);
        assert_eq!(parse(&words("--walks 100000")).unwrap(), 100_000);
        for bad in ["--walks", "--walks 0", "--walks x", "--long"] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_guard_and_every_invariant_has_its_configuration_that_fails() {
        let config = include_str!("../../../spec/Gate.cfg");
        for guard in config.lines().filter_map(|line| line.trim().strip_suffix(" = TRUE")) {
            assert!(MUST_FAIL.iter().any(|case| case.off == Some(guard)), "{guard}");
        }
        for case in MUST_FAIL {
            let text = narrowed(config, case).unwrap();
            assert_eq!(text.matches("= FALSE").count(), usize::from(case.off.is_some()));
            assert!(text.ends_with(&format!("INVARIANT {}\n", case.breaks)), "{text}");
        }
        let (_, invariants) = config.split_once("INVARIANTS").unwrap();
        for invariant in invariants.split_whitespace() {
            assert!(MUST_FAIL.iter().any(|case| case.breaks == invariant), "{invariant}");
        }
    }
}
