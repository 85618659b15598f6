//! `simulate [--seeds N] [--seed S] [--weakness NAME] [--trace] [--must-fail]`: runs seeds from S on, prints what was reached, and fails where a
//! promise was broken or too little happened. With `--trace` one seed, in words. With `--must-fail` each check that is broken on purpose is
//! looked for, and one that goes unseen is a failure.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use vaultmesh_simulate::error::{UsageError, Violation};
use vaultmesh_simulate::{QUIET_MAX, Run, Tally, Weakness, simulate, trace};

/// Seeds unless told.
const SEEDS: u64 = 100;
/// Seeds after which a long run says how far it is.
const PROGRESS: usize = 500;

struct Settings {
    first: u64,
    seeds: u64,
    weakness: Weakness,
    is_traced: bool,
    must_fail: bool,
}

fn parse(arguments: &[String]) -> Result<Settings, UsageError> {
    let mut settings =
        Settings { first: 0, seeds: SEEDS, weakness: Weakness::None, is_traced: false, must_fail: false };
    let mut seeds = None;
    let mut is_single = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let bad = || UsageError::Argument(argument.clone());
        let number = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok()).ok_or_else(bad);
        match argument.as_str() {
            "--seeds" => seeds = Some(number(rest.next())?),
            "--seed" => {
                settings.first = number(rest.next())?;
                is_single = true;
            }
            "--weakness" => {
                settings.weakness = rest.next().and_then(|name| Weakness::parse(name)).ok_or_else(bad)?;
            }
            "--trace" => settings.is_traced = true,
            "--must-fail" => settings.must_fail = true,
            _ => return Err(bad()),
        }
    }
    settings.seeds = seeds.unwrap_or(if is_single { 1 } else { SEEDS }).max(1);
    Ok(settings)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = match parse(&arguments) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("simulate: {error} ({})", error.code());
            return ExitCode::from(2);
        }
    };
    if settings.must_fail {
        return must_fail(&settings);
    }
    if settings.is_traced {
        let (result, log) = trace(settings.first, settings.weakness);
        log.iter().for_each(|line| println!("{line}"));
        return report(settings.first, &result);
    }
    run_all(&settings)
}

/// Runs seeds under each weakness until one fails.
fn must_fail(settings: &Settings) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for weakness in Weakness::MUST_FAIL {
        let seeds = (0..settings.seeds).map(|at| settings.first.wrapping_add(at));
        let found = seeds.into_iter().find_map(|seed| Some((seed, simulate(seed, weakness).err()?)));
        match found {
            Some((seed, violation)) => println!("{}: seen at seed {seed}: {violation}", weakness.name()),
            None => {
                println!("{}: unseen in {} seeds", weakness.name(), settings.seeds);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn report(seed: u64, result: &Result<Run, Violation>) -> ExitCode {
    match result {
        Ok(run) => {
            println!("seed {seed}: {}", hex(&run.digest));
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {seed} fails: {violation} ({})", violation.code());
            ExitCode::FAILURE
        }
    }
}

/// Runs the seeds on all cores; what is printed does not depend on how many there are.
fn run_all(settings: &Settings) -> ExitCode {
    let next = AtomicU64::new(0);
    let has_failed = AtomicBool::new(false);
    let done: Mutex<BTreeMap<u64, Result<Run, Violation>>> = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !has_failed.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= settings.seeds {
                        return;
                    }
                    let seed = settings.first.wrapping_add(at);
                    let result = simulate(seed, settings.weakness);
                    has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    if let Ok(mut done) = done.lock() {
                        done.insert(at, result);
                        if done.len() % PROGRESS == 0 {
                            eprintln!("{} of {} seeds", done.len(), settings.seeds);
                        }
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_default();
    summarise(settings, &done)
}

fn summarise(settings: &Settings, done: &BTreeMap<u64, Result<Run, Violation>>) -> ExitCode {
    let mut tally = Tally::default();
    let mut digest = Sha256::new();
    for (at, result) in done {
        match result {
            Ok(run) => {
                tally.merge(&run.tally);
                digest.update(run.digest);
            }
            Err(_) => {
                let seed = settings.first.wrapping_add(*at);
                let code = report(seed, result);
                println!("replay it with: cargo xtask simulate --seed {seed} --trace");
                return code;
            }
        }
    }
    println!("{tally}");
    println!("seeds {} to {}", settings.first, settings.first.wrapping_add(settings.seeds - 1));
    println!("sessions until honest replicas agree and know it: {QUIET_MAX} are allowed");
    println!("digest of all traces: {}", hex(&digest.finalize()));
    let missing = tally.missing(settings.seeds);
    for (what, least, found) in &missing {
        println!("too little happened: {what}: {found}, and {least} are the least");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
