//! The check of evidence: every rule, each with a name, and an [`EthereumAttested`] only if all hold.

use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;
use vm_core::verdict::{Finding, Report};

use super::attested::EthereumAttested;
use super::carried::{Receipt, Transaction, check_carried};
use super::defect::EthereumDefect;
use super::evidence::EthereumEvidence;
use super::hash::Address;
use super::header::Header;
use super::trie;
use super::trust::EthereumTrust;

/// How far a block's time may lie ahead of the verifier's clock, in microseconds: five minutes, as for a token.
pub const FUTURE_SKEW_MICROS_MAX: i64 = 300_000_000;
/// What the findings are about.
const SUBJECT: &str = "ethereum evidence";

/// Judges evidence that a transaction carries `digest`, by someone whose clock says `now`.
///
/// Without `trust` all else is checked, and the verdict is at best undecided. The attestation is given only if the report
/// is verified. Cost: one Keccak-256 of each header and node, and linear in the evidence's length.
#[must_use]
pub fn verify_ethereum(
    evidence: &[u8],
    digest: &Sha256Digest,
    trust: Option<&EthereumTrust>,
    now: Instant,
) -> (Report, Option<EthereumAttested>) {
    match EthereumEvidence::parse(evidence) {
        Ok(evidence) => verify_evidence(&evidence, digest, trust, now),
        Err(error) => {
            let mut report = Report::new();
            report.checked(format!("{SUBJECT}: form"));
            let expected = "evidence of the format vm-anchor-ethereum-v0";
            report.find(Finding::new(error.finding(), SUBJECT).expected_found(expected, error.code()));
            (report, None)
        }
    }
}

/// As [`verify_ethereum`], of evidence that was read already.
#[must_use]
pub fn verify_evidence(
    evidence: &EthereumEvidence,
    digest: &Sha256Digest,
    trust: Option<&EthereumTrust>,
    now: Instant,
) -> (Report, Option<EthereumAttested>) {
    let mut report = Report::new();
    report.checked(format!("{SUBJECT}: form"));
    let attested = judge(&mut report, evidence, digest, trust, now);
    (report, attested)
}

/// Makes every check that can still be made after another has failed, so that a report names all defects.
fn judge(
    report: &mut Report,
    evidence: &EthereumEvidence,
    digest: &Sha256Digest,
    trust: Option<&EthereumTrust>,
    now: Instant,
) -> Option<EthereumAttested> {
    let chain = EthereumDefect::note(report, SUBJECT, "chain", check_chain(evidence, trust));
    let header = EthereumDefect::note(
        report,
        SUBJECT,
        "header",
        Header::parse(&evidence.header).ok_or(EthereumDefect::HeaderMalformed),
    )?;
    let block = EthereumDefect::note(report, SUBJECT, "block", check_block(evidence, &header));
    let time = EthereumDefect::note(report, SUBJECT, "time", check_time(&header, now));
    let confirmations = EthereumDefect::note(report, SUBJECT, "standing", check_standing(evidence, &header, trust));
    let carried = check_transaction(report, evidence, &header, digest, trust);
    let (trust, ()) = trust.zip(chain)?;
    block?;
    let (transaction, address) = carried?;
    Some(EthereumAttested {
        stamped: *digest,
        trust: trust.name().to_owned(),
        chain_id: evidence.chain_id,
        number: header.number,
        block_hash: header.hash,
        time: time?,
        confirmations: confirmations?,
        carrier: evidence.carrier,
        address,
        transaction: transaction.hash,
        identity: transaction.sha256,
    })
}

fn check_chain(evidence: &EthereumEvidence, trust: Option<&EthereumTrust>) -> Result<(), EthereumDefect> {
    match trust {
        Some(trust) if trust.chain_id() != evidence.chain_id => Err(EthereumDefect::ChainForeign),
        _ => Ok(()),
    }
}

