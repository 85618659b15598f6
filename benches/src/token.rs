//! Time-stamp tokens verified with their path, beside the bare signature checks they need and the PyPI `rfc3161-client`.
//!
//! The responses in `data/` were made by OpenSSL, under keys that were thrown away: a signer below a root, so that each needs
//! two signature checks.

use std::process::Command;

use ring::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use vm_anchor::rfc3161::{ChainCache, Check, Response, Stamped, Token};
use vm_anchor::{RootCertificate, TrustPolicy, TrustedAuthority};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use crate::error::{BenchError, Fault};
use crate::harness::{Effort, Reach, Row, Times, compare};

/// The name by which these rows are asked for, all at once.
pub const NAME: &str = "token";

/// What was stamped.
const STAMPED: &[u8] = b"bundle";
/// The Python that the peer is looked for in, where it is not the first on the path.
const PYTHON: &str = "VAULTMESH_PYTHON";

/// One kind of token, and the names of its rows.
struct Kind {
    response: &'static [u8],
    root: &'static [u8],
    algorithm: &'static dyn VerificationAlgorithm,
    whole: &'static str,
    cached: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        response: include_bytes!("../data/rsa.tsr"),
        root: include_bytes!("../data/rsa-root.der"),
        algorithm: &RSA_PKCS1_2048_8192_SHA256,
        whole: "RSA-2048 time-stamp response verified, path and all",
        cached: "the same RSA-2048 response, its path remembered",
    },
    Kind {
        response: include_bytes!("../data/p256.tsr"),
        root: include_bytes!("../data/p256-root.der"),
        algorithm: &ECDSA_P256_SHA256_ASN1,
        whole: "P-256 time-stamp response verified, path and all",
        cached: "the same P-256 response, its path remembered",
    },
];

/// A response and what it is verified with.
pub struct Sample {
    response: &'static [u8],
    root: &'static [u8],
    policy: TrustPolicy,
    now: Instant,
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
    cache: ChainCache,
}

impl Sample {
    /// The RSA-2048 response (`false`) or the P-256 one.
    ///
    /// # Errors
    /// Only if the data is not what it was.
    pub fn new(is_elliptic: bool) -> Result<Self, Fault> {
        Self::of(&KINDS[usize::from(is_elliptic)])
    }

    fn of(kind: &Kind) -> Result<Self, Fault> {
        let root = RootCertificate::from_der(kind.root)?;
        let authority = TrustedAuthority::independent("bench", root)?;
        let token = Response::parse(kind.response)?;
        let token = Token::parse(token.token().unwrap_or_default())?;
        let signer = Certificate::from_der(token.certificates().next().unwrap_or_default())?;
        let issuer = Certificate::from_der(kind.root)?;
        let key = issuer.tbs_certificate().subject_public_key_info();
        Ok(Self {
            response: kind.response,
            root: kind.root,
            policy: TrustPolicy::new(vec![authority])?,
            now: "2026-12-01T00:00:00.000000Z".parse()?,
            algorithm: kind.algorithm,
            key: key.subject_public_key.raw_bytes().to_vec(),
            message: signer.tbs_certificate().to_der()?,
            signature: signer.signature().raw_bytes().to_vec(),
            cache: ChainCache::new(),
        })
    }

    fn check(&self) -> Check<'_> {
        Check::new(&self.policy, self.now).stamped(Stamped::Digest(Sha256Digest::of(STAMPED)))
    }

    /// Verifies the response whole.
    #[must_use]
    pub fn whole(&self) -> bool {
        self.check().response(self.response).1.is_some()
    }

    /// The same with the memory of its path.
    #[must_use]
    pub fn cached(&self) -> bool {
        self.check().cache(&self.cache).response(self.response).1.is_some()
    }

    /// Two signature checks by *ring* under the same kind of key, that of the signer's certificate twice.
    #[must_use]
    pub fn bare(&self) -> bool {
        let key = UnparsedPublicKey::new(self.algorithm, &self.key);
        (0..2).all(|_| key.verify(&self.message, &self.signature).is_ok())
    }

    /// Median nanoseconds of a call of the peer; `None` where its package is not there.
    fn python(&self, effort: &Effort) -> Result<Option<f64>, Fault> {
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
        let hex = |bytes: &[u8]| vm_core::digest::to_hex(bytes);
        let found = Command::new(&python).args(["-c", "import rfc3161_client"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Ok(None);
        }
        let output = Command::new(&python)
            .args(["-c", include_str!("token.py"), &hex(self.response), &hex(self.root), &hex(STAMPED)])
            .args([effort.rounds.to_string(), effort.window.as_secs_f64().to_string()])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(Some(String::from_utf8_lossy(&output.stdout).trim().parse()?))
    }
}

/// All rows about tokens. Those against `rfc3161-client` are left out, and said to be on stderr, where Python lacks it.
///
/// # Errors
/// [`BenchError`] where a side does not believe its response.
pub fn rows(effort: &Effort) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    for kind in &KINDS {
        let sample = Sample::of(kind).map_err(BenchError::side(kind.whole))?;
        if !(sample.whole() && sample.cached() && sample.bare()) {
            return Err(BenchError::differ(kind.whole, sample.whole(), sample.bare()));
        }
        let times = compare(effort, || sample.whole(), || sample.bare());
        rows.push(Row::new(kind.whole, "the two bare ring signature checks it needs", times, Reach::AtMost(1.5)));
        let times = compare(effort, || sample.cached(), || sample.whole());
        rows.push(Row::new(kind.cached, "the same with no memory", times, Reach::AtLeast(1.5)));
        let (ours, python) = (times.other, sample.python(effort).map_err(BenchError::side(kind.whole))?);
        match python {
            Some(other) => {
                rows.push(Row::new(kind.whole, "PyPI rfc3161-client", Times { ours, other }, Reach::AtLeast(4.0)));
            }
            None => eprintln!("ratios: {NAME}: rfc3161-client did not run: no such package ({PYTHON} names a Python)"),
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_believes_the_response() {
        for is_elliptic in [false, true] {
            let sample = Sample::new(is_elliptic).unwrap();
            assert!(sample.whole() && sample.cached() && sample.cached() && sample.bare());
        }
    }
}
