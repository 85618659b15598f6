//! The model checks. Of the gate: TLC over `spec/`, the real code's logs held to the same specification, stateright and the
//! random walks over the real transition. Of equivocation: TLC.
//!
//! A guard that is turned off must break its invariant, and a doctored log must be refused: where one is not, the command
//! fails, since then the check sees nothing.

mod equivocation;
mod tlc;
mod trace;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

use tlc::{Report, Tlc, processors};

/// Walks unless told. `cargo test` makes 1,000, one in a hundred of the long form.
const WALKS: u64 = 200;
/// From here on the walks are built with optimisation, which costs a build of its own.
const WALKS_RELEASE: u64 = 5_000;

/// A configuration that must break an invariant: what is turned off, the invariant, and the bounds it takes.
struct MustFail {
    off: Option<&'static str>,
    breaks: &'static str,
    bounds: Bounds,
}

/// Bounds of time, of policies and of crashes, and the quorum. A counterexample within narrow bounds is one within all wider
/// ones.
type Bounds = [u8; 4];

/// Names of [`Bounds`] with what they are in `spec/Gate.cfg`.
const BOUNDS: [(&str, u8); 4] = [("NowMax", 1), ("PoliciesMax", 1), ("CrashesMax", 1), ("Quorum", 2)];

/// Searched whole besides: whoever was removed is enrolled again; one approval is enough, so that a person decides.
const ALSO: [Bounds; 2] = [[0, 2, 0, 2], [0, 1, 0, 1]];

const fn off(guard: &'static str, breaks: &'static str, bounds: Bounds) -> MustFail {
    MustFail { off: Some(guard), breaks, bounds }
}

/// What must be seen, or the search saw nothing: its denial is broken with every guard on.
const fn seen(denial: &'static str, bounds: Bounds) -> MustFail {
    MustFail { off: None, breaks: denial, bounds }
}

const MUST_FAIL: &[MustFail] = &[
    off("CheckQuorum", "NoUngatedExecution", [0, 0, 0, 2]),
    off("CheckHuman", "NoUngatedExecution", [0, 0, 0, 1]),
    off("CheckProposer", "NoUngatedExecution", [0, 0, 0, 2]),
    off("CheckWithdrawn", "NoUngatedExecution", [0, 1, 0, 2]),
    off("CheckSticky", "NoUngatedExecution", [0, 2, 0, 2]),
    off("CheckExpiry", "NoUngatedExecution", [1, 0, 0, 2]),
    off("CheckEpoch", "ApprovalsEndWithTheEpoch", [0, 0, 0, 2]),
    off("CheckSingle", "NoSecondExecution", [0, 0, 0, 2]),
    off("CheckSingle", "OneIntent", [0, 0, 0, 2]),
    off("CheckSealed", "PromotedOnAnchorsOnly", [0, 0, 0, 2]),
    off("CheckAnchor", "PromotedOnAnchorsOnly", [0, 0, 0, 2]),
    off("CheckChange", "EpochByProposalOnly", [0, 0, 0, 2]),
    off("CheckOpen", "RunsInItsEpoch", [0, 0, 0, 2]),
    off("CheckIntent", "OutcomeAfterIntent", [0, 0, 0, 2]),
    off("CheckFailed", "FailedChangesNoEpoch", [0, 0, 0, 2]),
    off("CheckDurable", "NoUngatedExecution", [0, 0, 0, 2]),
    off("CheckDurable", "NoSecondExecution", [0, 0, 1, 2]),
    off("CheckRecovery", "NoSecondExecution", [0, 0, 1, 2]),
    seen("NothingSucceeds", [0, 0, 0, 2]),
    seen("EpochStays", [0, 0, 0, 2]),
    seen("NothingIsLost", [0, 0, 1, 2]),
];

/// `cargo xtask model [--walks N]`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let walks = parse(arguments)?;
    let tlc = Tlc::install(tree)?;
    let config = tree.read("spec/Gate.cfg")?;
    search(&tlc, &config)?;
    for bounds in ALSO {
        search(&tlc, &bounded(&config, bounds)?)?;
    }
    fail_all(&tlc, &config)?;
    equivocation::run(tree, &tlc)?;
    traces(tree, &tlc)?;
    tested(test(tree, "model", false, &[]))?;
    let mut walk = test(tree, "walk", walks >= WALKS_RELEASE, &["random"]);
    walk.env("VAULTMESH_GATE_WALKS", walks.to_string());
    tested(walk)
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

