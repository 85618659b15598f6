//! The house: what CI runs, the tidy rules, generated pages, fuzz, crash and bench runs.
//!
//! In scope: checks about the workspace as a whole. Out of scope: tests of what a crate does, which live in that crate.

mod arrows;
mod bench;
mod ci;
mod crash;
mod deny;
mod docs;
mod error;
mod features;
mod fuzz;
mod interop;
mod model;
mod msrv;
mod mutants;
mod package;
mod run;
mod semver;
mod simulate;
mod tidy;
mod tree;

use std::process::ExitCode;

use crate::error::Failure;
use crate::tree::Tree;

const USAGE: &str = "usage: cargo xtask COMMAND

  ci                              everything that must hold before a change is accepted, but the tests
  tidy                            the rules of the house
  docs                            write the generated pages of docs/spec
  deny                            show that deny.toml refuses every forbidden arrow
  fuzz [--seconds N] [TARGET...]  run the fuzz targets, 60 seconds each unless told
  package [--verify]              pack every crate and check what others would download
  features                        check every crate with no feature, each alone, and all
  msrv                            the oldest compiler that is promised is the one that is used
  semver [--baseline REVISION] [--allow-no-tag]
                                  compare the public interfaces with the last tag
  mutants [--shard K/N] [GROUP...]
                                  change the code in one place after the other: each time some test must fail
  crash [--long | --seconds N] [--seed N] [PART...]
                                  kill the real binary, take its power, its disk and its I/O: nothing acknowledged is lost
  interop [--python PROGRAM] [--dry]
                                  have foreign clients check what the binary makes, and check what they make
  model [--walks N]               check the gate and equivocation: specifications by TLC, logs of the code held to them, stateright, random walks
                                  (200 unless told; 100,000 is the long form)
  simulate [--seeds N] [--seed S] [--trace] [--must-fail]
                                  replicas, liars and a bad network, the same for the same seed (100 seeds unless told; 10,000 is
                                  the long form)
  bench [peers] [ARGUMENT...]     the table of ratios, or that of replication beside automerge, yrs and loro; arguments go to the program
                                  (--json, --quick, ROW...)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            match failure {
                Failure::Usage(_) => {
                    eprint!("\n{USAGE}");
                    ExitCode::from(2)
                }
                Failure::Undecided(_) => ExitCode::from(3),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let (command, rest) = arguments.split_first().ok_or_else(|| Failure::Usage("no command given".to_owned()))?;
    if matches!(command.as_str(), "help" | "--help" | "-h") {
        print!("{USAGE}");
        return Ok(());
    }
    let tree = Tree::open()?;
    match (command.as_str(), rest) {
        ("ci", []) => ci::run(&tree),
        ("tidy", []) => tidy::run(&tree),
        ("docs", []) => docs::write(&tree),
        ("deny", []) => deny::self_test(&tree),
        ("crash", rest) => crash::run(&tree, rest),
        ("fuzz", rest) => fuzz::run(&tree, rest),
        ("interop", rest) => interop::run(&tree, rest),
        ("model", rest) => model::run(&tree, rest),
        ("mutants", rest) => mutants::run(&tree, rest),
        ("package", []) => package::run(&tree, false),
        ("package", [verify]) if verify == "--verify" => package::run(&tree, true),
        ("features", []) => features::check(&tree),
        ("msrv", []) => msrv::check(&tree),
        ("semver", rest) => semver::run(&tree, rest),
        ("simulate", rest) => simulate::run(&tree, rest),
        ("bench", rest) => bench::run(&tree, rest),
        ("ci" | "tidy" | "docs" | "deny" | "package" | "features" | "msrv", [surplus, ..]) => {
            Err(Failure::Usage(format!("`{command}` takes no argument, found `{surplus}`")))
        }
        _ => Err(Failure::Usage(format!("unknown command `{command}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_command_and_every_step_of_ci() {
        let readme = include_str!("../README.md");
        let is_name = |line: &&str| line.starts_with("  ") && line.chars().nth(2).is_some_and(|char| char != ' ');
        let commands: Vec<&str> =
            USAGE.lines().filter(is_name).filter_map(|line| line.split_whitespace().next()).collect();
        assert!(commands.len() > 12, "{commands:?}");
        for command in commands {
            assert!(readme.contains(&format!("\n| `cargo xtask {command}")), "{command}");
        }
        let row = readme.lines().find(|line| line.starts_with("| `cargo xtask ci`")).unwrap();
        let steps = row.split_once("in this order: ").unwrap().1.split(", ");
        assert_eq!(steps.count(), ci::steps(), "{row}");
    }
}
