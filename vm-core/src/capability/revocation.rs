//! Revocations: an issuer's signed word that a token no longer holds.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::digest::CapabilityHash;
use crate::error::CapabilityError;
use crate::id::LedgerId;
use crate::key::{PublicKey, Signature, SigningIdentity};

/// Why a token was revoked: the words of RFC 5280, section 5.3.1, that fit a token. A closed set, so that no secret stands
/// in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// None is given.
    Unspecified,
    /// The holder's key may be in other hands.
    KeyCompromise,
    /// Another token takes its place.
    Superseded,
    /// The holder's work is done.
    CessationOfOperation,
    /// The holder may no longer act so.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says that a token, and all that descend from it, hold no longer. It verifies alone; that its issuer may say so is a matter
/// of the chain of the token ([`crate::capability::InForce`]).
///
/// ```text
/// {"capability":"<64 hex>","format":"vm-revocation-v0","issuer":"<64 hex>","ledger":"<64 hex>",
///  "reason":"key_compromise","signature":"<128 hex>"}
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revocation {
    ledger: LedgerId,
    capability: CapabilityHash,
    issuer: PublicKey,
    reason: RevocationReason,
    signature: Signature,
}

impl Revocation {
    /// Format string of a revocation.
    pub const FORMAT: &'static str = "vm-revocation-v0";

    fn body(&self) -> Result<Vec<u8>, CapabilityError> {
        let body = json!({
            "format": Self::FORMAT, "ledger": self.ledger, "capability": self.capability, "issuer": self.issuer,
            "reason": self.reason,
        });
        canonical::to_bytes(&body).map_err(CapabilityError::Canonical)
    }

    /// Signs a revocation.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`] never in practice.
    pub fn sign(
        issuer: &SigningIdentity,
        ledger: LedgerId,
        capability: CapabilityHash,
        reason: RevocationReason,
    ) -> Result<Self, CapabilityError> {
        let unsigned = Signature::from_bytes([0; 64]);
        let mut revocation = Self { ledger, capability, issuer: issuer.public(), reason, signature: unsigned };
        revocation.signature = issuer.sign(&revocation.body()?);
        Ok(revocation)
    }

    /// The revoked token.
    #[must_use]
    pub const fn capability(&self) -> CapabilityHash {
        self.capability
    }

    /// Who says so.
    #[must_use]
    pub const fn issuer(&self) -> PublicKey {
        self.issuer
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> RevocationReason {
        self.reason
    }

    /// Checks ledger and signature.
    ///
    /// # Errors
    /// [`CapabilityError::WrongLedger`] or [`CapabilityError::Key`].
    pub fn check(&self, ledger: LedgerId) -> Result<(), CapabilityError> {
        if self.ledger != ledger {
            return Err(CapabilityError::WrongLedger);
        }
        self.issuer.verify(&self.body()?, &self.signature).map_err(CapabilityError::Key)
    }

    /// The content of its row.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "format": Self::FORMAT, "ledger": self.ledger, "capability": self.capability, "issuer": self.issuer,
            "reason": self.reason, "signature": self.signature,
        })
    }

    /// Reads the content of a row. Nothing is believed before [`Revocation::check`].
    ///
    /// # Errors
    /// [`CapabilityError::UnknownFormat`] or [`CapabilityError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, CapabilityError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            #[serde(rename = "format")]
            _format: String,
            ledger: LedgerId,
            capability: CapabilityHash,
            issuer: PublicKey,
            reason: RevocationReason,
            signature: Signature,
        }
        super::check_format(value, Self::FORMAT)?;
        let content = Content::deserialize(value).map_err(|_| CapabilityError::Shape)?;
        let Content { ledger, capability, issuer, reason, signature, .. } = content;
        Ok(Self { ledger, capability, issuer, reason, signature })
    }
}

