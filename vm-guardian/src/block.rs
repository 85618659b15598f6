//! Blocks: what must not be promoted, and why. `vaultmesh` heeds those that were recorded and [stand](crate::Standing) before
//! it makes an intent that needs an anchor.

use core::fmt;
use core::str::FromStr;

use serde_json::{Value, json};
use vm_core::id::SealId;
use vm_core::verdict::Code;

use crate::error::FormatError;

/// What a block holds up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BlockScope {
    /// Every promotion.
    All,
    /// A promotion that rests on this seal.
    Seal(SealId),
}

impl fmt::Display for BlockScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Seal(seal) => write!(f, "seal {seal}"),
        }
    }
}

impl BlockScope {
    /// Whether a promotion that rests on `seal` must wait.
    #[must_use]
    pub fn holds_up(self, seal: SealId) -> bool {
        match self {
            Self::All => true,
            Self::Seal(blocked) => blocked == seal,
        }
    }
}

impl FromStr for BlockScope {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.strip_prefix("seal ") {
            Some(seal) => seal.parse().map(Self::Seal).map_err(|_| FormatError::Shape),
            None if text == "all" => Ok(Self::All),
            None => Err(FormatError::Shape),
        }
    }
}

/// Says that changes of high impact must wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromotionBlock {
    /// What waits.
    pub scope: BlockScope,
    /// The finding behind it.
    pub code: Code,
    /// Why, in one sentence.
    pub reason: String,
}

impl PromotionBlock {
    /// Whether a promotion that rests on `seal` must wait.
    #[must_use]
    pub fn holds_up(&self, seal: SealId) -> bool {
        self.scope.holds_up(seal)
    }

    pub(crate) fn to_value(&self) -> Value {
        json!({ "scope": self.scope.to_string(), "code": self.code, "reason": self.reason })
    }
}
