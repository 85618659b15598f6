//! The command line: one file a command, results to stdout, everything else to stderr.

mod anchor;
mod approve;
mod attest;
mod backup;
mod complete;
mod completions;
mod context;
mod demo;
mod disclose;
mod doctor;
mod epoch;
mod erase;
mod error;
mod execute;
mod export;
mod fields;
#[cfg(feature = "forecast")]
mod forecast;
mod fork;
mod gate;
mod guard;
mod head;
mod horizon;
mod import;
mod init;
mod input;
mod keys;
mod list;
mod man;
mod mesh;
mod output;
mod outside;
mod proposals;
mod propose;
mod prove;
mod query;
mod recipient;
mod record;
mod redact;
mod redact_test;
mod replay;
mod report;
mod restraint;
mod rune;
mod scroll;
mod seal;
mod selection;
mod show;
mod stats;
mod sync;
mod token;
mod trust;
mod usage;
mod verify;
mod verify_bundle;
mod verify_disclosure;
mod verify_equivocation;
mod verify_fork;
mod verify_proof;
mod verify_tiles;
mod withhold;
mod witness;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::render::{Failure, Output, may_paint};
use context::{Context, Global};
use error::CliError;

const EXAMPLES: &str = "\
Examples:
  vaultmesh init                                   make a vault in its usual place
  vaultmesh record tool grep --output '{\"hits\":3}'  record what a tool did
  vaultmesh record mcp -- npx some-mcp-server      record an MCP server's traffic as it happens
  vaultmesh seal create                            seal everything recorded so far
  vaultmesh anchor add SEAL --local                time-stamp the seal
  vaultmesh verify --key KEY --head head.txt       check the whole vault
  vaultmesh demo                                   see all of it, and what tampering looks like

Exit codes:
  0  done; for a check: verified
  1  contradicted: something is proven wrong
  2  usage or malformed input; nothing was written
  3  undecided: something could not be checked, is missing, or is of an unknown format
  4  the machine failed; nothing acknowledged was lost";

/// Evidence ledger: record what tools and agents did, seal it, anchor it, and let anyone verify it offline.
#[derive(Parser)]
#[command(name = "vaultmesh", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Record(record::Record),
    Redact(redact::Redact),
    Rune(rune::Rune),
    Scroll(scroll::Scroll),
    Query(query::Query),
    List(list::List),
    Show(show::Show),
    Seal(seal::Seal),
    Anchor(anchor::Anchor),
    Grant(token::Grant),
    Revoke(token::Revoke),
    Tokens(token::Tokens),
    Keys(keys::Keys),
    Gate(gate::Gate),
    Propose(propose::Propose),
    Replay(replay::Replay),
    Approve(approve::Approve),
    Withhold(withhold::Withhold),
    Execute(execute::Execute),
    Proposals(proposals::Proposals),
    Epoch(epoch::EpochCommand),
    Verify(verify::Verify),
    Guard(guard::Guard),
    Trust(trust::Trust),
    Head(head::Head),
    Witness(witness::Witness),
    Mesh(mesh::Mesh),
    Sync(sync::Sync),
    Horizon(horizon::Horizon),
    Prove(prove::Prove),
    Export(export::Export),
    Report(report::Report),
    Stats(stats::Stats),
    #[cfg(feature = "forecast")]
    Forecast(forecast::Forecast),
    Import(import::Import),
    Backup(backup::Backup),
    Recipient(recipient::Recipient),
    Disclose(disclose::Disclose),
    Erase(erase::Erase),
    VerifyBundle(verify_bundle::VerifyBundle),
    VerifyProof(verify_proof::VerifyProof),
    VerifyDisclosure(verify_disclosure::VerifyDisclosure),
    VerifyFork(verify_fork::VerifyFork),
    VerifyEquivocation(verify_equivocation::VerifyEquivocation),
    VerifyTiles(verify_tiles::VerifyTiles),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Whether stdout belongs to somebody else's traffic, so that results go to stderr.
    fn takes_stdout(&self) -> bool {
        matches!(self, Self::Record(record) if record.is_proxy())
    }

    fn run(self, context: &Context) -> Result<Output, CliError> {
        match self {
            Self::Init(command) => command.run(context),
            Self::Record(command) => command.run(context),
            Self::Redact(command) => command.run(context),
            Self::Rune(command) => command.run(context),
            Self::Scroll(command) => command.run(context),
            Self::Query(command) => command.run(context),
            Self::List(command) => command.run(context),
            Self::Show(command) => command.run(context),
            Self::Seal(command) => command.run(context),
            Self::Anchor(command) => command.run(context),
            Self::Grant(command) => command.run(context),
            Self::Revoke(command) => command.run(context),
            Self::Tokens(command) => command.run(context),
            Self::Keys(command) => command.run(context),
            Self::Gate(command) => command.run(context),
            Self::Propose(command) => command.run(context),
            Self::Replay(command) => command.run(context),
            Self::Approve(command) => command.run(context),
            Self::Withhold(command) => command.run(context),
            Self::Execute(command) => command.run(context),
            Self::Proposals(command) => command.run(context),
            Self::Epoch(command) => command.run(context),
            Self::Verify(command) => command.run(context),
            Self::Guard(command) => command.run(context),
            Self::Trust(command) => command.run(context),
            Self::Head(command) => command.run(context),
            Self::Witness(command) => command.run(context),
            Self::Mesh(command) => command.run(context),
            Self::Sync(command) => command.run(context),
            Self::Horizon(command) => command.run(context),
            Self::Prove(command) => command.run(context),
            Self::Export(command) => command.run(context),
            Self::Report(command) => command.run(context),
            Self::Stats(command) => command.run(context),
            #[cfg(feature = "forecast")]
            Self::Forecast(command) => command.run(context),
            Self::Import(command) => command.run(context),
            Self::Backup(command) => command.run(context),
            Self::Recipient(command) => command.run(context),
            Self::Disclose(command) => command.run(context),
            Self::Erase(command) => command.run(context),
            Self::VerifyBundle(command) => command.run(context),
            Self::VerifyProof(command) => command.run(context),
            Self::VerifyDisclosure(command) => command.run(context),
            Self::VerifyFork(command) => command.run(context),
            Self::VerifyEquivocation(command) => command.run(context),
            Self::VerifyTiles(command) => command.run(context),
            Self::Doctor(command) => command.run(context),
            Self::Demo(command) => command.run(context),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let parsed = Cli::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, command_name(&matches))));
    let (cli, name) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return ExitCode::from(usage::report(&error, &args)),
    };
    let context = Context::new(cli.global, name, cli.command.takes_stdout());
    ExitCode::from(match cli.command.run(&context) {
        Ok(output) => finish(&context, &output),
        Err(error) => fail(&context, &error.into_failure()),
    })
}

