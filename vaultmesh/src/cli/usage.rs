//! Wrong usage, told without repeating values: a secret may have slipped into the wrong argument.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use vaultmesh::error::{EXIT_MACHINE, EXIT_USAGE};

use crate::render::{Failure, Format};

/// Longest word of the caller's that is repeated, in bytes: longer than any command or option.
const WORD_MAX: usize = 24;

/// Shortest part of a value that is looked for in an error, in characters: shorter ones stand in any text.
const PART_MIN: usize = 4;

/// Reports what clap stopped for, and gives the exit code: help and version are no failures.
pub(super) fn report(error: &clap::Error, args: &[OsString]) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.render();
        let paint = io::stdout().is_terminal() && crate::render::may_paint(&io::stdout());
        let text = if paint { text.ansi().to_string() } else { text.to_string() };
        return match io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => EXIT_MACHINE,
            _ => 0,
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && wanted_format(args) == Format::Human {
        let _ = io::stderr().lock().write_all(error.render().to_string().as_bytes());
        return EXIT_USAGE;
    }
    let failure = Failure {
        code: "usage".to_owned(),
        message: message(error),
        remedy: "See `vaultmesh --help`, or --help after the command.".to_owned(),
        exit_code: EXIT_USAGE,
        findings: Vec::new(),
    };
    super::tell(&failure);
    let _ = failure.write("", wanted_format(args), &mut io::stdout().lock());
    failure.exit_code
}

/// The kind of fault, the argument it is in and what would be right: words of ours, not of the caller.
fn message(error: &clap::Error) -> String {
    let mut text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing".to_owned(),
        kind => kind.as_str().unwrap_or("wrong usage").to_owned(),
    };
    // What clap does not know is the caller's word, which is said back only where it is a slip of one of ours.
    let is_known = error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some();
    for (kind, value) in error.context() {
        let (label, safe): (&str, fn(&str) -> Option<String>) = match kind {
            ContextKind::InvalidArg | ContextKind::PriorArg if is_known => ("", argument_name),
            ContextKind::ValidValue | ContextKind::ValidSubcommand => ("; possible: ", own),
            ContextKind::SuggestedArg | ContextKind::SuggestedSubcommand => ("; similar: ", own),
            _ => continue,
        };
        let values: Vec<String> = match value {
            ContextValue::String(value) => safe(value).into_iter().collect(),
            ContextValue::Strings(values) => values.iter().filter_map(|value| safe(value)).collect(),
            _ => continue,
        };
        if !values.is_empty() {
            text.push_str(if label.is_empty() { ": " } else { label });
            text.push_str(&values.join(", "));
        }
    }
    let given = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    if let Some(source) = error.source().map(ToString::to_string).filter(|source| !repeats(source, given)) {
        text.push_str(&format!(": {source}"));
    }
    text
}

/// Whether a text holds a part of what was given: our own words of why it is wrong do not, but an error of another crate may.
fn repeats(text: &str, given: &str) -> bool {
    let mut parts = given.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() >= PART_MIN);
    parts.any(|part| text.contains(part))
}

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An option or placeholder without its value; nothing of what stands alone.
fn argument_name(text: &str) -> Option<String> {
    let name = text.split('=').next().unwrap_or_default();
    let is_short = name.len() == 2 && name.starts_with('-');
    let ours = name.starts_with("--") || name.starts_with('<') || name.starts_with('[') || is_short;
    (ours && name.len() <= 2 * WORD_MAX).then(|| name.to_owned())
}

/// The format asked for, looked for by hand since parsing failed.
fn wanted_format(args: &[OsString]) -> Format {
    let mut words = args.iter().filter_map(|arg| arg.to_str()).take_while(|arg| *arg != "--");
    let mut found = Format::default();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--format") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(format) = value.and_then(|value| <Format as clap::ValueEnum>::from_str(value, false).ok()) {
            found = format;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn told(args: &[&str]) -> String {
        message(&super::super::Cli::command().try_get_matches_from(args).unwrap_err())
    }

    #[test]
    fn values_are_not_repeated() {
        for args in [
            &["vaultmesh", "record", "tool", "grep", "hunter2"][..],
            &["vaultmesh", "record", "tool", "grep", "--inptu=hunter2"],
            &["vaultmesh", "record", "tool", "grep", "--ts", "hunter2"],
            &["vaultmesh", "--format", "hunter2", "list"],
            &["vaultmesh", "list", "--limit", "hunter2"],
            &["vaultmesh", "hunter2!"],
            &["vaultmesh", "--hunter2"],
            &["vaultmesh", "record", "tool", "grep", "-hunter2"],
        ] {
            let text = told(args);
            assert!(!text.contains("hunter2") && !text.is_empty(), "{args:?}: {text}");
        }
    }

    /// Every argument of every command, given what none of them takes.
    #[test]
    fn no_argument_of_any_command_repeats_what_it_was_given() {
        let mut told_of = 0;
        let mut left = vec![(vec!["vaultmesh".to_owned()], super::super::Cli::command())];
        while let Some((path, command)) = left.pop() {
            for below in command.get_subcommands() {
                left.push(([&path[..], &[below.get_name().to_owned()]].concat(), below.clone()));
            }
            for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
                for value in
                    ["hunter2", "hunterpass", "hunter2=x", "/hunter2/\u{1}", "99999999999999999999hunter", "Hunter 2"]
                {
                    let given = match argument.get_long() {
                        Some(long) => vec![format!("--{long}"), value.to_owned()],
                        None => vec![value.to_owned()],
                    };
                    let args = [&path[..], &given].concat();
                    let Err(error) = super::super::Cli::command().try_get_matches_from(&args) else { continue };
                    let text = message(&error);
                    assert!(!text.to_lowercase().contains("hunter"), "{args:?}: {text}");
                    told_of += 1;
                }
            }
        }
        assert!(told_of > 300, "{told_of}");
    }

    #[test]
    fn what_would_be_right_is_told() {
        assert!(told(&["vaultmesh", "--format", "xml", "list"]).contains("possible: human, json, jsonl, yaml"));
        assert!(told(&["vaultmesh", "verfy"]).contains("; similar: "), "{}", told(&["vaultmesh", "verfy"]));
        assert!(told(&["vaultmesh", "record", "tool", "x", "--inptu", "1"]).contains("--inptu; similar: --input"));
        assert!(told(&["vaultmesh", "record", "tool", "x", "--ts", "noon"]).contains("RFC 3339"));
    }

    #[test]
    fn the_format_is_found_although_parsing_failed() {
        let of = |args: &[&str]| wanted_format(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["vaultmesh", "--format", "json", "nonsense"]), Format::Json);
        assert_eq!(of(&["vaultmesh", "nonsense", "--format=yaml"]), Format::Yaml);
        assert_eq!(of(&["vaultmesh", "record", "mcp", "--", "x", "--format", "json"]), Format::Human);
    }
}
