//! Changes of a ledger's keys: the root's signed word that another key takes the place of one.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::error::{KeyChangeError, KeyError};
use crate::id::LedgerId;
use crate::key::possession::Possession;
use crate::key::{MlDsaIdentity, MlDsaKey, PublicKey, Signature, SigningIdentity};
use crate::record::{StoredRow, SystemKind};

/// Longest text of a public key, in bytes: an envelope key of X25519 and ML-KEM-768 is 1,216 bytes, its two digits a byte.
const KEY_TEXT_MAX: usize = 4096;

/// Which of a ledger's keys is changed. Operators and holders have tokens, which are revoked instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Signs checkpoints, seal statements, roots of scrolls and receipts.
    Log,
    /// Envelopes are closed for it.
    Envelope,
    /// Signs heads and the checkpoints of seals a second time.
    #[serde(rename = "ml-dsa")]
    MlDsa,
}

impl KeyRole {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Envelope => "envelope",
            Self::MlDsa => "ml-dsa",
        }
    }
}

/// Why a key is changed. A closed set, so that no secret stands in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChangeReason {
    /// It was time. What the old key signed stands.
    Rotation,
    /// Nobody has the old key any more. What it signed stands.
    Lost,
    /// Somebody else has the old key too.
    Stolen,
}

impl KeyChangeReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Rotation, Self::Lost, Self::Stolen];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Lost => "lost",
            Self::Stolen => "stolen",
        }
    }
}

impl fmt::Display for KeyChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says that a ledger's key is another one behind a place of its log. It verifies alone but for the genesis, which names the
/// root; that it follows the changes before it is for [`KeyHistory`](super::KeyHistory).
///
/// ```text
/// {"at":7,"format":"vm-key-change-v0","ledger":"<64 hex>","new":"<64 hex>","old":"<64 hex>","possession":"<128 hex>",
///  "reason":"rotation","role":"log","signature":"<128 hex>","trusted_size":null}
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyChange {
    ledger: LedgerId,
    role: KeyRole,
    at: u64,
    old: Option<String>,
    new: Option<String>,
    reason: KeyChangeReason,
    trusted_size: Option<u64>,
    possession: Option<Possession>,
    signature: Signature,
}

impl KeyChange {
    /// Format string of a change.
    pub const FORMAT: &'static str = "vm-key-change-v0";
    /// Format string of a change of the ML-DSA key, which builds that know only the one above cannot judge.
    pub const ML_DSA_FORMAT: &'static str = "vm-key-change-v1";

