//! This library: every signature is checked strictly, every hash computed anew.

use std::collections::BTreeMap;

use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;
use vm_crdt::document::{LeafState, Path, Transaction, Value};
use vm_crdt::error::PackError;
use vm_crdt::graph::Limits;
use vm_crdt::pack::{Unpack, pack};
use vm_crdt::sync::{Outcome, Role, Session};
use vm_crdt::{Charter, Payload, Replica, SignedOp};

use crate::error::Fault;
use crate::peer::Peer;
use crate::workload::{ACTORS, Edit};

/// VaultMesh.
pub(crate) struct Ours;

/// A replica and who writes there.
pub(crate) struct Document {
    pub(crate) replica: Replica,
    author: SigningIdentity,
}

/// Key of an actor.
pub(crate) fn key(actor: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[actor + 1; 32])
}

/// A replica with nothing in it; one member more than there are actors.
pub(crate) fn replica() -> Result<Replica, Fault> {
    let members = (0..=ACTORS).map(|actor| key(actor).public()).collect();
    let ledger = LedgerId::from_genesis(LeafHash::of(b"bench"));
    Ok(Replica::new(Charter::new(ledger, members, vec![key(100).public()], 1)?, Limits::default()))
}

/// The payload of one transaction.
pub(crate) fn payload(edits: &[Edit]) -> Result<Payload, Fault> {
    let mut transaction = Transaction::new();
    for (key, value) in edits {
        transaction.put(&Path::new([key])?, value.as_str())?;
    }
    Ok(transaction.to_payload()?)
}

/// Takes packs into a replica; no op may be refused.
pub(crate) fn take(replica: &mut Replica, packs: &[Vec<u8>]) -> Result<(), Fault> {
    let unpacked: Vec<Unpack<'_>> = packs.iter().map(|bytes| Unpack::new(bytes)).collect::<Result<_, PackError>>()?;
    let ops = unpacked.into_iter().flatten().map(|op| op.map_err(Fault::from));
    replica.insert_all(ops, |_, received| received.map(drop).map_err(Fault::from)).1
}

impl Peer for Ours {
    const NAME: &'static str = "vm-crdt";
    type Document = Document;

    fn new(actor: u8) -> Result<Document, Fault> {
        Ok(Document { replica: replica()?, author: key(actor) })
    }

    fn write(document: &mut Document, edits: &[Edit]) -> Result<Vec<u8>, Fault> {
        Ok(document.replica.write(payload(edits)?, &document.author)?.to_bytes())
    }

    fn encode(document: &mut Document) -> Result<Vec<u8>, Fault> {
        let graph = document.replica.graph();
        let ops: Vec<_> = graph.counting().collect();
        Ok(pack(graph, &ops, usize::MAX).0)
    }

    fn merge(encoded: &[Vec<u8>]) -> Result<Document, Fault> {
        let mut document = Self::new(ACTORS)?;
        take(&mut document.replica, encoded)?;
        Ok(document)
    }

    fn apply(document: &mut Document, bytes: &[u8]) -> Result<(), Fault> {
        let (_, _) = document.replica.insert(SignedOp::decode(bytes)?)?;
        Ok(())
    }

    fn read(document: &Document) -> Result<BTreeMap<String, String>, Fault> {
        let leaf = |leaf: vm_crdt::document::Leaf<'_>| {
            let key = leaf.path.components().collect();
            match leaf.state {
                LeafState::Register(writes) => match writes.first().map(|write| write.value) {
                    Some(Value::Text(text)) => Ok((key, text.to_owned())),
                    _ => Err("a register without a text".into()),
                },
                _ => Err("a leaf that is no register".into()),
            }
        };
        document.replica.document().leaves(&Path::root()).map(leaf).collect()
    }

    fn sync(lacking: &mut Document, having: &mut Document) -> Result<usize, Fault> {
        carry(&mut lacking.replica, &mut having.replica)
    }
}

/// One session, begun by `one`: bytes of all messages.
pub(crate) fn carry(one: &mut Replica, other: &mut Replica) -> Result<usize, Fault> {
    let mut here = Session::new(Role::Initiator, [7; 16]);
    let mut there = Session::new(Role::Responder, [9; 16]);
    let mut bytes = 0;
    loop {
        if let Some(message) = here.poll(one) {
            bytes += message.len();
            there.receive(other, &message)?;
        } else if let Some(message) = there.poll(other) {
            bytes += message.len();
            here.receive(one, &message)?;
        } else {
            break;
        }
    }
    if here.outcome() == Some(Outcome::Same) { Ok(bytes) } else { Err("a session left a difference".into()) }
}
