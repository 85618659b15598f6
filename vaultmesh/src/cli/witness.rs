//! `witness request|cosign`: to have checkpoints cosigned by others, and to cosign theirs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use vaultmesh::error::{VaultError, WitnessFault};
use vaultmesh::vault::{CosignAnswer, Cosigned};
use vm_core::key::NoteKey;
use vm_core::verdict::Report;
use vm_seal::merkle::TreeSize;
use vm_seal::witness::{ADD_CHECKPOINT_MAX, AddCheckpoint};

use super::context::Context;
use super::error::CliError;
use super::fork::{ForkFile, forked};
use super::input::read_limited;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh witness request -o request.txt
  vaultmesh witness cosign request.txt --key KEY -o cosignature.txt
  vaultmesh head --cosignature cosignature.txt --witness WITNESS --head request.txt -o head.txt

The log's side makes a request; the witness, another vault or any server of C2SP tlog-witness, answers it with a line for the
log's head. `vaultmesh trust key --as witness` prints the key by which others know this vault's lines.";

/// Have checkpoints cosigned by witnesses, and cosign those of other logs (C2SP tlog-witness)
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Witness {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Request(Request),
    Cosign(Cosign),
}

const REQUEST_EXAMPLES: &str = "\
Examples:
  vaultmesh witness request -o request.txt
  vaultmesh witness request --old 302 -o request.txt

A witness takes a request only from the size on that it cosigned last, and says which where another was named.";

/// Make a request to cosign the latest checkpoint of this vault
#[derive(Args)]
#[command(after_help = REQUEST_EXAMPLES)]
struct Request {
    /// Size of the log that the witness cosigned last
    #[arg(long, value_name = "SIZE", default_value_t = 0)]
    old: u64,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const COSIGN_EXAMPLES: &str = "\
Examples:
  vaultmesh witness cosign request.txt --key KEY -o cosignature.txt
  vaultmesh witness cosign request.txt --fork fork.json
  vaultmesh verify-fork fork.json --key KEY

The first checkpoint of a log is believed as it comes; each later one must have grown out of the one before. What was cosigned
is on record before the line is given out. A log that shows two histories is not cosigned: exit 1, and the proof of it can be
shown to anybody who knows the log's key. Whatever else is refused is exit 2, and nothing is written.

A vault that was restored from an older backup has forgotten what it cosigned since: it must not cosign under its old key.";

/// Cosign the checkpoint of another log, if it grew out of what was cosigned of it before
#[derive(Args)]
#[command(after_help = COSIGN_EXAMPLES)]
struct Cosign {
    /// The request, or - for stdin
    request: PathBuf,
    /// Key of the log, from elsewhere [default: that of the last checkpoint that was cosigned of it]
    #[arg(long, value_name = "VKEY")]
    key: Option<NoteKey>,
    /// Write the line to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the proof to this new file where the log is shown to be forked
    #[arg(long, value_name = "FILE")]
    fork: Option<PathBuf>,
}

#[derive(Serialize)]
struct Requested {
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Serialize)]
struct Given {
    #[serde(flatten)]
    cosigned: Cosigned,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Witness {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Request(command) => command.run(context),
            What::Cosign(command) => command.run(context),
        }
    }
}

impl Request {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let request = context.reader()?.witness_request(TreeSize::new(self.old))?.to_string();
        if let Some(file) = &self.output {
            write_new(file, request.as_bytes())?;
        }
        Ok(Output::done(Requested { request, file: self.output.as_deref().map(shown) }))
    }
}

impl Cosign {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let bytes = read_limited(&self.request, ADD_CHECKPOINT_MAX)?;
        let request = AddCheckpoint::parse(&bytes).map_err(WitnessFault::Request).map_err(VaultError::Witness)?;
        match context.open()?.cosign(&request, self.key.as_ref())? {
            CosignAnswer::Cosigned(cosigned) => {
                if let Some(file) = &self.output {
                    write_new(file, cosigned.cosignature.as_bytes())?;
                }
                Ok(Output::done(Given { cosigned, file: self.output.as_deref().map(shown) }))
            }
            CosignAnswer::Forked(fork) => {
                let made = ForkFile::write(&fork, self.fork.as_deref())?;
                let mut report = Report::new();
                report.checked("signatures of both checkpoints");
                if !fork.is_of_one_size() {
                    report.checked("root of the larger log at the smaller size");
                }
                report.find(forked(&fork));
                Ok(Output::checked(made, &report))
            }
        }
    }
}

impl Human for Requested {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.request),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}

impl Human for Given {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.cosigned.cosignature),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}