    const fn format(&self) -> &'static str {
        match self.role {
            KeyRole::Log | KeyRole::Envelope => Self::FORMAT,
            KeyRole::MlDsa => Self::ML_DSA_FORMAT,
        }
    }

    /// What the root, and the holder of a new key, sign.
    fn body(&self) -> Result<Vec<u8>, KeyChangeError> {
        let body = json!({
            "at": self.at, "format": self.format(), "ledger": self.ledger, "new": self.new, "old": self.old,
            "reason": self.reason, "role": self.role, "trusted_size": self.trusted_size,
        });
        canonical::to_bytes(&body).map_err(KeyChangeError::Canonical)
    }

    /// Signs that `new` takes the place of the log key `old`, behind the row at place `at`. `trusted_size` says of a stolen key
    /// how many entries of the log are vouched for that it signed; without it, all before this row.
    ///
    /// # Errors
    /// [`KeyChangeError::Shape`] where `trusted_size` is given for another reason, or beyond `at`.
    pub fn of_log(
        root: &SigningIdentity,
        ledger: LedgerId,
        at: u64,
        (old, new): (PublicKey, &SigningIdentity),
        reason: KeyChangeReason,
        trusted_size: Option<u64>,
    ) -> Result<Self, KeyChangeError> {
        let unsigned = Signature::from_bytes([0; 64]);
        let mut change = Self {
            ledger,
            role: KeyRole::Log,
            at,
            old: Some(old.to_string()),
            new: Some(new.public().to_string()),
            reason,
            trusted_size,
            possession: Some(Possession::Log(unsigned)),
            signature: unsigned,
        };
        change.check_shape()?;
        let body = change.body()?;
        change.possession = Some(Possession::Log(new.sign(&body)));
        change.signature = root.sign(&body);
        Ok(change)
    }

    /// Signs that the envelope key is `new` behind the row at place `at`, in the place of `old`, where there was one. Keys are
    /// texts of 1 to 4,096 characters from letters, digits and `+/=_.:-`.
    ///
    /// # Errors
    /// [`KeyChangeError::Shape`] where a text is none of these, or both are missing.
    pub fn of_envelope(
        root: &SigningIdentity,
        ledger: LedgerId,
        at: u64,
        (old, new): (Option<String>, Option<String>),
        reason: KeyChangeReason,
    ) -> Result<Self, KeyChangeError> {
        let unsigned = Signature::from_bytes([0; 64]);
        let (role, trusted_size, possession) = (KeyRole::Envelope, None, None);
        let mut change = Self { ledger, role, at, old, new, reason, trusted_size, possession, signature: unsigned };
        change.check_shape()?;
        change.signature = root.sign(&change.body()?);
        Ok(change)
    }

    /// Signs that the ML-DSA key is `new` behind the row at place `at`, in the place of `old`, where there was one; none where
    /// the ledger is to have none any more.
    ///
    /// # Errors
    /// [`KeyChangeError::Shape`] where both are missing; [`KeyChangeError::Signature`] in a build without ML-DSA.
    pub fn of_ml_dsa(
        root: &SigningIdentity,
        ledger: LedgerId,
        at: u64,
        (old, new): (Option<&MlDsaKey>, Option<&MlDsaIdentity>),
        reason: KeyChangeReason,
    ) -> Result<Self, KeyChangeError> {
        let mut change = Self {
            ledger,
            role: KeyRole::MlDsa,
            at,
            old: old.map(ToString::to_string),
            new: new.map(|new| new.public().to_string()),
            reason,
            trusted_size: None,
            possession: None,
            signature: Signature::from_bytes([0; 64]),
        };
        let body = change.body()?;
        let possession = new.map(|new| new.sign(&body)).transpose().map_err(KeyChangeError::Signature)?;
        change.possession = possession.map(Possession::MlDsa);
        change.signature = root.sign(&body);
        change.check_shape().map(|()| change)
    }

    /// Which key.
    #[must_use]
    pub const fn role(&self) -> KeyRole {
        self.role
    }

    /// Place of its row in the log. The new key signs from one entry more on.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The key until here; none where the role had none.
    #[must_use]
    pub fn old(&self) -> Option<&str> {
        self.old.as_deref()
    }

    /// The key from here on; none where the role has none any more, which the log cannot.
    #[must_use]
    pub fn new_key(&self) -> Option<&str> {
        self.new.as_deref()
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> KeyChangeReason {
        self.reason
    }

    /// Of a stolen key: how many entries of the log are vouched for that it signed.
    #[must_use]
    pub fn trusted_size(&self) -> Option<u64> {
        (self.reason == KeyChangeReason::Stolen).then(|| self.trusted_size.unwrap_or(self.at))
    }

    /// Checks ledger and signatures; for a log key gives the new one.
    ///
    /// # Errors
    /// [`KeyChangeError::WrongLedger`], [`KeyChangeError::Signature`], [`KeyChangeError::Shape`].
    pub fn check(&self, ledger: LedgerId, root: PublicKey) -> Result<(), KeyChangeError> {
        if self.ledger != ledger {
            return Err(KeyChangeError::WrongLedger);
        }
        self.check_shape()?;
        let body = self.body()?;
        root.verify(&body, &self.signature).map_err(KeyChangeError::Signature)?;
        match &self.possession {
            None => Ok(()),
            Some(Possession::Log(possession)) => {
                let new = self.new_log_key()?.ok_or(KeyChangeError::Shape)?;
                new.verify(&body, possession).map_err(KeyChangeError::Signature)
            }
            Some(Possession::MlDsa(possession)) => {
                let new = self.new_ml_dsa_key()?.ok_or(KeyChangeError::Shape)?;
                new.verify(&body, possession).map_err(|error| match error {
                    // What cannot be judged here is not wrong.
                    KeyError::NoMlDsa => KeyChangeError::UnknownFormat { found: self.format().to_owned() },
                    error => KeyChangeError::Signature(error),
                })
            }
        }
    }

    /// The new key, where it is the log's.
    pub(super) fn new_log_key(&self) -> Result<Option<PublicKey>, KeyChangeError> {
        let new = self.new.as_deref().filter(|_| self.role == KeyRole::Log);
        new.map(|new| PublicKey::parse_hex(new).map_err(KeyChangeError::Signature)).transpose()
    }

    /// The new key, where it is that of ML-DSA.
    pub(super) fn new_ml_dsa_key(&self) -> Result<Option<MlDsaKey>, KeyChangeError> {
        let new = self.new.as_deref().filter(|_| self.role == KeyRole::MlDsa);
        new.map(|new| MlDsaKey::parse_hex(new).map_err(KeyChangeError::Signature)).transpose()
    }

    /// Whether the members go together.
    fn check_shape(&self) -> Result<(), KeyChangeError> {
        let is_stolen = self.reason == KeyChangeReason::Stolen;
        let texts = [&self.old, &self.new].into_iter().flatten();
        let fits = texts.into_iter().all(|text| is_key_text(text))
            && self.at > 0
            && self.trusted_size.is_none_or(|size| is_stolen && size <= self.at)
            && match self.role {
                KeyRole::Log => {
                    self.old.is_some() && self.new.is_some() && matches!(self.possession, Some(Possession::Log(_)))
                }
                KeyRole::Envelope => {
                    (self.old.is_some() || self.new.is_some())
                        && self.possession.is_none()
                        && self.trusted_size.is_none()
                }
                KeyRole::MlDsa => {
                    let is_proven = match &self.possession {
                        None => self.new.is_none(),
                        Some(possession) => self.new.is_some() && matches!(possession, Possession::MlDsa(_)),
                    };
                    (self.old.is_some() || self.new.is_some()) && is_proven && self.trusted_size.is_none()
                }
            };
        if fits { Ok(()) } else { Err(KeyChangeError::Shape) }
    }

    /// The content of its row.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "at": self.at, "format": self.format(), "ledger": self.ledger, "new": self.new, "old": self.old,
            "possession": self.possession, "reason": self.reason, "role": self.role, "signature": self.signature,
            "trusted_size": self.trusted_size,
        })
    }

    /// Reads the content of a row. Nothing is believed before [`KeyChange::check`].
    ///
    /// # Errors
    /// [`KeyChangeError::UnknownFormat`] or [`KeyChangeError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, KeyChangeError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Content {
            #[serde(rename = "format")]
            _format: String,
            at: u64,
            ledger: LedgerId,
            new: Option<String>,
            old: Option<String>,
            possession: Option<Possession>,
            reason: KeyChangeReason,
            role: KeyRole,
            signature: Signature,
            trusted_size: Option<u64>,
        }
        // A member that is missing reads as null, and nothing says which of the two was signed.
        const MEMBERS: usize = 10;
        let format = value.get("format").and_then(Value::as_str);
        match format {
            Some(Self::FORMAT | Self::ML_DSA_FORMAT) => {}
            Some(other) => return Err(KeyChangeError::UnknownFormat { found: other.chars().take(64).collect() }),
            None => return Err(KeyChangeError::Shape),
        }
        let is_whole = value.as_object().is_some_and(|members| members.len() == MEMBERS);
        let content = Content::deserialize(value).ok().filter(|_| is_whole).ok_or(KeyChangeError::Shape)?;
        let Content { at, ledger, new, old, possession, reason, role, signature, trusted_size, .. } = content;
        let change = Self { ledger, role, at, old, new, reason, trusted_size, possession, signature };
        if format != Some(change.format()) {
            return Err(KeyChangeError::Shape);
        }
        change.check_shape().map(|()| change)
    }

    /// What a row changes; none where it is a row of another kind.
    ///
    /// # Errors
    /// As [`KeyChange::from_value`]; [`KeyChangeError::Canonical`].
    pub fn of_row(row: &StoredRow) -> Result<Option<Self>, KeyChangeError> {
        if SystemKind::of_row(row) != Some(SystemKind::KeyChange) {
            return Ok(None);
        }
        let json = row.text("meta_json").ok_or(KeyChangeError::Shape)?;
        let value = canonical::parse(json.as_bytes(), canonical::BYTES_MAX).map_err(KeyChangeError::Canonical)?;
        Self::from_value(&value).map(Some)
    }
}