/// A test of vm-dee, with what it prints. It is asked for as `cargo test --workspace` has built it: for the package alone, crates
/// of others have fewer features, and dozens would be built again.
fn test(tree: &Tree, name: &str, optimised: bool, filter: &[&str]) -> std::process::Command {
    let mut command = cargo(tree.root(), &["test", "--quiet", "--workspace", "--test", name]);
    command.args(optimised.then_some("--release"));
    command.args(filter).args(["--", "--nocapture"]);
    command
}

/// Runs it, and demands that a test ran: a name that no test has runs none, and is no failure to cargo.
fn tested(command: std::process::Command) -> Result<(), Failure> {
    let shown = run::shown(&command);
    let output = run::capture(command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() && text.contains("test result: ok.") && !text.contains("ok. 0 passed") {
        return Ok(());
    }
    Err(Failure::Command { command: shown, status: format!("{}, or no test ran", output.status) })
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

/// The configuration with other bounds.
fn bounded(config: &str, bounds: Bounds) -> Result<String, Failure> {
    let names = BOUNDS.into_iter().zip(bounds);
    names.filter(|((_, found), wanted)| found != wanted).try_fold(config.to_owned(), |text, ((name, found), wanted)| {
        changed(&text, &format!("{name} = {found}"), &format!("{name} = {wanted}"))
    })
}

fn changed(config: &str, from: &str, to: &str) -> Result<String, Failure> {
    let (from, to) = (format!("  {from}\n"), format!("  {to}\n"));
    let text = config.replace(&from, &to);
    let missing = || Failure::Missing(format!("spec/Gate.cfg has no line `{}`", from.trim()));
    (text != config).then_some(text).ok_or_else(missing)
}

/// The configuration with one guard off, narrower bounds and one invariant.
fn narrowed(config: &str, case: &MustFail) -> Result<String, Failure> {
    let mut text = config.split("INVARIANTS").next().unwrap_or_default().to_owned();
    text = bounded(&text, case.bounds)?;
    if let Some(guard) = case.off {
        text = changed(&text, &format!("{guard} = TRUE"), &format!("{guard} = FALSE"))?;
    }
    text.push_str("INVARIANT ");
    text.push_str(case.breaks);
    text.push('\n');
    Ok(text)
}

/// As many at a time as there are processors: each of these searches is short, and most of it is Java's start, which uses one.
fn fail_all(tlc: &Tlc, config: &str) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<Report, Failure>)> {
        let places = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let cases = places.map_while(|place| Some((place, MUST_FAIL.get(place)?)));
        cases.map(|(place, case)| (place, fail(tlc, config, place, case))).collect()
    };
    let lanes = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..processors()).map(|_| scope.spawn(work)).collect();
        lanes.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut reports = BTreeMap::new();
    for lane in lanes {
        reports.extend(lane.map_err(|_| Failure::Found("a search of TLC came to no end".to_owned()))?);
    }
    for (place, case) in MUST_FAIL.iter().enumerate() {
        let missing = || Err(Failure::Found("a search of TLC was left out".to_owned()));
        let report = reports.remove(&place).unwrap_or_else(missing)?;
        let what = case.off.map_or_else(|| "all guards on".to_owned(), |guard| format!("{guard} off"));
        expect(&report, report.broken.as_deref() == Some(case.breaks), &format!("{what}: {}", case.breaks))?;
        say(&format!("{what}: breaks {}, as it must", case.breaks), &report);
    }
    Ok(())
}

fn fail(tlc: &Tlc, config: &str, place: usize, case: &MustFail) -> Result<Report, Failure> {
    let name = format!("MustFail{place}.cfg");
    tlc.write(&name, &narrowed(config, case)?)?;
    tlc.search("Gate.tla", &name, true, 1)
}

/// Logs of the real code are read to their ends, doctored ones are not.
fn traces(tree: &Tree, tlc: &Tlc) -> Result<(), Failure> {
    let path = tree.root().join("target/model/traces.jsonl");
    if path.exists() {
        std::fs::remove_file(&path).map_err(Failure::io(&path))?;
    }
    let mut tell = test(tree, "walk", false, &["told"]);
    tell.env("VAULTMESH_GATE_TRACES", &path);
    tested(tell)?;
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
