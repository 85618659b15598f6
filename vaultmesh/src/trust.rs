//! Trust files: the key, the authorities and the head that a verifier believes. They live outside the vault.
//!
//! ```toml
//! format = "vm-trust-v0"
//! key = "vaultmesh/3f...9c+1f2e3d4c+AQ..."
//!
//! [[authority]]
//! name = "local"
//! independent = false
//! accept = true
//! root = """
//! -----BEGIN CERTIFICATE-----
//! ...
//! """
//! ```

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vm_anchor::bitcoin::{
    BitcoinTrust, BlockHash, CONFIRMATIONS_DEFAULT, HEADER_LEN, HEADERS_MAX, HeaderArchive, Network,
};
#[cfg(feature = "ethereum")]
use vm_anchor::ethereum::EthereumTrust;
use vm_anchor::policy::{TokenRules, TrustPolicy, TrustedAuthority, crl_from_pem};
use vm_anchor::rfc3161::Legacy;
use vm_core::digest::{PolicyHash, Sha256Digest};
use vm_core::key::{MlDsaCosignerKey, NoteKey};
use vm_seal::witness::WitnessPolicy;

use crate::config::read_text;
use crate::error::{ChainError, TomlFault, VaultError};

/// Longest trust file read, in bytes; a root certificate takes about 2 kB.
const TRUST_MAX: u64 = 1024 * 1024;

/// Longest file of headers read, in bytes: as many as an archive may have.
#[expect(clippy::as_conversions, reason = "168 million fit into a u64")]
const HEADERS_BYTES_MAX: u64 = (HEADERS_MAX * HEADER_LEN) as u64;

/// What a verifier believes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustFile {
    format: String,
    /// The ledger's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<NoteKey>,
    /// The ledger's ML-DSA key. Once it is named, heads and the checkpoints of seals must bear its line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pq_key: Option<MlDsaCosignerKey>,
    /// How many distinct independent authorities must vouch for a seal. Without it one accepted anchor will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// SHA-256 of policies that the vault recorded and that judge the anchors of their time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Sha256Digest>,
    /// Hashes of redaction policies that are believed, in an empty list none; without a list any that is recorded is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Vec<PolicyHash>>,
    /// Authorities whose anchors may count.
    #[serde(default, rename = "authority", skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<TrustedAuthority>,
    /// Whether tokens by algorithms that are no longer strong are believed and reported, instead of refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub legacy: bool,
    /// Whether a revocation list must say of each certificate of a path that it was not revoked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_revocation: bool,
    /// Archived revocation lists, each in PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<String>,
    /// Chains of Bitcoin, with the block of each that is pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bitcoin: Vec<BitcoinEntry>,
    /// Chains of Ethereum's kin, with the blocks of them that are pinned.
    #[cfg(feature = "ethereum")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ethereum: Vec<EthereumTrust>,
    /// Witnesses, of which so many must have cosigned the head that a verifier brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<WitnessPolicy>,
    /// The folder it was read from, where files that it names lie.
    #[serde(skip)]
    base: Option<PathBuf>,
}

/// A chain of Bitcoin: where its headers lie, and which block is pinned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitcoinEntry {
    /// What the chain is called.
    pub name: String,
    /// Whose rules it keeps.
    #[serde(default = "mainnet")]
    pub network: Network,
    /// Height of the pinned block.
    pub height: u32,
    /// Hash of the pinned block, as explorers write it.
    pub hash: BlockHash,
    /// File of raw headers, 80 bytes each, by its path from the trust file.
    pub headers: PathBuf,
    /// Height of the first of them.
    #[serde(default)]
    pub start: u32,
    /// Blocks that must stand above one that comes after the pinned block.
    #[serde(default = "six")]
    pub confirmations: u32,
}

const fn mainnet() -> Network {
    Network::Mainnet
}

