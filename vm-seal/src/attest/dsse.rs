//! An in-toto statement about a seal in a DSSE envelope. `docs/spec/seal-dsse.md` is the format.
//!
//! ```text
//! {"payload":"eyJfdHlwZSI6…","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"…","sig":"…"}]}
//! ```

use base64ct::{Base64, Encoding as _};
use serde_json::json;
use vm_core::canonical;
use vm_core::digest::to_hex;
use vm_core::key::SigningIdentity;

use super::check;
use crate::bundle::SealBundle;
use crate::error::AttestError;
use crate::seal::bundle_path;

/// Type of the payload: an in-toto statement in JSON.
pub const DSSE_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Type of the statement (in-toto attestation framework, version 1).
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of the predicate: what a seal says.
pub const SEAL_PREDICATE: &str = "urn:vaultmesh:seal:v0";

/// What a signature of DSSE is over: type and payload, each behind its length in decimal (DSSE version 1, PAE).
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// States in an envelope what the bundle says, about the bundle's file: canonical JSON without a newline at its end.
///
/// # Errors
/// [`AttestError`] where the bundle's own statement does not hold, or another key made it.
pub fn attest_dsse(bundle: &SealBundle, signer: &SigningIdentity) -> Result<Vec<u8>, AttestError> {
    check(bundle, signer)?;
    let digest = bundle.digest();
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "predicateType": SEAL_PREDICATE,
        "subject": [{ "name": bundle_path(bundle.seal_id()), "digest": { "sha256": bundle.file_hash() } }],
        "predicate": {
            "seal_id": bundle.seal_id(),
            "ledger": bundle.ledger(),
            "as_of": bundle.as_of(),
            "leaves": digest.leaves(),
            "set_root": digest.set_root(),
            "digest": bundle.claimed_digest(),
            "selection": digest.selection().to_value(),
        },
    });
    let payload = canonical::to_bytes(&statement).map_err(AttestError::Json)?;
    let signature = signer.sign(&pae(DSSE_PAYLOAD_TYPE, &payload));
    let key = bundle.signer();
    let envelope = json!({
        "payload": Base64::encode_string(&payload),
        "payloadType": DSSE_PAYLOAD_TYPE,
        "signatures": [{
            "keyid": format!("{}+{}", key.name(), to_hex(&key.hash())),
            "sig": Base64::encode_string(signature.as_bytes()),
        }],
    });
    canonical::to_bytes(&envelope).map_err(AttestError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE specification.
    #[test]
    fn the_pae_is_that_of_the_specification() {
        let signed = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
