//! Seeded scenarios: how often each guardian sees what is there, and how often it sees what is not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions)]

pub(crate) mod plot;
pub(crate) mod poison;
pub(crate) mod rest;

use statrs::distribution::{ContinuousCDF as _, Normal};
use vm_core::source::Entropy as _;
use vm_core::source::hazmat::CountingEntropy;

/// Random numbers of a seed.
pub(crate) struct Dice(CountingEntropy);

impl Dice {
    pub(crate) fn new(scenario: u64, run: u64) -> Self {
        Self(CountingEntropy::new((scenario << 32) | run))
    }

    /// Between 0 and 1, neither of them.
    pub(crate) fn uniform(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        ((u64::from_be_bytes(bytes) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        Normal::new(mean, deviation).unwrap().inverse_cdf(self.uniform())
    }
}

/// A row of a table: severity, and the rate at which the guardian spoke.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) severity: String,
    pub(crate) x: f64,
    pub(crate) rate: f64,
}
