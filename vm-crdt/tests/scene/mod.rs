//! Keys, ops and events by hand: whoever lies does not use what the crate gives to honest authors.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::expect_used, reason = "helpers of tests fail a test by a panic")]

use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::document::{Path, Transaction};
use vm_crdt::error::SyncError;
use vm_crdt::event::{Ack, Change, EventBody};
use vm_crdt::graph::Limits;
use vm_crdt::sync::{Outcome, Role, Session};
use vm_crdt::{Chain, Charter, OpHead, OpId, Payload, Replica, SealedEvent, SignedOp};

pub(crate) fn key(n: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[n; 32])
}

pub(crate) fn ledger() -> LedgerId {
    LedgerId::from_genesis(LeafHash::of(b"ledger"))
}

/// Members 1 to 4; one sealer, 100.
pub(crate) fn charter() -> Charter {
    Charter::new(ledger(), (1..=4).map(|n| key(n).public()).collect(), vec![key(100).public()], 1).expect("charter")
}

pub(crate) fn replica() -> Replica {
    Replica::new(charter(), Limits::default())
}

pub(crate) fn put(key: &str, value: &str) -> Payload {
    let mut transaction = Transaction::new();
    transaction.put(&Path::new([key]).expect("path"), value).expect("edit");
    transaction.to_payload().expect("payload")
}

/// A head that names what it is given, and nothing of the payload yet.
pub(crate) fn head(author: u8, epoch: u64, parent: Option<&SignedOp>, others: &[&SignedOp]) -> OpHead {
    OpHead {
        graph: charter().graph(),
        epoch,
        author: key(author).public(),
        seq: parent.map_or(0, |parent| parent.head().seq + 1),
        parent: parent.map(|parent| *parent.id()),
        others: others.iter().map(|other| *other.id()).collect(),
        payload_len: 0,
        payload_hash: Sha256Digest::of(&[]),
    }
}

/// An op of epoch 0 that says `what`.
pub(crate) fn op(author: u8, parent: Option<&SignedOp>, others: &[&SignedOp], what: &str) -> SignedOp {
    op_in(author, 0, parent, others, what)
}

pub(crate) fn op_in(author: u8, epoch: u64, parent: Option<&SignedOp>, others: &[&SignedOp], what: &str) -> SignedOp {
    SignedOp::sign(head(author, epoch, parent, others), put("x", what), &key(author)).expect("op")
}

/// `length` ops of one author, each the parent of the next.
pub(crate) fn line(author: u8, length: usize) -> Vec<SignedOp> {
    let mut ops: Vec<SignedOp> = Vec::new();
    while ops.len() < length {
        ops.push(op(author, ops.last(), &[], &ops.len().to_string()));
    }
    ops
}

pub(crate) fn heads(replica: &Replica) -> Vec<OpId> {
    replica.graph().heads().copied().collect()
}

/// The next event of a chain, with this frontier.
pub(crate) fn event(chain: &Chain, frontier: &[OpId], change: Change) -> SealedEvent {
    let body = EventBody {
        graph: chain.charter().graph(),
        number: chain.number() + 1,
        previous: chain.last(),
        frontier: frontier.to_vec(),
        change,
    };
    let seal = body.seal(&key(100));
    SealedEvent::check(body, vec![seal], chain.charter()).expect("event")
}

/// Seals a change over all that a replica counts.
pub(crate) fn seal(replica: &mut Replica, change: Change) -> SealedEvent {
    let event = event(replica.graph().chain(), &heads(replica), change);
    let _ = replica.seal(event.clone()).expect("it follows");
    event
}

/// Seals a compaction of all that a replica counts, acknowledged by these members.
pub(crate) fn compaction(replica: &Replica, members: &[u8]) -> Change {
    let (graph, number, frontier) = (replica.graph().name(), replica.graph().chain().number() + 1, heads(replica));
    let mut acks: Vec<Ack> = members.iter().map(|n| Ack::sign(&graph, number, &frontier, &key(*n))).collect();
    acks.sort_by_key(|ack| ack.member);
    Change::Compact { state: Sha256Digest::of(&replica.state_below(&frontier)), acks }
}

/// What a session of both sides came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) rounds: u32,
}

/// Carries messages to and fro until neither side has more.
pub(crate) fn carry(sessions: [&mut Session; 2], replicas: [&mut Replica; 2]) -> Result<Ran, SyncError> {
    let [one, other] = sessions;
    let [here, there] = replicas;
    loop {
        if let Some(bytes) = one.poll(here) {
            other.receive(there, &bytes)?;
        } else if let Some(bytes) = other.poll(there) {
            one.receive(here, &bytes)?;
        } else {
            return Ok(Ran { outcome: one.outcome(), rounds: one.rounds() });
        }
    }
}

pub(crate) fn sync(here: &mut Replica, there: &mut Replica, seed: u8) -> Result<Ran, SyncError> {
    let mut one = Session::new(Role::Initiator, [seed; 16]);
    let mut other = Session::new(Role::Responder, [0; 16]);
    carry([&mut one, &mut other], [here, there])
}

/// All ops that count, each after its past.
pub(crate) fn all_ops(replica: &Replica) -> Vec<SignedOp> {
    let graph = replica.graph();
    let parts = graph.counting().map(|op| (graph.head(op).cloned(), graph.payload(op).cloned()));
    parts.map(|(head, payload)| SignedOp::join(head.expect("held"), payload.expect("held")).expect("op")).collect()
}
