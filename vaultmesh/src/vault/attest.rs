//! What the ledger says, signed by its log key in forms that foreign clients check. Nothing is recorded.

use serde::Serialize;
use vm_core::capability::act;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::{RowId, SealId};
use vm_core::path::VaultPath;
use vm_core::record::SystemKind;
use vm_seal::attest::{attest_dsse, attest_sshsig};
use vm_seal::bundle::SealBundle;
use vm_seal::receipt::Receipt;

use crate::error::{ProofFileError, VaultError};
use crate::read::Reader;
use crate::vault::Vault;

/// A form of attestation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttestForm {
    /// An in-toto statement in a DSSE envelope (`docs/spec/seal-dsse.md`).
    Dsse,
    /// An SSH signature over the bundle's file (`docs/spec/seal-sshsig.md`).
    Sshsig,
}

/// An attestation of a seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attested {
    /// The seal.
    pub seal_id: SealId,
    /// SHA-256 of its bundle file.
    pub file_sha256: Sha256Digest,
    /// The form.
    pub form: AttestForm,
    /// The attestation as text.
    pub attestation: String,
}

/// A receipt, and the entry that whoever verifies it needs beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipted {
    /// The receipt.
    pub receipt: Receipt,
    /// Leaf data of the row.
    pub entry: Vec<u8>,
}

impl Vault {
    /// Signs a COSE receipt that the row with this id stands in the log that the latest checkpoint signs.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Token`] where the operator may not seal; [`VaultError::ProofFile`]
    /// where the log does not lead to the root that its own checkpoint signs, or has one entry alone.
    pub fn receipt(&mut self, row: RowId) -> Result<Receipted, VaultError> {
        let _may_seal = self.permit::<act::Seal>()?;
        let proof = Reader::open(&self.place)?.prove_tlog(row, true)?;
        let entry = proof.extra().map(<[u8]>::to_vec).unwrap_or_default();
        let receipt = Receipt::sign(&proof, LeafHash::of(&entry), &self.log_identity()?);
        Ok(Receipted { receipt: receipt.map_err(ProofFileError::Receipt)?, entry })
    }

    /// Attests the bundle file of a seal as it is on record.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Token`] where the operator may not seal;
    /// [`VaultError::EvidenceDiffers`] where the file is not the one recorded; [`VaultError::Attest`] where its own
    /// statement does not hold.
    pub fn attest_seal(&mut self, seal_id: SealId, form: AttestForm) -> Result<Attested, VaultError> {
        let _may_seal = self.permit::<act::Seal>()?;
        let reader = Reader::open(&self.place)?;
        let path: VaultPath = vm_seal::seal::bundle_path(seal_id).parse().map_err(VaultError::Path)?;
        let mut recorded = None;
        reader.visit_kind(SystemKind::Seal.as_str(), &mut |seal| {
            if seal.row.text("path") == Some(path.as_str()) {
                recorded = seal.row.text("sha256_hex").map(str::to_owned);
            }
        })?;
        let expected = recorded.ok_or_else(|| VaultError::NotFound { what: "seal", name: seal_id.to_string() })?;
        let bytes = reader.read_small(&path)?;
        let found = Sha256Digest::of(&bytes);
        if found.to_hex() != expected {
            return Err(VaultError::EvidenceDiffers { expected, found: found.to_hex() });
        }
        let (bundle, signer) = (SealBundle::parse(&bytes).map_err(VaultError::Bundle)?, self.log_identity()?);
        let attestation = match form {
            AttestForm::Dsse => String::from_utf8_lossy(&attest_dsse(&bundle, &signer)?).into_owned(),
            AttestForm::Sshsig => attest_sshsig(&bundle, &signer)?,
        };
        Ok(Attested { seal_id, file_sha256: found, form, attestation })
    }
}
