//! What this processor has, and the one way from there into code built for it: the only unsafe code of the workspace.

use crate::HASH_LEN;

pub(crate) type Hash = [u8; HASH_LEN];

/// Lets the holder of a token of this module call a function that is built for processors with what the token shows. None
/// of them is generic: what is generic is built with the crate that uses it, and in debug builds of that without
/// optimisation.
macro_rules! entry {
    ($visibility:vis $name:ident($argument:ident: $given:ty) -> $answer:ty = $function:expr) => {
        #[expect(unsafe_code, reason = "calls a function built for processors with certain extensions")]
        $visibility fn $name(self, $argument: $given) -> $answer {
            // SAFETY: the function is safe but for the features it is built with, and `self` exists only where
            // `detect` found those.
            unsafe { $function($argument) }
        }
    };
}

/// Shows that the processor has the SHA extensions: [`ShaNi::detect`] alone makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi(());

impl ShaNi {
    /// Asks the processor; the standard library remembers its answer.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse2")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has_all.then_some(Self(()))
    }
}

/// Shows that the processor has AVX-512 with the extensions for bytes, and what [`ShaNi`] shows: [`Avx512::detect`] alone
/// makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(ShaNi);

impl Avx512 {
    /// Asks the processor, as [`ShaNi::detect`] does.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi");
        ShaNi::detect().filter(|_| has_all).map(Self)
    }

    /// For what is left of a row, or is no row.
    pub(crate) const fn sha_ni(self) -> ShaNi {
        self.0
    }
}
