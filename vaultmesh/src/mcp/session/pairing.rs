//! Requests of a connection, and the answers that come to them.

use std::collections::BTreeMap;

use vm_core::id::{RowId, TraceId};
use vm_core::record::{Direction, McpKind};

use crate::mcp::error::SessionError;
use crate::mcp::message::Reading;

/// Most requests of a connection that may wait for an answer at once, both directions together, or have lost their id
/// to a later one. Clients in use keep a few dozen open; with ids and methods of at most a kilobyte each they take
/// 32 MiB. One more is an error, for a forgotten request would be reported as answered.
pub const OPEN_MAX: usize = 16 * 1024;

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// Row of the request.
    pub(super) row: RowId,
    /// Ordinal of its frame.
    pub(super) ordinal: u64,
    /// Place in its batch, from 0.
    pub(super) item: u64,
    /// Which way the request went.
    pub(super) direction: Direction,
    /// Its id as canonical JSON.
    pub(super) id: String,
    /// Its method.
    pub(super) method: String,
    /// Its trace.
    pub(super) trace: TraceId,
    /// Whether a later request took its id.
    pub(super) reused: bool,
}

/// What a frame's row takes from the frames before it.
#[derive(Debug)]
pub(super) struct Pairing {
    /// Id of a single message, as canonical JSON.
    pub(super) id: Option<String>,
    /// Method; for an answer, that of its request; none for a batch.
    pub(super) method: Option<String>,
    /// Row of the request that is answered; of a batch, the first.
    pub(super) answers: Option<RowId>,
    /// Trace the row belongs to.
    pub(super) trace: TraceId,
}

/// All requests that no answer has come to.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By the way the request went, and its id.
    open: BTreeMap<(Direction, String), Open>,
    /// Those whose id was used again.
    lost: Vec<Open>,
}

impl Requests {
    pub(super) fn unanswered(&self) -> usize {
        self.open.len() + self.lost.len()
    }

    /// Finds what a frame answers, and its trace. Changes nothing.
    pub(super) fn pair(
        &self,
        direction: Direction,
        reading: &Reading,
        default: TraceId,
    ) -> Result<Pairing, SessionError> {
        let items = reading.items();
        let asked = items.iter().filter(|item| item.kind == McpKind::Request).count();
        if self.unanswered() + asked > OPEN_MAX {
            return Err(SessionError::TooManyOpen { limit: OPEN_MAX });
        }
        let answered = items.iter().filter(|item| item.is_answer()).find_map(|item| {
            let id = item.id.clone()?;
            self.open.get(&(direction.reverse(), id))
        });
        let own = items.iter().find_map(|item| item.trace);
        let single = match items {
            [item] if reading.kind() != McpKind::Batch => Some(item),
            _ => None,
        };
        let method = single.and_then(|item| {
            let asked = answered.map(|open| &open.method);
            item.method.as_ref().or(asked).cloned()
        });
        Ok(Pairing {
            id: single.and_then(|item| item.id.clone()),
            method,
            answers: answered.map(|open| open.row),
            trace: answered.map(|open| open.trace).or(own).unwrap_or(default),
        })
    }

    /// Takes a recorded frame into account. Inside a batch, messages count in their order.
    pub(super) fn note(&mut self, direction: Direction, reading: &Reading, row: RowId, ordinal: u64, trace: TraceId) {
        for (item, place) in reading.items().iter().zip(0..) {
            let Some(id) = item.id.clone() else { continue };
            if item.is_answer() {
                self.open.remove(&(direction.reverse(), id));
                continue;
            }
            let open = Open {
                row,
                ordinal,
                item: place,
                direction,
                id: id.clone(),
                method: item.method.clone().unwrap_or_default(),
                trace: item.trace.unwrap_or(trace),
                reused: false,
            };
            if let Some(older) = self.open.insert((direction, id), open) {
                self.lost.push(Open { reused: true, ..older });
            }
        }
    }

    pub(super) fn settle(&mut self, minted: RowId, stored: RowId) {
        let all = self.open.values_mut().chain(&mut self.lost);
        all.filter(|open| open.row == minted).for_each(|open| open.row = stored);
    }

    /// All that are left, in the order they were asked.
    pub(super) fn end(&mut self) -> Vec<Open> {
        let mut all = std::mem::take(&mut self.lost);
        all.extend(std::mem::take(&mut self.open).into_values());
        all.sort_by_key(|open| (open.ordinal, open.item));
        all
    }
}