/// Content of a row that says a numbered use of a token was spent, on the rows directly before it.
///
/// ```text
/// {"capability":"<64 hex>","format":"vm-permit-use-v0","rows":2,"use":1}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PermitUse {
    /// The token.
    pub capability: CapabilityHash,
    /// Which of its uses, from 1.
    pub number: u64,
    /// How many rows directly before this one were recorded by it; at least 1.
    pub rows: u64,
}

impl PermitUse {
    /// Format string of a use.
    pub const FORMAT: &'static str = "vm-permit-use-v0";

    /// The content of its row.
    #[must_use]
    pub fn to_value(self) -> Value {
        json!({ "format": Self::FORMAT, "capability": self.capability, "use": self.number, "rows": self.rows })
    }

    /// Reads the content of a row.
    ///
    /// # Errors
    /// [`CapabilityError::UnknownFormat`] or [`CapabilityError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, CapabilityError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            #[serde(rename = "format")]
            _format: String,
            capability: CapabilityHash,
            #[serde(rename = "use")]
            number: u64,
            rows: u64,
        }
        super::check_format(value, Self::FORMAT)?;
        let content = Content::deserialize(value).map_err(|_| CapabilityError::Shape)?;
        let Content { capability, number, rows, .. } = content;
        if number == 0 || rows == 0 { Err(CapabilityError::Shape) } else { Ok(Self { capability, number, rows }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::LeafHash;

    fn ledger(byte: u8) -> LedgerId {
        LedgerId::from_genesis(LeafHash::from_bytes([byte; 32]))
    }

    #[test]
    fn a_revocation_reads_back_and_is_for_one_ledger_and_one_token() {
        let (issuer, token) = (SigningIdentity::from_seed(&[1; 32]), CapabilityHash::from_bytes([2; 32]));
        for reason in RevocationReason::ALL {
            let revocation = Revocation::sign(&issuer, ledger(1), token, reason).unwrap();
            let read = Revocation::from_value(&revocation.to_value()).unwrap();
            assert_eq!(read, revocation);
            assert_eq!(read.check(ledger(1)), Ok(()));
            assert_eq!(read.check(ledger(2)), Err(CapabilityError::WrongLedger));
            assert_eq!(revocation.to_value()["reason"], json!(reason.as_str()));
        }
        let revocation = Revocation::sign(&issuer, ledger(1), token, RevocationReason::Superseded).unwrap();
        for (member, other) in [
            ("capability", json!(CapabilityHash::from_bytes([3; 32]))),
            ("issuer", json!(SigningIdentity::from_seed(&[2; 32]).public())),
            ("reason", json!("key_compromise")),
        ] {
            let mut value = revocation.to_value();
            value[member] = other;
            let forged = Revocation::from_value(&value).unwrap();
            assert!(matches!(forged.check(ledger(1)), Err(CapabilityError::Key(_))), "{member}");
        }
    }

    #[test]
    fn other_shapes_and_formats_are_refused() {
        let issuer = SigningIdentity::from_seed(&[1; 32]);
        let token = CapabilityHash::from_bytes([2; 32]);
        let revocation = Revocation::sign(&issuer, ledger(1), token, RevocationReason::Unspecified).unwrap();
        let mut surplus = revocation.to_value();
        surplus["note"] = json!("");
        assert_eq!(Revocation::from_value(&surplus), Err(CapabilityError::Shape));
        let mut other = revocation.to_value();
        other["reason"] = json!("because of hunter2");
        assert_eq!(Revocation::from_value(&other), Err(CapabilityError::Shape));
        let mut later = revocation.to_value();
        later["format"] = json!("vm-revocation-v9");
        assert!(matches!(Revocation::from_value(&later), Err(CapabilityError::UnknownFormat { .. })));

        let spent = PermitUse { capability: token, number: 3, rows: 2 };
        assert_eq!(PermitUse::from_value(&spent.to_value()), Ok(spent));
        for (member, other) in [("use", json!(0)), ("rows", json!(0)), ("use", json!(-1)), ("x", json!(1))] {
            let mut value = spent.to_value();
            value[member] = other;
            assert_eq!(PermitUse::from_value(&value), Err(CapabilityError::Shape), "{value}");
        }
    }
}