fn is_key_text(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_.:-".contains(&byte);
    (1..=KEY_TEXT_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::LeafHash;

    fn ledger(byte: u8) -> LedgerId {
        LedgerId::from_genesis(LeafHash::from_bytes([byte; 32]))
    }

    fn signer(byte: u8) -> SigningIdentity {
        SigningIdentity::from_seed(&[byte; 32])
    }

    fn sample() -> KeyChange {
        let keys = (signer(2).public(), &signer(3));
        KeyChange::of_log(&signer(1), ledger(1), 7, keys, KeyChangeReason::Stolen, Some(5)).unwrap()
    }

    #[test]
    fn the_page_shows_a_change_that_holds() {
        let page = include_str!("../../../docs/spec/key-change.md");
        let sample = page.lines().find(|line| line.starts_with("{\"at\":7")).unwrap();
        assert_eq!(sample.as_bytes(), canonical::to_bytes(&self::sample().to_value()).unwrap());
    }

    #[cfg(feature = "ml-dsa")]
    #[test]
    fn the_page_shows_a_change_of_the_ml_dsa_key_that_holds() {
        let (new, root) = (MlDsaIdentity::from_seed(&[3; 32]).unwrap(), signer(1));
        let rotation = KeyChangeReason::Rotation;
        let change = KeyChange::of_ml_dsa(&root, ledger(1), 7, (None, Some(&new)), rotation).unwrap();
        assert_eq!(change.check(ledger(1), root.public()), Ok(()));
        let bytes = canonical::to_bytes(&change.to_value()).unwrap();
        let mut text = String::from_utf8(bytes.clone()).unwrap();
        for long in [new.public().to_string(), change.possession.as_ref().map(|of| json!(of)).unwrap().to_string()] {
            let long = long.trim_matches('"');
            text = text.replace(long, &format!("{}...{}", &long[..32], &long[long.len() - 32..]));
        }
        let digest = crate::digest::Sha256Digest::of(&bytes).to_string();
        let page = include_str!("../../../docs/spec/key-change.md");
        assert!(page.contains(&format!("\n{text}\n")) && page.contains(&digest), "{text}\n{digest}");
        // Every byte of the possession, and the members that do not go together.
        let value = change.to_value();
        let with = |member: &str, other: Value| {
            let mut value = value.clone();
            value[member] = other;
            KeyChange::from_value(&value).and_then(|change| change.check(ledger(1), root.public()))
        };
        let proof = value["possession"].as_str().unwrap().to_owned();
        for at in (0..proof.len()).step_by(61) {
            let mut forged = proof.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert!(with("possession", json!(String::from_utf8(forged).unwrap())).is_err(), "{at}");
        }
        let ed25519 = json!(Signature::from_bytes([0; 64]));
        for (member, other) in [
            ("possession", Value::Null),
            ("possession", ed25519),
            ("new", Value::Null),
            ("role", json!("log")),
            ("role", json!("envelope")),
            ("format", json!(KeyChange::FORMAT)),
            ("trusted_size", json!(1)),
        ] {
            assert_eq!(with(member, other), Err(KeyChangeError::Shape), "{member}");
        }
        let mut log = sample().to_value();
        log["format"] = json!(KeyChange::ML_DSA_FORMAT);
        assert_eq!(KeyChange::from_value(&log), Err(KeyChangeError::Shape), "each format has its roles");
    }

    #[test]
    fn every_bit_of_a_change_counts() {
        let (root, bytes) = (signer(1).public(), canonical::to_bytes(&sample().to_value()).unwrap());
        assert_eq!(sample().check(ledger(1), root), Ok(()));
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let change = canonical::parse(&forged, 4096).ok().and_then(|value| KeyChange::from_value(&value).ok());
            assert!(change.is_none_or(|change| change.check(ledger(1), root).is_err()), "bit {bit}");
        }
        assert_eq!(sample().check(ledger(2), root), Err(KeyChangeError::WrongLedger));
        assert!(matches!(sample().check(ledger(1), signer(2).public()), Err(KeyChangeError::Signature(_))));
    }

    #[test]
    fn members_that_do_not_go_together_are_refused() {
        let keys = (signer(2).public(), &signer(3));
        let log = |at, reason, trusted| KeyChange::of_log(&signer(1), ledger(1), at, keys, reason, trusted);
        assert_eq!(log(7, KeyChangeReason::Lost, Some(5)), Err(KeyChangeError::Shape));
        assert_eq!(log(7, KeyChangeReason::Stolen, Some(8)), Err(KeyChangeError::Shape));
        assert_eq!(log(0, KeyChangeReason::Rotation, None), Err(KeyChangeError::Shape));
        assert_eq!(log(7, KeyChangeReason::Stolen, None).unwrap().trusted_size(), Some(7));
        assert_eq!(log(7, KeyChangeReason::Lost, None).unwrap().trusted_size(), None);
        let envelope = |old: Option<&str>, new: Option<&str>| {
            let keys = (old.map(str::to_owned), new.map(str::to_owned));
            KeyChange::of_envelope(&signer(1), ledger(1), 3, keys, KeyChangeReason::Rotation)
        };
        assert_eq!(envelope(None, Some("ab")).unwrap().check(ledger(1), signer(1).public()), Ok(()));
        for (old, new) in [(None, None), (Some(""), Some("a")), (None, Some("a b"))] {
            assert_eq!(envelope(old, new), Err(KeyChangeError::Shape));
        }
        for (member, other) in [
            ("new", Value::Null),
            ("possession", Value::Null),
            ("trusted_size", json!(-1)),
            ("reason", json!("hunter2")),
            ("role", json!("operator")),
            ("note", json!("")),
        ] {
            let mut value = sample().to_value();
            value[member] = other;
            assert_eq!(KeyChange::from_value(&value), Err(KeyChangeError::Shape), "{member}");
        }
        let mut short = sample().to_value();
        short.as_object_mut().unwrap().remove("trusted_size");
        assert_eq!(KeyChange::from_value(&short), Err(KeyChangeError::Shape));
        let mut later = sample().to_value();
        later["format"] = json!("vm-key-change-v9");
        assert!(matches!(KeyChange::from_value(&later), Err(KeyChangeError::UnknownFormat { .. })));
    }
}
