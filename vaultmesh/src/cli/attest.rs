//! `seal attest`: what a seal says, in a form that a foreign client checks.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use vaultmesh::vault::{AttestForm, Attested};
use vm_core::id::SealId;

use super::context::Context;
use super::error::CliError;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh seal attest 01900000-0000-7000-8000-0000000000aa --as dsse --output seal.dsse.json
  vaultmesh seal attest 01900000-0000-7000-8000-0000000000aa --as sshsig --output seal.sig
  vaultmesh trust key --as allowed-signers --output allowed
  ssh-keygen -Y verify -f allowed -I vaultmesh/LEDGER -n vaultmesh-seal -s seal.sig < seals/SEAL.json

The log's key signs, so it needs the folder of keys; nothing is recorded. A DSSE envelope holds an in-toto statement
about the bundle's file, for supply-chain tools; an SSH signature is over the file itself.";

/// Attest a seal's bundle file for foreign clients: DSSE with in-toto, or an SSH signature
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Attest {
    /// Id of the seal
    seal: SealId,
    /// Form of the attestation
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Form,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forms of attestation.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// In-toto statement in a DSSE envelope
    Dsse,
    /// SSH signature, namespace vaultmesh-seal
    Sshsig,
}

#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    attested: Attested,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Attest {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let form = match self.form {
            Form::Dsse => AttestForm::Dsse,
            Form::Sshsig => AttestForm::Sshsig,
        };
        let attested = context.open()?.attest_seal(self.seal, form)?;
        if let Some(file) = &self.output {
            write_new(file, attested.attestation.as_bytes())?;
        }
        Ok(Output::done(Made { attested, file: self.output.as_deref().map(shown) }))
    }
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&self.attested.attestation),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}
