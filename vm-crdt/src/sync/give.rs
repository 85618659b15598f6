//! Ops on their way: packs out, packs in.

use crate::bytes::wide;
use crate::error::{Refusal, SyncError};
use crate::graph::Received;
use crate::id::OpId;
use crate::id::OpIndex;
use crate::pack::{Unpack, pack};
use crate::replica::Replica;
use crate::sketch::ShortId;

use super::message::{MESSAGE_MAX, Message};
use super::session::{Session, by_short};

/// Longest pack of a message, but for one op that is longer by itself.
const PACK_MAX: usize = MESSAGE_MAX / 2;
/// Bytes of a sealed state in one message.
const STATE_PART: usize = MESSAGE_MAX / 2;

impl Session {
    /// Gives these ops, each after its past, and then says that it was all.
    pub(super) fn give(&mut self, replica: &Replica, ops: Vec<OpIndex>) -> Result<(), SyncError> {
        self.note_given(replica, ops.len())?;
        self.giving.push_back(ops.into());
        Ok(())
    }

    /// The next pack of what is given, where anything is.
    pub(super) fn next_pack(&mut self, replica: &Replica) -> Option<Message> {
        let ops = self.giving.front_mut()?;
        let (bytes, taken) = pack(replica.graph(), ops.make_contiguous(), PACK_MAX);
        ops.drain(..taken.min(ops.len()));
        let is_last = ops.is_empty();
        if is_last {
            self.giving.pop_front();
        }
        Some(Message::Give(is_last, bytes))
    }

    pub(super) fn take_want(&mut self, replica: &Replica, shorts: &[ShortId], names: &[OpId]) -> Result<(), SyncError> {
        let graph = replica.graph();
        let mut ops = by_short(replica, &self.key, shorts);
        // What is asked for by name may stand aside here, and count there.
        ops.extend(names.iter().filter_map(|id| graph.place(id)));
        ops.sort_unstable();
        ops.dedup();
        self.give(replica, ops)
    }

    pub(super) fn take_pack(&mut self, replica: &mut Replica, is_last: bool, bytes: &[u8]) -> Result<(), SyncError> {
        // An initiator gets what it lacks unasked.
        if self.is_answering && self.awaited == 0 {
            return Err(SyncError::OutOfTurn);
        }
        let mut useful = false;
        let ops = Unpack::new(bytes)?;
        if ops.graph() != replica.graph().name() {
            return Err(SyncError::Graph);
        }
        let judge = |id: &OpId, received: Result<Received, Refusal>| match received {
            Ok(Received::Known) => Ok(()),
            Ok(_) => {
                useful = true;
                Ok(())
            }
            Err(source) if source.is_invalid() => Err(SyncError::Invalid { id: *id, source }),
            // The peer need not know the proof yet, and what does not fit here may elsewhere.
            Err(_) => Ok(()),
        };
        let (_, taken) = replica.insert_all(ops.map(|op| op.map_err(SyncError::from)), judge);
        taken?;
        self.gained |= useful;
        if !useful {
            self.note_waste(bytes.len())?;
        }
        if is_last {
            self.awaited = self.awaited.saturating_sub(1);
            if self.awaited == 0 {
                self.ask_missing(replica);
            }
            self.finish(replica);
        }
        Ok(())
    }

    pub(super) fn send_state(&mut self, replica: &Replica, number: u32, offset: u64) -> Result<(), SyncError> {
        let bytes = replica.base().filter(|(held, _)| *held == number).map(|(_, bytes)| bytes).unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = bytes.get(from..).unwrap_or_default();
        let part = part.get(..STATE_PART).unwrap_or(part);
        self.note_given(replica, 1)?;
        self.out.push_back(Message::State { number, offset, whole: wide(bytes.len()), bytes: part.to_vec() });
        Ok(())
    }
}
