//! Crashes: the real binary on real disks is killed, loses its power, meets I/O errors and full disks, and shares its vault
//! with others. See `docs/durability.md`.

mod commands;
mod disk;
mod fault;
mod feed;
mod full;
mod kill;
mod memory;
mod order;
mod power;
mod random;
mod site;
mod trace;
mod traced;
mod writers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::crash::random::Random;
use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

/// How long the short form takes, in seconds; CI has it.
const SHORT: u64 = 60;
/// How long the long form takes, in seconds.
const LONG: u64 = 30 * 60;

type Run = fn(&mut Part) -> Result<String, Failure>;

/// The parts, and how many hundredths of the time each has.
const PARTS: [(&str, u64, Run); 5] = [
    ("kill", 15, kill::run),
    ("power", 30, power::run),
    ("fault", 30, fault::run),
    ("full", 10, full::run),
    ("writers", 15, writers::run),
];

/// One part at work: its folder, its choices, and when its time is up.
#[derive(Debug)]
struct Part {
    binary: PathBuf,
    dir: PathBuf,
    random: Random,
    end: Instant,
}

impl Part {
    fn binary(&self) -> &Path {
        &self.binary
    }

    fn dir(&self) -> &Path {
        &self.dir
    }

    fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn has_time(&self) -> bool {
        Instant::now() < self.end
    }
}

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    seconds: u64,
    seed: Option<u64>,
    release: bool,
    parts: Vec<String>,
    /// A folder to work in, and no building before: how the part with a disk of its own runs itself.
    inside: Option<PathBuf>,
}

/// `cargo xtask crash [--long | --seconds N] [--seed N] [--release] [PART...]`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let wish = parse(arguments)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = wish.seed.unwrap_or(now);
    if let Some(dir) = &wish.inside {
        return inside(tree, &wish, seed, dir);
    }
    run::run(build(tree, &wish))?;
    let dir = tree.root().join("target/crash");
    std::fs::create_dir_all(&dir).map_err(Failure::io(&dir))?;
    let dir = dir.canonicalize().map_err(Failure::io(&dir))?;
    // A copy, so that a build meanwhile does not change what is run.
    let copy = dir.join("vaultmesh");
    std::fs::copy(binary(tree, &wish), &copy).map_err(Failure::io(&copy))?;
    let chosen: Vec<_> =
        PARTS.iter().filter(|(name, ..)| wish.parts.is_empty() || wish.parts.iter().any(|part| part == name)).collect();
    let whole: u64 = chosen.iter().map(|(_, share, _)| share).sum();
    let mut failed = Vec::new();
    for (name, share, run) in chosen {
        let seconds = wish.seconds * share / whole.max(1);
        println!("\n== {name}, {seconds} s, seed {seed}");
        let mut part = begin(copy.clone(), dir.join(name), seed, seconds)?;
        match run(&mut part) {
            Ok(figures) => println!("{name}: {figures}"),
            Err(failure) => {
                println!("{name} failed: {failure}");
                println!("again: cargo xtask crash --seed {seed} --seconds {} {name}", wish.seconds);
                failed.push(*name);
            }
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Crash(format!("failed, as told above: {}", failed.join(", ")))),
    }
}

/// The binary as a test of it has it. `cargo test --workspace` has built that one; for the package alone, crates of others have
/// fewer features, and dozens would be built again.
fn build(tree: &Tree, wish: &Wish) -> std::process::Command {
    let words: &[&str] = match wish.release {
        true => &["build", "--quiet", "--release", "--package", "vaultmesh"],
        false => &["test", "--quiet", "--workspace", "--no-run", "--test", "crashes"],
    };
    cargo(tree.root(), words)
}

fn binary(tree: &Tree, wish: &Wish) -> PathBuf {
    tree.root().join("target").join(if wish.release { "release" } else { "debug" }).join("vaultmesh")
}

fn begin(binary: PathBuf, dir: PathBuf, seed: u64, seconds: u64) -> Result<Part, Failure> {
    site::remove(&dir)?;
    std::fs::create_dir_all(&dir).map_err(Failure::io(&dir))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    Ok(Part { binary, dir, random: Random::new(seed), end })
}

/// The part with a disk of its own, once it has it.
fn inside(tree: &Tree, wish: &Wish, seed: u64, dir: &Path) -> Result<(), Failure> {
    let mut part = begin(tree.root().join("target/crash/vaultmesh"), dir.join("work"), seed, wish.seconds)?;
    println!("{}", full::inside(&mut part)?);
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Wish, Failure> {
    let mut wish = Wish { seconds: SHORT, seed: None, release: false, parts: Vec::new(), inside: None };
    let mut rest = arguments.iter();
    let number = |name: &str, text: Option<&String>| {
        let text = text.map_or("nothing", String::as_str);
        text.parse().map_err(|_| Failure::Usage(format!("{name} needs a number, found `{text}`")))
    };
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--long" => (wish.seconds, wish.release) = (LONG, true),
            "--release" => wish.release = true,
            "--seconds" => wish.seconds = number("--seconds", rest.next())?,
            "--seed" => wish.seed = Some(number("--seed", rest.next())?),
            "--inside" => wish.inside = rest.next().map(PathBuf::from),
            part if PARTS.iter().any(|(name, ..)| *name == part) => wish.parts.push(part.to_owned()),
            other => {
                let known = PARTS.map(|(name, ..)| name).join(", ");
                return Err(Failure::Usage(format!("no option or part `{other}` of crash; the parts are {known}")));
            }
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap().seconds, SHORT);
        let long = parse("--long --seed 7 power").unwrap();
        assert_eq!(
            (long.seconds, long.seed, long.release, long.parts),
            (LONG, Some(7), true, vec!["power".to_owned()])
        );
        for bad in ["--seconds", "--seconds five", "--sed 5", "everything"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
