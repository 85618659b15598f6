//! What a check of Ethereum evidence refuses: one table of reason, finding and rule.

use crate::defect::defects;

defects! {
    /// What a check of Ethereum evidence refuses.
    EthereumDefect:
    ChainForeign "chain-foreign" AnchorInvalid "the evidence is of the chain that is trusted"
    HeaderMalformed "header-malformed" AnchorInvalid "every header is an RLP list of at least 15 fields, those that are used of their length"
    BlockHash "block-hash" AnchorInvalid "the Keccak-256 of the header is the hash stated"
    BlockNumber "block-number" AnchorInvalid "the header's number is the number stated"
    TimeRange "time-range" AnchorInvalid "the header's time can be written"
    TimeInFuture "time-in-future" AnchorInvalid "the header's time is at most five minutes ahead of the clock"
    DescendantsBroken "descendants-broken" AnchorInvalid "each descendant names the header before it as its parent and has the next number"
    BlockReorged "block-reorged" AnchorInvalid "a block whose number is pinned has the pinned hash"
    NoTrustRoot "no-trust-root" NoTrustRoot "the block or its last descendant is pinned"
    ConfirmationsFew "confirmations-few" AnchorPending "as many descendants lead to the pinned block as are asked for, unless the block itself is pinned"
    TransactionProof "transaction-proof" AnchorInvalid "the nodes lead from transactionsRoot to the transaction at its index"
    TransactionMalformed "transaction-malformed" AnchorInvalid "the transaction can be read"
    TransactionTypeUnknown "transaction-type-unknown" FormatUnknown "the transaction is legacy or of type 1 to 4"
    TransactionWithoutChainId "transaction-without-chain-id" AnchorInvalid "the transaction is signed for one chain (EIP-155)"
    TransactionForeign "transaction-foreign" AnchorInvalid "the transaction is signed for the chain stated"
    TransactionCreates "transaction-creates" AnchorInvalid "the transaction calls an address and creates no contract"
    ReceiptProof "receipt-proof" AnchorInvalid "the nodes lead from receiptsRoot to the receipt at the same index"
    ReceiptMalformed "receipt-malformed" AnchorInvalid "the receipt can be read and is of the transaction's type"
    ReceiptWithoutStatus "receipt-without-status" FormatUnknown "the receipt has a status (EIP-658)"
    TransactionFailed "transaction-failed" AnchorInvalid "the receipt's status is 1"
    CalldataForm "calldata-form" AnchorInvalid "the calldata is the tag and 32 bytes"
    EventMissing "event-missing" AnchorInvalid "the receipt has a log at the place stated"
    EventForm "event-form" AnchorInvalid "a topic of the log is the digest, or its data is"
    DigestMismatch "digest-mismatch" AnchorInvalid "the calldata carries the digest of what was stamped"
    ContractOther "contract-other" AnchorInvalid "the call is to, or the log of, the contract that the trust names"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_have_distinct_codes_and_change_the_verdict() {
        let mut seen = std::collections::BTreeSet::new();
        for defect in EthereumDefect::ALL {
            assert!(seen.insert(defect.code()), "{defect}");
            assert!(defect.finding().severity() > vm_core::verdict::Severity::Remark, "{defect}");
        }
    }
}
