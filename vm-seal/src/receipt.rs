//! COSE receipts of inclusion (RFC 9942, section 5.2): that one entry stands in a log, as CBOR that needs the entry and
//! the log's key. `docs/spec/cose-receipt.md` is the format.
//!
//! ```text
//! 18([ << { 1: -8, 4: h'fe62ba7d', 15: {1: "vaultmesh/de0c…"}, 395: 1, -1986884724: 9 } >>,
//!      { 396: { -1: [ << [9, 3, [h'd173…', h'9a93…']] >> ] } },
//!      null,
//!      h'…' ])
//! ```
//!
//! The payload is the root, which is never in the receipt: whoever verifies computes it from the entry.

use ciborium::Value;
use vm_core::digest::{DIGEST_LEN, LeafHash, RootHash};
use vm_core::key::{NoteKey, Signature, SigningIdentity};

use crate::error::{ProofError, ReceiptError};
use crate::merkle::{InclusionProof, LeafIndex, PROOF_HASHES_MAX, TreeSize, VerifiedInclusion};
use crate::tlog::TlogProof;

/// Longest receipt, in bytes: 64 hashes of 34 bytes, and 4 KiB for headers, certificates' thumbprints and the
/// signature.
pub const RECEIPT_MAX: usize = PROOF_HASHES_MAX * 34 + 4096;
/// CBOR tag of a COSE_Sign1 (RFC 9052, section 2).
const SIGN1_TAG: u64 = 18;
/// First byte of a tagged COSE_Sign1, by which readers tell a receipt from text.
pub const RECEIPT_FIRST_BYTE: u8 = 0xd2;
/// Depth of CBOR that is followed; a receipt needs five.
const DEPTH_MAX: usize = 16;

/// Header parameters of RFC 9052, section 3.1.
const ALG: i64 = 1;
const CRIT: i64 = 2;
const KID: i64 = 4;
/// CWT claims in a header (RFC 9597), and the claim that names the issuer (RFC 8392, section 3.1.1).
const CWT_CLAIMS: i64 = 15;
const ISS: i64 = 1;
/// Header parameters of RFC 9942, section 2.
const VDS: i64 = 395;
const VDP: i64 = 396;
/// Inclusion proofs among the proofs of `VDP` (RFC 9942, section 5.2).
const INCLUSION: i64 = -1;
/// Size of the tree, among the labels for private use (RFC 9052, section 2). RFC 9942 signs the root alone, and one
/// path leads to one root in trees of several sizes. The label's bytes are the letters `vmts`, so that nobody else's is
/// the same.
const TREE_SIZE: i64 = -1 - 0x766d_7473;

/// EdDSA (RFC 9053, section 2.2).
const EDDSA: i64 = -8;
/// RFC9162_SHA256 (RFC 9942, section 5).
const RFC9162_SHA256: i64 = 1;

/// A receipt that reads well. Whether it holds is for [`Receipt::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The protected header, byte for byte as it was signed.
    protected: Vec<u8>,
    issuer: String,
    signed_size: Option<TreeSize>,
    index: LeafIndex,
    size: TreeSize,
    path: InclusionProof,
    signature: Signature,
}

/// An entry that stands in a log, by a signed root. Made by [`Receipt::verify`] alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifiedReceipt {
    inclusion: VerifiedInclusion,
    place_signed: bool,
}

impl VerifiedReceipt {
    /// The leaf, its place, and the tree.
    #[must_use]
    pub const fn inclusion(&self) -> &VerifiedInclusion {
        &self.inclusion
    }

    /// Whether the size of the tree was signed. Where it was not, the entry stands in the log, and its index and the
    /// size are what the receipt says.
    #[must_use]
    pub const fn is_place_signed(&self) -> bool {
        self.place_signed
    }
}

impl Receipt {
    /// Signs for `leaf` what `proof` shows: a root that `signer` has signed in a checkpoint already, and no other.
    ///
    /// # Errors
    /// [`ReceiptError::Checkpoint`] where the proof does not hold under this signer's key;
    /// [`ReceiptError::SingleEntry`] where the log has one entry.
    pub fn sign(proof: &TlogProof, leaf: LeafHash, signer: &SigningIdentity) -> Result<Self, ReceiptError> {
        let issuer = proof.claimed().origin();
        let key = NoteKey::new(issuer, signer.public()).map_err(ReceiptError::Signature)?;
        let verified = proof.verify(leaf, &key).map_err(ReceiptError::Checkpoint)?;
        let (size, root) = (verified.checkpoint().size(), verified.checkpoint().root());
        if proof.path().hashes().is_empty() {
            return Err(ReceiptError::SingleEntry);
        }
        let protected = encode(&map([
            (ALG, int(EDDSA)),
            (KID, Value::Bytes(key.hash().to_vec())),
            (CWT_CLAIMS, map([(ISS, Value::Text(issuer.to_owned()))])),
            (VDS, int(RFC9162_SHA256)),
            (TREE_SIZE, Value::from(size.as_u64())),
        ]))?;
        let signature = signer.sign(&to_be_signed(&protected, root)?);
        Ok(Self {
            protected,
            issuer: issuer.to_owned(),
            signed_size: Some(size),
            index: proof.index(),
            size,
            path: proof.path().clone(),
            signature,
        })
    }

