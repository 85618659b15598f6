//! `mesh key`, `mesh create`, `mesh join`, `mesh pin`: who takes part, and whose keys are believed.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use vaultmesh::error::{MeshError, VaultError};
use vaultmesh::mesh::{Mesh, Peer};
use vaultmesh::vault::Vault;
use vm_crdt::Charter;
use vm_crdt::charter::CHARTER_MAX;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::input::read_limited;
use super::super::output::{shown, write_new};
use crate::render::{Human, Output, Page};

/// Bytes read of a peer's file; more is refused by its parser.
const PEER_READ: usize = 4 * 1024;

const KEY_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh key -o laptop.peer.json
  vaultmesh mesh key --name laptop

Peers pin the keys in this file, so give it to them by a way that they trust.";

/// Print what peers need to know of this vault: the key of its log, and the one by which it writes
#[derive(Args)]
#[command(after_help = KEY_EXAMPLES)]
pub(super) struct Key {
    #[command(flatten)]
    name: NameArg,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct NameArg {
    /// What peers call this vault: a-z, 0-9 and hyphen [default: vault- and the first 8 digits of its ledger]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl NameArg {
    fn name(self, vault: &Vault) -> String {
        self.name.unwrap_or_else(|| format!("vault-{:.8}", vault.ledger_id().to_string()))
    }
}

#[derive(Args)]
struct PeerArgs {
    /// File of a peer, as `mesh key` wrote it there; may be given several times
    #[arg(long = "peer", value_name = "FILE")]
    peers: Vec<PathBuf>,
}

impl PeerArgs {
    fn load(&self) -> Result<Vec<Peer>, CliError> {
        self.peers.iter().map(|path| load(path)).collect()
    }
}

pub(super) fn load(path: &Path) -> Result<Peer, CliError> {
    Ok(Peer::parse(&read_limited(path, PEER_READ)?).map_err(VaultError::Mesh)?)
}

#[derive(Serialize)]
struct Keyed {
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Key {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mut vault = context.open()?;
        let name = self.name.name(&vault);
        let peer = vault.mesh_peer(&name)?.to_bytes();
        if let Some(file) = &self.output {
            write_new(file, &peer)?;
        }
        let peer = String::from_utf8_lossy(&peer).into_owned();
        Ok(Output::done(Keyed { peer, file: self.output.as_deref().map(shown) }))
    }
}

impl Human for Keyed {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(&format!("{}\n", self.peer)),
            Some(file) => page.line(&format!("wrote {file}")),
        }
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh create --peer server.peer.json --charter mesh.charter.json
  vaultmesh mesh create --name laptop --peer server.peer.json --peer phone.peer.json

Give the charter to the peers, who join by it. This vault's mesh key seals who is enrolled and revoked from then on.";

/// Make a mesh of this vault and its peers
#[derive(Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(super) struct Create {
    #[command(flatten)]
    name: NameArg,
    #[command(flatten)]
    peers: PeerArgs,
    /// Write the charter to this new file as well
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
}

const JOIN_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh join mesh.charter.json --peer laptop.peer.json
  vaultmesh mesh join /media/stick/mesh/charter.json --peer laptop.peer.json

Sync once before writing: who begins anew under a key that was used before would fork.";

/// Take part in a mesh that somebody made
#[derive(Args)]
#[command(after_help = JOIN_EXAMPLES)]
pub(super) struct Join {
    /// Its charter
    charter: PathBuf,
    #[command(flatten)]
    name: NameArg,
    #[command(flatten)]
    peers: PeerArgs,
}

#[derive(Serialize)]
struct Made {
    graph: String,
    members: usize,
    pinned: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charter: Option<String>,
}

impl Made {
    fn of(mesh: &Mesh, charter: Option<&PathBuf>) -> Self {
        Self {
            graph: mesh.charter().graph().to_string(),
            members: mesh.replica().graph().chain().members().count(),
            pinned: mesh.peers().iter().map(|peer| peer.name().to_owned()).collect(),
            charter: charter.map(shown),
        }
    }
}

impl Create {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (mut vault, peers) = (context.open()?, self.peers.load()?);
        let name = self.name.name(&vault);
        let mesh = vault.mesh_create(&name, &peers)?;
        if let Some(file) = &self.charter {
            write_new(file, &mesh.charter().to_bytes())?;
        }
        Ok(Output::done(Made::of(&mesh, self.charter.as_ref())))
    }
}

impl Join {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (mut vault, peers) = (context.open()?, self.peers.load()?);
        let name = self.name.name(&vault);
        let charter = Charter::parse(&read_limited(&self.charter, CHARTER_MAX)?).map_err(MeshError::Charter);
        let mesh = vault.mesh_join(&charter.map_err(VaultError::Mesh)?, &name, &peers)?;
        Ok(Output::done(Made::of(&mesh, None)))
    }
}

impl Human for Made {
    fn human(&self, page: &mut Page) {
        page.field("mesh", &self.graph);
        page.field("members", self.members);
        page.field("pinned", self.pinned.join(", "));
        page.field_if("charter", self.charter.as_ref());
    }
}

const PIN_EXAMPLES: &str = "\
Examples:
  vaultmesh mesh pin phone.peer.json

From then on rows of that ledger count as proven where this key signed the head of its log. A key that is pinned is never
replaced.";

/// Believe the log key of a peer
#[derive(Args)]
#[command(after_help = PIN_EXAMPLES)]
pub(super) struct Pin {
    /// File of the peer, as `mesh key` wrote it there
    peer: PathBuf,
}

impl Pin {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let peer = load(&self.peer)?;
        let mut mesh = context.open()?.mesh()?;
        mesh.pin(&peer).map_err(VaultError::Mesh)?;
        Ok(Output::done(Made::of(&mesh, None)))
    }
}
