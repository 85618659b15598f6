//! The policy in force at a place of the log: the verifier's own, or one that the vault recorded and the verifier pins.
//!
//! A vault records its policies as they come into force. Its word alone binds no verifier: a recorded policy is used only
//! where the trust file names its SHA-256, and then for the anchors that were recorded while it was in force. The order in which the
//! trust file names them is that of time: an older one that is recorded again, to let weaker anchors count, stays unused.

use vm_anchor::TrustPolicy;
use vm_core::digest::Sha256Digest;
use vm_core::path::VaultPath;
use vm_core::record::SystemKind;
use vm_core::verdict::{Code, Finding, Report};

use crate::error::VaultError;
use crate::read::Reader;
use crate::trust::TrustFile;
use crate::verify::Outside;

/// Policies by the place of the log from which on they are in force.
pub(crate) struct Policies {
    given: TrustPolicy,
    recorded: Vec<(u64, Option<TrustPolicy>)>,
}

impl Policies {
    /// The policies that `outside` gives or pins. One that is pinned and cannot be used is told in the report.
    pub(crate) fn read(reader: &Reader, outside: &Outside, report: &mut Report) -> Result<Self, VaultError> {
        let given = outside.policy()?;
        let pinned = outside.trust.as_ref().map(|trust| trust.policies.as_slice()).unwrap_or_default();
        let mut rows = Vec::new();
        if !pinned.is_empty() {
            reader.visit_kind(SystemKind::TrustPolicy.as_str(), &mut |logged| {
                let sha256 = logged.row.text("sha256_hex").and_then(|hex| Sha256Digest::parse_hex(hex).ok());
                rows.push((logged.entry.seq, sha256, logged.row.text("path").map(str::to_owned)));
            })?;
        }
        let (mut recorded, mut left) = (Vec::with_capacity(rows.len()), pinned);
        for (seq, sha256, path) in rows {
            let place = left.iter().position(|pinned| Some(*pinned) == sha256);
            let policy = match (place, sha256, path) {
                (Some(place), Some(sha256), Some(path)) => {
                    left = left.get(place + 1..).unwrap_or_default();
                    load(reader, outside, sha256, &path, report)?
                }
                _ => None,
            };
            recorded.push((seq, policy));
        }
        Ok(Self { given, recorded })
    }

    /// The policy that judges an anchor recorded at this place.
    pub(crate) fn at(&self, seq: u64) -> &TrustPolicy {
        let in_force = self.recorded.iter().rev().find(|(from, _)| *from < seq);
        in_force.and_then(|(_, policy)| policy.as_ref()).unwrap_or(&self.given)
    }

    /// The verifier's own.
    pub(crate) const fn given(&self) -> &TrustPolicy {
        &self.given
    }
}

fn load(
    reader: &Reader,
    outside: &Outside,
    sha256: Sha256Digest,
    path: &str,
    report: &mut Report,
) -> Result<Option<TrustPolicy>, VaultError> {
    let subject = format!("policy {sha256}");
    let mut unreadable = |found: &str| report.find(Finding::new(Code::EvidenceUnreadable, &*subject).found(found));
    let Ok(place) = path.parse::<VaultPath>() else {
        unreadable("a path that leaves the vault");
        return Ok(None);
    };
    let bytes = match reader.read_small(&place) {
        Ok(bytes) if Sha256Digest::of(&bytes) == sha256 => bytes,
        Ok(_) => {
            unreadable("a file of other content");
            return Ok(None);
        }
        Err(VaultError::Files(fault)) => {
            unreadable(&fault.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let base = outside.trust.as_ref().and_then(TrustFile::base);
    let parsed = TrustFile::parse(&text, std::path::Path::new(path)).map(|trust| trust.beside(base));
    match parsed.and_then(|trust| trust.policy()) {
        Ok(policy) => Ok(Some(policy)),
        Err(error) => {
            unreadable(error.code());
            Ok(None)
        }
    }
}
