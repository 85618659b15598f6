//! Mutation tests: the code is changed in one place after the other, and each time some test must fail.
//!
//! What is mutated stands in `mutants/groups.toml`, what came of it in `mutants/GROUP.txt`, and why a mutant may survive
//! in `mutants/survivors.toml`. `docs/mutants.md` is made from the three.

mod group;
mod page;
mod record;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

use group::{Group, Survivor};
use record::Record;

pub(crate) use page::{PATH as PAGE, page};

/// Installed where no cargo-mutants is.
const CARGO_MUTANTS: &str = "27.1.0";
/// A run of the tests may take this many times as long as without a mutant: a loop that no longer ends is caught so.
const TIMEOUT_TIMES: &str = "5";
/// Shortest time that a run of the tests is given, in seconds: the machine may be busy with other things.
const TIMEOUT_LEAST: &str = "60";
/// What a test program may take of memory, as cargo's configuration: a loop that no longer ends may fill it faster than the time
/// runs out. The run without a mutant comes first and has the same 4 GiB of addresses, so they suffice where there is no such loop.
const MEMORY_MOST: &str = r#"target.'cfg(target_os = "linux")'.runner = ["prlimit", "--as=4294967296"]"#;

/// Cases of each property, a quarter of the usual: a mutant that only the rest would see is caught by too little.
const PROPTEST_CASES: &str = "64";

/// One of `of` equal parts of a group, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shard {
    at: u32,
    of: u32,
}

/// `cargo xtask mutants [--shard K/N] [GROUP...]`.
///
/// What is tested is the commit that is checked out, in a clone of its own, so that work in progress neither disturbs a
/// run nor is recorded as tested.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let (shard, chosen) = parse(arguments)?;
    let groups = group::read(tree)?;
    if let Some(unknown) = chosen.iter().find(|name| !groups.iter().any(|group| group.name == **name)) {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        return Err(Failure::Usage(format!("no group `{unknown}`; there are {}", names.join(", "))));
    }
    run::ensure_installed(tree.root(), "mutants", CARGO_MUTANTS)?;
    let _lock = lock(tree)?;
    let commit = clone(tree)?;
    let survivors = group::survivors(tree)?;
    let mut complaints = Vec::new();
    for group in groups.iter().filter(|group| chosen.is_empty() || chosen.contains(&group.name)) {
        complaints.extend(run_group(tree, group, shard, &commit, &survivors)?);
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(Failure::Found(format!("{} complaint(s), listed above", complaints.len())))
    }
}

fn run_group(
    tree: &Tree,
    group: &Group,
    shard: Shard,
    commit: &str,
    survivors: &[Survivor],
) -> Result<Vec<String>, Failure> {
    let folder = tree.root().join("target/mutants/runs").join(commit).join(&group.name);
    std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
    let start = Instant::now();
    let raw = mutate(tree, group, shard, &folder)?;
    let record = Record::of_run(commit, start.elapsed().as_secs(), &raw)?;
    write(&folder.join(format!("{}-of-{}.txt", shard.at, shard.of)), &record.to_text())?;
    let mut parts = Vec::new();
    for at in 0..shard.of {
        let path = folder.join(format!("{at}-of-{}.txt", shard.of));
        if path.exists() {
            let text = std::fs::read_to_string(&path).map_err(Failure::io(&path))?;
            parts.push(Record::parse(&text).map_err(Failure::Missing)?);
        }
    }
    println!("{}: {}", group.name, record.told());
    if u32::try_from(parts.len()) != Ok(shard.of) {
        println!(
            "{} of {} shards of {} ran at this commit; nothing is recorded yet",
            parts.len(),
            shard.of,
            group.name
        );
        return Ok(record.unlisted(group, survivors));
    }
    let whole = Record::merge(parts);
    write(&tree.root().join(group.record_path()), &whole.to_text())?;
    println!("recorded in {}; `cargo xtask docs` writes the page", group.record_path());
    Ok(whole.complaints(group, survivors))
}