/// The whole command as clap knows it, for completions and manuals.
fn whole() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Names of the subcommands that were given, without their arguments.
fn command_name(matches: &ArgMatches) -> String {
    let (mut names, mut at) = (Vec::new(), matches);
    while let Some((name, deeper)) = at.subcommand() {
        names.push(name);
        at = deeper;
    }
    names.join(" ")
}

fn finish(context: &Context, output: &Output) -> u8 {
    let mut out = context.results();
    let written =
        output.write(&context.command, context.format, context.may_paint(), &mut *out).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(context, &CliError::Output(error).into_failure())
        }
        // Whoever closed the pipe has read enough.
        _ => output.exit_code(),
    }
}

/// Reports a failure: for people on stderr, for machines with the results as well.
fn fail(context: &Context, failure: &Failure) -> u8 {
    tell(failure);
    let _ = failure.write(&context.command, context.format, &mut *context.results());
    failure.exit_code
}

/// Tells people. A failure that cannot be told still has its exit code.
fn tell(failure: &Failure) {
    let text = failure.text(may_paint(&io::stderr()));
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use vm_core::id::RowId;
    use vm_core::key::{CosignerKey, NoteKey, SigningIdentity};

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        whole().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  vaultmesh"), "{path} has no examples");
            assert!(command.get_about().is_some(), "{path} has no description");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} has no description", argument.get_id());
            }
            command.get_subcommands().filter(|inner| inner.get_name() != "help").for_each(|inner| walk(inner, &path));
        }
        walk(&whole(), "");
    }

    /// Commands of a line, as a shell would split it, each without what it is redirected to. What stands behind two spaces is said
    /// about the command.
    fn commands(line: &str) -> Vec<Vec<String>> {
        let (mut words, mut quoted, mut before) = (vec![String::new()], false, 'x');
        for char in line.trim_start().chars() {
            match char {
                '\'' => quoted = !quoted,
                ' ' if !quoted && before == ' ' => break,
                ' ' if !quoted => words.push(String::new()),
                _ => words.last_mut().unwrap().push(char),
            }
            before = char;
        }
        words.retain(|word| !word.is_empty());
        let commands = words.split(|word| word == "|");
        commands
            .map(|words| words.split(|word| [">", ">>", "<"].contains(&word.as_str())).next().unwrap().to_vec())
            .collect()
    }

    /// What a reader puts in the place of a word in capitals.
    fn filled_in(word: &str) -> String {
        let key = NoteKey::new("vaultmesh", SigningIdentity::from_seed(&[7; 32]).public()).unwrap();
        match word {
            "KEY" | "example.com/log+33d7b496+AeHT..." => key.to_string(),
            "WITNESS" => CosignerKey::new("vaultmesh", key.public()).unwrap().to_string(),
            "HEX" => key.public().to_string(),
            "SEAL" | "PROPOSAL" | "REPORT" | "ROW" => RowId::from_bytes([1; 16]).to_string(),
            _ => word.to_owned(),
        }
    }

    #[test]
    fn every_example_is_understood() {
        fn walk(command: &clap::Command, found: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.extend(help.lines().filter(|line| line.starts_with("  ")).map(str::to_owned));
            command.get_subcommands().for_each(|inner| walk(inner, found));
        }
        let (mut lines, mut tried) = (Vec::new(), 0);
        walk(&whole(), &mut lines);
        for line in &lines {
            for words in commands(line).iter().filter(|words| words.first().is_some_and(|word| word == "vaultmesh")) {
                let parsed = Cli::command().try_get_matches_from(words.iter().map(|word| filled_in(word)));
                let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches).map(drop));
                assert!(parsed.is_ok(), "{line}\n{}", parsed.unwrap_err());
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }

    #[test]
    fn the_command_is_named_without_its_arguments() {
        let matches = Cli::command().try_get_matches_from(["vaultmesh", "record", "tool", "hunter2"]).unwrap();
        assert_eq!(command_name(&matches), "record tool");
    }
}