    /// Reads a receipt of at most [`RECEIPT_MAX`] bytes, of any log. Nothing of it is believed yet.
    ///
    /// # Errors
    /// [`ReceiptError`] says what is malformed; unknown algorithms and data structures are told apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_MAX {
            return Err(ReceiptError::TooLong { limit: RECEIPT_MAX, found: bytes.len() });
        }
        let Value::Tag(SIGN1_TAG, sign1) = decode(bytes)? else { return Err(shape("a COSE_Sign1")) };
        let [protected, unprotected, payload, signature] = array(*sign1, "a COSE_Sign1")?;
        if payload != Value::Null {
            return Err(shape("a payload"));
        }
        let protected = protected.into_bytes().map_err(|_| shape("a protected header"))?;
        let (issuer, signed_size) = read_protected(&protected)?;
        let (size, index, path) = read_unprotected(&unprotected)?;
        let signature = signature.into_bytes().ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        let signature = Signature::from_bytes(signature.ok_or_else(|| shape("a signature"))?);
        if let Some(expected) = signed_size.filter(|signed| *signed != size) {
            return Err(ReceiptError::Size { expected, found: size });
        }
        let receipt = Self { protected, issuer, signed_size, index, size, path, signature };
        // What the signature does not cover has one form; else its bytes could change and nothing would notice.
        if receipt.to_bytes()? == bytes { Ok(receipt) } else { Err(ReceiptError::NotCanonical) }
    }

    /// The receipt as CBOR.
    ///
    /// # Errors
    /// [`ReceiptError::Cbor`] where the encoder fails, which none of these values makes it do.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReceiptError> {
        let path = self.path.hashes().iter().map(|hash| Value::Bytes(hash.as_bytes().to_vec())).collect();
        let proof = [Value::from(self.size.as_u64()), Value::from(self.index.as_u64()), Value::Array(path)];
        let proof = encode(&Value::Array(proof.into()))?;
        let proofs = map([(INCLUSION, Value::Array(vec![Value::Bytes(proof)]))]);
        let sign1 = [
            Value::Bytes(self.protected.clone()),
            map([(VDP, proofs)]),
            Value::Null,
            Value::Bytes(self.signature.as_bytes().to_vec()),
        ];
        encode(&Value::Tag(SIGN1_TAG, Box::new(Value::Array(sign1.into()))))
    }

    /// Name of the log, as the issuer of the receipt; by our use its origin.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the leaf is said to stand.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Size that the log is said to have.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The path from leaf to root.
    #[must_use]
    pub const fn path(&self) -> &InclusionProof {
        &self.path
    }

    /// Checks that `leaf`, computed from the entry by whoever asks, leads to a root that `key` signed, under the name
    /// that the receipt gives to the log. Cost: one hash for each in the path, and one signature.
    ///
    /// # Errors
    /// [`ReceiptError::OtherLog`] where the key has another name, [`ReceiptError::Proof`] where the path has another
    /// length than its place demands, [`ReceiptError::Signature`] where the root that it leads to was not signed.
    pub fn verify(&self, leaf: LeafHash, key: &NoteKey) -> Result<VerifiedReceipt, ReceiptError> {
        if self.issuer != key.name() {
            return Err(ReceiptError::OtherLog { expected: key.name().to_owned(), found: self.issuer.clone() });
        }
        let root = self.path.root(leaf, self.index, self.size)?;
        let signed = to_be_signed(&self.protected, root)?;
        key.public().verify(&signed, &self.signature).map_err(ReceiptError::Signature)?;
        let inclusion = self.path.verify(leaf, self.index, self.size, root)?;
        Ok(VerifiedReceipt { inclusion, place_signed: self.signed_size.is_some() })
    }
}

/// Sig_structure of RFC 9052, section 4.4, over a root.
fn to_be_signed(protected: &[u8], root: RootHash) -> Result<Vec<u8>, ReceiptError> {
    encode(&Value::Array(vec![
        Value::Text("Signature1".to_owned()),
        Value::Bytes(protected.to_vec()),
        Value::Bytes(Vec::new()),
        Value::Bytes(root.as_bytes().to_vec()),
    ]))
}