/// Runs cargo-mutants over the clone and gives what it wrote.
fn mutate(tree: &Tree, group: &Group, shard: Shard, folder: &Path) -> Result<Vec<u8>, Failure> {
    let out = folder.join(format!("raw-{}-of-{}", shard.at, shard.of));
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(Failure::io(&out))?;
    }
    let mut command = cargo(&copy(tree), &["mutants", "--in-place", "--package", &group.package]);
    for file in &group.files {
        command.args(["--file", file]);
    }
    command.args(["--shard", &format!("{}/{}", shard.at, shard.of)]);
    command.args(["--timeout-multiplier", TIMEOUT_TIMES, "--minimum-test-timeout", TIMEOUT_LEAST]);
    for option in &group.tests {
        // Said of building as well, where the words behind `--` are not: every program of the package would be linked anew.
        command.arg(format!("--cargo-arg={option}"));
    }
    command.args(["--cargo-arg=--config", &format!("--cargo-arg={MEMORY_MOST}")]);
    command.arg("--output").arg(&out).arg("--").args(&group.only);
    // Outside vectors are left out: what the tests of this repository do not see is not tested by it.
    command.env("VAULTMESH_VECTORS", folder.join("none"));
    command.env("CARGO_TARGET_DIR", tree.root().join("target/mutants/build"));
    // Nobody debugs a mutant; optimized a little, the tests take a fifth of the time. Optimized across its units as well, a
    // crate would be built whole for each mutant: two thirds of the time went there.
    command.envs([
        ("CARGO_PROFILE_DEV_DEBUG", "0"),
        ("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
        ("CARGO_PROFILE_DEV_LTO", "off"),
    ]);
    command.env("CARGO_INCREMENTAL", "1");
    // One case that fails is enough; nobody reads it, so it need not be made smaller.
    command.envs([("PROPTEST_CASES", PROPTEST_CASES), ("PROPTEST_MAX_SHRINK_ITERS", "0")]);
    // A case that one mutant failed would be tried first on all others, and on the code itself.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    let shown = run::shown(&command);
    eprintln!("$ {shown}");
    let status = command.status().map_err(|source| Failure::Start { command: shown.clone(), source })?;
    // 2: some survived, 3: some ran into the time limit. Everything else means that it was not done.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(Failure::Command { command: shown, status: status.to_string() });
    }
    let path = out.join("mutants.out/outcomes.json");
    std::fs::read(&path).map_err(Failure::io(path))
}

/// Keeps a second run out of the clone; holds until it is dropped.
fn lock(tree: &Tree) -> Result<std::fs::File, Failure> {
    let folder = tree.root().join("target/mutants");
    std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
    let path = folder.join("lock");
    let file = std::fs::File::create(&path).map_err(Failure::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Failure::Missing(format!("another run holds {}", path.display()))),
    }
}

fn copy(tree: &Tree) -> PathBuf {
    tree.root().join("target/mutants/tree")
}

/// Brings the clone to the commit that is checked out and gives the commit. Files that did not change keep their times, so
/// that builds go on from the last run.
fn clone(tree: &Tree) -> Result<String, Failure> {
    let copy = copy(tree);
    let git = |folder: &Path, arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(folder).args(arguments);
        command
    };
    let head = run::capture(git(tree.root(), &["rev-parse", "--short=12", "HEAD"]))?;
    let commit = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    if !head.status.success() || commit.is_empty() {
        return Err(Failure::Missing("no commit is checked out, and a run is recorded by its commit".to_owned()));
    }
    if !copy.join(".git").exists() {
        let text = copy.display().to_string();
        run::run(git(tree.root(), &["clone", "--quiet", "--no-checkout", ".", &text]))?;
    }
    run::run(git(&copy, &["fetch", "--quiet", "origin", "HEAD"]))?;
    run::run(git(&copy, &["checkout", "--quiet", "--force", "--detach", &commit]))?;
    Ok(commit)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(Failure::io(path))
}

/// What is wrong with the records as they stand: survivors without a reason, reasons without a survivor.
pub(crate) fn standing_complaints(tree: &Tree) -> Result<Vec<String>, Failure> {
    let survivors = group::survivors(tree)?;
    let groups = group::read(tree)?;
    let mut complaints = group::strangers(&groups, &survivors);
    for group in &groups {
        if let Some(record) = read_record(tree, group)? {
            complaints.extend(record.complaints(group, &survivors));
        }
    }
    Ok(complaints)
}

fn read_record(tree: &Tree, group: &Group) -> Result<Option<Record>, Failure> {
    let path = group.record_path();
    if !tree.has(&path) {
        return Ok(None);
    }
    let fault = |reason| Failure::Missing(format!("{path}: {reason}"));
    Record::parse(&tree.read(&path)?).map(Some).map_err(fault)
}

fn parse(arguments: &[String]) -> Result<(Shard, Vec<String>), Failure> {
    let mut shard = Shard { at: 0, of: 1 };
    let mut chosen = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--shard" {
            let text = rest.next().map(String::as_str).unwrap_or_default();
            let fault = || Failure::Usage(format!("--shard needs K/N with K from 0 and below N, found `{text}`"));
            let (at, of) = text.split_once('/').ok_or_else(fault)?;
            shard = Shard { at: at.parse().map_err(|_| fault())?, of: of.parse().map_err(|_| fault())? };
            if shard.at >= shard.of {
                return Err(fault());
            }
        } else if argument.starts_with('-') {
            return Err(Failure::Usage(format!("unknown option `{argument}`")));
        } else {
            chosen.push(argument.clone());
        }
    }
    Ok((shard, chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), (Shard { at: 0, of: 1 }, vec![]));
        assert_eq!(parse("--shard 1/4 audit").unwrap(), (Shard { at: 1, of: 4 }, vec!["audit".to_owned()]));
        for bad in ["--shard", "--shard 4/4", "--shard a/4", "--shard 1", "--jobs 2"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_records_of_this_tree_hold() {
        let complaints = standing_complaints(&Tree::open().unwrap()).unwrap();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
