//! The real clock and the real source of randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use vm_core::instant::Instant;
use vm_core::source::{Clock, Entropy};
use zeroize::Zeroizing;

use crate::error::VaultError;

/// The machine's clock, read to the microsecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        EPOCH.saturating_add_micros(micros)
    }
}

const EPOCH: Instant = match Instant::from_micros(0) {
    Ok(instant) => instant,
    Err(_) => unreachable!(),
};

/// Random bytes: BLAKE3 in counter mode under a key that the operating system gave once. The one call that can fail is
/// made when the source is opened, so that no salt is ever made of anything less.
pub struct SystemEntropy {
    key: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl SystemEntropy {
    /// Opens the source.
    ///
    /// # Errors
    /// [`VaultError::Entropy`] where the operating system gives no random bytes.
    pub fn open() -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(VaultError::Entropy)?;
        Ok(Self { key, counter: 0 })
    }
}

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        hasher.finalize_xof().fill(out);
    }
}

impl std::fmt::Debug for SystemEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemEntropy(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_does_not_repeat() {
        let mut entropy = SystemEntropy::open().unwrap();
        let mut other = SystemEntropy::open().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            for source in [&mut entropy, &mut other] {
                let mut out = [0; 16];
                source.fill(&mut out);
                assert!(seen.insert(out));
            }
        }
    }
}
