//! The `vaultmesh` command: the library's facade on a command line.

mod cli;
mod render;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
