//! Fuzz runs.

use std::path::PathBuf;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{self, Tree};

/// Installed where no cargo-fuzz is.
const CARGO_FUZZ: &str = "0.13.2";
/// How long each target runs unless told, in seconds.
const SECONDS: u64 = 60;
/// No input may take longer than this, in seconds; hostile input is promised an answer within two, and a fuzz build is several times slower.
const TIMEOUT: &str = "-timeout=10";
/// Most memory of a run, in MiB: libFuzzer's own default, named so that a change of it does not pass unseen.
const MEMORY: &str = "-rss_limit_mb=2048";

/// `cargo xtask fuzz [--seconds N] [TARGET...]`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let (seconds, chosen) = parse(arguments)?;
    let known = targets(tree)?;
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        return Err(Failure::Usage(format!("no fuzz target `{unknown}`; there are {}", known.join(", "))));
    }
    run::ensure_installed(tree.root(), "fuzz", CARGO_FUZZ)?;
    for target in if chosen.is_empty() { &known } else { &chosen } {
        println!("\n== {target}, {seconds} s");
        run_target(tree, target, seconds)?;
    }
    Ok(())
}

fn run_target(tree: &Tree, target: &str, seconds: u64) -> Result<(), Failure> {
    // New inputs go to the first folder; the committed corpus, named second, is only read.
    let found: PathBuf = tree.root().join("fuzz/target/found").join(target);
    std::fs::create_dir_all(&found).map_err(Failure::io(&found))?;
    // The toolchain is the one that runs this program: rustup hands it down, and the sanitizer needs its unstable flag.
    let mut command = cargo(tree.root(), &["fuzz", "run", target]);
    command.env("RUSTC_BOOTSTRAP", "1").arg(&found);
    let seeds = format!("fuzz/corpus/{target}");
    if tree.has(&seeds) {
        command.arg(seeds);
    }
    command.args(["--", &format!("-max_total_time={seconds}"), TIMEOUT, MEMORY]);
    let dictionary = format!("fuzz/dictionaries/{target}.dict");
    if tree.has(&dictionary) {
        command.arg(format!("-dict={dictionary}"));
    }
    run::run(command)
}

fn targets(tree: &Tree) -> Result<Vec<String>, Failure> {
    let manifest = tree::read_toml(&tree.root().join("fuzz/Cargo.toml"))?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    Ok(bins.filter_map(|bin| bin.get("name").and_then(toml::Value::as_str)).map(str::to_owned).collect())
}

fn parse(arguments: &[String]) -> Result<(u64, Vec<String>), Failure> {
    let mut seconds = SECONDS;
    let mut chosen = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let text = rest.next().ok_or_else(|| Failure::Usage("--seconds needs a number".to_owned()))?;
            seconds = text.parse().map_err(|_| Failure::Usage(format!("--seconds needs a number, found `{text}`")))?;
        } else if argument.starts_with('-') {
            return Err(Failure::Usage(format!("unknown option `{argument}`")));
        } else {
            chosen.push(argument.clone());
        }
    }
    Ok((seconds, chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), (SECONDS, vec![]));
        assert_eq!(parse("--seconds 5 seal_bundle").unwrap(), (5, vec!["seal_bundle".to_owned()]));
        assert!(parse("--seconds").is_err());
        assert!(parse("--seconds five").is_err());
        assert!(parse("--second 5").is_err());
    }
}
