//! `recipient`: keys of those whom values are disclosed to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::outside::write_new_private;
use vaultmesh::recipient::{new_recipient, read_any, read_passphrase};
use vaultmesh::system::SystemEntropy;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh recipient new auditor.key
  vaultmesh recipient show auditor.key.pub

The auditor keeps FILE and gives FILE.pub to whoever discloses.";

/// Make and show keys of those whom values are disclosed to
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Recipient {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    New(New),
    Show(Show),
}

const NEW_EXAMPLES: &str = "\
Examples:
  vaultmesh recipient new auditor.key
  vaultmesh recipient new auditor.key --passphrase-file passphrase.txt

Two new files: FILE with the secret key, which its owner alone may read, and FILE.pub with the public one. Neither needs a vault.";

/// Make a key pair
#[derive(Args)]
#[command(after_help = NEW_EXAMPLES)]
struct New {
    /// New file for the secret key
    file: PathBuf,
    /// File that holds a passphrase to put the secret key under; a line feed at its end does not count
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh recipient show auditor.key.pub
  vaultmesh recipient show auditor.key --passphrase-file passphrase.txt";

/// Show the public key and its id, of a file of either half
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Key file
    file: PathBuf,
    /// File that holds the passphrase, where the key is under one
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    suite: String,
    public: String,
    /// Files that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

impl Recipient {
    pub(super) fn run(self, _: &Context) -> Result<Output, CliError> {
        match self.what {
            What::New(New { file, passphrase_file }) => {
                let passphrase = passphrase_file.map(|path| read_passphrase(&path)).transpose()?;
                let mut entropy = SystemEntropy::open()?;
                let made = new_recipient(passphrase.as_ref().map(|bytes| bytes.as_slice()), &mut entropy)?;
                let mut public = file.clone().into_os_string();
                public.push(".pub");
                let public = PathBuf::from(public);
                // Public first: a secret key without its other half could make it again, and not the other way round.
                write_new(&public, made.public.as_bytes())?;
                write_new_private(&file, made.secret.as_bytes())
                    .map_err(|source| super::output::refused(&file, source))?;
                let files = vec![shown(&file), shown(&public)];
                Ok(Output::done(Key::of(&made.key, made.public, files)))
            }
            What::Show(Show { file, passphrase_file }) => {
                let passphrase = passphrase_file.map(|path| read_passphrase(&path)).transpose()?;
                let key = read_any(&file, passphrase.as_ref().map(|bytes| bytes.as_slice()))?;
                let public = vm_envelope::KeyFile::Public(key.clone()).format().to_string();
                Ok(Output::done(Key::of(&key, public, Vec::new())))
            }
        }
    }
}

impl Key {
    fn of(key: &vm_envelope::PublicKey, public: String, files: Vec<String>) -> Self {
        let public = public.trim_end().to_owned();
        Self { id: key.id().to_string(), suite: key.suite().to_string(), public, files }
    }
}

impl Human for Key {
    fn human(&self, page: &mut Page) {
        page.heading("key of a recipient");
        page.field("id", &self.id);
        page.field("suite", &self.suite);
        for file in &self.files {
            page.field("wrote", file);
        }
        if self.files.is_empty() {
            page.line(&self.public);
        }
    }
}
