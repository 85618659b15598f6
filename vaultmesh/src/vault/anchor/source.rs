//! The authorities that can be asked, and what is expected of each.

use std::time::Duration;

use vm_anchor::{Rail, TrustPolicy};
#[cfg(feature = "client")]
use vm_anchor::{TrustedAuthority, client, error::ClientError, rfc3161::Request};

use super::Target;
#[cfg(feature = "client")]
use crate::ask::Outcome;
use crate::ask::{Source, Unanswered};
use crate::error::VaultError;
use crate::vault::Vault;

/// An authority to be asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ask {
    /// The embedded local authority.
    Local,
    /// Nobody: the evidence was had otherwise.
    Given {
        /// Its rail.
        rail: Rail,
        /// The evidence; of RFC 3161, a token or a whole response.
        evidence: Vec<u8>,
        /// What it is judged by before it is recorded.
        policy: TrustPolicy,
    },
    /// A time-stamp authority.
    #[cfg(feature = "client")]
    Tsa {
        /// What it is called.
        name: String,
        /// Where it is asked.
        url: String,
        /// Its pinned root, where that is known; without it a token is checked in all but that.
        root: Option<TrustedAuthority>,
        /// It is asked no more often than once in this time.
        pace: Duration,
    },
}

/// What is done with an answer.
pub(super) struct Plan {
    pub(super) rail: Rail,
    pub(super) authority: String,
    pub(super) expect: Expect,
    /// Whether somebody else is asked, so that a failure says something about them.
    pub(super) is_asked: bool,
}

/// What judges an answer, and by what.
pub(super) enum Expect {
    /// A response to a request with this nonce.
    Response(Option<Vec<u8>>, TrustPolicy),
    /// Evidence of this rail.
    Evidence(Rail, TrustPolicy),
}

impl Ask {
    /// What the authority is called in records.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Given { rail, .. } => format!("{rail} evidence"),
            #[cfg(feature = "client")]
            Self::Tsa { name, .. } => name.clone(),
        }
    }

    pub(super) fn pace(&self) -> Duration {
        match self {
            Self::Local | Self::Given { .. } => Duration::ZERO,
            #[cfg(feature = "client")]
            Self::Tsa { pace, .. } => *pace,
        }
    }
}

impl Vault {
    /// What is asked for a seal, and what is done with the answer.
    pub(super) fn plan(&mut self, target: &Target, ask: Ask) -> Result<(Plan, Box<dyn Source>), VaultError> {
        let (authority, rail) = (ask.name(), Rail::Rfc3161);
        match ask {
            Ask::Local => {
                let local = self.local_authority()?;
                let trusted = local.trusted().map_err(VaultError::Policy)?;
                let policy = TrustPolicy::new(vec![trusted]).map_err(VaultError::Policy)?;
                let request = self.request(target)?;
                let response = local.respond(&request.to_der(), self.now())?;
                let expect = Expect::Response(request.nonce().map(<[u8]>::to_vec), policy);
                Ok((Plan { rail, authority, expect, is_asked: false }, Box::new(Had(response))))
            }
            Ask::Given { rail, evidence, policy } => {
                let expect = Expect::Evidence(rail, policy);
                Ok((Plan { rail, authority, expect, is_asked: false }, Box::new(Had(evidence))))
            }
            #[cfg(feature = "client")]
            Ask::Tsa { url, root, .. } => {
                let policy = TrustPolicy::new(root.into_iter().collect()).map_err(VaultError::Policy)?;
                let request = self.request(target)?;
                let expect = Expect::Response(request.nonce().map(<[u8]>::to_vec), policy);
                Ok((Plan { rail, authority, expect, is_asked: true }, Box::new(Tsa { url, request })))
            }
        }
    }
}

/// Evidence that is there already.
struct Had(Vec<u8>);

impl Source for Had {
    fn ask(&self) -> Result<Vec<u8>, Unanswered> {
        Ok(self.0.clone())
    }
}

/// A time-stamp authority, and what it is asked.
#[cfg(feature = "client")]
struct Tsa {
    url: String,
    request: Request,
}

#[cfg(feature = "client")]
impl Source for Tsa {
    fn ask(&self) -> Result<Vec<u8>, Unanswered> {
        client::fetch(&self.url, &self.request, client::TIMEOUT).map_err(unanswered)
    }
}

/// What a failed exchange means. RFC 9110, sections 15.5 and 15.6: 429 and 5xx may pass by, 408 too.
#[cfg(feature = "client")]
fn unanswered(error: ClientError) -> Unanswered {
    let (outcome, may_help, after) = match &error {
        ClientError::Unreachable { .. } => (Outcome::Unreachable, true, None),
        ClientError::Refused { status, retry_after } => {
            let may_pass = matches!(status, 408 | 429 | 500..=599);
            (Outcome::Refused, may_pass, retry_after.map(|seconds| Duration::from_secs(seconds.into())))
        }
        ClientError::NotGranted { .. } => (Outcome::Refused, false, None),
        _ => (Outcome::Invalid, false, None),
    };
    Unanswered { outcome, may_help, after, error: Box::new(error.into()) }
}
