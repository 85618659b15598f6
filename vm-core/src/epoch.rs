//! Epoch: the explicit mode a system is in, named after the stages of an alchemist's work.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{IdError, RecordError};
use crate::record::check_format;

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

/// Content of a row that changes the epoch; it is about the intent that changes it.
///
/// ```text
/// {"format":"vm-epoch-change-v0","from":"nigredo","to":"albedo"}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochChange {
    /// The epoch until then.
    pub from: Epoch,
    /// The epoch from then on.
    pub to: Epoch,
}

impl EpochChange {
    /// Format string of a change.
    pub const FORMAT: &'static str = "vm-epoch-change-v0";

    /// The content as JSON.
    #[must_use]
    pub fn to_value(self) -> Value {
        json!({ "format": Self::FORMAT, "from": self.from, "to": self.to })
    }

    /// Reads the content of a row.
    ///
    /// # Errors
    /// [`RecordError::UnknownFormat`] or [`RecordError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            #[serde(rename = "format")]
            _format: String,
            from: Epoch,
            to: Epoch,
        }
        check_format(value, Self::FORMAT)?;
        let Content { from, to, .. } = Content::deserialize(value).map_err(|_| RecordError::Shape)?;
        if from == to { Err(RecordError::Shape) } else { Ok(Self { from, to }) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_back_and_goes_somewhere() {
        let change = EpochChange { from: Epoch::Nigredo, to: Epoch::Albedo };
        assert_eq!(EpochChange::from_value(&change.to_value()), Ok(change));
        let still = EpochChange { from: Epoch::Rubedo, to: Epoch::Rubedo };
        assert_eq!(EpochChange::from_value(&still.to_value()), Err(RecordError::Shape));
        let mut surplus = change.to_value();
        surplus["at"] = json!(1);
        assert_eq!(EpochChange::from_value(&surplus), Err(RecordError::Shape));
        let later = json!({ "format": "vm-epoch-change-v1", "from": "nigredo", "to": "albedo" });
        assert!(matches!(EpochChange::from_value(&later), Err(RecordError::UnknownFormat { .. })));
    }
}
