//! `trust show|key|record|block`: what a verifier believes: the trust file, and the ledger's key in the forms of foreign clients.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use vaultmesh::error::{KeysError, VaultError};
use vaultmesh::read::Reader;
#[cfg(feature = "ethereum-client")]
use vaultmesh::{error::ChainError, trust::TrustFile};
#[cfg(feature = "ethereum-client")]
use vm_anchor::ethereum::EthereumTrust;
use vm_core::digest::Sha256Digest;
use vm_core::id::RowId;
use vm_core::key::CosignerKey;
use vm_ledger::POLICY_BYTES_MAX;
use vm_seal::attest::{allowed_signer, public_key_pem};

use super::context::Context;
use super::error::CliError;
use super::input::read_limited;
use super::output::{shown, write_new};
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh trust show --output trust.toml
  vaultmesh trust key --as allowed-signers --output allowed
  vaultmesh trust key --as ml-dsa --output pq.txt
  vaultmesh trust record trust.toml
  vaultmesh verify --trust trust.toml --head head.txt

A verifier keeps this file outside the vault, and strikes out of it whatever it does not believe.";

/// Show what a verifier needs to believe to verify this vault
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Trust {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Show(Show),
    Key(Key),
    Record(Record),
    #[cfg(feature = "ethereum-client")]
    Block(Block),
}

#[cfg(feature = "ethereum-client")]
const BLOCK_EXAMPLES: &str = "\
Examples:
  vaultmesh trust block --eth http://127.0.0.1:8545
  vaultmesh trust block --eth http://127.0.0.1:8545 --number 21000000 --name ethereum >> trust.toml

Whoever puts it into a trust file believes the node that was asked: that this block is of the chain, and final.";

/// Print an entry for a trust file that pins a block of a chain
#[cfg(feature = "ethereum-client")]
#[derive(Args)]
#[command(after_help = BLOCK_EXAMPLES)]
struct Block {
    /// Node to ask (JSON-RPC)
    #[arg(long, value_name = "URL")]
    eth: String,
    /// Number of the block [default: the newest that is final]
    #[arg(long, value_name = "N")]
    number: Option<u64>,
    /// What the chain is called
    #[arg(long, value_name = "NAME", default_value = "ethereum")]
    name: String,
}

const RECORD_EXAMPLES: &str = "\
Examples:
  vaultmesh trust record trust.toml

From then on it is the policy in force. A verifier whose trust file names its SHA-256 under `policies` judges the anchors by it
that were recorded while it was; one that does not is bound by nothing.";

/// Record that a trust policy is in force from now on
#[derive(Args)]
#[command(after_help = RECORD_EXAMPLES)]
struct Record {
    /// Trust file
    file: PathBuf,
}

#[derive(Serialize)]
struct InForce {
    sha256: Sha256Digest,
    row: RowId,
    path: String,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  vaultmesh trust show
  vaultmesh trust show --output trust.toml";

/// Print a trust file with the ledger's key and its local authority
#[derive(Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const KEY_EXAMPLES: &str = "\
Examples:
  vaultmesh trust key
  vaultmesh trust key --as pem --output log.pem
  vaultmesh trust key --as allowed-signers --output allowed

A vkey verifies checkpoints and .tlog-proof files, PEM verifies COSE receipts and DSSE envelopes, and a line for allowed
signers verifies SSH signatures over seals. It is what the vault says of itself: compare it with the key that was
kept.";

/// Print the ledger's key in the form that a foreign client pins
#[derive(Args)]
#[command(after_help = KEY_EXAMPLES)]
struct Key {
    /// Form of the key
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = KeyForm::Vkey)]
    form: KeyForm,
    /// Write it to this new file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Forms of the ledger's key.
#[derive(Clone, Copy, ValueEnum)]
enum KeyForm {
    /// C2SP signed-note: name, key hash and key
    Vkey,
    /// SubjectPublicKeyInfo in PEM (RFC 8410)
    Pem,
    /// The ML-DSA-44 key, for `--pq-key` (C2SP tlog-cosignature)
    MlDsa,
    /// C2SP tlog-cosignature: by it others know what this vault cosigned
    Witness,
    /// Line of an allowed-signers file of ssh-keygen, good for seals
    AllowedSigners,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    text: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// What is shown, by what it is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Text {
    Trust(String),
    Key(String),
}

impl Trust {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let (text, output) = match self.what {
            What::Record(command) => return command.run(context),
            #[cfg(feature = "ethereum-client")]
            What::Block(command) => (Text::Trust(command.entry()?), None),
            What::Show(show) => (Text::Trust(context.open()?.trust_file()?.to_text()?), show.output),
            What::Key(command) => (Text::Key(command.form.text(&context.reader()?)?), command.output),
        };
        if let Some(file) = &output {
            write_new(file, text.as_str().as_bytes())?;
        }
        Ok(Output::done(Shown { text, file: output.as_deref().map(shown) }))
    }
}

impl Record {
    fn run(self, context: &Context) -> Result<Output, CliError> {
        let bytes = read_limited(&self.file, POLICY_BYTES_MAX)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| CliError::Usage { what: format!("{} is not UTF-8 text", shown(&self.file)) })?;
        let (sha256, recorded) = context.open()?.record_policy(&text, &self.file)?;
        let path = format!("trust/{}.toml", sha256.to_hex());
        Ok(Output::done(InForce { sha256, row: recorded.id, path }))
    }
}

#[cfg(feature = "ethereum-client")]
impl Block {
    fn entry(self) -> Result<String, VaultError> {
        use vm_anchor::ethereum::client::{At, Node, TIMEOUT};
        let asked = || {
            let node = Node::new(&self.eth, TIMEOUT)?;
            Ok((node.chain_id()?, node.block(self.number.map_or(At::Finalized, At::Number))?))
        };
        let (chain_id, block) = asked().map_err(ChainError::Node)?;
        let trust = EthereumTrust::new(self.name, chain_id).and_then(|trust| trust.pin(vec![block]));
        TrustFile::chain_entry(trust.map_err(ChainError::Ethereum)?)
    }
}

impl Human for InForce {
    fn human(&self, page: &mut Page) {
        page.write(Style::Good, "in force");
        page.line(&format!(" policy {}", self.sha256));
        page.field("kept as", &self.path);
        page.field("row", self.row);
    }
}

impl KeyForm {
    fn text(self, reader: &Reader) -> Result<String, VaultError> {
        let key = &reader.claimed_key()?;
        Ok(match self {
            Self::Vkey => format!("{key}\n"),
            // What names one key names the other.
            Self::Witness => {
                CosignerKey::new(key.name(), key.public()).map_or_else(|_| String::new(), |key| format!("{key}\n"))
            }
            Self::Pem => public_key_pem(key.public()),
            Self::AllowedSigners => allowed_signer(key),
            Self::MlDsa => {
                let keys = reader.keys()?;
                let second = keys.ml_dsa().ok_or(KeysError::SecondAbsent)?;
                format!("{}\n", keys.ml_dsa_note_key(second).map_err(VaultError::Key)?)
            }
        })
    }
}

impl Text {
    fn as_str(&self) -> &str {
        let (Self::Trust(text) | Self::Key(text)) = self;
        text
    }
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        match &self.file {
            None => page.raw(self.text.as_str()),
            Some(file) => page.line(&format!("wrote {}", file)),
        }
    }
}