fn check_block(evidence: &EthereumEvidence, header: &Header) -> Result<(), EthereumDefect> {
    if header.hash != evidence.hash {
        return Err(EthereumDefect::BlockHash);
    }
    if header.number != evidence.number {
        return Err(EthereumDefect::BlockNumber);
    }
    Ok(())
}

fn check_time(header: &Header, now: Instant) -> Result<Instant, EthereumDefect> {
    let micros = i64::try_from(header.timestamp).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let time = micros.and_then(|micros| Instant::from_micros(micros).ok()).ok_or(EthereumDefect::TimeRange)?;
    if time > now.saturating_add_micros(FUTURE_SKEW_MICROS_MAX) {
        return Err(EthereumDefect::TimeInFuture);
    }
    Ok(time)
}

/// Whether the block is pinned, or an unbroken line of descendants leads to one that is; how many there are up to it.
fn check_standing(
    evidence: &EthereumEvidence,
    header: &Header,
    trust: Option<&EthereumTrust>,
) -> Result<u16, EthereumDefect> {
    let pinned = |header: &Header| trust.and_then(|trust| trust.pinned(header.number));
    let mut standing = None;
    let mut last = *header;
    for (place, bytes) in [&evidence.header].into_iter().chain(&evidence.descendants).enumerate() {
        if place > 0 {
            let next = Header::parse(bytes).ok_or(EthereumDefect::HeaderMalformed)?;
            if next.parent != last.hash || Some(next.number) != last.number.checked_add(1) {
                return Err(EthereumDefect::DescendantsBroken);
            }
            last = next;
        }
        match pinned(&last) {
            Some(hash) if hash != last.hash => return Err(EthereumDefect::BlockReorged),
            Some(_) if standing != Some(0) => standing = u16::try_from(place).ok(),
            _ => {}
        }
    }
    let least = trust.map_or(0, EthereumTrust::least_confirmations);
    match standing {
        None => Err(EthereumDefect::NoTrustRoot),
        Some(0) => Ok(0),
        Some(confirmations) if confirmations < least => Err(EthereumDefect::ConfirmationsFew),
        Some(confirmations) => Ok(confirmations),
    }
}

/// The transaction and its receipt, proven under the header, and what they carry.
fn check_transaction(
    report: &mut Report,
    evidence: &EthereumEvidence,
    header: &Header,
    digest: &Sha256Digest,
    trust: Option<&EthereumTrust>,
) -> Option<(Transaction, Address)> {
    let transaction = trie::look_up(header.transactions_root, evidence.index, &evidence.transaction_proof)
        .ok_or(EthereumDefect::TransactionProof)
        .and_then(|bytes| Transaction::read(&bytes));
    let transaction = EthereumDefect::note(report, SUBJECT, "transaction", transaction)?;
    let chain =
        EthereumDefect::note(report, SUBJECT, "transaction's chain", transaction.check_chain(evidence.chain_id));
    let receipt = trie::look_up(header.receipts_root, evidence.index, &evidence.receipt_proof)
        .ok_or(EthereumDefect::ReceiptProof)
        .and_then(|bytes| Receipt::read(&bytes, &transaction));
    let receipt = EthereumDefect::note(report, SUBJECT, "receipt", receipt)?;
    let status = EthereumDefect::note(report, SUBJECT, "status", receipt.check_status());
    let address = check_carried(evidence.carrier, &transaction, &receipt, digest);
    let address = EthereumDefect::note(report, SUBJECT, "digest", address)?;
    let contract = EthereumDefect::note(report, SUBJECT, "contract", check_contract(address, trust));
    chain.and(status).and(contract).map(|()| (transaction, address))
}

fn check_contract(address: Address, trust: Option<&EthereumTrust>) -> Result<(), EthereumDefect> {
    match trust.and_then(EthereumTrust::only_contract) {
        Some(contract) if contract != address => Err(EthereumDefect::ContractOther),
        _ => Ok(()),
    }
}
