//! Anchoring seals: with the local timestamp authority, over a network, or with evidence that was had otherwise.

mod local;
mod source;
#[cfg(feature = "client")]
mod upgrade;

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use vm_anchor::evidence::AnchorRecord;
use vm_anchor::rfc3161::{Request, Response};
use vm_anchor::{Rail, TrustPolicy, VerifiedAnchor, verify_evidence, verify_response};
use vm_core::capability::act;
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::instant::Instant;
use vm_core::path::VaultPath;
use vm_core::record::{Appended, RowHeader, SystemKind};
use vm_core::verdict::{Code, Report, Verdict};
use vm_core::view::{RowState, Visit};
use vm_ledger::{AnchorEvidence, FileError, LedgerError};

use crate::ask::{Answer, Outcome, Paces, Persistence, Unanswered, ask_all};
use crate::attempts::AttemptState;
use crate::error::VaultError;
use crate::read::Reader;
use crate::trust::TrustFile;
use crate::vault::{Recorded, Vault};

pub use source::Ask;
use source::{Expect, Plan};
#[cfg(feature = "client")]
pub use upgrade::Upgraded;

/// Nonce of a request, in bytes; 128 bits cannot be met by chance.
const NONCE_LEN: usize = 16;
/// Reasons for which a token's certificates had expired when it was made.
const EXPIRED: [&str; 2] = ["certificate-expired", "path-expired"];

/// An anchor that was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Anchored {
    /// The seal.
    pub seal_id: SealId,
    /// The road by which it proves time.
    pub rail: Rail,
    /// Its evidence, below the vault.
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

