//! Capability tokens and chains.

use std::sync::LazyLock;

use vm_core::capability::Chain;
use vm_core::digest::LeafHash;
use vm_core::id::LedgerId;
use vm_core::key::SigningIdentity;

/// Three tokens, each narrower than the one before.
const CHAIN: &[u8] = include_bytes!("../../seeds/capability_chain/three");
static ISSUED: LazyLock<Chain> = LazyLock::new(|| Chain::parse(CHAIN).expect("the chain reads"));

/// The ledger of the seeds.
#[must_use]
pub const fn ledger() -> LedgerId {
    LedgerId::from_genesis(LeafHash::from_bytes([1; 32]))
}

/// A chain has one form, and none is believed but what was issued: the whole chain or its beginning.
pub fn capability_chain(data: &[u8]) {
    let Ok(chain) = Chain::parse(data) else { return };
    assert_eq!(chain.to_bytes().as_deref(), Ok(data));
    let root = SigningIdentity::from_seed(&[1; 32]).public();
    if let Ok(hashes) = chain.check(root, ledger()) {
        let issued = ISSUED.tokens().get(..chain.tokens().len());
        assert_eq!(issued, Some(chain.tokens()), "believed a chain that was never issued");
        assert_eq!(hashes.len(), chain.tokens().len());
    }
    let stranger = SigningIdentity::from_seed(&[99; 32]).public();
    assert!(chain.check(stranger, ledger()).is_err());
    assert!(chain.check(root, LedgerId::from_genesis(LeafHash::from_bytes([2; 32]))).is_err());
}
