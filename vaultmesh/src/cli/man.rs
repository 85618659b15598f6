//! `man`: the manual, one page a command.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man as Manual;
use serde::Serialize;

use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh man | man -l -
  vaultmesh man --dir ~/.local/share/man/man1";

/// Print the manual, or write a page for every command
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// Write all pages into this folder instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct Pages {
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

impl Man {
    pub(super) fn run(self) -> Result<Output, CliError> {
        let whole = super::whole();
        let Some(dir) = self.dir else {
            return Ok(Output::done(Pages { page: Some(page(&whole)?), files: Vec::new() }));
        };
        std::fs::create_dir_all(&dir).map_err(|source| CliError::file(&dir, source))?;
        let mut files = Vec::new();
        write_all(&whole, "vaultmesh", &dir, &mut files)?;
        Ok(Output::done(Pages { page: None, files }))
    }
}

fn write_all(command: &clap::Command, name: &str, dir: &Path, files: &mut Vec<String>) -> Result<(), CliError> {
    let file = dir.join(format!("{name}.1"));
    write_new(&file, page(&command.clone().name(name.to_owned()))?.as_bytes())?;
    files.push(shown(&file));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        write_all(inner, &format!("{name}-{}", inner.get_name()), dir, files)?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> Result<String, CliError> {
    let mut page = Vec::new();
    Manual::new(command.clone()).render(&mut page).map_err(CliError::Output)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

impl Human for Pages {
    fn human(&self, page: &mut Page) {
        if let Some(text) = &self.page {
            page.raw(text);
        }
        for file in &self.files {
            page.line(&format!("wrote {}", file));
        }
    }
}