/// What came of asking one authority.
#[derive(Debug)]
pub struct Asked {
    /// The road.
    pub rail: Rail,
    /// What the authority is called: its name in `config.toml`, else the host that was asked.
    pub authority: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How often it was asked.
    pub tries: u32,
    /// What was recorded, or why nothing was.
    pub result: Result<Anchored, VaultError>,
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
        self.anchor_one(seal_id, Ask::Local)
    }

    /// Records evidence that was had otherwise: of an RFC 3161 token, the whole response will do.
    ///
    /// # Errors
    /// [`VaultError::AnchorRefused`] where it does not hold over the stored bundle.
    pub fn anchor_given(
        &mut self,
        seal_id: SealId,
        rail: Rail,
        evidence: &[u8],
        policy: &TrustPolicy,
    ) -> Result<Anchored, VaultError> {
        self.anchor_one(seal_id, Ask::Given { rail, evidence: evidence.to_vec(), policy: policy.clone() })
    }

    /// Asks one authority, once, as [`Self::anchor_all`] does.
    ///
    /// # Errors
    /// [`VaultError`]: why no anchor was recorded.
    pub fn anchor_one(&mut self, seal_id: SealId, ask: Ask) -> Result<Anchored, VaultError> {
        let once = Persistence { tries: 1, wait: Duration::ZERO };
        let mut asked = self.anchor_all(seal_id, vec![ask], once)?;
        asked
            .pop()
            .map_or_else(|| Err(VaultError::NotFound { what: "seal", name: seal_id.to_string() }), |one| one.result)
    }

    /// Asks each authority on its own, all at the same time, and records what holds. Of each that gave nothing, the attempt is
    /// recorded. The ledger is free for other writers meanwhile.
    ///
    /// # Errors
    /// [`VaultError`] where there is no such seal, a question cannot be made, or the ledger cannot be written. That an
    /// authority fails is no error of this call.
    pub fn anchor_all(
        &mut self,
        seal_id: SealId,
        asks: Vec<Ask>,
        persistence: Persistence,
    ) -> Result<Vec<Asked>, VaultError> {
        let target = self.target(seal_id)?;
        let mut paces = Paces::load(self.dir());
        let (mut plans, mut sources, mut paced) = (Vec::new(), Vec::new(), Vec::new());
        for ask in asks {
            let (name, pace) = (ask.name(), ask.pace());
            let ahead = paces.left(&name, pace, self.now());
            let (plan, source) = self.plan(&target, ask)?;
            paced.push((!pace.is_zero()).then_some(name));
            plans.push(plan);
            sources.push((source, ahead));
        }
        let mut seed = [0; 8];
        self.sources.entropy.fill(&mut seed);
        let answers = ask_all(&sources, persistence, u64::from_le_bytes(seed), &thread::sleep);
        // One that was left alone was not asked, and is not left alone for longer by that.
        let asked = paced.into_iter().zip(&answers).filter(|(_, answer)| answer.tries > 0);
        let names: Vec<String> = asked.filter_map(|(name, _)| name).collect();
        if !names.is_empty() {
            names.iter().for_each(|name| paces.note(name, self.now()));
            paces.save()?;
        }
        plans.into_iter().zip(answers).map(|(plan, answer)| self.conclude(&target, plan, answer)).collect()
    }

    /// Records what an authority gave, or that it gave nothing.
    fn conclude(&mut self, target: &Target, plan: Plan, answer: Answer) -> Result<Asked, VaultError> {
        let Answer { tries, given } = answer;
        let (outcome, after, reference, result) = match given {
            Ok(bytes) => match self.settle(target, &bytes, &plan.expect) {
                // What keeps a row from being written says nothing of the authority.
                Err(error) if !matches!(error, VaultError::AnchorRefused { .. }) => return Err(error),
                result => (outcome_of(&result), None, None, result),
            },
            Err(Unanswered { outcome, after, reference, error, .. }) => (outcome, after, reference, Err(*error)),
        };
        let Plan { rail, authority, is_asked, .. } = plan;
        match &result {
            Err(error) if is_asked => {
                let attempt = AttemptState {
                    rail: rail.as_str().to_owned(),
                    authority: authority.clone(),
                    state: outcome.as_str().to_owned(),
                    reason: error.code().to_owned(),
                    tries,
                    retry_after_seconds: after.map(|after| after.as_secs()),
                    reference,
                };
                self.record_attempt(target.seal_id, &json!(attempt))?;
            }
            _ => {}
        }
        Ok(Asked { rail, authority, outcome, tries, result })
    }

    /// Judges what an authority gave over the bundle, and records it unless it is proven wrong.
    fn settle(&mut self, target: &Target, given: &[u8], expect: &Expect) -> Result<Anchored, VaultError> {
        let (digest, now) = (&target.digest, self.now());
        let token = || Response::parse(given).ok().and_then(|response| response.token().map(<[u8]>::to_vec));
        match expect {
            Expect::Response(nonce, policy) => {
                let (report, verified) = verify_response(given, digest, nonce.as_deref(), policy, now);
                match token() {
                    Some(token) => self.record_held(target, Rail::Rfc3161, &token, report, verified.as_ref()),
                    None => Err(VaultError::AnchorRefused { report: Box::new(report) }),
                }
            }
            Expect::Evidence(rail, policy) => {
                let evidence = token().filter(|_| *rail == Rail::Rfc3161).unwrap_or_else(|| given.to_vec());
                let (report, verified) = verify_evidence(*rail, &evidence, digest, policy, now);
                self.record_held(target, *rail, &evidence, report, verified.as_ref())
            }
        }
    }

    fn record_held(
        &mut self,
        target: &Target,
        rail: Rail,
        evidence: &[u8],
        report: Report,
        verified: Option<&VerifiedAnchor>,
    ) -> Result<Anchored, VaultError> {
        if report.verdict() == Verdict::Contradicted || report.checks().is_empty() {
            return Err(VaultError::AnchorRefused { report: Box::new(report) });
        }
        // A writer that died before the row, or one at work beside us, may have taken the next name.
        let mut number = target.anchors;
        let (path, appended) = loop {
            match self.record_as(target, number, rail, evidence, verified) {
                Err(VaultError::Ledger(LedgerError::File(FileError::Exists { .. }))) => number += 1,
                other => break other?,
            }
        };
        Ok(Anchored {
            seal_id: target.seal_id,
            rail,
            path,
            gen_time: verified.map(VerifiedAnchor::gen_time),
            authority: verified.map(|verified| verified.authority().to_owned()),
            independent: verified.is_some_and(VerifiedAnchor::is_independent),
            report,
            recorded: Recorded::of_system(appended),
        })
    }

    /// Records the evidence as the `number`th of its seal.
    fn record_as(
        &mut self,
        target: &Target,
        number: usize,
        rail: Rail,
        evidence: &[u8],
        verified: Option<&VerifiedAnchor>,
    ) -> Result<(VaultPath, Appended), VaultError> {
        let file_name = format!("{number}.{}", rail.ending());
        let path: VaultPath = format!("anchors/{}/{file_name}", target.seal_id).parse().map_err(VaultError::Path)?;
        let meta = match verified {
            Some(verified) => {
                let record = AnchorRecord::in_file(target.seal_id, verified, evidence, path.as_str());
                record.and_then(|record| record.to_value()).map_err(VaultError::Evidence)?
            }
            None => Value::Null,
        };
        let [announcement, header] = self.headers();
        let evidence = AnchorEvidence {
            seal: target.seal_id,
            imprint: target.digest,
            rail: rail.as_str(),
            file_name: &file_name,
            bytes: evidence,
            meta,
            added: rail.added_format().map(|format| (format, announcement)),
        };
        let (permit, now) = (self.permit::<act::Anchor>()?, self.now());
        Ok((path, self.ledger.record_anchor(&permit, header, &evidence, now)?))
    }

    fn record_attempt(&mut self, seal_id: SealId, told: &Value) -> Result<Appended, VaultError> {
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        Ok(self.ledger.record_attempt(&permit, headers, seal_id, told, now)?)
    }

    /// Records that a trust policy is in force from here on. The text is that of a trust file, and is checked as one.
    ///
    /// # Errors
    /// [`VaultError`]: a trust file that is refused, or a ledger that cannot be written.
    pub fn record_policy(&mut self, text: &str, named: &Path) -> Result<(Sha256Digest, Recorded), VaultError> {
        TrustFile::parse(text, named)?.beside(named.parent()).policy()?;
        let headers = self.headers();
        let (permit, now) = (self.permit::<act::Record>()?, self.now());
        let appended = self.ledger.record_policy(&permit, headers, text.as_bytes(), now)?;
        Ok((Sha256Digest::of(text.as_bytes()), Recorded::of_system(appended)))
    }

    /// Headers of a row, and of one that may have to announce its format before it.
    pub(in crate::vault) fn headers(&mut self) -> [RowHeader; 2] {
        let trace = self.mint_trace();
        let (clock, entropy) = (&*self.sources.clock, &mut *self.sources.entropy);
        [RowHeader::mint(clock, entropy, trace), RowHeader::mint(clock, entropy, trace)]
    }

    /// The bundle file as it is on disk now, since that is what the evidence must be over.
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

    fn nonce(&mut self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        self.sources.entropy.fill(&mut nonce);
        nonce
    }

    fn request(&mut self, target: &Target) -> Result<Request, VaultError> {
        Ok(Request::new(&target.digest, &self.nonce())?)
    }
}

fn outcome_of(result: &Result<Anchored, VaultError>) -> Outcome {
    match result {
        Ok(anchored) if anchored.report.has(Code::AnchorPending) && anchored.gen_time.is_none() => Outcome::Pending,
        Ok(_) => Outcome::Anchored,
        Err(VaultError::AnchorRefused { report }) => {
            let expired = |reason: Option<&str>| reason.is_some_and(|reason| EXPIRED.contains(&reason));
            let is_expired = report.findings().iter().any(|finding| expired(finding.found_value()));
            if is_expired { Outcome::Expired } else { Outcome::Invalid }
        }
        Err(_) => Outcome::Invalid,
    }
}
