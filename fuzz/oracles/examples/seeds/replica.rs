//! Seeds of a replicated graph: all that was ever signed in one, and what replicas say to each other.

use vaultmesh_oracles::crdt::{KNOWN, replica, said};
use vm_crdt::OpIndex;
use vm_crdt::pack::{PackedOp, pack};
use vm_crdt::sync::{Message, Role};

use crate::seed;

pub(crate) fn all() {
    for (name, op) in ["first", "beside", "joined", "later", "last", "left", "right"].into_iter().zip(&KNOWN.ops) {
        seed("crdt_op", name, op.to_bytes());
    }
    seed("crdt_op", "head", KNOWN.ops[2].signed().to_bytes());
    seed("crdt_op", "payload", KNOWN.ops[0].payload().as_bytes());
    seed("crdt_proof", "fork", KNOWN.proof.to_bytes());
    seed("crdt_proof", "charter", KNOWN.charter.to_bytes());
    seed("crdt_proof", "enrolled", KNOWN.events[0].to_bytes());
    seed("crdt_proof", "epoch", KNOWN.events[1].to_bytes());
    packs();
    messages();
}

fn packs() {
    let all = replica(KNOWN.ops.len(), 2);
    let places: Vec<OpIndex> = (0..7).map(OpIndex::from_u32).collect();
    let packed = |from: usize, to: usize| pack(all.graph(), &places[from..to], 1 << 20).0;
    seed("crdt_pack", "whole", packed(0, 7));
    seed("crdt_pack", "later", packed(2, 5));
    seed("crdt_pack", "one", packed(0, 1));
    seed("crdt_pack", "empty", packed(0, 0));
    let mut bare = replica(0, 0);
    for op in &KNOWN.ops[..3] {
        let _ = bare.insert_packed(PackedOp::bare(op.signed().clone()));
    }
    seed("crdt_pack", "bare", pack(bare.graph(), &places[..3], 1 << 20).0);
}

fn messages() {
    for (name, role) in [("to_responder", Role::Responder), ("to_initiator", Role::Initiator)] {
        for (more, ops, events) in [("behind", 1, 0), ("ahead", 5, 2), ("forked", 7, 1), ("same", 3, 1)] {
            let (mut ours, mut theirs) = (replica(3, 1), replica(ops, events));
            let transcript = match role {
                Role::Responder => said(role, &mut theirs, &mut ours),
                Role::Initiator => said(role, &mut ours, &mut theirs),
            };
            seed("crdt_session", &format!("{name}_{more}"), transcript);
        }
    }
    let (mut ours, mut theirs) = (replica(3, 1), replica(7, 2));
    let transcript = said(Role::Initiator, &mut ours, &mut theirs);
    let mut rest = &transcript[1..];
    let mut at = 0;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (message, tail) = tail.split_at(usize::from(u16::from_be_bytes(*length)));
        seed("crdt_message", &format!("answer_{at}"), message);
        (rest, at) = (tail, at + 1);
    }
    seed("crdt_message", "more", Message::More(128, 300).to_bytes());
    seed("crdt_message", "want", Message::Want(Vec::new(), vec![*KNOWN.ops[0].id()]).to_bytes());
    seed("crdt_message", "ask", Message::Ask(1, 300).to_bytes());
    seed("crdt_message", "tips", Message::Tips(true, Vec::new()).to_bytes());
    let state = Message::State { number: 1, offset: 0, whole: 3, bytes: vec![1, 2, 3] };
    seed("crdt_message", "state", state.to_bytes());
}
