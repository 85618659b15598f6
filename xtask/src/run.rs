//! Running other programs, with what is run printed first.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::Failure;
use crate::tree::{self, Tree};

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

/// A `cargo` command in another workspace in `directory`, with the target folder and the profiles of this one, so that what was built
/// here of other crates serves there too.
pub(crate) fn beside(tree: &Tree, directory: &Path, arguments: &[&str]) -> Result<Command, Failure> {
    let mut manifest = tree::read_toml(&tree.root().join("Cargo.toml"))?;
    manifest.retain(|name, _| name == "profile");
    let folder = tree.root().join("target/xtask");
    let profiles = folder.join("profiles.toml");
    std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
    std::fs::write(&profiles, manifest.to_string()).map_err(Failure::io(&profiles))?;
    // Cargo reads it from where it runs.
    let profiles = profiles.canonicalize().map_err(Failure::io(&profiles))?;
    let target = tree.root().join("target").canonicalize().map_err(Failure::io(&folder))?;
    let mut command = cargo(directory, arguments);
    command.arg("--config").arg(profiles).env("CARGO_TARGET_DIR", target);
    Ok(command)
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
    let mut install = cargo(directory, &["install", "--debug", "--locked", "--version", version, &package]);
    install.env("CARGO_PROFILE_DEV_DEBUG", "none");
    run(install)
}
