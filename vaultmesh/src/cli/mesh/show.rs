//! `mesh show`: who takes part, and where this replica stands.

use clap::Args;
use serde::Serialize;
use vaultmesh::mesh::Mesh;
use vm_crdt::SealedEvent;

use super::super::context::Context;
use super::super::error::CliError;
use super::{behind, open};
use crate::render::{Human, Output, Page};

const EXAMPLES: &str = "\
Examples:
  vaultmesh mesh show
  vaultmesh --format json mesh show | jq .members";

/// Print who takes part in the mesh, and where this replica of it stands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {}

#[derive(Serialize)]
struct Shown {
    graph: String,
    members: Vec<Member>,
    sealers: Vec<String>,
    events: usize,
    ops: usize,
    heads: Vec<String>,
    evidence: usize,
    /// SHA-256 over the state: the same wherever the same ops count.
    state: String,
}

#[derive(Serialize)]
struct Member {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    standing: &'static str,
}

impl Shown {
    fn of(mesh: &Mesh) -> Self {
        let (replica, graph) = (mesh.replica(), mesh.replica().graph());
        let members = graph.chain().members().map(|(key, membership)| Member {
            key: key.to_string(),
            peer: mesh.peers().iter().find(|peer| peer.member() == key).map(|peer| peer.name().to_owned()),
            standing: match (graph.is_proven(key), membership.revoked) {
                (true, _) => "forked",
                (false, Some(_)) => "revoked",
                (false, None) => "enrolled",
            },
        });
        let events: &[SealedEvent] = graph.chain().events();
        Self {
            graph: graph.name().to_string(),
            members: members.collect(),
            sealers: mesh.charter().sealers().iter().map(ToString::to_string).collect(),
            events: events.len(),
            ops: graph.len(),
            heads: graph.heads().map(ToString::to_string).collect(),
            evidence: replica.evidence().len(),
            state: vm_core::digest::Sha256Digest::of(&replica.encode()).to_string(),
        }
    }
}

impl Show {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let mesh = open(context)?;
        Ok(Output::done(Shown::of(&mesh)).noticing(behind(context, &mesh)?, 0))
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        page.field("mesh", &self.graph);
        for member in &self.members {
            let peer = member.peer.as_deref().unwrap_or("not pinned");
            page.field("member", format!("{} {} ({peer})", member.key, member.standing));
        }
        page.field("events", self.events);
        page.field("ops", self.ops);
        for head in &self.heads {
            page.field("head", head);
        }
        page.field("evidence", format!("{} rows", self.evidence));
        page.field("state", &self.state);
    }
}
