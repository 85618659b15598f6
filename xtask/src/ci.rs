//! Everything that must hold before a change is accepted, but the tests.

use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;
use crate::{crash, deny, features, model, msrv, package, semver, simulate, tidy};

/// Installed where no cargo-deny is. Bump it by hand, with a look at its changelog.
const CARGO_DENY: &str = "0.20.2";

type Step = (&'static str, fn(&Tree) -> Result<(), Failure>);

const STEPS: &[Step] = &[
    ("format", format),
    ("clippy", clippy),
    ("docs", docs),
    ("deny", deny_check),
    ("deny self-test", deny::self_test),
    ("tidy", tidy::run),
    ("oldest compiler", msrv::check),
    ("features", features::check),
    ("packages", packages),
    ("public interfaces", interfaces),
    ("fuzz targets compile", fuzz),
    ("a crate outside the workspace", outside),
    ("model, short form", models),
    ("crashes, short form", crashes),
    ("simulator, short form", simulate::short),
];

/// How many steps there are.
#[cfg(test)]
pub(crate) const fn steps() -> usize {
    STEPS.len()
}

/// `cargo xtask ci`: runs the steps in order and stops at the first that fails.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step(tree);
        times.push((name, start.elapsed()));
        if let Err(failure) = result {
            println!("\nci stopped at: {name}");
            return Err(failure);
        }
    }
    println!("\n== all {} steps hold", times.len());
    for (name, time) in &times {
        println!("{:>8.1} s  {name}", time.as_secs_f64());
    }
    Ok(())
}

fn format(tree: &Tree) -> Result<(), Failure> {
    run::run(cargo(tree.root(), &["fmt", "--all", "--check"]))
}

fn clippy(tree: &Tree) -> Result<(), Failure> {
    run::run(cargo(
        tree.root(),
        &["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"],
    ))
}

fn docs(tree: &Tree) -> Result<(), Failure> {
    let mut command = cargo(tree.root(), &["doc", "--workspace", "--no-deps", "--all-features", "--quiet"]);
    // With examples, crates of others have the features that they have with tests, and are not checked again.
    command.args(["--lib", "--bins", "--examples"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run::run(command)
}

fn deny_check(tree: &Tree) -> Result<(), Failure> {
    run::ensure_installed(tree.root(), "deny", CARGO_DENY)?;
    run::run(cargo(tree.root(), &["fetch", "--locked", "--quiet"]))?;
    run::run(cargo(
        tree.root(),
        &["deny", "--offline", "check", "--allow", "unused-wrapper", "bans", "licenses", "sources"],
    ))
}

fn packages(tree: &Tree) -> Result<(), Failure> {
    package::run(tree, false)
}

/// Before the first release there is nothing to compare with, which the step says.
fn interfaces(tree: &Tree) -> Result<(), Failure> {
    semver::run(tree, &["--allow-no-tag".to_owned()])
}

/// Checks the targets without linking libFuzzer, which would need a C++ compiler. What they check is tested with the
/// workspace: the oracles belong to it.
fn fuzz(tree: &Tree) -> Result<(), Failure> {
    let words = ["check", "--quiet", "--no-default-features", "--bins"];
    run::run(run::beside(tree, &tree.root().join("fuzz"), &words)?)
}

fn outside(tree: &Tree) -> Result<(), Failure> {
    if !tree.has("examples/outside/Cargo.toml") {
        return Err(Failure::Missing(
            "examples/outside is not there, so nothing shows that vm-seal stands alone".into(),
        ));
    }
    let words = ["check", "--quiet", "--all-targets"];
    run::run(run::beside(tree, &tree.root().join("examples/outside"), &words)?)
}

fn models(tree: &Tree) -> Result<(), Failure> {
    model::run(tree, &[])
}

fn crashes(tree: &Tree) -> Result<(), Failure> {
    crash::run(tree, &[])
}
