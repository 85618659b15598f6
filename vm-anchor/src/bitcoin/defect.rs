//! What a check of a block or of evidence refuses: one table of reason, finding and rule.

use crate::defect::defects;

defects! {
    /// What a check of a block, or of evidence in one, refuses.
    BitcoinDefect:
    NoChain "no-chain" NoTrustRoot "the trust policy names a chain"
    NotReached "block-not-reached" NoTrustRoot "the headers of the trust policy reach the block"
    TargetUnchecked "target-unchecked" NoTrustRoot "the headers go back to the change of the target before the pinned block"
    Shallow "block-shallow" AnchorPending "enough blocks, with enough work, stand above one that is after the pinned block"
    RootMismatch "merkle-root-mismatch" AnchorInvalid "the block at this height has the root that was committed to"
    BlockInFuture "block-in-future" AnchorInvalid "the block's time is at most two hours ahead of the clock"
    HeaderMismatch "header-mismatch" AnchorInvalid "the proof's header is that of the block at this height"
    ProofMalformed "proof-malformed" AnchorInvalid "the proof is a partial Merkle tree of one transaction, all of it used, no node of which reads as a transaction"
    ProofMismatch "proof-mismatch" AnchorInvalid "the proof is of this transaction, under the root of its header"
    TransactionMalformed "transaction-malformed" AnchorInvalid "the transaction can be read whole"
    TransactionLength "transaction-length" AnchorInvalid "the transaction is not as long as an inner node of the tree"
    NotCarried "digest-not-carried" AnchorInvalid "an output carries tag and digest and nothing else"
}
