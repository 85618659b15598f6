//! Cosignatures by ML-DSA-44 (C2SP tlog-cosignature, section "ML-DSA-44 signed message"), among them a log's own second signature.
//!
//! ```text
//! struct {
//!     uint8 label[12] = "subtree/v1\n\0";
//!     opaque cosigner_name<1..2^8-1>;
//!     uint64 timestamp;
//!     opaque log_origin<1..2^8-1>;
//!     uint64 start;
//!     uint64 end;
//!     uint8 hash[32];
//! } cosigned_message;
//! ```

use vm_core::error::KeyError;
use vm_core::key::{ML_DSA_SIGNATURE_LEN, MlDsaCosignerKey, MlDsaIdentity, MlDsaSignature, Note, NoteSignature};

use super::{Cosignature, UnixSeconds};
use crate::checkpoint::Checkpoint;
use crate::error::CosignatureError;

/// Length of an ML-DSA-44 cosignature in its line, in bytes: a time and a signature (C2SP tlog-cosignature, section "Format").
pub const ML_DSA_COSIGNATURE_LEN: usize = 8 + ML_DSA_SIGNATURE_LEN;

/// What no text that is signed elsewhere begins with.
const LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// Cosigns a checkpoint. A time of 0 says nothing of the log's other checkpoints: it is that of a log's own second signature, which
/// is then the same each time. For whoever checked what any other time says. Cost: a millisecond.
///
/// # Errors
/// [`CosignatureError::Signature`] where `signer` is another key than `key` or the build has no ML-DSA;
/// [`CosignatureError::Origin`].
pub fn cosign_ml_dsa(
    checkpoint: &Checkpoint,
    at: UnixSeconds,
    key: &MlDsaCosignerKey,
    signer: &MlDsaIdentity,
) -> Result<NoteSignature, CosignatureError> {
    let fault = |source| CosignatureError::Signature { name: key.name().to_owned(), source };
    if signer.public() != key.public() {
        return Err(fault(KeyError::BadSignature));
    }
    let signature = signer.sign(&message(checkpoint, at, key)?).map_err(fault)?;
    let bytes = [at.as_seconds().to_be_bytes().as_slice(), signature.as_bytes()].concat();
    NoteSignature::new(key.name(), key.hash(), bytes).map_err(CosignatureError::Note)
}

/// The cosignature in `note` by `key`.
pub(super) fn verify(note: &Note, key: &MlDsaCosignerKey) -> Result<Cosignature, CosignatureError> {
    let name = || key.name().to_owned();
    let mut lines = note.signatures().iter().filter(|line| line.name() == key.name() && line.key_hash() == key.hash());
    let line = lines.next().ok_or_else(|| CosignatureError::NotCosigned { name: name() })?;
    if lines.next().is_some() {
        return Err(CosignatureError::Twice { name: name() });
    }
    let expected = ML_DSA_COSIGNATURE_LEN;
    let (time, signature) = parts(line).ok_or_else(|| CosignatureError::Length { name: name(), expected })?;
    let at = UnixSeconds::from_seconds(time)?;
    // Only origin, size and root are signed: a text of more lines than these is no checkpoint here.
    let checkpoint = Checkpoint::parse_text(note.unverified_text()).map_err(CosignatureError::Checkpoint)?;
    let signed = message(&checkpoint, at, key)?;
    let fault = |source| CosignatureError::Signature { name: name(), source };
    key.public().verify(&signed, &signature).map_err(fault)?;
    Ok(Cosignature::of_parts(key.clone().into(), at, checkpoint))
}

/// What is signed: a `cosigned_message` over the whole tree.
fn message(checkpoint: &Checkpoint, at: UnixSeconds, key: &MlDsaCosignerKey) -> Result<Vec<u8>, CosignatureError> {
    let origin = checkpoint.origin();
    let (Ok(name_len), Ok(origin_len)) = (u8::try_from(key.name().len()), u8::try_from(origin.len())) else {
        return Err(CosignatureError::Origin);
    };
    let mut message = LABEL.to_vec();
    message.push(name_len);
    message.extend_from_slice(key.name().as_bytes());
    message.extend_from_slice(&at.as_seconds().to_be_bytes());
    message.push(origin_len);
    message.extend_from_slice(origin.as_bytes());
    message.extend_from_slice(&0_u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size().as_u64().to_be_bytes());
    message.extend_from_slice(checkpoint.root().as_bytes());
    Ok(message)
}

fn parts(line: &NoteSignature) -> Option<(u64, MlDsaSignature)> {
    let (time, signature) = line.bytes().split_first_chunk::<8>()?;
    let signature = <&[u8; ML_DSA_SIGNATURE_LEN]>::try_from(signature).ok()?;
    Some((u64::from_be_bytes(*time), MlDsaSignature::from_bytes(signature)))
}
