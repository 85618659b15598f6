//! What a transaction and its receipt say, and whether they carry a digest.

use alloy_consensus::{Eip658Value, TxReceipt as _};
use alloy_consensus::{EthereumTxEnvelope, ReceiptEnvelope, Transaction as _, TxEip4844, Typed2718 as _};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Bytes, Log};
use vm_core::digest::Sha256Digest;

use super::defect::EthereumDefect;
use super::evidence::Carrier;
use super::hash::{Address, TransactionHash};
use super::{CALLDATA_LEN, TAG};

/// A transaction as it stands in a block: blobs are not part of it.
type Envelope = EthereumTxEnvelope<TxEip4844>;

/// Largest type of transaction that is known: 4, EIP-7702.
const TYPE_LAST: u8 = 4;
/// First byte of an RLP list: a legacy transaction, which has no type (EIP-2718).
const LIST_FIRST: u8 = 0xc0;

/// A transaction that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Transaction {
    pub(super) hash: TransactionHash,
    pub(super) sha256: Sha256Digest,
    kind: u8,
    chain_id: Option<u64>,
    to: Option<Address>,
    input: Bytes,
}

impl Transaction {
    /// Reads one of the types that are known; what is written again must be the same bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, EthereumDefect> {
        check_type(bytes)?;
        let malformed = |_| EthereumDefect::TransactionMalformed;
        let envelope = Envelope::decode_2718_exact(bytes).map_err(malformed)?;
        if envelope.encoded_2718() != bytes {
            return Err(EthereumDefect::TransactionMalformed);
        }
        Ok(Self {
            hash: TransactionHash::of(bytes),
            sha256: Sha256Digest::of(bytes),
            kind: envelope.ty(),
            chain_id: envelope.chain_id(),
            to: envelope.to().map(|address| Address::from_bytes(address.into_array())),
            input: envelope.input().clone(),
        })
    }

    pub(super) fn check_chain(&self, chain_id: u64) -> Result<(), EthereumDefect> {
        match self.chain_id {
            None => Err(EthereumDefect::TransactionWithoutChainId),
            Some(found) if found != chain_id => Err(EthereumDefect::TransactionForeign),
            Some(_) => Ok(()),
        }
    }

    fn target(&self) -> Result<Address, EthereumDefect> {
        self.to.ok_or(EthereumDefect::TransactionCreates)
    }

    fn carried(&self) -> Option<Sha256Digest> {
        let digest = self.input.strip_prefix(&TAG)?;
        Sha256Digest::from_slice(digest).ok().filter(|_| self.input.len() == CALLDATA_LEN)
    }
}

/// A receipt that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Receipt {
    status: Eip658Value,
    logs: Vec<Log>,
}

impl Receipt {
    /// Reads the receipt of `transaction`, whose type it has.
    pub(super) fn read(bytes: &[u8], transaction: &Transaction) -> Result<Self, EthereumDefect> {
        let malformed = |_| EthereumDefect::ReceiptMalformed;
        let envelope = ReceiptEnvelope::<Log>::decode_2718_exact(bytes).map_err(malformed)?;
        if envelope.ty() != transaction.kind || envelope.encoded_2718() != bytes {
            return Err(EthereumDefect::ReceiptMalformed);
        }
        Ok(Self { status: envelope.status_or_post_state(), logs: envelope.into_logs() })
    }

    pub(super) fn check_status(&self) -> Result<(), EthereumDefect> {
        match self.status {
            Eip658Value::Eip658(true) => Ok(()),
            Eip658Value::Eip658(false) => Err(EthereumDefect::TransactionFailed),
            Eip658Value::PostState(_) => Err(EthereumDefect::ReceiptWithoutStatus),
        }
    }
}

/// Whether the digest stands where the evidence says; the address that was called or that emitted it.
pub(super) fn check_carried(
    carrier: Carrier,
    transaction: &Transaction,
    receipt: &Receipt,
    digest: &Sha256Digest,
) -> Result<Address, EthereumDefect> {
    match carrier {
        Carrier::Calldata => match transaction.carried() {
            None => Err(EthereumDefect::CalldataForm),
            Some(found) if found != *digest => Err(EthereumDefect::DigestMismatch),
            Some(_) => transaction.target(),
        },
        Carrier::Event { log } => {
            let place = usize::try_from(log).map_err(|_| EthereumDefect::EventMissing)?;
            let log = receipt.logs.get(place).ok_or(EthereumDefect::EventMissing)?;
            let wanted = digest.as_bytes().as_slice();
            if *log.data.data != *wanted && !log.topics().iter().any(|topic| topic == wanted) {
                return Err(EthereumDefect::EventForm);
            }
            Ok(Address::from_bytes(log.address.into_array()))
        }
    }
}

fn check_type(bytes: &[u8]) -> Result<(), EthereumDefect> {
    match bytes.first() {
        Some(1..=TYPE_LAST | LIST_FIRST..) => Ok(()),
        // Types go up to 0x7f (EIP-2718), and type 0 is never written.
        Some(1..0x80) => Err(EthereumDefect::TransactionTypeUnknown),
        _ => Err(EthereumDefect::TransactionMalformed),
    }
}
