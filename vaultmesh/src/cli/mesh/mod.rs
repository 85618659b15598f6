//! `mesh`: federation with other vaults.

mod make;
mod member;
mod rows;
mod share;
mod show;
mod state;

use clap::{Args, Subcommand};
use vaultmesh::error::VaultError;
use vm_core::verdict::Finding;

use super::context::Context;
use super::error::CliError;
use crate::render::Output;

const EXAMPLES: &str = "\
Examples:
  vaultmesh mesh key -o laptop.peer.json
  vaultmesh mesh create --peer server.peer.json
  vaultmesh mesh share --since 2026-01-01T00:00:00Z
  vaultmesh mesh put /fleet/server/mode observe
  vaultmesh sync --with /media/stick
  vaultmesh mesh rows

Each vault writes signed ops that name everything it had seen; two that contradict each other are a proof against whoever
signed both (`verify-equivocation`). Rows of a peer count as proven where a head of its log, signed by the key that was
pinned here, holds them. Who may write is settled by the charter and by events that its sealers sign.";

/// Take part in a mesh: exchange evidence and twin state with other vaults, also where one of them lies
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Mesh {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Key(make::Key),
    Create(make::Create),
    Join(make::Join),
    Pin(make::Pin),
    Show(show::Show),
    Share(share::Share),
    Rows(rows::Rows),
    Put(state::Put),
    Remove(state::Remove),
    Increment(state::Increment),
    Add(state::Add),
    Discard(state::Discard),
    Get(state::Get),
    Enrol(member::Enrol),
    Revoke(member::RevokeMember),
    Ack(member::AckHeads),
    Compact(member::Compact),
}

/// The mesh of the vault, for which no key is needed.
fn open(context: &Context) -> Result<vaultmesh::mesh::Mesh, CliError> {
    let timeout = context.lock_timeout(context.config()?.as_ref()).value;
    Ok(vaultmesh::mesh::Mesh::open(&context.vault()?.value, timeout).map_err(VaultError::Mesh)?)
}

/// That the replica is older than the ledger beside it knows: told with whatever it says.
fn behind(context: &Context, mesh: &vaultmesh::mesh::Mesh) -> Result<Option<Finding>, CliError> {
    let last = context.reader()?.last_merge(mesh.charter().graph())?;
    Ok(mesh.behind(last.as_ref()))
}

impl Mesh {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        match self.what {
            What::Key(command) => command.run(context),
            What::Create(command) => command.run(context),
            What::Join(command) => command.run(context),
            What::Pin(command) => command.run(context),
            What::Show(command) => command.run(context),
            What::Share(command) => command.run(context),
            What::Rows(command) => command.run(context),
            What::Put(command) => command.run(context),
            What::Remove(command) => command.run(context),
            What::Increment(command) => command.run(context),
            What::Add(command) => command.run(context),
            What::Discard(command) => command.run(context),
            What::Get(command) => command.run(context),
            What::Enrol(command) => command.run(context),
            What::Revoke(command) => command.run(context),
            What::Ack(command) => command.run(context),
            What::Compact(command) => command.run(context),
        }
    }
}
