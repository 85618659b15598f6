//! Clock and entropy as arguments, so that rules stay apart from effects and tests are repeatable.

use crate::instant::Instant;

/// Where the time of a record comes from.
pub trait Clock {
    /// The present instant. It may go back; nothing is ordered by it alone.
    fn now(&self) -> Instant;
}

/// Where ids, salts and nonces come from. A real one is the operating system's generator.
pub trait Entropy {
    /// Fills `out` with bytes that nobody else can guess.
    fn fill(&mut self, out: &mut [u8]);
}

/// Deterministic sources, for tests and golden files: with them, salts can be guessed and ids repeat.
pub mod hazmat {
    use super::{Clock, Entropy, Instant};
    use crate::digest::Sha256Digest;

    /// A clock that stands still.
    #[derive(Clone, Copy, Debug)]
    pub struct FixedClock(pub Instant);

    impl Clock for FixedClock {
        fn now(&self) -> Instant {
            self.0
        }
    }

    /// A clock that moves one millisecond at each look.
    #[derive(Debug)]
    pub struct SteppingClock(core::cell::Cell<Instant>);

    impl SteppingClock {
        /// Starts at `start`.
        #[must_use]
        pub const fn new(start: Instant) -> Self {
            Self(core::cell::Cell::new(start))
        }
    }

    impl Clock for SteppingClock {
        fn now(&self) -> Instant {
            let now = self.0.get();
            self.0.set(Instant::from_micros(now.as_micros() + 1_000).unwrap_or(now));
            now
        }
    }

    /// SHA-256 in counter mode over a seed: repeatable, and worthless as a secret.
    #[derive(Clone, Debug, Default)]
    pub struct CountingEntropy {
        seed: u64,
        counter: u64,
    }

    impl CountingEntropy {
        /// A stream that depends on `seed` alone.
        #[must_use]
        pub const fn new(seed: u64) -> Self {
            Self { seed, counter: 0 }
        }
    }

    impl Entropy for CountingEntropy {
        fn fill(&mut self, out: &mut [u8]) {
            for chunk in out.chunks_mut(32) {
                let mut block = [0; 16];
                block[..8].copy_from_slice(&self.seed.to_be_bytes());
                block[8..].copy_from_slice(&self.counter.to_be_bytes());
                self.counter += 1;
                chunk.copy_from_slice(&Sha256Digest::of(&block).as_bytes()[..chunk.len()]);
            }
        }
    }
}
