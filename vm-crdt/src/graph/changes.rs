//! What changed in a graph, for whoever makes a state of it.

use vm_core::key::PublicKey;

use crate::error::Refusal;
use crate::id::{OpId, OpIndex};

/// What changed by an op, a proof or an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Changes {
    /// Ops that count now and did not before, each after its past.
    pub counted: Vec<OpIndex>,
    /// Whether ops that counted or had effect no longer do: state is then made anew of [`Graph::effective`](super::Graph::effective).
    pub must_rebuild: bool,
    /// Authors that are proven now.
    pub proven: Vec<PublicKey>,
    /// Ops that had waited and turned out to be no good, each with the reason.
    pub refused: Vec<(OpId, Refusal)>,
}

impl Changes {
    /// Adds what changed afterwards.
    pub(crate) fn append(&mut self, mut later: Self) {
        if later.must_rebuild {
            self.counted.clear();
            self.must_rebuild = true;
        }
        self.counted.append(&mut later.counted);
        self.proven.append(&mut later.proven);
        self.refused.append(&mut later.refused);
    }
}
