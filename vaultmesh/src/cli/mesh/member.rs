//! `mesh enrol`, `mesh revoke`, `mesh ack`, `mesh compact`: what is settled by sealed events.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::VaultError;
use vaultmesh::mesh::{MESH_ACK_MAX, MeshAck};
use vm_core::key::PublicKey;
use vm_crdt::Change;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::input::read_limited;
use super::super::output::{shown, write_new};
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

const ACK_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh ack -o server.ack.json

It holds for the heads as they are now: all members sync first, and nobody writes until the compaction is sealed.";

/// Say that this vault holds all that counts, so that payloads may be forgotten
#[derive(Args)]
#[command(after_help = ACK_EXAMPLES)]
pub(super) struct AckHeads {
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const COMPACT_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh compact server.ack.json phone.ack.json

What the ops below the heads carried is forgotten, here and wherever the event comes; the state that they made, their names and
signatures stay. It takes the word of every member, so that nobody is left without what it lacks.";

/// Let all members forget what ops carried, by an event that this vault seals
#[derive(Args)]
#[command(after_help = COMPACT_EXAMPLES)]
pub(super) struct Compact {
    /// Acknowledgements of all other members, as `mesh ack` wrote them there
    #[arg(value_name = "ACK")]
    acks: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Acknowledged {
    ack: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Human for Acknowledged {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&format!("{}\n", self.ack)),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}

impl AckHeads {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut vault = context.open()?;
        let mesh = vault.mesh()?;
        let ack = vault.mesh_ack(&mesh)?.to_bytes();
        if let Some(file) = &self.output {
            write_new(file, &ack)?;
        }
        let ack = String::from_utf8_lossy(&ack).into_owned();
        Ok(Output::done(Acknowledged { ack, file: self.output.as_deref().map(shown) }))
    }
}

impl Compact {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let acks = self.acks.iter().map(|path| -> Result<MeshAck, CliError> {
            Ok(MeshAck::parse(&read_limited(path, MESH_ACK_MAX)?).map_err(VaultError::Mesh)?)
        });
        let acks: Vec<MeshAck> = acks.collect::<Result<_, _>>()?;
        let mut vault = context.open()?;
        let mut mesh = vault.mesh()?;
        let event = vault.mesh_compact(&mut mesh, &acks)?;
        Ok(Output::done(Sealed { event: event.body().number, digest: event.digest().to_string() }))
    }
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
