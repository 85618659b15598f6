//! Attestations: what a seal says, in forms that foreign clients check. Each is signed by the key that sealed.
//!
//! The log's key signs notes, COSE structures, DSSE envelopes and SSH signatures. What is signed begins in each form
//! with bytes that no other can begin with: a note with text that ends in a newline, a Sig_structure with `0x84`, a PAE
//! with `DSSEv1 ` and JSON without a newline at its end, an SSH signature with `SSHSIG` and a length that holds a zero
//! byte.

mod dsse;
mod sshsig;

use vm_core::key::{PublicKey, SigningIdentity};

use crate::bundle::SealBundle;
use crate::error::AttestError;

pub use dsse::{DSSE_PAYLOAD_TYPE, SEAL_PREDICATE, STATEMENT_TYPE, attest_dsse, pae};
pub use sshsig::{SSHSIG_NAMESPACE, allowed_signer, attest_sshsig, ssh_signed_data};

/// ASN.1 before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The key as a SubjectPublicKeyInfo in PEM (RFC 8410, RFC 7468), which verifiers of COSE and DSSE take.
#[must_use]
pub fn public_key_pem(key: PublicKey) -> String {
    use base64ct::{Base64, Encoding as _};
    let der = [&SPKI_PREFIX[..], key.as_bytes()].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", Base64::encode_string(&der))
}

/// Nothing is attested of a bundle that its own key has not sealed.
fn check(bundle: &SealBundle, signer: &SigningIdentity) -> Result<(), AttestError> {
    bundle.check_statement().map_err(AttestError::Statement)?;
    if bundle.signer().public() == signer.public() { Ok(()) } else { Err(AttestError::OtherKey) }
}
