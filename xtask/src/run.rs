//! Running other programs, with what is run printed first.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::Failure;

/// A `cargo` command in `directory`, with the toolchain this program was started by and without standard input.
pub(crate) fn cargo(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    // What `cargo run` sets for this program describes this program; a build below must not see it and rebuild.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// The command as a person would type it, with the variables that were set for it.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(text, "{}={:?} ", name.to_string_lossy(), value.to_string_lossy());
        }
    }
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    text.push_str(&program.to_string_lossy());
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        if argument.contains(' ') {
            let _ = write!(text, " '{argument}'");
        } else {
            let _ = write!(text, " {argument}");
        }
    }
    text
}

/// Prints the command and runs it; its output goes where ours goes.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    let shown = shown(&command);
    // Standard error, so that a program run here keeps standard output for itself.
    eprintln!("$ {shown}");
    let status = command.status().map_err(|source| Failure::Start { command: shown.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Command { command: shown, status: status.to_string() }) }
}

/// Runs the command and keeps its output, whatever its status.
pub(crate) fn capture(mut command: Command) -> Result<Output, Failure> {
    command.output().map_err(|source| Failure::Start { command: shown(&command), source })
}

/// Installs a cargo subcommand at a pinned version unless some version of it is there. Unoptimised: none of them computes much
/// itself, and an optimised build takes minutes.
pub(crate) fn ensure_installed(directory: &Path, subcommand: &str, version: &str) -> Result<(), Failure> {
    let found = capture(cargo(directory, &[subcommand, "--version"]))?;
    if found.status.success() {
        println!("{}", String::from_utf8_lossy(&found.stdout).trim());
        return Ok(());
    }
    let package = format!("cargo-{subcommand}");
    run(cargo(directory, &["install", "--debug", "--locked", "--version", version, &package]))
}
