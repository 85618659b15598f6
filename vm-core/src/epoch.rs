//! Epoch: the explicit mode a system is in, named after the stages of an alchemist's work.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::IdError;

/// System mode. Every rune, token and proposal names the epochs it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Epoch {
    /// Blackening: maximum learning, conservative execution.
    Nigredo,
    /// Whitening: normalisation and stabilisation.
    Albedo,
    /// Reddening: directed transformation under the strictest gate.
    Rubedo,
}

impl Epoch {
    /// All epochs in order.
    pub const ALL: [Self; 3] = [Self::Nigredo, Self::Albedo, Self::Rubedo];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nigredo => "nigredo",
            Self::Albedo => "albedo",
            Self::Rubedo => "rubedo",
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Epoch {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|epoch| epoch.as_str() == text).ok_or(IdError::NotEpoch)
    }
}
