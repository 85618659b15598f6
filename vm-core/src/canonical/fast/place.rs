//! Where reading and writing stand.

use super::Why;

/// Bytes that are copied at once where no fewer are left on either side.
const SHORT: usize = 32;
/// The same for what is not so short.
pub(super) const MEDIUM: usize = 64;
/// Bytes of what a single character is written as, rounded up.
pub(super) const PIECE: usize = 8;

/// Three places that move forward; handed on by value, so that they stay in registers.
///
/// Text that is canonical as it stands is not copied at once: it is left behind as pending, and copied where something
/// else than the text must be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// What comes next in the text.
    pub(super) at: usize,
    /// Where the pending text begins.
    pub(super) done: usize,
    /// Where in the output it will begin.
    pub(super) to: usize,
}

impl Place {
    pub(super) const START: Self = Self { at: 0, done: 0, to: 0 };

    /// Where in the output the byte stands or will stand that comes next.
    #[inline(always)]
    pub(super) const fn written(self) -> usize {
        self.to + (self.at - self.done)
    }

    /// The byte that comes next.
    #[inline(always)]
    pub(super) fn peek(self, text: &[u8]) -> Option<u8> {
        text.get(self.at).copied()
    }

    /// After `count` bytes that are canonical as they stand.
    #[inline(always)]
    pub(super) const fn keep(mut self, count: usize) -> Self {
        self.at += count;
        self
    }

    /// After the white space that comes next.
    #[inline(always)]
    pub(super) fn skip_space(self, text: &[u8], out: &mut [u8]) -> Go {
        match self.peek(text) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => self.skip_some_space(text, out),
            _ => Ok(self),
        }
    }

    #[inline(always)]
    fn skip_some_space(self, text: &[u8], out: &mut [u8]) -> Go {
        let mut place = self.flush(text, out)?;
        place.at += 1;
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = place.peek(text) {
            place.at += 1;
        }
        place.done = place.at;
        Ok(place)
    }

    /// Copies the pending text.
    #[inline(always)]
    pub(super) fn flush(self, text: &[u8], out: &mut [u8]) -> Go {
        let length = self.at - self.done;
        copy(text, self.done, out, self.to, length)?;
        Ok(Self { at: self.at, done: self.at, to: self.to + length })
    }

    /// Goes on at `at` as if nothing stood between.
    pub(super) fn drop_until(self, at: usize, text: &[u8], out: &mut [u8]) -> Go {
        let place = self.flush(text, out)?;
        Ok(Self { at, done: at, ..place })
    }

    /// Writes the first `length` bytes of `piece` in place of the text until `at`.
    pub(super) fn replace(self, piece: [u8; PIECE], length: usize, at: usize, text: &[u8], out: &mut [u8]) -> Go {
        let place = self.flush(text, out)?;
        *out.get_mut(place.to..).and_then(<[u8]>::first_chunk_mut).ok_or(Why::Room)? = piece;
        Ok(Self { at, done: at, to: place.to + length })
    }

    /// Writes `piece` in place of the text until `at`.
    pub(super) fn replace_with(self, piece: &[u8], at: usize, text: &[u8], out: &mut [u8]) -> Go {
        let place = self.flush(text, out)?;
        copy(piece, 0, out, place.to, piece.len())?;
        Ok(Self { at, done: at, to: place.to + piece.len() })
    }
}

/// How reading goes on, if it does.
pub(super) type Go = Result<Place, Why>;

/// Copies `length` bytes. Some more may be overwritten behind them.
#[inline(always)]
pub(super) fn copy(from: &[u8], at: usize, out: &mut [u8], to: usize, length: usize) -> Result<(), Why> {
    if length <= SHORT
        && let Some(short) = from.get(at..).and_then(<[u8]>::first_chunk::<SHORT>)
        && let Some(place) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut)
    {
        *place = *short;
        return Ok(());
    }
    copy_more(from, at, out, to, length)
}

#[inline(never)]
fn copy_more(from: &[u8], at: usize, out: &mut [u8], to: usize, length: usize) -> Result<(), Why> {
    if length <= MEDIUM
        && let Some(medium) = from.get(at..).and_then(<[u8]>::first_chunk::<MEDIUM>)
        && let Some(place) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut)
    {
        *place = *medium;
        return Ok(());
    }
    let from = from.get(at..).and_then(|from| from.get(..length)).unwrap_or_default();
    let free = out.get_mut(to..).and_then(|free| free.get_mut(..from.len()));
    free.ok_or(Why::Room)?.copy_from_slice(from);
    Ok(())
}
