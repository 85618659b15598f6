//! Which code hashes.

#[cfg(target_arch = "x86_64")]
use crate::cpu::{Avx512, ShaNi};
use crate::{HASH_LEN, Hash32, portable};

/// One way to hash, which this processor has. All give the same; tests compare them, and everybody else calls the functions
/// of the crate, which take the fastest.
#[derive(Clone, Copy, Debug)]
pub struct Backend(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
    Portable,
}

/// Calls the function of the backend.
macro_rules! dispatch {
    ($backend:ident.$name:ident($($argument:expr),*)) => {
        match $backend.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(cpu) => cpu.$name($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi(cpu) => cpu.$name($($argument),*),
            Kind::Portable => portable::$name($($argument),*),
        }
    };
}

impl Backend {
    /// All that this processor has, the fastest first and the portable one last.
    pub fn each() -> impl Iterator<Item = Self> {
        accelerated().into_iter().flatten().chain([Kind::Portable]).map(Self)
    }

    /// The fastest.
    pub(crate) fn best() -> Self {
        let [first, second] = accelerated();
        Self(first.or(second).unwrap_or(Kind::Portable))
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::ShaNi(_) => "sha-ni",
            Kind::Portable => "portable",
        }
    }

    /// As [`crate::node`].
    #[must_use]
    pub fn node(self, left: &[u8; HASH_LEN], right: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
        dispatch!(self.node(left, right))
    }

    /// As [`crate::nodes`].
    pub fn nodes<C: Hash32, P: Hash32>(self, pairs: &[[C; 2]], parents: &mut [P]) {
        dispatch!(self.nodes(pairs, parents));
    }

    /// As [`crate::leaves_of_32`].
    pub fn leaves_of_32<D: Hash32, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        dispatch!(self.leaves_of_32(data, hashes));
    }

    /// As [`crate::leaves`].
    pub fn leaves<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        dispatch!(self.leaves(data, hashes));
    }

    /// As [`crate::digests`].
    pub fn digests<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], digests: &mut [H]) {
        dispatch!(self.digests(data, digests));
    }
}

/// What is faster than the portable one, the fastest first.
fn accelerated() -> [Option<Kind>; 2] {
    #[cfg(target_arch = "x86_64")]
    let found = [Avx512::detect().map(Kind::Avx512), ShaNi::detect().map(Kind::ShaNi)];
    #[cfg(not(target_arch = "x86_64"))]
    let found = [None; 2];
    found
}
