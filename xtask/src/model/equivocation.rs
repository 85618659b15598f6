//! TLC over `spec/Equivocation.tla`: searches that must find nothing, rules that are turned off and must be missed.

use crate::error::Failure;
use crate::tree::Tree;

use super::tlc::Tlc;
use super::{expect, say};

/// Constants of `spec/Equivocation.cfg` with other values.
type Bounds = &'static [(&'static str, &'static str)];

/// Searched whole. What one search leaves out is in another; all at once would take hours.
const SEARCHES: &[Bounds] = &[
    &[],
    &[("OpsMax", "3"), ("Revocable", "{b1}")],
    &[("OpsMax", "3"), ("Revocable", "{h1}"), ("VoucherMax", "0")],
    &[("Honest", "{h1}"), ("HonestMax", "2"), ("Revocable", "{b1}"), ("FrontierMax", "2")],
    &[("Honest", "{h1}"), ("HonestMax", "2"), ("OpsMax", "5"), ("ForkerMax", "3")],
];

/// A configuration that must break an invariant: what is turned off, the invariant, and the bounds it takes.
struct MustFail {
    off: Option<&'static str>,
    breaks: &'static str,
    bounds: Bounds,
}

const fn off(rule: &'static str, breaks: &'static str, bounds: Bounds) -> MustFail {
    MustFail { off: Some(rule), breaks, bounds }
}

/// What must be seen, or the search saw nothing: its denial is broken with every rule on.
const fn seen(denial: &'static str, bounds: Bounds) -> MustFail {
    MustFail { off: None, breaks: denial, bounds }
}

/// One honest replica is enough for what no other need see.
const ONE: Bounds = &[("Honest", "{h1}"), ("OpsMax", "3")];
/// No honest operation is needed.
const LIES: Bounds = &[("OpsMax", "2"), ("HonestMax", "0")];
/// An operation of a forked author that only a sealed frontier names.
const NAMED: Bounds = &[("Honest", "{h1}"), ("HonestMax", "2"), ("VoucherMax", "0"), ("Revocable", "{b2}")];

const MUST_FAIL: &[MustFail] = &[
    off("CheckSignature", "NoHonestIsProven", &[("Honest", "{h1}"), ("HonestMax", "2"), ("OpsMax", "2")]),
    off("CheckProof", "ProofsAreForks", ONE),
    off("CheckParent", "ForksAreProven", ONE),
    off("CheckChain", "OwnPastIsAChain", &[("Honest", "{h1}"), ("HonestMax", "0"), ("ForkerMax", "3")]),
    off("CheckVouch", "OneBranchEach", ONE),
    off("CheckMerge", "OneBranchEach", ONE),
    off("CheckSealed", "HonestIsValid", NAMED),
    off("CheckTake", "Agreement", &[("OpsMax", "2"), ("HonestMax", "0"), ("Revocable", "{b2}")]),
    off("CheckProven", "ProvenCountsByOthers", ONE),
    off("CheckPast", "HonestCounts", ONE),
    off("CheckSet", "Agreement", LIES),
    off("CheckFrontier", "RevokedEndsAtTheFrontier", &[("Honest", "{h1}"), ("OpsMax", "2"), ("Revocable", "{b1}")]),
    off(
        "CheckLeast",
        "OneLeastProof",
        &[("OpsMax", "3"), ("HonestMax", "0"), ("ForkerMax", "3"), ("VoucherMax", "0"), ("ForksMax", "3")],
    ),
    seen("AllHoldTheSame", LIES),
    seen("NothingProvenIsNamed", NAMED),
];

/// Every search, and everything that must fail.
pub(super) fn run(tree: &Tree, tlc: &Tlc) -> Result<(), Failure> {
    let config = tree.read("spec/Equivocation.cfg")?;
    for bounds in SEARCHES {
        let text = bounded(&config, bounds)?;
        println!("bounds: {}", values(&text));
        tlc.write("Equivocation.cfg", &text)?;
        let report = tlc.check("Equivocation.tla", "Equivocation.cfg", true)?;
        expect(&report, report.is_complete, "Equivocation")?;
        say("Equivocation: every invariant holds", &report);
    }
    MUST_FAIL.iter().try_for_each(|case| fail(tlc, &config, case))
}

fn fail(tlc: &Tlc, config: &str, case: &MustFail) -> Result<(), Failure> {
    tlc.write("EquivocationFails.cfg", &narrowed(config, case)?)?;
    let report = tlc.check("Equivocation.tla", "EquivocationFails.cfg", true)?;
    let what = case.off.map_or_else(|| "all rules on".to_owned(), |rule| format!("{rule} off"));
    expect(&report, report.broken.as_deref() == Some(case.breaks), &format!("{what}: {}", case.breaks))?;
    say(&format!("{what}: breaks {}, as it must", case.breaks), &report);
    Ok(())
}

/// The bounds of a configuration, for the eye.
fn values(config: &str) -> String {
    let is_bound = |line: &&str| line.contains("Max = ") || line.contains(" = {");
    config.lines().filter(is_bound).map(str::trim).collect::<Vec<_>>().join(", ")
}

/// The configuration with other bounds.
fn bounded(config: &str, bounds: Bounds) -> Result<String, Failure> {
    bounds.iter().try_fold(config.to_owned(), |text, (name, value)| set(&text, name, value))
}

/// The configuration with one constant set.
fn set(config: &str, name: &str, value: &str) -> Result<String, Failure> {
    let start = format!("  {name} = ");
    if !config.lines().any(|line| line.starts_with(&start)) {
        return Err(Failure::Missing(format!("spec/Equivocation.cfg has no line `{}`", start.trim())));
    }
    let line = |line: &str| if line.starts_with(&start) { format!("{start}{value}\n") } else { format!("{line}\n") };
    Ok(config.lines().map(line).collect())
}

/// The configuration with one rule off, narrower bounds and one invariant.
fn narrowed(config: &str, case: &MustFail) -> Result<String, Failure> {
    let mut text = bounded(config.split("INVARIANTS").next().unwrap_or_default(), case.bounds)?;
    if let Some(rule) = case.off {
        text = set(&text, rule, "FALSE")?;
    }
    text.push_str(&format!("INVARIANT {}\n", case.breaks));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_every_invariant_has_its_configuration_that_fails() {
        let config = include_str!("../../../spec/Equivocation.cfg");
        for rule in config.lines().filter_map(|line| line.trim().strip_suffix(" = TRUE")) {
            assert!(MUST_FAIL.iter().any(|case| case.off == Some(rule)), "{rule}");
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

    #[test]
    fn every_bound_that_is_set_is_there() {
        let config = include_str!("../../../spec/Equivocation.cfg");
        for bounds in SEARCHES {
            let text = bounded(config, bounds).unwrap();
            assert!(bounds.iter().all(|(name, value)| text.contains(&format!("  {name} = {value}\n"))), "{text}");
        }
        assert!(bounded(config, &[("None", "0")]).is_err());
    }
}
