//! `sync`: exchanges ops, heads and rows with another replica of this vault's mesh.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::VaultError;
use vaultmesh::mesh::{Refused, TcpLink, listen};
use vaultmesh::vault::{Synced, Vault};
use vm_core::verdict::Report;
use vm_crdt::sync::{Outcome, Role};

use super::context::Context;
use super::error::CliError;
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh sync --with /media/stick
  vaultmesh sync --with ../other-vault
  vaultmesh sync --listen 127.0.0.1:7700
  vaultmesh sync --to 127.0.0.1:7700

A folder that is no vault becomes a mailbox: a replica without a key, which any member can read and put things into. Over a wire
both sides show that they are members; what travels is not encrypted, so it is refused for other machines, which a tunnel
reaches. Everything that comes is checked before it counts, and what was merged is a row, signed by the operator, that can be
sealed. A sync that breaks off keeps what it has; the next goes on from there.

Exit 0: both have the same, and all that came holds. Exit 1: it came to light that a member or a log has two histories; the proof is
kept below mesh/. Exit 3: a file that came does not hold, or one side still lacks something.";

/// Exchange evidence and twin state with another vault of the mesh
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sync {
    #[command(flatten)]
    peer: PeerArg,
    /// How many peers to wait for, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "listen")]
    peers: u32,
}

/// Who is at the other end.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct PeerArg {
    /// Folder of another vault, or of a mailbox, which is made where there is none
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    /// Address on this machine where another vault listens
    #[arg(long, value_name = "ADDRESS")]
    to: Option<SocketAddr>,
    /// Address on this machine to wait at for another vault; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

#[derive(Serialize)]
struct Listed {
    syncs: Vec<Done>,
}

#[derive(Serialize)]
struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Whether both count the same ops now, as far as this side knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<bool>,
    ops_received: u64,
    ops_sent: u64,
    files_received: u64,
    files_sent: u64,
    refused: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

impl From<Synced> for Done {
    fn from(synced: Synced) -> Self {
        let exchanged = synced.exchanged;
        Self {
            member: exchanged.member.map(|key| key.to_string()),
            same: exchanged.outcome.map(|outcome| outcome == Outcome::Same),
            ops_received: exchanged.merge.received,
            ops_sent: exchanged.merge.sent,
            files_received: exchanged.files_received,
            files_sent: exchanged.files_sent,
            refused: exchanged.refused,
            receipt: synced.merged.map(|merged| merged.row.to_string()),
        }
    }
}

impl Sync {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut vault = context.open()?;
        let (mut syncs, mut report) = (Vec::new(), Report::new());
        let mut hear = |synced: Synced| {
            report.merge(synced.exchanged.report.clone());
            syncs.push(synced.into());
        };
        if let Some(dir) = &self.peer.with {
            let mut mesh = vault.mesh()?;
            hear(vault.sync_files(&mut mesh, dir)?);
        } else if let Some(address) = self.peer.to {
            let mut mesh = vault.mesh()?;
            let mut link = TcpLink::connect(address).map_err(VaultError::Mesh)?;
            hear(vault.sync_link(&mut mesh, &mut link, Role::Initiator)?);
        } else if let Some(address) = self.peer.listen {
            serve(&mut vault, address, self.peers, &mut hear)?;
        }
        Ok(Output::checked(Listed { syncs }, &report).listing("syncs"))
    }
}

/// Answers so many peers. Whoever is no member, or goes away, is told of and not counted.
fn serve(vault: &mut Vault, address: SocketAddr, peers: u32, hear: &mut dyn FnMut(Synced)) -> Result<(), CliError> {
    // That there is a mesh is known before anybody is waited for.
    drop(vault.mesh()?);
    let listener = listen(address).map_err(VaultError::Mesh)?;
    let fault = |source| VaultError::Mesh(vaultmesh::error::MeshError::Link(source));
    eprintln!("listening at {}", listener.local_addr().map_err(fault)?);
    let mut answered = 0;
    while answered < peers {
        let (stream, from) = listener.accept().map_err(fault)?;
        let mut mesh = vault.mesh()?;
        let synced = TcpLink::new(stream)
            .map_err(VaultError::Mesh)
            .and_then(|mut link| vault.sync_link(&mut mesh, &mut link, Role::Responder));
        match synced {
            Ok(synced) => {
                answered += 1;
                hear(synced);
            }
            Err(VaultError::Mesh(error)) => eprintln!("{from}: {error} ({})", error.code()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Human for Listed {
    fn human(&self, page: &mut Page) {
        for done in &self.syncs {
            page.field_if("member", done.member.as_ref());
            page.field("ops", format!("{} received, {} sent", done.ops_received, done.ops_sent));
            page.field("files", format!("{} received, {} sent", done.files_received, done.files_sent));
            for refused in &done.refused {
                page.field("not kept", format!("{}: {}", refused.file, refused.code));
            }
            match &done.receipt {
                Some(row) => page.field("receipt", row),
                None => page.field("receipt", "none: nothing was new, or this replica lacks what it had before"),
            }
        }
    }
}
