//! The N-th call of a command fails, once or from then on, or the command dies there: for every call of every command.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::crash::Part;
use crate::crash::commands::{Scenario, scenarios};
use crate::crash::site::{Answer, Site};
use crate::crash::trace;
use crate::error::Failure;

/// Calls that change something.
const CHANGING: [&str; 16] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
];
/// Calls that look.
const LOOKING: [&str; 7] = ["read", "pread64", "newfstatat", "statx", "getdents64", "flock", "readlink"];
/// Failures after which no more cases are tried.
const FAILURES: u64 = 20;
/// What `timeout` answers where the command was killed.
const KILLED: i32 = 137;

/// What happens at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mishap {
    /// The call fails, and later ones do not.
    Once(&'static str),
    /// The call fails, and so does each later one of its name.
    Ever(&'static str),
    /// The command dies right after the call.
    Death,
}

/// One mishap of one command.
#[derive(Clone, Debug)]
struct Case {
    scenario: usize,
    call: &'static str,
    number: usize,
    mishap: Mishap,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}: {:?}", self.call, self.number, self.mishap)
    }
}

/// Tries cases in any order until the time is up or all were tried.
pub(super) fn run(part: &mut Part) -> Result<String, Failure> {
    trace::ensure()?;
    let scenarios = scenarios(part)?;
    let mut cases = Vec::new();
    for (at, scenario) in scenarios.iter().enumerate() {
        for (call, numbers) in count(part, scenario)? {
            for number in numbers {
                cases.extend(mishaps(call).map(|mishap| Case { scenario: at, call, number, mishap }));
            }
        }
    }
    part.random().shuffle(&mut cases);
    let (mut tried, mut told, mut failed) = (0_u64, 0_u64, 0_u64);
    for case in &cases {
        if !part.has_time() {
            break;
        }
        let Some(scenario) = scenarios.get(case.scenario) else { continue };
        tried += 1;
        match try_case(part, scenario, case) {
            Ok(early) => told += u64::from(early),
            Err(failure) => {
                failed += 1;
                println!("{failure}; `{}`, {case}", scenario.args.join(" "));
            }
        }
        if failed == FAILURES {
            break;
        }
    }
    if failed > 0 {
        return Err(Failure::Crash(format!("{failed} of {tried} cases failed, as told above")));
    }
    let (all, commands) = (cases.len(), scenarios.len());
    Ok(format!(
        "{tried} of {all} cases of {commands} commands; {told} commands ended early, each next one worked, nothing lost"
    ))
}

/// For each call by name, which of them touch the site.
fn count(part: &Part, scenario: &Scenario) -> Result<BTreeMap<&'static str, Vec<usize>>, Failure> {
    let site = scenario.site.copy_to(&part.dir().join("case"))?;
    let log = part.dir().join("trace");
    let traced = format!("trace={},{}", CHANGING.join(","), LOOKING.join(","));
    let answer = site.run_under(&trace::strace(&log, &["-e", &traced]), &scenario.args(), None)?;
    if !matches!(answer.code, Some(0 | 3)) {
        return Err(site.wrong(&format!("`{}` failed: {}", scenario.args.join(" "), answer.told())));
    }
    let text = std::fs::read(&log).map_err(Failure::io(&log))?;
    let mut seen: BTreeMap<&'static str, (usize, Vec<usize>)> = BTreeMap::new();
    for call in trace::calls(&String::from_utf8_lossy(&text)) {
        let Some(name) = CHANGING.iter().chain(&LOOKING).find(|name| **name == call.name) else { continue };
        let (number, touching) = seen.entry(name).or_default();
        *number += 1;
        if call.paths().any(|path| site.dir().join(path).starts_with(site.dir())) {
            touching.push(*number);
        }
    }
    Ok(seen.into_iter().map(|(name, (_, touching))| (name, touching)).collect())
}

fn mishaps(call: &str) -> impl Iterator<Item = Mishap> + use<> {
    let changing = CHANGING.contains(&call);
    let full = [Mishap::Once("ENOSPC"), Mishap::Ever("ENOSPC"), Mishap::Death];
    let broken = [Mishap::Once("EIO"), Mishap::Ever("EIO")];
    broken.into_iter().chain(full.into_iter().filter(move |_| changing))
}

/// Tries one case. Tells whether the command did not come to its end.
fn try_case(part: &Part, scenario: &Scenario, case: &Case) -> Result<bool, Failure> {
    let mut site = scenario.site.copy_to(&part.dir().join("case"))?;
    let (call, number) = (case.call, case.number);
    let inject = match case.mishap {
        Mishap::Once(error) => format!("inject={call}:error={error}:when={number}"),
        Mishap::Ever(error) => format!("inject={call}:error={error}:when={number}+"),
        Mishap::Death => format!("inject={call}:signal=KILL:when={number}"),
    };
    let tracer = trace::strace(Path::new("/dev/null"), &["-e", &format!("trace={call}"), "-e", &inject]);
    let answer = site.run_under(&tracer, &scenario.args(), None)?;
    let dead = case.mishap == Mishap::Death && answer.code == Some(KILLED);
    if !dead {
        check_answer(&site, &answer, case)?;
    }
    let mut memory = scenario.before.clone();
    memory.hear(&answer.out);
    let done = answer.code == Some(0);
    if done {
        scenario.succeed(&mut site, &answer, &mut memory);
    }
    site.check(&memory, !done)?;
    let again = retry(scenario, &site)?;
    memory.hear(&again.out);
    if again.code == Some(0) {
        scenario.succeed(&mut site, &again, &mut memory);
    }
    site.check(&memory, false)?;
    Ok(!done)
}

/// The command once more, with no mishap: it works, says that the first try had worked, or says what to do first.
fn retry(scenario: &Scenario, site: &Site) -> Result<Answer, Failure> {
    let mut again = site.run(&scenario.args(), None)?;
    if let Some((_, help)) = scenario.help.filter(|(code, _)| *code == again.error()) {
        site.must(help, None)?;
        again = site.run(&scenario.args(), None)?;
    }
    let stands = scenario.stands.contains(&again.error().as_str());
    if matches!(again.code, Some(0 | 3)) || stands {
        return Ok(again);
    }
    Err(site.wrong(&format!("the next try fails: {}", again.told())))
}

/// An answer in spite of a mishap: done, something left open, or the machine failed, by name and with a remedy. Never
/// a contradiction, never the caller's fault, never a panic.
fn check_answer(site: &Site, answer: &Answer, case: &Case) -> Result<(), Failure> {
    let envelope = answer.envelope();
    let has =
        |name: &str| envelope.pointer(name).and_then(serde_json::Value::as_str).is_some_and(|text| !text.is_empty());
    // Where standard output itself failed, standard error is all there is; where no write works, nothing is.
    let mute = case.call == "write" && matches!(case.mishap, Mishap::Ever(_));
    let named = has("/error/code") && has("/error/remedy") || answer.err.contains("error: ") || mute;
    match answer.code {
        Some(0 | 3) => Ok(()),
        Some(4) if named => Ok(()),
        // Before the program runs, the system's loader fails in its own way.
        Some(127) if answer.out.is_empty() => Ok(()),
        _ => Err(site.wrong(&format!("a mishap is answered with {}", answer.told()))),
    }
}
