//! The authorities that can be asked, and what is expected of each.

#[cfg(feature = "ethereum-client")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[cfg(feature = "ethereum-client")]
use vm_anchor::ethereum::{
    Address, Carrier, TransactionHash,
    client::{Node, NodeError, TIMEOUT},
};
use vm_anchor::{Rail, TrustPolicy};
#[cfg(feature = "client")]
use vm_anchor::{TrustedAuthority, client, error::ClientError, rfc3161::Request};

#[cfg(feature = "client")]
use vm_anchor::ots::{Proof, error::OtsError};
#[cfg(feature = "client")]
use vm_core::digest::Sha256Digest;

use super::Target;
#[cfg(feature = "client")]
use crate::ask::Outcome;
use crate::ask::{Source, Unanswered};
#[cfg(feature = "client")]
use crate::error::ChainError;
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
    /// A calendar of OpenTimestamps.
    #[cfg(feature = "client")]
    Calendar {
        /// What it is called.
        name: String,
        /// Where it is asked.
        url: String,
        /// It is asked no more often than once in this time.
        pace: Duration,
    },
    /// A node of Ethereum or its kin, which has an account that pays.
    #[cfg(feature = "ethereum-client")]
    Ethereum {
        /// What it is called.
        name: String,
        /// Where it is asked.
        url: String,
        /// Whom the transaction is sent to.
        to: Address,
        /// A transaction that was sent already, whose evidence is wanted.
        sent: Option<TransactionHash>,
        /// The chain's name and pinned blocks, where they are known.
        trust: TrustPolicy,
        /// How long it is waited for until the transaction is in a block.
        wait: Duration,
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
            Self::Tsa { name, .. } | Self::Calendar { name, .. } => name.clone(),
            #[cfg(feature = "ethereum-client")]
            Self::Ethereum { name, .. } => name.clone(),
        }
    }

    pub(super) fn pace(&self) -> Duration {
        match self {
            Self::Local | Self::Given { .. } => Duration::ZERO,
            #[cfg(feature = "client")]
            Self::Tsa { pace, .. } | Self::Calendar { pace, .. } => *pace,
            #[cfg(feature = "ethereum-client")]
            Self::Ethereum { .. } => Duration::ZERO,
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
            #[cfg(feature = "client")]
            Ask::Calendar { url, .. } => {
                let rail = Rail::OpenTimestamps;
                let (expect, nonce) = (Expect::Evidence(rail, TrustPolicy::default()), self.nonce().to_vec());
                let source = Calendar { url, digest: target.digest, nonce };
                Ok((Plan { rail, authority, expect, is_asked: true }, Box::new(source)))
            }
            #[cfg(feature = "ethereum-client")]
            Ask::Ethereum { url, to, sent, trust, wait, .. } => {
                let sent = sent.map_or(Sent::Not, Sent::As);
                let (rail, sent) = (Rail::Ethereum, Mutex::new(sent));
                let source = Chain { url, to, sent, digest: target.digest, trust: trust.clone(), wait };
                let expect = Expect::Evidence(rail, trust);
                Ok((Plan { rail, authority, expect, is_asked: true }, Box::new(source)))
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

/// A calendar, and what it is asked about. It learns neither the digest nor, by it, the file.
#[cfg(feature = "client")]
struct Calendar {
    url: String,
    digest: Sha256Digest,
    nonce: Vec<u8>,
}

#[cfg(feature = "client")]
impl Source for Calendar {
    fn ask(&self) -> Result<Vec<u8>, Unanswered> {
        let malformed = |error: OtsError| Unanswered {
            outcome: Outcome::Invalid,
            may_help: false,
            after: None,
            reference: None,
            error: Box::new(ChainError::from(error).into()),
        };
        let message = Proof::sent(&self.digest, &self.nonce).map_err(malformed)?;
        let answer = client::calendar::submit(&self.url, &message, client::TIMEOUT).map_err(unanswered)?;
        Ok(Proof::answered(&self.digest, &self.nonce, &answer).map_err(malformed)?.to_bytes())
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
    Unanswered { outcome, may_help, after, reference: None, error: Box::new(error.into()) }
}

/// What became of a transaction. One that may have been sent is not sent again: somebody pays for each.
#[cfg(feature = "ethereum-client")]
#[derive(Clone, Copy)]
enum Sent {
    Not,
    Perhaps,
    As(TransactionHash),
}

/// A node, and what it is asked.
#[cfg(feature = "ethereum-client")]
struct Chain {
    url: String,
    to: Address,
    sent: Mutex<Sent>,
    digest: Sha256Digest,
    trust: TrustPolicy,
    wait: Duration,
}

#[cfg(feature = "ethereum-client")]
impl Source for Chain {
    fn ask(&self) -> Result<Vec<u8>, Unanswered> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = self.evidence(&mut sent);
        evidence.map_err(|error| chain_unanswered(error, *sent))
    }
}

#[cfg(feature = "ethereum-client")]
impl Chain {
    fn evidence(&self, sent: &mut Sent) -> Result<Vec<u8>, NodeError> {
        let node = Node::new(&self.url, TIMEOUT)?;
        let trust = self.trust.ethereum(node.chain_id()?);
        let transaction = match *sent {
            Sent::As(transaction) => transaction,
            Sent::Perhaps => return Err(NodeError::Pending),
            Sent::Not => {
                *sent = Sent::Perhaps;
                let transaction = node.send(&self.digest, self.to, None)?;
                *sent = Sent::As(transaction);
                transaction
            }
        };
        node.wait(transaction, self.wait)?;
        let evidence = node.evidence(transaction, Carrier::Calldata, trust)?;
        // Evidence that a node gave is within the limits of what is kept, or was refused before.
        evidence.to_bytes().map_err(|_| NodeError::HeaderForm)
    }
}

#[cfg(feature = "ethereum-client")]
fn chain_unanswered(error: NodeError, sent: Sent) -> Unanswered {
    let (outcome, may_help, after) = match &error {
        NodeError::Unreachable { .. } => (Outcome::Unreachable, true, None),
        NodeError::Refused { status, retry_after } => {
            let may_pass = matches!(status, 408 | 429 | 500..=599);
            (Outcome::Refused, may_pass, retry_after.map(|seconds| Duration::from_secs(seconds.into())))
        }
        // It was waited for already.
        NodeError::Pending => (Outcome::Pending, false, None),
        NodeError::Fault { .. } | NodeError::NoAccount | NodeError::Absent { .. } => (Outcome::Refused, false, None),
        _ => (Outcome::Invalid, false, None),
    };
    let (may_help, reference) = match sent {
        Sent::Not => (may_help, None),
        Sent::Perhaps => (false, None),
        Sent::As(transaction) => (may_help, Some(transaction.to_string())),
    };
    Unanswered { outcome, may_help, after, reference, error: Box::new(ChainError::from(error).into()) }
}
