//! How much two sets may differ in, from symbols that do not decode yet: it spares rounds, and nothing rests on it.

use crate::bytes::wide;

/// Symbols that decode this many differences in about nine of ten cases.
///
/// The mean is 1.35 times as many for thousands and 1.7 for a few (`docs/spec/crdt-sketch.md`); few ones scatter more.
#[must_use]
pub const fn symbols_for(differences: usize) -> usize {
    let root = differences.isqrt();
    let share = differences.saturating_add(differences / 20 * 7 + differences % 20 * 7 / 20);
    share.saturating_add(root.saturating_mul(5) / 2).saturating_add(2)
}

/// Squares of the counts of symbols. Symbol i counts each difference with a chance p = 2 / (i + 2), plus one for theirs and
/// minus one for ours: about its mean the count has the variance d p (1 - p), so that each symbol gives an estimate of d, and
/// their mean is off by about 1.4 / sqrt(symbols). Counts that run over a byte make it too small; then more is asked for later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimate {
    sum: u64,
    count: u64,
}

impl Estimate {
    /// Takes in symbol `at` of the difference of two sets, of which theirs is larger by `more`.
    pub(super) fn take(&mut self, at: usize, count: u8, more: i64) {
        // Symbol 0 counts every difference and so says nothing beyond the sizes.
        if at == 0 {
            return;
        }
        let at = wide(at);
        let below = i128::from(at) + 2;
        let mean = (4 * i128::from(more) + below).div_euclid(2 * below);
        let [mean, ..] = mean.to_le_bytes();
        let off = u64::from(i8::from_le_bytes([count.wrapping_sub(mean)]).unsigned_abs());
        // off^2 / (p (1 - p)), at most 2^14 * 2^20: the sum of all symbols stays below 2^54.
        self.sum = self.sum.saturating_add(off * off * (at + 2) * (at + 2) / (2 * at));
        self.count += 1;
    }

    /// Differences, about.
    pub(super) fn differences(&self) -> usize {
        let mean = self.sum.checked_div(self.count).unwrap_or_default();
        usize::try_from(mean).unwrap_or(usize::MAX)
    }
}
