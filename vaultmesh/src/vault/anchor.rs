//! Anchoring seals: with the local timestamp authority, over HTTP, or with a token that was fetched otherwise.

use serde::Serialize;
use serde_json::Value;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::evidence::AnchorRecord;
use vm_anchor::rfc3161::{Request, Response};
use vm_anchor::{Rail, TrustPolicy, VerifiedAnchor, verify_response, verify_token};
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{Appended, RowHeader, SystemKind};
use vm_core::verdict::{Report, Verdict};
use vm_core::view::{RowState, Visit};
use vm_ledger::{AnchorEvidence, FileError, LedgerError};

use crate::error::VaultError;
use crate::read::Reader;
use crate::trust::TrustFile;
use crate::vault::{Recorded, Vault};

/// Files of the local authority in the folder of keys: its key, its certificate, its root (DER, and PEM for others).
const TSA_FILES: [&str; 4] = ["tsa.pkcs8", "tsa.der", "tsa-root.der", "tsa-root.pem"];
/// Nonce of a request, in bytes; 128 bits cannot be met by chance.
const NONCE_LEN: usize = 16;

/// An anchor that was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Anchored {
    /// The seal.
    pub seal_id: SealId,
    /// The token's file below the vault.
    pub path: VaultPath,
    /// Time it proves, where its authority is known already.
    pub gen_time: Option<Instant>,
    /// Name of its authority in the policy, where it is known already.
    pub authority: Option<String>,
    /// Whether someone other than the ledger's owner vouches.
    pub independent: bool,
    /// What checking it found before it was recorded.
    pub report: Report,
    /// Its row.
    pub recorded: Recorded,
}

/// A seal's bundle as it is stored, and how many anchors it has.
struct Target {
    seal_id: SealId,
    digest: Sha256Digest,
    anchors: usize,
}

