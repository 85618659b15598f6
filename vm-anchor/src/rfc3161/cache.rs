//! Paths that were found before, so that tokens of one signer cost one path.

use std::collections::BTreeMap;
use std::sync::Mutex;

use der::Decode;
use ring::digest;
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use x509_cert::Certificate;

use super::chain::{Found, Route};
use super::checks::Legacy;
use crate::error::Defect;
use crate::policy::{TrustPolicy, TrustedAuthority};

/// Most paths remembered; beyond it the memory starts anew. A signer is in use for a year or more.
pub const CHAINS_MAX: usize = 1_024;

/// Remembers the paths that held. A path is remembered under the SHA-256 of the signer's certificate and of the whole bag it
/// was found in, with the root it ended at and the time in which all of its certificates are valid; so an answer from
/// memory is one that the same bytes would earn anew. Paths that failed, weak ones, and checks that look at revocation
/// are never remembered.
///
/// It may serve several threads and policies: a remembered root that a policy does not name is no answer.
#[derive(Debug, Default)]
pub struct ChainCache {
    paths: Mutex<BTreeMap<Sha256Digest, Vec<Held>>>,
}

/// A path that holds in this time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    root: Sha256Digest,
    from: i64,
    until: i64,
}

impl ChainCache {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many signers, each with its bag, are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.lock().map_or(0, |paths| paths.len())
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn find<'p>(
        &self,
        route: &Route<'_>,
        policy: &'p TrustPolicy,
        legacy: Legacy,
    ) -> Result<Found<'p>, Defect> {
        if !route.revocation.is_idle() {
            return route.find(policy, legacy);
        }
        let key = key_of(route);
        if let Some(authority) = self.remembered(&key, route.at, policy) {
            return Ok(Found { authority, is_weak: false, between: Vec::new() });
        }
        let found = route.find(policy, legacy)?;
        if !found.is_weak
            && let Some(held) = held(route, &found)
        {
            self.remember(key, held);
        }
        Ok(found)
    }

    fn remembered<'p>(&self, key: &Sha256Digest, at: Instant, policy: &'p TrustPolicy) -> Option<&'p TrustedAuthority> {
        let paths = self.paths.lock().ok()?;
        let in_time = |held: &&Held| (held.from..=held.until).contains(&at.as_seconds());
        paths.get(key)?.iter().filter(in_time).find_map(|held| {
            let authority = policy.authorities().iter().find(|authority| authority.root().sha256() == held.root);
            authority.filter(|authority| authority.check_root_valid_at(at).is_ok())
        })
    }

    fn remember(&self, key: Sha256Digest, held: Held) {
        let Ok(mut paths) = self.paths.lock() else { return };
        if paths.len() == CHAINS_MAX {
            paths.clear();
        }
        let known = paths.entry(key).or_default();
        if !known.contains(&held) && known.len() < CHAINS_MAX {
            known.push(held);
        }
    }
}

/// SHA-256 over the lengths and bytes of the signer's certificate and of each in the bag, in order.
fn key_of(route: &Route<'_>) -> Sha256Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for der in core::iter::once(&route.certificate).chain(route.bag) {
        context.update(&u64::try_from(der.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(der);
    }
    Sha256Digest::from_slice(context.finish().as_ref()).unwrap_or_else(|_| Sha256Digest::from_bytes([0; 32]))
}

/// The time in which every certificate of the path, root included, is valid; `None` where one cannot be read.
fn held(route: &Route<'_>, found: &Found<'_>) -> Option<Held> {
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    let between = found.between.iter().map(Vec::as_slice);
    let root = found.authority.root();
    for der in between.chain([route.certificate, root.as_der()]) {
        let certificate = Certificate::from_der(der).ok()?;
        let validity = certificate.tbs_certificate().validity();
        let seconds = |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
        from = from.max(seconds(&validity.not_before)?);
        until = until.min(seconds(&validity.not_after)?);
    }
    Some(Held { root: root.sha256(), from, until })
}
