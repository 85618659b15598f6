//! Rows that change what is in force: tokens issued, revoked and used, and the epoch.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use vm_core::canonical;
use vm_core::capability::{Grant, InForce, PermitUse, Revocation};
use vm_core::digest::{CapabilityHash, LeafHash};
use vm_core::epoch::{Epoch, EpochChange};
use vm_core::id::LedgerId;
use vm_core::key::{PublicKey, SigningIdentity};
use vm_core::record::StoredRow;

use crate::capability::ledger;
use crate::record::logged;
use crate::text::assert_silent;

/// All that was ever issued and revoked.
const LIFE: &[u8] = include_bytes!("../../seeds/token_rows/life");

/// What is told of a token.
#[derive(Clone, PartialEq, Debug)]
struct Token {
    grant: Grant,
    lineage: Vec<CapabilityHash>,
    issuers: Vec<PublicKey>,
    revoked: bool,
    spent: u64,
    next_use: Option<u64>,
}

/// What is told of all that is in force.
type Told = (Epoch, BTreeMap<CapabilityHash, Token>);

struct Known {
    /// Before any row.
    begin: InForce,
    other: LedgerId,
    tokens: BTreeMap<CapabilityHash, Token>,
    revocations: Vec<Revocation>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let begin = InForce::new(ledger(), SigningIdentity::from_seed(&[1; 32]).public());
    let mut end = begin.clone();
    let rows = logged(LIFE, |_| None);
    rows.iter().for_each(|(_, row)| end.step(row).expect("the seed is sound"));
    let revocation = |row: &StoredRow| {
        let value = canonical::parse(row.text("meta_json")?.as_bytes(), canonical::BYTES_MAX).ok()?;
        Revocation::from_value(&value).ok()
    };
    Known {
        begin,
        other: LedgerId::from_genesis(LeafHash::from_bytes([2; 32])),
        tokens: told(&end).1,
        revocations: rows.iter().filter_map(|(_, row)| revocation(row)).collect(),
    }
});

/// Each line is the leaf data of a row, or a content alone. A content has one form, and a revocation holds only if it was
/// signed. Of the rows a row that is refused changes nothing that is told; one that is judged changes what it changes
/// unjudged; and nothing is in force but what was issued.
pub fn token_rows(data: &[u8]) {
    data.split(|byte| *byte == b'\n').for_each(|line| check_content(data, line));
    let (mut applied, mut judged) = (KNOWN.begin.clone(), KNOWN.begin.clone());
    let mut before = told(&applied);
    for (_, row) in logged(data, |_| None) {
        check_content(data, row.text("meta_json").unwrap_or_default().as_bytes());
        let (taken, allowed) = (applied.apply(&row), judged.step(&row));
        let after = told(&applied);
        assert_eq!(told(&judged), after, "judged or not, it changes the same");
        match &taken {
            Ok(()) => check_change(&before, &after),
            Err(error) => {
                assert_eq!(after, before, "a refused row changed what is in force");
                assert!(allowed.is_err(), "what cannot be taken in is at fault");
                assert_silent(error, data);
            }
        }
        if let Err(error) = allowed {
            assert_silent(&error, data);
        }
        before = after;
    }
    if let Err(error) = judged.finish() {
        assert_silent(&error, data);
    }
}

fn told(in_force: &InForce) -> Told {
    let token = |(hash, grant): (&CapabilityHash, &Grant)| {
        let token = Token {
            grant: grant.clone(),
            lineage: in_force.lineage(hash).to_vec(),
            issuers: in_force.issuers(hash).to_vec(),
            revoked: in_force.is_revoked(hash),
            spent: in_force.spent(hash),
            next_use: in_force.next_use(hash),
        };
        (*hash, token)
    };
    (in_force.epoch(), in_force.tokens().map(token).collect())
}

/// Tokens come, and do not go; what was revoked or spent stays so; uses are spent no oftener than they were granted.
fn check_change(before: &Told, after: &Told) {
    for (hash, token) in &before.1 {
        let later = after.1.get(hash).expect("a token stays issued");
        assert_eq!((&token.grant, &token.lineage, &token.issuers), (&later.grant, &later.lineage, &later.issuers));
        assert!(token.revoked <= later.revoked && token.spent <= later.spent && token.next_use <= later.next_use);
    }
    for (hash, token) in &after.1 {
        let known = KNOWN.tokens.get(hash).expect("no token but what was issued");
        assert_eq!((&token.grant, &token.lineage, &token.issuers), (&known.grant, &known.lineage, &known.issuers));
        assert!(token.revoked <= known.revoked, "revoked by nobody who may");
        assert!(token.grant.uses.is_none_or(|uses| token.spent <= uses), "spent oftener than granted");
        assert_eq!(token.next_use.is_some(), token.grant.uses.is_some());
    }
}

fn check_content(data: &[u8], content: &[u8]) {
    let Ok(value) = canonical::parse(content, canonical::BYTES_MAX) else { return };
    match Revocation::from_value(&value) {
        Ok(revocation) => {
            assert_eq!(revocation.to_value(), value);
            let holds = revocation.check(ledger()).is_ok();
            assert!(!holds || KNOWN.revocations.contains(&revocation), "believed what nobody signed");
            assert!(revocation.check(KNOWN.other).is_err(), "believed in another ledger");
        }
        Err(error) => assert_silent(&error, data),
    }
    match PermitUse::from_value(&value) {
        Ok(spent) => {
            assert_eq!(spent.to_value(), value);
            assert!(spent.number > 0 && spent.rows > 0);
        }
        Err(error) => assert_silent(&error, data),
    }
    match EpochChange::from_value(&value) {
        Ok(change) => {
            assert_eq!(change.to_value(), value);
            assert_ne!(change.from, change.to);
        }
        Err(error) => assert_silent(&error, data),
    }
}
