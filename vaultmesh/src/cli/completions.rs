//! `completions`: completion scripts for shells.

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;

use super::error::CliError;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh completions bash > ~/.local/share/bash-completion/completions/vaultmesh
  vaultmesh completions zsh > ~/.zfunc/_vaultmesh
  vaultmesh completions fish > ~/.config/fish/completions/vaultmesh.fish";

/// Print a completion script
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// Shell that the script is for
    shell: Kind,
}

/// Shells that scripts exist for.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Bash,
    Zsh,
    Fish,
}

#[derive(Serialize)]
struct Script {
    script: String,
}

impl Completions {
    pub(super) fn run(self) -> Result<Output, CliError> {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut super::whole(), "vaultmesh", &mut script);
        Ok(Output::done(Script { script: String::from_utf8_lossy(&script).into_owned() }))
    }
}

impl Human for Script {
    fn human(&self, page: &mut Page) {
        page.raw(&self.script);
    }
}
