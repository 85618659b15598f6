//! Judging bare evidence outside any vault: a token, a response, a proof.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use serde::Serialize;
use vm_anchor::ots::{MAGIC, Proof};
use vm_anchor::rfc3161::{Check, Response, Stamped, Token};
use vm_anchor::{Rail, TrustPolicy, VerifiedAnchor, verify_evidence};
use vm_core::digest::{Sha256Digest, StreamHasher};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Finding, Report};

use crate::error::VaultError;

/// Longest data read whole, in bytes, where a token is over another hash than SHA-256, which is computed piece by piece.
const WHOLE_MAX: u64 = 1024 * 1024 * 1024;
/// SHA-256 by its object identifier.
const SHA256: &str = "2.16.840.1.101.3.4.2.1";

/// What evidence says, and what holds of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Inspection {
    /// The road by which it would prove time, where that can be told.
    pub rail: Option<Rail>,
    /// Whether all of it holds, down to what the policy pins.
    pub holds: bool,
    /// Authority, where it holds.
    pub authority: Option<String>,
    /// The time it claims; proven only where it holds.
    pub time: Option<Instant>,
    /// What it stamps existed at this time at the latest, where it holds.
    pub not_after: Option<Instant>,
    /// What it stamps: a hash and a digest in hex.
    pub imprint: Option<String>,
    /// Identity of the evidence, where it holds: the same whichever unsigned bytes were changed.
    pub identity: Option<Sha256Digest>,
}

/// Judges `evidence` over the file `data`, where there is one.
///
/// # Errors
/// [`VaultError::File`] where the data cannot be read. That evidence is malformed is a finding.
pub fn inspect(
    evidence: &[u8],
    data: Option<&Path>,
    policy: &TrustPolicy,
    now: Instant,
) -> Result<(Inspection, Report), VaultError> {
    let Some(rail) = rail_of(evidence) else {
        let mut report = Report::new();
        let found = "neither a token or response of RFC 3161 nor a proof of a rail that is known";
        report.find(Finding::new(Code::FormatUnknown, "evidence").found(found));
        return Ok((told(None, None, None, None), report));
    };
    match rail {
        Rail::Rfc3161 => inspect_token(evidence, data, policy, now),
        rail => {
            let own = Proof::parse(evidence).ok().and_then(|proof| Sha256Digest::from_slice(proof.digest()).ok());
            let imprint = own.map(|digest| format!("sha256:{digest}"));
            // Without data, a proof is judged over the digest that it names, which says nothing about any file.
            let (mut report, mut anchor) = match data.map(hash).transpose()?.or(own) {
                Some(digest) => verify_evidence(rail, evidence, &digest, policy, now),
                None => (Report::new(), None),
            };
            if data.is_none() {
                anchor = None;
                report.find(Finding::new(Code::EvidenceUnreadable, "evidence").found("what it stamps was not given"));
            }
            Ok((told(Some(rail), None, imprint, anchor.as_ref()), report))
        }
    }
}

fn inspect_token(
    evidence: &[u8],
    data: Option<&Path>,
    policy: &TrustPolicy,
    now: Instant,
) -> Result<(Inspection, Report), VaultError> {
    let response = Response::parse(evidence).ok();
    let bare = match &response {
        Some(response) => response.token().unwrap_or_default(),
        None => evidence,
    };
    let token = Token::parse(bare).ok();
    let claims = token.as_ref().map(Token::claims);
    let is_sha256 = claims.is_none_or(|claims| claims.imprint_algorithm().to_string() == SHA256);
    let whole = match data {
        Some(path) if !is_sha256 => Some(read(path)?),
        _ => None,
    };
    let stamped = match (&whole, data) {
        (Some(whole), _) => Some(Stamped::Data(whole)),
        (None, Some(path)) => Some(Stamped::Digest(hash(path)?)),
        (None, None) => None,
    };
    let check = Check::new(policy, now);
    let check = match stamped {
        Some(stamped) => check.stamped(stamped),
        None => check,
    };
    let (report, anchor) = if response.is_some() { check.response(evidence) } else { check.token(evidence) };
    let time = claims.map(|claims| claims.gen_time());
    let imprint = claims.map(|claims| {
        let algorithm = claims.imprint_algorithm();
        format!("{algorithm}:{}", vm_core::digest::to_hex(claims.imprint_bytes()))
    });
    Ok((told(Some(Rail::Rfc3161), time, imprint, anchor.as_ref()), report))
}

fn told(
    rail: Option<Rail>,
    claimed: Option<Instant>,
    imprint: Option<String>,
    anchor: Option<&VerifiedAnchor>,
) -> Inspection {
    Inspection {
        rail,
        holds: anchor.is_some(),
        authority: anchor.map(|anchor| anchor.authority().to_owned()),
        time: anchor.map(VerifiedAnchor::gen_time).or(claimed),
        not_after: anchor.map(VerifiedAnchor::not_after),
        imprint: anchor.and_then(VerifiedAnchor::imprint).map(ToString::to_string).or(imprint),
        identity: anchor.map(VerifiedAnchor::identity),
    }
}

/// The rail of evidence, by how it begins.
#[must_use]
pub fn rail_of(evidence: &[u8]) -> Option<Rail> {
    if evidence.starts_with(MAGIC) {
        return Some(Rail::OpenTimestamps);
    }
    match evidence.first() {
        Some(0x30) => Some(Rail::Rfc3161),
        Some(b'{') => {
            let value: serde_json::Value = serde_json::from_slice(evidence).ok()?;
            let format = value.get("format")?.as_str()?;
            Rail::ALL.into_iter().find(|rail| rail.added_format() == Some(format))
        }
        _ => None,
    }
}

fn hash(path: &Path) -> Result<Sha256Digest, VaultError> {
    let fault = |source| VaultError::File { path: path.to_owned(), source };
    let (mut file, mut hasher) = (BufReader::new(File::open(path).map_err(fault)?), StreamHasher::new());
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish().0),
            Ok(length) => hasher.update(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fault(error)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, VaultError> {
    let fault = |source| VaultError::File { path: path.to_owned(), source };
    let mut whole = Vec::new();
    File::open(path).map_err(fault)?.take(WHOLE_MAX + 1).read_to_end(&mut whole).map_err(fault)?;
    if u64::try_from(whole.len()).unwrap_or(u64::MAX) > WHOLE_MAX {
        let reason =
            format!("{} is longer than {WHOLE_MAX} bytes, which are held whole for this token's hash", path.display());
        return Err(VaultError::Input { reason });
    }
    Ok(whole)
}
