//! Fuzz runs.

mod dictionary;
mod outcome;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{self, Tree};

use outcome::Outcome;

/// Installed where no cargo-fuzz is.
const CARGO_FUZZ: &str = "0.13.2";
/// How long each target runs unless told, in seconds.
const SECONDS: u64 = 60;
/// No input may take longer than this, in seconds; hostile input is promised an answer within two, and a fuzz build is several times slower.
const TIMEOUT: &str = "-timeout=10";
/// Longest input made, in bytes, but for targets with a longer seed: what is wrong with a parser shows in few bytes.
const LENGTH_MAX: u64 = 16 * 1024;
/// Most memory of a run, in MiB: libFuzzer's own default, named so that a change of it does not pass unseen.
const MEMORY: &str = "-rss_limit_mb=2048";
/// Most memory asked for at once, in MiB: four thousand times the longest input, so that no length which an input claims is believed.
const ALLOCATION: &str = "-malloc_limit_mb=64";
/// A folder in memory, for targets that read files.
const IN_MEMORY: &str = "/dev/shm";

/// `cargo xtask fuzz [--seconds N] [TARGET...]`.
///
/// Every chosen target runs, also after one has found something; any finding, and any target that did not run, is a
/// failure at the end.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let (seconds, chosen) = parse(arguments)?;
    let known = targets(tree)?;
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        return Err(Failure::Usage(format!("no fuzz target `{unknown}`; there are {}", known.join(", "))));
    }
    run::ensure_installed(tree.root(), "fuzz", CARGO_FUZZ)?;
    let mut outcomes = Vec::new();
    for target in if chosen.is_empty() { &known } else { &chosen } {
        eprintln!("\n== {target}, {seconds} s");
        outcomes.push(run_target(tree, target, seconds)?);
    }
    println!("{}", outcome::table(&outcomes));
    let bad: Vec<&str> = outcomes.iter().filter(|outcome| !outcome.is_clean()).map(Outcome::target).collect();
    if bad.is_empty() {
        println!("{} targets ran and found nothing", outcomes.len());
        return Ok(());
    }
    Err(Failure::Found(format!("found something, or did not run to the end: {}", bad.join(", "))))
}

fn run_target(tree: &Tree, target: &str, seconds: u64) -> Result<Outcome, Failure> {
    let folder = |path: &str| -> Result<PathBuf, Failure> {
        let path = tree.root().join("fuzz/target").join(path).join(target);
        std::fs::create_dir_all(&path).map_err(Failure::io(&path))?;
        Ok(path)
    };
    // New inputs go to the first folder; the committed seeds, named second, are only read.
    let (found, artifacts, logs) = (folder("found")?, folder("artifacts")?, folder("logs")?);
    let before = entries(&artifacts)?;
    let seeds = tree.root().join("fuzz/seeds").join(target);
    // The toolchain is the one that runs this program: rustup hands it down, and the sanitizer needs its unstable flag.
    let mut command = cargo(tree.root(), &["fuzz", "run", target]);
    command.env("RUSTC_BOOTSTRAP", "1").arg(&found).arg(&seeds);
    if Path::new(IN_MEMORY).is_dir() {
        command.env("TMPDIR", IN_MEMORY);
    }
    command.args(["--", &format!("-max_total_time={seconds}"), TIMEOUT, MEMORY, ALLOCATION, "-print_final_stats=1"]);
    command.arg(format!("-max_len={}", longest(&seeds)?.max(LENGTH_MAX)));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    if let Some(dictionary) = dictionary::of(tree, target)? {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let shown = run::shown(&command);
    eprintln!("$ {shown}");
    let log = logs.join("last.log");
    let file = std::fs::File::create(&log).map_err(Failure::io(&log))?;
    command.stdout(Stdio::null()).stderr(file);
    let status = command.status().map_err(|source| Failure::Start { command: shown, source })?;
    let text = std::fs::read(&log).map_err(Failure::io(&log))?;
    let new = entries(&artifacts)?.into_iter().filter(|path| !before.contains(path)).collect();
    let outcome = Outcome::read(target, status.success(), &String::from_utf8_lossy(&text), new);
    eprintln!("{}", outcome.told(&log));
    Ok(outcome)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(Failure::io(folder))?;
    entries.map(|entry| Ok(entry.map_err(Failure::io(folder))?.path())).collect()
}

fn longest(seeds: &Path) -> Result<u64, Failure> {
    let mut longest = 0;
    for path in entries(seeds)? {
        longest = std::fs::metadata(&path).map_err(Failure::io(&path))?.len().max(longest);
    }
    Ok(longest)
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
            // libFuzzer takes 0 for no end.
            if seconds == 0 {
                return Err(Failure::Usage("--seconds needs a number above 0".to_owned()));
            }
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
        assert!(parse("--seconds 0").is_err());
        assert!(parse("--second 5").is_err());
    }
}