impl Vault {
    /// Anchors a seal with the embedded local authority, which is made when it is first needed. The token is real and
    /// proves nothing to others.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn anchor_local(&mut self, seal_id: SealId) -> Result<Anchored, VaultError> {
        let authority = self.local_authority()?;
        let policy = TrustPolicy::new(vec![authority.trusted().map_err(VaultError::Policy)?]);
        let policy = policy.map_err(VaultError::Policy)?;
        let target = self.target(seal_id)?;
        let request = self.request(&target)?;
        let response = authority.respond(&request.to_der(), self.now())?;
        self.record_response(&target, &request, &response, &policy)
    }

    /// Asks the authority at `url`. `root` is its pinned root, where it is known; without it the token is checked in
    /// all but that, and recorded.
    ///
    /// # Errors
    /// [`VaultError::Client`] where the authority was not reached or refused; [`VaultError::AnchorRefused`] where its
    /// token does not hold.
    #[cfg(feature = "client")]
    pub fn anchor_http(
        &mut self,
        seal_id: SealId,
        url: &str,
        root: Option<vm_anchor::TrustedAuthority>,
    ) -> Result<Anchored, VaultError> {
        let policy = TrustPolicy::new(root.into_iter().collect()).map_err(VaultError::Policy)?;
        let target = self.target(seal_id)?;
        let request = self.request(&target)?;
        let response = vm_anchor::client::fetch(url, &request, vm_anchor::client::TIMEOUT)?;
        self.record_response(&target, &request, &response, &policy)
    }

    /// Records a token, or a whole response, that was fetched otherwise.
    ///
    /// # Errors
    /// [`VaultError::AnchorRefused`] where it does not hold over the stored bundle.
    pub fn anchor_token(
        &mut self,
        seal_id: SealId,
        bytes: &[u8],
        policy: &TrustPolicy,
    ) -> Result<Anchored, VaultError> {
        let target = self.target(seal_id)?;
        let token = Response::parse(bytes).ok().and_then(|response| response.token().map(<[u8]>::to_vec));
        let token = token.unwrap_or_else(|| bytes.to_vec());
        let (report, verified) = verify_token(&token, &target.digest, None, policy, self.now());
        self.record_token(&target, &token, report, verified.as_ref())
    }

    /// Records the token as the `number`th of its seal.
    fn record_as(
        &mut self,
        target: &Target,
        number: usize,
        token: &[u8],
        verified: Option<&VerifiedAnchor>,
    ) -> Result<(VaultPath, Appended), VaultError> {
        let file_name = format!("{number}.tst");
        let path: VaultPath = format!("anchors/{}/{file_name}", target.seal_id).parse().map_err(VaultError::Path)?;
        let meta = match verified {
            Some(verified) => {
                let record = AnchorRecord::in_file(target.seal_id, verified, token, path.as_str());
                record.and_then(|record| record.to_value()).map_err(VaultError::Evidence)?
            }
            None => Value::Null,
        };
        let evidence = AnchorEvidence {
            seal: target.seal_id,
            imprint: target.digest,
            rail: Rail::Rfc3161.as_str(),
            file_name: &file_name,
            bytes: token,
            meta,
        };
        let trace = self.mint_trace();
        let header = RowHeader::mint(&*self.sources.clock, &mut *self.sources.entropy, trace);
        let (permit, now) = (self.permit::<act::Anchor>()?, self.now());
        Ok((path, self.ledger.record_anchor(&permit, header, &evidence, now)?))
    }

    /// What a verifier of this vault may believe to begin with: its key, and the local authority.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn trust_file(&self) -> Result<TrustFile, VaultError> {
        let local = self.local_authority()?.trusted().map_err(VaultError::Policy)?;
        Ok(TrustFile::new(Some(self.note_key().clone()), vec![local]))
    }

    fn record_response(
        &mut self,
        target: &Target,
        request: &Request,
        response: &[u8],
        policy: &TrustPolicy,
    ) -> Result<Anchored, VaultError> {
        let (report, verified) = verify_response(response, &target.digest, request.nonce(), policy, self.now());
        let token = Response::parse(response).ok().and_then(|response| response.token().map(<[u8]>::to_vec));
        match token {
            Some(token) => self.record_token(target, &token, report, verified.as_ref()),
            None => Err(VaultError::AnchorRefused { report: Box::new(report) }),
        }
    }

    fn record_token(
        &mut self,
        target: &Target,
        token: &[u8],
        report: Report,
        verified: Option<&VerifiedAnchor>,
    ) -> Result<Anchored, VaultError> {
        if report.verdict() == Verdict::Contradicted || report.checks().is_empty() {
            return Err(VaultError::AnchorRefused { report: Box::new(report) });
        }
        // A writer that died before the row, or one at work beside us, may have taken the next name.
        let mut number = target.anchors;
        let (path, appended) = loop {
            match self.record_as(target, number, token, verified) {
                Err(VaultError::Ledger(LedgerError::File(FileError::Exists { .. }))) => number += 1,
                other => break other?,
            }
        };
        Ok(Anchored {
            seal_id: target.seal_id,
            path,
            gen_time: verified.map(VerifiedAnchor::gen_time),
            authority: verified.map(|verified| verified.authority().to_owned()),
            independent: verified.is_some_and(VerifiedAnchor::is_independent),
            report,
            recorded: Recorded::of_system(appended),
        })
    }

    /// The bundle file as it is on disk now, since that is what the token must be over.
    fn target(&self, seal_id: SealId) -> Result<Target, VaultError> {
        let reader = Reader::open(&self.place)?;
        let path: VaultPath = vm_seal::seal::bundle_path(seal_id).parse().map_err(VaultError::Path)?;
        let mut row = None;
        reader.visit_kind(SystemKind::Seal.as_str(), &mut |seal| {
            if seal.row.text("path") == Some(path.as_str()) {
                row = Some(seal.entry.row_id);
            }
        })?;
        let row = row.ok_or_else(|| VaultError::NotFound { what: "seal", name: seal_id.to_string() })?;
        let mut anchors = 0;
        let count = &mut |_, state| {
            if let RowState::Present(anchor) = state
                && anchor.row_ref("subject_id").ok().flatten() == Some(row)
            {
                anchors += 1;
            }
            Ok(Visit::Continue)
        };
        reader.view().visit_kind(SystemKind::Anchor.as_str(), count).map_err(VaultError::View)?;
        Ok(Target { seal_id, digest: Sha256Digest::of(&reader.read_small(&path)?), anchors })
    }

    fn request(&mut self, target: &Target) -> Result<Request, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        self.sources.entropy.fill(&mut nonce);
        Ok(Request::new(&target.digest, &nonce)?)
    }

    /// The local authority, from its files beside the signing keys; made where there is none.
    fn local_authority(&self) -> Result<LocalAuthority, VaultError> {
        let [key, certificate, root, pem] = TSA_FILES;
        if self.keys.has(key) {
            let (key, certificate) = (self.keys.read(key)?, self.keys.read(certificate)?);
            return Ok(LocalAuthority::from_pkcs8(&key, &certificate, &self.keys.read(root)?)?);
        }
        let made = LocalAuthority::generate("VaultMesh local authority", self.now())?;
        self.keys.write(certificate, made.certificate_der())?;
        self.keys.write(root, made.root_der())?;
        self.keys.write(pem, made.root().to_pem().as_bytes())?;
        // The key last: where it stands, the others do.
        self.keys.write(key, made.key_pkcs8())?;
        Ok(made)
    }
}
