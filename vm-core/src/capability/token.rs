//! Tokens and chains of tokens.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical;
use crate::capability::{Action, Engines, Resource};
use crate::digest::{CapabilityHash, Sha256Digest};
use crate::epoch::Epoch;
use crate::error::CapabilityError;
use crate::id::LedgerId;
use crate::instant::Instant;
use crate::key::{PublicKey, Signature, SigningIdentity};

/// Most tokens in a chain. Sovereign, operator, team, tool, task leave room for as many again.
pub const CHAIN_MAX: usize = 8;
/// Longest token read, in bytes; a token with every engine name a team may have stays far below.
const TOKEN_MAX: usize = 64 * 1024;

/// What a token grants to whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The ledger it is good for, and no other.
    pub ledger: LedgerId,
    /// Key that must prove its possession to use the token, or issues narrower ones.
    pub holder: PublicKey,
    /// What it allows.
    pub actions: BTreeSet<Action>,
    /// Engines it covers.
    pub engines: Engines,
    /// Epochs it is good in.
    pub epochs: BTreeSet<Epoch>,
    /// What it covers.
    pub resource: Resource,
    /// First instant it is good at.
    pub not_before: Instant,
    /// First instant it is no longer good at.
    pub expires: Instant,
    /// How often it may be used; without number where there is none.
    pub uses: Option<u64>,
    /// Least time between two uses, in seconds, where uses are numbered and far apart: a limit of the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_interval_seconds: Option<u32>,
    /// Makes two like grants two tokens.
    pub nonce: Sha256Digest,
}

impl Grant {
    /// Whether everything this grants is granted by `parent` too.
    fn narrows(&self, parent: &Self) -> Result<(), CapabilityError> {
        let escapes = [
            ("ledger", self.ledger != parent.ledger),
            ("actions", !self.actions.is_subset(&parent.actions)),
            ("engines", !self.engines.narrows(&parent.engines)),
            ("epochs", !self.epochs.is_subset(&parent.epochs)),
            ("resource", !parent.resource.covers(&self.resource)),
            ("not_before", self.not_before < parent.not_before),
            ("expires", self.expires > parent.expires),
            ("uses", parent.uses.is_some_and(|most| self.uses.is_none_or(|uses| uses > most))),
            ("min_interval_seconds", self.min_interval_seconds < parent.min_interval_seconds),
        ];
        match escapes.into_iter().find(|(_, escaped)| *escaped) {
            Some((field, _)) => Err(CapabilityError::Escapes { field }),
            None => Ok(()),
        }
    }
}

/// A signed token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    issuer: PublicKey,
    parent: Option<CapabilityHash>,
    grant: Grant,
    signature: Signature,
}

impl Token {
    /// Format string of a token's body.
    pub const FORMAT: &'static str = "vm-capability-v0";
    /// Format string of the body of a token that limits its rate.
    pub const PACED_FORMAT: &'static str = "vm-capability-v1";

    fn body(issuer: PublicKey, parent: Option<CapabilityHash>, grant: &Grant) -> Result<Vec<u8>, CapabilityError> {
        let mut body = json!({
            "format": Self::FORMAT, "issuer": issuer, "parent": parent,
            "ledger": grant.ledger, "holder": grant.holder, "actions": grant.actions, "engines": grant.engines,
            "epochs": grant.epochs, "resource": grant.resource, "not_before": grant.not_before,
            "expires": grant.expires, "uses": grant.uses, "nonce": grant.nonce,
        });
        if let (Some(seconds), Some(members)) = (grant.min_interval_seconds, body.as_object_mut()) {
            members.insert("format".to_owned(), json!(Self::PACED_FORMAT));
            members.insert("min_interval_seconds".to_owned(), json!(seconds));
        }
        canonical::to_bytes(&body).map_err(CapabilityError::Canonical)
    }

    fn sign(issuer: &SigningIdentity, parent: Option<CapabilityHash>, grant: Grant) -> Result<Self, CapabilityError> {
        if grant.min_interval_seconds.is_some() && grant.uses.is_none() {
            return Err(CapabilityError::Shape);
        }
        let signature = issuer.sign(&Self::body(issuer.public(), parent, &grant)?);
        Ok(Self { issuer: issuer.public(), parent, grant, signature })
    }

    /// Key that signed it.
    #[must_use]
    pub const fn issuer(&self) -> PublicKey {
        self.issuer
    }

    /// What it grants.
    #[must_use]
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The token it was narrowed from.
    #[must_use]
    pub const fn parent(&self) -> Option<CapabilityHash> {
        self.parent
    }

    /// Its identity.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`] where `uses` breaks the number rule.
    pub fn hash(&self) -> Result<CapabilityHash, CapabilityError> {
        let body = Self::body(self.issuer, self.parent, &self.grant)?;
        Ok(CapabilityHash::from_bytes(*Sha256Digest::of(&body).as_bytes()))
    }

    fn check_signature(&self) -> Result<(), CapabilityError> {
        let body = Self::body(self.issuer, self.parent, &self.grant)?;
        self.issuer.verify(&body, &self.signature).map_err(CapabilityError::Key)
    }

    /// The token as JSON: `{"body":{...},"signature":"<128 hex>"}`.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`].
    pub fn to_value(&self) -> Result<Value, CapabilityError> {
        let body = Self::body(self.issuer, self.parent, &self.grant)?;
        let body = canonical::parse(&body, TOKEN_MAX).map_err(CapabilityError::Canonical)?;
        Ok(json!({ "body": body, "signature": self.signature }))
    }

