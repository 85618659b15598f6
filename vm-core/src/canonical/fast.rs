//! From text to canonical bytes in one pass, with no tree between.
//!
//! Tokens are written as they are read. Members of an object that came out of order are put in order when it closes,
//! inside the output. What is accepted, what is refused, and with which words, is what [`twin`] says, which reads the
//! same grammar in a plainer way.

mod decimal;
mod explain;
mod member;
mod number;
mod place;
mod run;
mod string;

use run::{Ended, Stack};

use super::chunk::is_ascii;
use super::twin;
use crate::error::CanonicalError;

/// Bytes that the output buffer has beyond the text, so that short pieces can be copied whole chunks at a time.
const SLACK: usize = 64;
/// What a text may grow by: `[1e20,1e20]` is written with 21 digits a number, so fewer than five bytes for one.
const GROWTH: usize = 5;
/// Longest text of the fast path. Places in its output fit 32 bits; longer texts go the long way.
const FAST_MAX: usize = 512 * 1024 * 1024;

/// Turns JSON texts into canonical bytes, and keeps its buffers from one text to the next.
///
/// It accepts and refuses what [`parse`](super::parse) does, with the same errors, and writes what
/// [`to_bytes`](super::to_bytes) writes of the value that was read.
///
/// Memory: 1 to 2 bytes a byte of a usual text, [`Self::BYTES_A_BYTE`] for the worst. The buffers are kept, with the last
/// text in them, until this is dropped.
#[derive(Debug, Default)]
pub struct Canonicalizer {
    out: Vec<u8>,
    stack: Stack,
}

impl Canonicalizer {
    /// Most memory that the buffers take, in bytes a byte of the longest text: five for the output of `[1e20,1e20]`, and
    /// with names in it three for the object that is put in order and three for its members.
    pub const BYTES_A_BYTE: usize = 11;

    /// Nothing allocated yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { out: Vec::new(), stack: Stack::new() }
    }

    /// The canonical bytes of a JSON text of at most `limit` bytes.
    ///
    /// Cost: one pass over the text; the bytes of an object whose members are out of order are copied twice more.
    ///
    /// # Errors
    /// As [`parse`](super::parse).
    pub fn canonicalize<'a>(&'a mut self, text: &'a [u8], limit: usize) -> Result<&'a [u8], CanonicalError> {
        if text.len() > limit {
            return Err(CanonicalError::TooLong { limit, found: text.len() });
        }
        if !is_fast(text.len()) {
            self.out = twin::canonicalize(text, limit)?;
            return Ok(&self.out);
        }
        // ASCII is seen faster than UTF-8.
        if !is_ascii(text) {
            core::str::from_utf8(text).map_err(|fault| CanonicalError::NotUtf8 { offset: fault.valid_up_to() })?;
        }
        loop {
            let Ended { place, open, stop } = run::run(text, &mut self.out, &mut self.stack);
            if stop.is_none() && place.done == 0 {
                return Ok(text);
            }
            // What is pending is copied at last; the names in it tell an error's place, too.
            let flushed = place.flush(text, &mut self.out).map_err(Stop::outside);
            match flushed.map_or_else(Some, |_| stop) {
                None => return Ok(self.out.get(..place.written()).unwrap_or_default()),
                Some(Stop { why: Why::Room, .. }) => self.enlarge(text.len()),
                Some(stop) => return Err(explain::explain(stop, open, &self.out, &mut self.stack)),
            }
        }
    }

    /// Checks that a text of at most `limit` bytes is canonical already.
    ///
    /// Cost: as [`Self::canonicalize`].
    ///
    /// # Errors
    /// As [`parse_exact`](super::parse_exact).
    pub fn check_exact(&mut self, text: &[u8], limit: usize) -> Result<(), CanonicalError> {
        if self.canonicalize(text, limit)? == text { Ok(()) } else { Err(CanonicalError::NotCanonical) }
    }

    /// Bytes of memory that the buffers hold.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.out.capacity().saturating_add(self.stack.capacity())
    }

    /// Makes room for the canonical form of a text of `length` bytes: for most texts at first, for all at the second try.
    #[cold]
    #[inline(never)]
    fn enlarge(&mut self, length: usize) {
        let first = length.saturating_add(SLACK);
        let room = if self.out.len() < first { first } else { self.out.len().max(first).saturating_mul(GROWTH) };
        self.out.reserve_exact(room.saturating_sub(self.out.len()));
        self.out.resize(room, 0);
    }
}

/// Whether a text of so many bytes takes the fast path.
const fn is_fast(length: usize) -> bool {
    length <= FAST_MAX
}

/// Why reading stopped, and where.
#[derive(Clone, Copy, Debug)]
struct Stop {
    why: Why,
    /// Whether the fault lies in the current item or member of what is open, not between two of them.
    is_inside: bool,
}

impl Stop {
    #[inline(always)]
    const fn inside(why: Why) -> Self {
        Self { why, is_inside: true }
    }

    #[inline(always)]
    const fn outside(why: Why) -> Self {
        Self { why, is_inside: false }
    }
}

#[derive(Clone, Copy, Debug)]
enum Why {
    /// The output buffer is full.
    Room,
    /// Not JSON.
    Expected {
        offset: usize,
        expected: &'static str,
    },
    /// Something follows the value.
    Trailing {
        offset: usize,
    },
    /// The object that just closed names a member twice.
    Repeated,
    LoneSurrogate,
    NotFinite,
    UnsafeInteger,
    TooDeep,
}

impl Why {
    #[cold]
    const fn expected(offset: usize, expected: &'static str) -> Self {
        Self::Expected { offset, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_output_of_the_longest_text_fit_32_bits() {
        assert!(is_fast(0) && is_fast(FAST_MAX) && !is_fast(FAST_MAX + 1));
        assert!(u32::try_from((FAST_MAX + SLACK) * GROWTH).is_ok());
    }
}