/// Issuer and signed size. Other parameters are signed with these and mean nothing here.
fn read_protected(bytes: &[u8]) -> Result<(String, Option<TreeSize>), ReceiptError> {
    const PART: &str = "a protected header";
    let header = members(&decode(bytes)?, PART)?;
    let find = |label: i64| header.iter().find(|(key, _)| *key == int(label)).map(|(_, value)| value);
    if find(CRIT).is_some() {
        return Err(ReceiptError::Unknown { part: "critical header" });
    }
    if *find(ALG).ok_or_else(|| shape(PART))? != int(EDDSA) {
        return Err(ReceiptError::Unknown { part: "algorithm" });
    }
    if *find(VDS).ok_or_else(|| shape(PART))? != int(RFC9162_SHA256) {
        return Err(ReceiptError::Unknown { part: "verifiable data structure" });
    }
    let claims = members(find(CWT_CLAIMS).ok_or_else(|| shape("an issuer"))?, "claims")?;
    let issuer = claims.iter().find(|(key, _)| *key == int(ISS)).and_then(|(_, value)| value.as_text());
    let size = find(TREE_SIZE).map(|value| number(value).ok_or_else(|| shape(PART))).transpose()?;
    Ok((issuer.ok_or_else(|| shape("an issuer"))?.to_owned(), size.map(TreeSize::new)))
}

/// The one inclusion proof: size, index and path.
fn read_unprotected(header: &Value) -> Result<(TreeSize, LeafIndex, InclusionProof), ReceiptError> {
    const PART: &str = "an inclusion proof";
    let proofs = only(header, VDP).and_then(|proofs| only(proofs, INCLUSION)).and_then(Value::as_array);
    let Some([Value::Bytes(proof)]) = proofs.map(Vec::as_slice) else { return Err(shape(PART)) };
    let [size, index, path] = array(decode(proof)?, PART)?;
    let (Some(size), Some(index)) = (number(&size), number(&index)) else { return Err(shape(PART)) };
    let path = path.into_array().map_err(|_| shape(PART))?;
    if path.is_empty() {
        return Err(ReceiptError::SingleEntry);
    }
    if path.len() > PROOF_HASHES_MAX {
        return Err(ProofError::TooLong { limit: PROOF_HASHES_MAX, found: path.len() }.into());
    }
    let hash = |value: &Value| value.as_bytes().and_then(|bytes| RootHash::from_slice(bytes).ok());
    let hashes: Option<Vec<RootHash>> = path.iter().map(hash).collect();
    let path = InclusionProof::from_hashes(hashes.ok_or_else(|| shape(PART))?)?;
    Ok((TreeSize::new(size), LeafIndex::new(index), path))
}

/// The value of a map that has this one label.
fn only(value: &Value, label: i64) -> Option<&Value> {
    match value.as_map().map(Vec::as_slice) {
        Some([(key, value)]) if *key == int(label) => Some(value),
        _ => None,
    }
}

/// Members of a map in which no key stands twice (RFC 9052, section 3).
fn members(value: &Value, part: &'static str) -> Result<Vec<(Value, Value)>, ReceiptError> {
    let members = value.as_map().ok_or_else(|| shape(part))?;
    for (at, (key, _)) in members.iter().enumerate() {
        if members.iter().take(at).any(|(other, _)| other == key) {
            return Err(shape(part));
        }
    }
    Ok(members.clone())
}

fn array<const N: usize>(value: Value, part: &'static str) -> Result<[Value; N], ReceiptError> {
    let items = value.into_array().map_err(|_| shape(part))?;
    <[Value; N]>::try_from(items).map_err(|_| shape(part))
}

fn number(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|number| u64::try_from(number).ok())
}

fn int(number: i64) -> Value {
    Value::from(number)
}

fn map<const N: usize>(members: [(i64, Value); N]) -> Value {
    Value::Map(members.into_iter().map(|(label, value)| (int(label), value)).collect())
}

const fn shape(part: &'static str) -> ReceiptError {
    ReceiptError::Shape { part }
}

/// Reads one item of CBOR, which must be all there is.
fn decode(bytes: &[u8]) -> Result<Value, ReceiptError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(|_| ReceiptError::Cbor)?;
    if rest.is_empty() { Ok(value) } else { Err(ReceiptError::NotCanonical) }
}

fn encode(value: &Value) -> Result<Vec<u8>, ReceiptError> {
    let mut bytes = Vec::with_capacity(DIGEST_LEN);
    ciborium::into_writer(value, &mut bytes).map_err(|_| ReceiptError::Cbor)?;
    Ok(bytes)
}