    /// Reads a token's JSON; its signature is checked with its chain.
    ///
    /// # Errors
    /// [`CapabilityError::UnknownFormat`] or [`CapabilityError::Shape`].
    pub fn from_value(value: &Value) -> Result<Self, CapabilityError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            body: serde_json::Map<String, Value>,
            signature: Signature,
        }
        // A derived reader takes a list of values for an object.
        if !value.is_object() {
            return Err(CapabilityError::Shape);
        }
        let outer = Outer::deserialize(value).map_err(|_| CapabilityError::Shape)?;
        let mut grant = outer.body;
        let paced = match grant.remove("format").as_ref().and_then(Value::as_str) {
            Some(Self::FORMAT) => false,
            Some(Self::PACED_FORMAT) => true,
            Some(other) => {
                return Err(CapabilityError::UnknownFormat { found: other.chars().take(64).collect() });
            }
            None => return Err(CapabilityError::Shape),
        };
        let issuer = grant.remove("issuer").ok_or(CapabilityError::Shape)?;
        let issuer = PublicKey::deserialize(issuer).map_err(|_| CapabilityError::Shape)?;
        let parent = grant.remove("parent").ok_or(CapabilityError::Shape)?;
        let parent = Option::deserialize(parent).map_err(|_| CapabilityError::Shape)?;
        // An interval between uses that nobody counts would limit nothing.
        let countless = grant.get("uses").is_none_or(|uses| paced && uses.is_null());
        if countless || grant.contains_key("min_interval_seconds") != paced {
            return Err(CapabilityError::Shape);
        }
        let body = Value::Object(grant);
        let grant = Grant::deserialize(&body).map_err(|_| CapabilityError::Shape)?;
        // A list out of order or with repetitions would read as the same grant under another text.
        if serde_json::to_value(&grant).ok().as_ref() != Some(&body) {
            return Err(CapabilityError::Shape);
        }
        Ok(Self { issuer, parent, grant, signature: outer.signature })
    }
}

/// A token with all it descends from, the root authority's first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain(Vec<Token>);

impl Chain {
    /// Issues the first token of a chain, signed by the ledger's root authority.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`].
    pub fn root(authority: &SigningIdentity, grant: Grant) -> Result<Self, CapabilityError> {
        Ok(Self(vec![Token::sign(authority, None, grant)?]))
    }

    /// Narrows the last token: its holder issues one that grants no more.
    ///
    /// # Errors
    /// [`CapabilityError::NotHolder`], [`CapabilityError::Escapes`], [`CapabilityError::TooLong`].
    pub fn narrow(&self, holder: &SigningIdentity, grant: Grant) -> Result<Self, CapabilityError> {
        let last = self.last()?;
        if holder.public() != last.grant.holder {
            return Err(CapabilityError::NotHolder);
        }
        grant.narrows(&last.grant)?;
        let mut tokens = self.0.clone();
        if tokens.len() == CHAIN_MAX {
            return Err(CapabilityError::TooLong { limit: CHAIN_MAX });
        }
        tokens.push(Token::sign(holder, Some(last.hash()?), grant)?);
        Ok(Self(tokens))
    }

    /// The token that is to be used.
    ///
    /// # Errors
    /// [`CapabilityError::Shape`] never in practice: a chain is not empty.
    pub fn last(&self) -> Result<&Token, CapabilityError> {
        self.0.last().ok_or(CapabilityError::Shape)
    }

    /// The tokens, root first.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.0
    }

    /// Checks every signature, every link and every narrowing, from `root` down, and gives the hash of each token.
    ///
    /// # Errors
    /// [`CapabilityError`] names the first fault.
    pub fn check(&self, root: PublicKey, ledger: LedgerId) -> Result<Vec<CapabilityHash>, CapabilityError> {
        let mut hashes: Vec<CapabilityHash> = Vec::with_capacity(self.0.len());
        let mut parent: Option<&Token> = None;
        for token in &self.0 {
            let issuer = parent.map_or(root, |parent| parent.grant.holder);
            if token.issuer != issuer {
                return Err(CapabilityError::WrongIssuer);
            }
            if token.parent != hashes.last().copied() {
                return Err(CapabilityError::WrongParent);
            }
            if token.grant.ledger != ledger {
                return Err(CapabilityError::WrongLedger);
            }
            token.check_signature()?;
            if let Some(parent) = parent {
                token.grant.narrows(&parent.grant)?;
            }
            hashes.push(token.hash()?);
            parent = Some(token);
        }
        Ok(hashes)
    }

    /// Canonical bytes: a JSON list of tokens.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, CapabilityError> {
        let tokens = self.0.iter().map(Token::to_value).collect::<Result<Vec<_>, _>>()?;
        canonical::to_bytes(&Value::from(tokens)).map_err(CapabilityError::Canonical)
    }

    /// Reads the canonical bytes of a chain. Nothing is believed before [`Chain::check`].
    ///
    /// # Errors
    /// [`CapabilityError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CapabilityError> {
        let value = canonical::parse_exact(bytes, CHAIN_MAX * TOKEN_MAX).map_err(CapabilityError::Canonical)?;
        let list = value.as_array().ok_or(CapabilityError::Shape)?;
        if list.len() > CHAIN_MAX {
            return Err(CapabilityError::TooLong { limit: CHAIN_MAX });
        }
        if list.is_empty() {
            return Err(CapabilityError::Shape);
        }
        Ok(Self(list.iter().map(Token::from_value).collect::<Result<_, _>>()?))
    }
}
