//! Lanes and clocks: exact causality in constant time, also among the branches of forks.
//!
//! A lane is a run of one author's ops, each the parent of the next. An author that forks gets a lane for each branch. The clock of
//! an op says for each lane how many of its first ops lie in the op's past; the lanes of honest authors are all there is to a
//! vector clock, and a fork only adds lanes.

use core::ops::Range;

/// Number of ops of each lane, by the lane's place. Lanes beyond the end have none.
pub(super) type Clock = Vec<u32>;

/// How many ops of a lane a clock covers.
pub(super) fn covered(clock: &[u32], lane: usize) -> u32 {
    clock.get(lane).copied().unwrap_or(0)
}

/// Makes `clock` cover at least `count` ops of a lane.
pub(super) fn raise(clock: &mut Clock, lane: usize, count: u32) {
    if clock.len() <= lane {
        clock.resize(lane + 1, 0);
    }
    if let Some(cell) = clock.get_mut(lane) {
        *cell = (*cell).max(count);
    }
}

/// Makes `clock` cover all that `other` covers.
pub(super) fn join(clock: &mut Clock, other: &[u32]) {
    if clock.len() < other.len() {
        clock.resize(other.len(), 0);
    }
    for (cell, count) in clock.iter_mut().zip(other) {
        *cell = (*cell).max(*count);
    }
}

/// Clocks of all ops, in one piece. Ops of one lane that name nothing but their parent share one.
#[derive(Clone, Debug, Default)]
pub(super) struct Clocks {
    cells: Vec<u32>,
}

impl Clocks {
    /// Cells that are taken.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Keeps a clock and says where.
    pub(super) fn keep(&mut self, clock: &[u32]) -> Range<usize> {
        let start = self.cells.len();
        self.cells.extend_from_slice(clock);
        start..self.cells.len()
    }

    /// A clock that was kept.
    pub(super) fn at(&self, place: &Range<usize>) -> &[u32] {
        self.cells.get(place.clone()).unwrap_or_default()
    }
}
