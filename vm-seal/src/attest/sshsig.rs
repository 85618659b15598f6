//! An SSH signature over a seal's bundle file (OpenSSH, PROTOCOL.sshsig). `docs/spec/seal-sshsig.md` is the format.
//!
//! ```text
//! -----BEGIN SSH SIGNATURE-----
//! U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg…
//! -----END SSH SIGNATURE-----
//! ```

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha512};
use vm_core::key::{NoteKey, PublicKey, SigningIdentity};

use super::check;
use crate::bundle::SealBundle;
use crate::error::AttestError;

/// What the signature is for, so that one made for something else is none of a seal.
pub const SSHSIG_NAMESPACE: &str = "vaultmesh-seal";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
/// Type of key and signature (RFC 8709).
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
/// Characters of base64 a line, as OpenSSH writes them.
const LINE: usize = 70;

/// Signs the bundle's file: armored, with a newline at its end.
///
/// # Errors
/// [`AttestError`] where the bundle's own statement does not hold, or another key made it.
pub fn attest_sshsig(bundle: &SealBundle, signer: &SigningIdentity) -> Result<String, AttestError> {
    check(bundle, signer)?;
    let signature = signer.sign(&ssh_signed_data(SSHSIG_NAMESPACE, bundle.as_bytes()));
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&VERSION.to_be_bytes());
    string(&mut blob, &key_blob(signer.public()));
    string(&mut blob, SSHSIG_NAMESPACE.as_bytes());
    string(&mut blob, b"");
    string(&mut blob, HASH);
    string(&mut blob, &typed(signature.as_bytes()));
    let mut text = String::from("-----BEGIN SSH SIGNATURE-----\n");
    for (at, character) in Base64::encode_string(&blob).chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END SSH SIGNATURE-----\n");
    Ok(text)
}

/// What an SSH signature is over: namespace, hash and the hash of the message (PROTOCOL.sshsig, "Signed Data").
#[must_use]
pub fn ssh_signed_data(namespace: &str, message: &[u8]) -> Vec<u8> {
    let mut signed = MAGIC.to_vec();
    string(&mut signed, namespace.as_bytes());
    string(&mut signed, b"");
    string(&mut signed, HASH);
    string(&mut signed, &Sha512::digest(message));
    signed
}

/// The key as a line of an allowed-signers file (ssh-keygen(1)), good for seals alone. The principal is the key's name.
#[must_use]
pub fn allowed_signer(key: &NoteKey) -> String {
    let blob = Base64::encode_string(&key_blob(key.public()));
    format!("{} namespaces=\"{SSHSIG_NAMESPACE}\" ssh-ed25519 {blob}\n", key.name())
}

fn key_blob(key: PublicKey) -> Vec<u8> {
    typed(key.as_bytes())
}

/// A key or a signature behind the name of its type (RFC 8709, sections 4 and 6).
fn typed(bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    string(&mut blob, KEY_TYPE);
    string(&mut blob, bytes);
    blob
}

/// A string behind its length in four bytes (RFC 4251, section 5). None here comes near 4 GiB.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}
