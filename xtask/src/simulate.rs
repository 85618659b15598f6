//! `cargo xtask simulate [--seeds N] [--seed S] [...]`: replicas, liars and a bad network, one seed after the other.

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

/// Seeds that CI runs: one in a hundred of the long form.
const SEEDS: u64 = 100;
/// From here on the simulator is built with optimisation, which costs a build of its own.
const SEEDS_RELEASE: u64 = 1_000;

/// Hands all arguments on to the simulator, which prints what it reached and fails where a promise was broken or too little happened.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let mut command = cargo(tree.root(), &["run", "--quiet"]);
    command.args(is_long(arguments).then_some("--release"));
    command.args(["--package", "vaultmesh-simulate", "--bin", "simulate", "--"]).args(arguments);
    run::run(command)
}

/// The short form that CI runs.
pub(crate) fn short(tree: &Tree) -> Result<(), Failure> {
    run(tree, &["--seeds".to_owned(), SEEDS.to_string()])
}

fn is_long(arguments: &[String]) -> bool {
    let seeds = arguments.iter().skip_while(|argument| *argument != "--seeds").nth(1);
    seeds.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= SEEDS_RELEASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_seeds_are_worth_an_optimised_build() {
        let of = |text: &str| is_long(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(!of("") && !of("--seed 5000") && !of("--seeds 100") && !of("--seeds many"));
        assert!(of("--seeds 1000") && of("--seed 7 --seeds 10000"));
    }
}