const fn six() -> u32 {
    CONFIRMATIONS_DEFAULT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl BitcoinEntry {
    /// Reads the headers beside the trust file.
    fn load(&self, base: Option<&Path>) -> Result<BitcoinTrust, VaultError> {
        let path = base.unwrap_or_else(|| Path::new("")).join(&self.headers);
        let fault = |source| VaultError::TrustFile { path: path.clone(), source };
        let file = fs::File::open(&path).map_err(fault)?;
        // As long as the file says, so that it is not held twice while it grows.
        let length = file.metadata().map_err(fault)?.len().min(HEADERS_BYTES_MAX) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(HEADERS_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > HEADERS_BYTES_MAX {
            return Err(VaultError::TrustTooLong { path, limit: HEADERS_BYTES_MAX });
        }
        let archive = HeaderArchive::parse(self.network, self.start, bytes)
            .map_err(|source| ChainError::Headers { path, source })?;
        let trust = BitcoinTrust::new(&self.name, (self.height, self.hash), archive);
        Ok(trust.map_err(ChainError::Bitcoin)?.confirmations(self.confirmations))
    }
}

impl TrustFile {
    /// Format string of a trust file.
    pub const FORMAT: &'static str = "vm-trust-v0";

    /// A trust file that believes these.
    #[must_use]
    pub fn new(key: Option<NoteKey>, authorities: Vec<TrustedAuthority>) -> Self {
        Self { format: Self::FORMAT.to_owned(), key, authorities, ..Self::default() }
    }

    /// Reads a trust file; unknown keys and formats are refused.
    ///
    /// # Errors
    /// [`VaultError::TrustFile`], [`VaultError::TrustMalformed`] or [`VaultError::FormatUnknown`].
    pub fn load(path: &Path) -> Result<Self, VaultError> {
        let fault = |source| VaultError::TrustFile { path: path.to_owned(), source };
        let text = read_text(path, TRUST_MAX)
            .map_err(fault)?
            .ok_or_else(|| VaultError::TrustTooLong { path: path.to_owned(), limit: TRUST_MAX })?;
        Ok(Self::parse(&text, path)?.beside(path.parent()))
    }

    /// The folder that it was read from.
    #[must_use]
    pub fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// The same, with the files that it names in this folder.
    #[must_use]
    pub fn beside(mut self, base: Option<&Path>) -> Self {
        self.base = base.map(Path::to_owned);
        self
    }

    /// Reads the text of a trust file; `path` is named in errors.
    ///
    /// # Errors
    /// [`VaultError::TrustMalformed`] or [`VaultError::FormatUnknown`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, VaultError> {
        let trust: Self = toml::from_str(text).map_err(|error| VaultError::TrustMalformed {
            path: path.to_owned(),
            source: TomlFault::new(&error, text),
        })?;
        if trust.format != Self::FORMAT {
            let found = trust.format.chars().take(64).collect();
            return Err(VaultError::FormatUnknown { what: "trust file", found });
        }
        Ok(trust)
    }

    /// What it says about authorities.
    ///
    /// # Errors
    /// [`VaultError::Policy`] where two authorities contradict each other, there are too many, or a quorum cannot be met;
    /// [`VaultError::TrustFile`], [`VaultError::Chain`] where headers that it names are
    /// not there or not those of the pinned block.
    pub fn policy(&self) -> Result<TrustPolicy, VaultError> {
        let crls = self.crls.iter().map(|pem| crl_from_pem(pem)).collect::<Result<_, _>>();
        let rules = TokenRules {
            legacy: if self.legacy { Legacy::Report } else { Legacy::Refuse },
            crls: crls.map_err(VaultError::Policy)?,
            require_revocation: self.require_revocation,
        };
        let bitcoin = self.bitcoin.iter().map(|chain| chain.load(self.base())).collect::<Result<_, _>>()?;
        let policy = TrustPolicy::new(self.authorities.clone()).and_then(|policy| policy.with_tokens(rules));
        let policy = policy.and_then(|policy| policy.with_bitcoin(bitcoin));
        #[cfg(feature = "ethereum")]
        let policy = policy.and_then(|policy| policy.with_ethereum(self.ethereum.clone()));
        let policy = policy.and_then(|policy| match self.quorum {
            Some(quorum) => policy.with_quorum(quorum),
            None => Ok(policy),
        });
        policy.map_err(VaultError::Policy)
    }

    /// What a trust file says of one chain.
    ///
    /// # Errors
    /// [`VaultError::TrustWrite`] never in practice: all fields are strings and numbers.
    #[cfg(feature = "ethereum")]
    pub fn chain_entry(chain: EthereumTrust) -> Result<String, VaultError> {
        let table = std::collections::BTreeMap::from([("ethereum", [chain])]);
        toml::to_string(&table).map_err(|source| VaultError::TrustWrite(Box::new(source)))
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`VaultError::TrustWrite`] never in practice: all fields are strings.
    pub fn to_text(&self) -> Result<String, VaultError> {
        toml::to_string(self).map_err(|source| VaultError::TrustWrite(Box::new(source)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_page_shows_a_trust_file() {
        let page = include_str!("../../docs/spec/trust.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (sample, _) = rest.split_once("```").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trust.toml");
        fs::write(&path, sample).unwrap();
        let trust = TrustFile::load(&path).unwrap();
        assert_eq!(trust.to_text().unwrap(), sample);
        assert_eq!(trust.policy().unwrap().authorities().len(), 1);
        let (_, rest) = page.split_once("[witnesses]\n").unwrap();
        let (witnesses, _) = rest.split_once("```").unwrap();
        let with = format!("{sample}\n[witnesses]\n{witnesses}");
        let trust = TrustFile::parse(&with, &path).unwrap();
        assert_eq!(trust.to_text().unwrap(), with);
        assert_eq!(trust.witnesses.unwrap().quorum(), 1);
        for (from, to, code) in
            [("vm-trust-v0", "vm-trust-v9", "format-unknown"), ("accept", "acept", "trust-malformed")]
        {
            fs::write(&path, sample.replace(from, to)).unwrap();
            assert_eq!(TrustFile::load(&path).unwrap_err().code(), code);
        }
        fs::write(&path, sample.replace("format =", "\nformat =").replace("accept", "acept")).unwrap();
        let Err(VaultError::TrustMalformed { source, .. }) = TrustFile::load(&path) else { panic!("it was taken") };
        let line = sample.lines().position(|line| line.starts_with("accept")).unwrap() + 2;
        let told = source.to_string();
        assert!(told.starts_with(&format!("line {line}: unknown field `acept`")) && !told.contains('\n'), "{told}");
    }
}
