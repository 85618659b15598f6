//! automerge.

use std::collections::BTreeMap;

use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ROOT, ReadDoc};

use crate::error::Fault;
use crate::peer::Peer;
use crate::workload::Edit;

/// automerge's document.
pub(crate) struct AutomergePeer;

impl Peer for AutomergePeer {
    const NAME: &'static str = "automerge 0.12.0";
    type Document = Automerge;

    fn new(actor: u8) -> Result<Automerge, Fault> {
        Ok(Automerge::new().with_actor(ActorId::from([actor + 1; 16])))
    }

    fn write(document: &mut Automerge, edits: &[Edit]) -> Result<Vec<u8>, Fault> {
        let mut transaction = document.transaction();
        for (key, value) in edits {
            transaction.put(ROOT, key, value.as_str())?;
        }
        transaction.commit();
        Ok(document.get_last_local_change().ok_or("no change was made")?.raw_bytes().to_vec())
    }

    fn encode(document: &mut Automerge) -> Result<Vec<u8>, Fault> {
        // Single changes, one behind the other, load in half the time of whole documents.
        Ok(document.save_after(&[]))
    }

    fn encode_small(document: &mut Automerge) -> Result<Vec<u8>, Fault> {
        Ok(document.save())
    }

    fn merge(encoded: &[Vec<u8>]) -> Result<Automerge, Fault> {
        Ok(Automerge::load(&encoded.concat())?)
    }

    fn apply(document: &mut Automerge, bytes: &[u8]) -> Result<(), Fault> {
        document.load_incremental(bytes)?;
        Ok(())
    }

    fn read(document: &Automerge) -> Result<BTreeMap<String, String>, Fault> {
        let entry = |key: String| {
            let (value, _) = document.get(ROOT, &key)?.ok_or("a key without a value")?;
            let text = value.into_string().map_err(|_| "a value that is no text")?;
            Ok((key, text))
        };
        document.keys(ROOT).map(entry).collect()
    }

    fn sync(lacking: &mut Automerge, having: &mut Automerge) -> Result<usize, Fault> {
        let (mut here, mut there) = (State::new(), State::new());
        let mut bytes = 0;
        loop {
            let forth = lacking.generate_sync_message(&mut here).map(Message::encode);
            if let Some(message) = &forth {
                bytes += message.len();
                having.receive_sync_message(&mut there, Message::decode(message)?)?;
            }
            let back = having.generate_sync_message(&mut there).map(Message::encode);
            if let Some(message) = &back {
                bytes += message.len();
                lacking.receive_sync_message(&mut here, Message::decode(message)?)?;
            }
            if forth.is_none() && back.is_none() {
                return Ok(bytes);
            }
        }
    }
}
