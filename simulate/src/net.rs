//! A network that delays, loses, doubles and parts: links with a queue in either direction, and a session at each end.

use std::collections::VecDeque;

use vm_crdt::Session;

use crate::liar::Script;

/// Replicas at the ends of a link: honest ones first, then liars.
pub(crate) type Ends = [usize; 2];

/// What speaks at one end of a link.
#[derive(Debug)]
pub(crate) enum Side {
    /// The rules: an honest replica, or a liar's face.
    Rules {
        /// The session.
        session: Box<Session>,
        /// Which face of a liar.
        face: usize,
    },
    /// A liar that says what it likes.
    Script(Script),
}

/// A link between two replicas, as long as a session lasts.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ends: Ends,
    pub(crate) sides: [Side; 2],
    /// What is on its way to either end.
    pub(crate) queues: [VecDeque<Vec<u8>>; 2],
    /// Whether everything went through as it was sent.
    pub(crate) is_clean: bool,
    /// Sides that had nothing to say when they were last asked, with nothing on the way since.
    pub(crate) idle: [bool; 2],
}

impl Link {
    pub(crate) const fn new(ends: Ends, sides: [Side; 2]) -> Self {
        let queues = [VecDeque::new(), VecDeque::new()];
        Self { ends, sides, queues, is_clean: true, idle: [false, false] }
    }

    /// Whether nothing moves any more.
    pub(crate) fn is_still(&self) -> bool {
        self.idle == [true, true] && self.queues.iter().all(VecDeque::is_empty)
    }
}

/// All links, and who is cut off from whom.
#[derive(Debug, Default)]
pub(crate) struct Net {
    pub(crate) links: Vec<Link>,
    /// Which side of a partition each replica is on; nothing where there is none.
    pub(crate) cut: Option<Vec<bool>>,
}

impl Net {
    /// Whether messages go through between two.
    pub(crate) fn joins(&self, ends: Ends) -> bool {
        let of = |sides: &Vec<bool>, end: usize| sides.get(end).copied().unwrap_or(false);
        self.cut.as_ref().is_none_or(|sides| of(sides, ends[0]) == of(sides, ends[1]))
    }
}
