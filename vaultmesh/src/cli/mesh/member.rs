//! `mesh enrol`, `mesh revoke`: who may write, by sealed events.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::VaultError;
use vm_core::key::PublicKey;
use vm_crdt::Change;

use super::super::context::Context;
use super::super::error::CliError;
use super::make::load;
use crate::render::{Human, Output, Page};

const ENROL_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh enrol phone.peer.json

Its log key is pinned as well. Peers hear of it when they sync.";

/// Let another vault write to the mesh, by an event that this vault seals
#[derive(Args)]
#[command(after_help = ENROL_EXAMPLES)]
pub(super) struct Enrol {
    /// File of the peer, as `mesh key` wrote it there
    peer: PathBuf,
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh revoke 5a3c94d2eb2c0d1df1e2a7ef5b65d6ee6f9f6f8f0f0a7fc9f2e3c0b5f0f4d1a7

What it wrote and this vault has seen stays; whatever else it writes, or says it wrote before, has no effect. The same key
cannot come back.";

/// Let a member write no more, by an event that this vault seals
#[derive(Args)]
#[command(after_help = REVOKE_EXAMPLES)]
pub(super) struct RevokeMember {
    /// Its mesh key, as `mesh show` prints it
    #[arg(value_name = "KEY", value_parser = PublicKey::parse_hex)]
    member: PublicKey,
}

#[derive(Serialize)]
struct Sealed {
    event: u32,
    digest: String,
}

impl Human for Sealed {
    fn human(&self, page: &mut Page) {
        page.field("event", self.event);
        page.field("digest", &self.digest);
    }
}

fn seal(context: &Context, change: Change) -> Result<Output, CliError> {
    let mut vault = context.open()?;
    let mut mesh = vault.mesh()?;
    let event = vault.mesh_seal(&mut mesh, change)?;
    Ok(Output::done(Sealed { event: event.body().number, digest: event.digest().to_string() }))
}

impl Enrol {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let peer = load(&self.peer)?;
        context.open()?.mesh()?.pin(&peer).map_err(VaultError::Mesh)?;
        seal(context, Change::Enrol(*peer.member()))
    }
}

impl RevokeMember {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        seal(context, Change::Revoke(self.member))
    }
}
