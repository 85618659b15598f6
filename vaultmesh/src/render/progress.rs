//! A line of progress, only where somebody looks at it.

use std::io::Write as _;

use super::{Format, is_watched};

/// Counts on one line of a terminal, and leaves nothing behind.
pub(crate) struct Progress {
    what: &'static str,
    done: u64,
    shown: bool,
}

impl Progress {
    /// A counter of `what`; silent unless stderr is a terminal and results are for people.
    pub(crate) fn new(what: &'static str, format: Format) -> Self {
        Self { what, done: 0, shown: format == Format::Human && is_watched() }
    }

    /// Counts `more`.
    pub(crate) fn add(&mut self, more: u64) {
        self.done = self.done.saturating_add(more);
        if self.shown {
            // Progress that cannot be shown is no failure.
            let _ = write!(std::io::stderr(), "\r{} {}", self.done, self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown && self.done > 0 {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
