//! Permits: typed values that only checking a token makes, and that effectful calls demand.

use core::fmt;
use core::marker::PhantomData;

use serde_json::json;

use crate::canonical;
use crate::capability::{Action, Chain, Engines, Grant, Resource};
use crate::digest::CapabilityHash;
use crate::epoch::Epoch;
use crate::error::CapabilityError;
use crate::id::{EngineName, LedgerId};
use crate::instant::Instant;
use crate::key::{PublicKey, Signature, SigningIdentity};

/// How far an invocation's time may lie from the checker's, in microseconds: five minutes, Kerberos' old custom
/// (RFC 4120, section 5.5.1), enough for unsynchronised clocks and too little for a hoarded invocation.
pub const INVOCATION_SKEW_MICROS: i64 = 5 * 60 * 1_000_000;

/// One type an action, so that a permit for one cannot stand in for another.
pub trait Act: sealed::Sealed {
    /// The action.
    const ACTION: Action;
}

mod sealed {
    pub trait Sealed {}
}

/// The acts that need a permit.
pub mod act {
    use super::{Act, Action, sealed};

    macro_rules! acts {
        ($($(#[$doc:meta])* $name:ident)*) => { $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl Act for $name {
                const ACTION: Action = Action::$name;
            }
        )* };
    }

    acts! {
        /// Recording rows and scroll events.
        Record
        /// Making and recording seals.
        Seal
        /// Recording anchors.
        Anchor
        /// Disclosing committed values.
        Disclose
        /// Erasing openings.
        Erase
        /// Executing approved proposals.
        Execute
        /// Changing the epoch.
        ChangeEpoch
    }
}

/// A holder's signed word that it uses a token for one act: the proof of possession.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invocation {
    capability: CapabilityHash,
    action: Action,
    epoch: Epoch,
    ts: Instant,
    use_number: Option<u64>,
    signature: Signature,
}

impl Invocation {
    /// Format string of what the holder signs.
    pub const FORMAT: &'static str = "vm-invocation-v0";

    fn body(&self, ledger: LedgerId) -> Result<Vec<u8>, CapabilityError> {
        let body = json!({
            "format": Self::FORMAT, "ledger": ledger, "capability": self.capability, "action": self.action,
            "epoch": self.epoch, "ts": self.ts, "use": self.use_number,
        });
        canonical::to_bytes(&body).map_err(CapabilityError::Canonical)
    }
}

/// A chain together with the key that may use its last token.
#[derive(Clone, Debug)]
pub struct Holder {
    chain: Chain,
    identity: SigningIdentity,
}

impl Holder {
    /// Joins a chain with its holder's key.
    ///
    /// # Errors
    /// [`CapabilityError::NotHolder`] where the key is not that of the last token's holder.
    pub fn new(chain: Chain, identity: SigningIdentity) -> Result<Self, CapabilityError> {
        if chain.last()?.grant().holder != identity.public() {
            return Err(CapabilityError::NotHolder);
        }
        Ok(Self { chain, identity })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The holder's key.
    #[must_use]
    pub const fn identity(&self) -> &SigningIdentity {
        &self.identity
    }

    /// Issues a narrower token, as [`Chain::narrow`].
    ///
    /// # Errors
    /// As [`Chain::narrow`].
    pub fn narrow(&self, grant: Grant) -> Result<Chain, CapabilityError> {
        self.chain.narrow(&self.identity, grant)
    }

    /// Signs the use of the token for the act `A`. `use_number` counts from 1 where uses are limited.
    ///
    /// # Errors
    /// [`CapabilityError::Canonical`].
    pub fn invoke<A: Act>(
        &self,
        epoch: Epoch,
        ts: Instant,
        use_number: Option<u64>,
    ) -> Result<Invocation, CapabilityError> {
        let last = self.chain.last()?;
        let unsigned = Signature::from_bytes([0; 64]);
        let capability = last.hash()?;
        let mut invocation = Invocation { capability, action: A::ACTION, epoch, ts, use_number, signature: unsigned };
        invocation.signature = self.identity.sign(&invocation.body(last.grant().ledger)?);
        Ok(invocation)
    }
}

/// What a token is checked against: the ledger, its root key, the epoch, the time, and what was revoked.
pub struct Authority<'a> {
    /// The ledger that is to be acted on.
    pub ledger: LedgerId,
    /// Its root key, from the genesis row.
    pub root: PublicKey,
    /// The present epoch.
    pub epoch: Epoch,
    /// The present time.
    pub now: Instant,
    /// Whether a token was revoked; asked of every token of a chain, so a parent's revocation revokes its children.
    pub revoked: &'a dyn Fn(&CapabilityHash) -> bool,
}

impl fmt::Debug for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("ledger", &self.ledger).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Authority<'_> {
    /// Checks a chain and its invocation, and permits the act. Cost: one strict signature check a token, one more for
    /// the invocation (about 45 microseconds each).
    ///
    /// # Errors
    /// [`CapabilityError`] names the first reason to refuse.
    pub fn permit<A: Act>(&self, chain: &Chain, invocation: &Invocation) -> Result<Permit<A>, CapabilityError> {
        let lineage = chain.check(self.root, self.ledger)?;
        if let Some(hash) = lineage.iter().find(|hash| (self.revoked)(hash)) {
            return Err(CapabilityError::Revoked { capability: *hash });
        }
        let last = chain.last()?;
        let (grant, capability) = (last.grant(), last.hash()?);
        if invocation.capability != capability {
            return Err(CapabilityError::WrongToken);
        }
        if invocation.action != A::ACTION || !grant.actions.contains(&A::ACTION) {
            return Err(CapabilityError::ActionNotGranted { action: A::ACTION });
        }
        if invocation.epoch != self.epoch || !grant.epochs.contains(&self.epoch) {
            return Err(CapabilityError::EpochNotGranted { epoch: self.epoch });
        }
        if (invocation.ts.as_micros().abs_diff(self.now.as_micros())) > INVOCATION_SKEW_MICROS.unsigned_abs() {
            return Err(CapabilityError::StaleInvocation);
        }
        match (grant.uses, invocation.use_number) {
            (None, None) => {}
            (Some(uses), Some(number)) if (1..=uses).contains(&number) => {}
            _ => return Err(CapabilityError::UseNumber),
        }
        grant.holder.verify(&invocation.body(self.ledger)?, &invocation.signature).map_err(CapabilityError::Key)?;
        let permit = Permit {
            ledger: self.ledger,
            epoch: self.epoch,
            not_before: grant.not_before,
            expires: grant.expires,
            engines: grant.engines.clone(),
            resource: grant.resource.clone(),
            use_number: invocation.use_number,
            lineage,
            capability,
            act: PhantomData,
        };
        permit.recheck(self.ledger, self.epoch, self.now)?;
        Ok(permit)
    }
}

/// What of a permit is judged again when a row is recorded under it, whatever the act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub(super) epoch: Epoch,
    pub(super) use_number: Option<u64>,
    pub(super) lineage: Vec<CapabilityHash>,
    pub(super) capability: CapabilityHash,
}

impl Standing {
    /// Hash of the token behind the permit.
    #[must_use]
    pub const fn capability(&self) -> CapabilityHash {
        self.capability
    }

    /// Number of this use, where uses are limited.
    #[must_use]
    pub const fn use_number(&self) -> Option<u64> {
        self.use_number
    }
}

/// Leave to do one kind of act on one ledger. Only [`Authority::permit`] makes one; it is not `Clone`.
#[derive(Debug)]
pub struct Permit<A: Act> {
    ledger: LedgerId,
    epoch: Epoch,
    not_before: Instant,
    expires: Instant,
    engines: Engines,
    resource: Resource,
    use_number: Option<u64>,
    lineage: Vec<CapabilityHash>,
    capability: CapabilityHash,
    act: PhantomData<A>,
}

impl<A: Act> Permit<A> {
    /// Hash of the token behind it.
    #[must_use]
    pub const fn capability(&self) -> CapabilityHash {
        self.capability
    }

    /// Hashes of the token and all it descends from, root first: what a later revocation is compared with.
    #[must_use]
    pub fn lineage(&self) -> &[CapabilityHash] {
        &self.lineage
    }

    /// The epoch it was given in.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Number of this use, where uses are limited; whoever acts must see that no number is spent twice.
    #[must_use]
    pub const fn use_number(&self) -> Option<u64> {
        self.use_number
    }

    /// What is judged again when a row is recorded under it ([`crate::capability::InForce::admit`]).
    #[must_use]
    pub fn standing(&self) -> Standing {
        let Self { epoch, use_number, capability, .. } = *self;
        Standing { epoch, use_number, lineage: self.lineage.clone(), capability }
    }

    /// Checks again, at the moment of the act, what may have changed since the permit was given.
    ///
    /// # Errors
    /// [`CapabilityError::WrongLedger`], [`CapabilityError::EpochNotGranted`], [`CapabilityError::NotYet`] or
    /// [`CapabilityError::Expired`].
    pub fn recheck(&self, ledger: LedgerId, epoch: Epoch, now: Instant) -> Result<(), CapabilityError> {
        if ledger != self.ledger {
            return Err(CapabilityError::WrongLedger);
        }
        if epoch != self.epoch {
            return Err(CapabilityError::EpochNotGranted { epoch });
        }
        if now < self.not_before {
            return Err(CapabilityError::NotYet { not_before: self.not_before });
        }
        if now >= self.expires {
            return Err(CapabilityError::Expired { expires: self.expires });
        }
        Ok(())
    }

    /// Checks that `resource` is covered.
    ///
    /// # Errors
    /// [`CapabilityError::ResourceNotGranted`].
    pub fn covers(&self, resource: &Resource) -> Result<(), CapabilityError> {
        if self.resource.covers(resource) {
            Ok(())
        } else {
            Err(CapabilityError::ResourceNotGranted { resource: resource.to_string() })
        }
    }

    /// Checks that `engine` is covered, by the engines and by the resource `/receipts/<engine>`.
    ///
    /// # Errors
    /// [`CapabilityError::EngineNotGranted`] or [`CapabilityError::ResourceNotGranted`].
    pub fn covers_engine(&self, engine: &EngineName) -> Result<(), CapabilityError> {
        if !self.engines.covers(engine) {
            return Err(CapabilityError::EngineNotGranted { engine: engine.to_string() });
        }
        self.covers(&format!("/receipts/{engine}").parse()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::capability::CHAIN_MAX;
    use crate::digest::{LeafHash, Sha256Digest};

    fn key(seed: u8) -> SigningIdentity {
        SigningIdentity::from_seed(&[seed; 32])
    }

    fn ledger(byte: u8) -> LedgerId {
        LedgerId::from_genesis(LeafHash::from_bytes([byte; 32]))
    }

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(seconds * 1_000_000).unwrap()
    }

    fn grant(holder: &SigningIdentity) -> Grant {
        Grant {
            ledger: ledger(1),
            holder: holder.public(),
            actions: BTreeSet::from([Action::Record, Action::Seal]),
            engines: Engines::All,
            epochs: BTreeSet::from([Epoch::Nigredo, Epoch::Albedo]),
            resource: Resource::all(),
            not_before: at(1_000),
            expires: at(2_000),
            uses: None,
            min_interval_seconds: None,
            nonce: Sha256Digest::of(b"nonce"),
        }
    }

    fn permit<A: Act>(chain: &Chain, holder: u8, now: i64) -> Result<Permit<A>, CapabilityError> {
        let holder = Holder::new(chain.clone(), key(holder))?;
        let invocation = holder.invoke::<A>(Epoch::Nigredo, at(now), None)?;
        authority(now).permit(chain, &invocation)
    }

    fn authority(now: i64) -> Authority<'static> {
        Authority { ledger: ledger(1), root: key(1).public(), epoch: Epoch::Nigredo, now: at(now), revoked: &|_| false }
    }

    #[test]
    fn a_granted_act_is_permitted_and_no_other() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        assert!(permit::<act::Record>(&chain, 2, 1_500).is_ok());
        assert!(permit::<act::Seal>(&chain, 2, 1_500).is_ok());
        let refused = permit::<act::Anchor>(&chain, 2, 1_500);
        assert!(matches!(refused, Err(CapabilityError::ActionNotGranted { action: Action::Anchor })));
    }

    #[test]
    fn the_window_is_half_open() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        assert!(matches!(permit::<act::Record>(&chain, 2, 999), Err(CapabilityError::NotYet { .. })));
        assert!(permit::<act::Record>(&chain, 2, 1_000).is_ok());
        assert!(permit::<act::Record>(&chain, 2, 1_999).is_ok());
        assert!(matches!(permit::<act::Record>(&chain, 2, 2_000), Err(CapabilityError::Expired { .. })));
    }

    #[test]
    fn foreign_roots_holders_ledgers_and_epochs_are_refused() {
        let forged = Chain::root(&key(9), grant(&key(2))).unwrap();
        assert!(matches!(permit::<act::Record>(&forged, 2, 1_500), Err(CapabilityError::WrongIssuer)));
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        assert!(matches!(Holder::new(chain.clone(), key(3)), Err(CapabilityError::NotHolder)));
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, at(1_500), None).unwrap();
        let elsewhere = Authority { ledger: ledger(2), ..authority(1_500) };
        assert!(matches!(elsewhere.permit::<act::Record>(&chain, &invocation), Err(CapabilityError::WrongLedger)));
        let rubedo = Authority { epoch: Epoch::Rubedo, ..authority(1_500) };
        let refused = rubedo.permit::<act::Record>(&chain, &invocation);
        assert!(matches!(refused, Err(CapabilityError::EpochNotGranted { .. })));
        let stale = authority(1_900).permit::<act::Record>(&chain, &invocation);
        assert!(matches!(stale, Err(CapabilityError::StaleInvocation)));
        let other_act = authority(1_500).permit::<act::Seal>(&chain, &invocation);
        assert!(matches!(other_act, Err(CapabilityError::ActionNotGranted { .. })));
    }

    #[test]
    fn an_invocation_is_bound_to_its_holder() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        let mut invocation = holder.invoke::<act::Record>(Epoch::Nigredo, at(1_500), None).unwrap();
        invocation.ts = at(1_501);
        let refused = authority(1_501).permit::<act::Record>(&chain, &invocation);
        assert!(matches!(refused, Err(CapabilityError::Key(_))));
    }

    #[test]
    fn the_page_shows_what_a_holder_signs() {
        let page = include_str!("../../../docs/spec/capability.md");
        let shown = |text: &&str| text.contains(Invocation::FORMAT) && text.starts_with('{');
        let sample = page.lines().find(shown).unwrap();
        let digits = &sample[sample.find("\"capability\":\"").unwrap() + 14..][..64];
        let invocation = Invocation {
            capability: CapabilityHash::parse_hex(digits).unwrap(),
            action: Action::Record,
            epoch: Epoch::Nigredo,
            ts: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            use_number: Some(3),
            signature: Signature::from_bytes([0; 64]),
        };
        assert_eq!(invocation.body(ledger(1)).unwrap(), sample.as_bytes());
    }

    #[test]
    fn revoking_a_parent_revokes_its_children() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let child = chain.narrow(&key(2), grant(&key(3))).unwrap();
        let revoked = chain.last().unwrap().hash().unwrap();
        let holder = Holder::new(child.clone(), key(3)).unwrap();
        let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, at(1_500), None).unwrap();
        assert!(authority(1_500).permit::<act::Record>(&child, &invocation).is_ok());
        let refusing = |hash: &CapabilityHash| *hash == revoked;
        let authority = Authority { revoked: &refusing, ..authority(1_500) };
        let refused = authority.permit::<act::Record>(&child, &invocation);
        assert!(matches!(refused, Err(CapabilityError::Revoked { capability }) if capability == revoked));
    }

    #[test]
    fn every_escape_from_the_parent_is_refused_by_field() {
        let mut parent = grant(&key(2));
        parent.resource = "/a".parse().unwrap();
        parent.engines = Engines::Only(BTreeSet::from(["console".parse().unwrap()]));
        parent.uses = Some(3);
        let chain = Chain::root(&key(1), parent.clone()).unwrap();
        type Change = (&'static str, fn(&mut Grant));
        let escapes: [Change; 11] = [
            ("ledger", |g| g.ledger = ledger(2)),
            ("actions", |g| g.actions = BTreeSet::from([Action::Anchor])),
            ("engines", |g| g.engines = Engines::All),
            ("engines", |g| g.engines = Engines::Only(BTreeSet::from(["other".parse().unwrap()]))),
            ("epochs", |g| g.epochs = BTreeSet::from([Epoch::Rubedo])),
            ("resource", |g| g.resource = Resource::all()),
            ("resource", |g| g.resource = "/ab".parse().unwrap()),
            ("not_before", |g| g.not_before = at(999)),
            ("expires", |g| g.expires = at(2_001)),
            ("uses", |g| g.uses = None),
            ("uses", |g| g.uses = Some(4)),
        ];
        for (field, change) in escapes {
            let mut child = Grant { holder: key(3).public(), ..parent.clone() };
            change(&mut child);
            let refused = chain.narrow(&key(2), child);
            assert_eq!(refused, Err(CapabilityError::Escapes { field }), "{field}");
        }
        assert!(chain.narrow(&key(2), Grant { resource: "/a/b".parse().unwrap(), ..parent }).is_ok());
    }

    #[test]
    fn limited_uses_are_numbered() {
        let chain = Chain::root(&key(1), Grant { uses: Some(2), ..grant(&key(2)) }).unwrap();
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        for (number, fits) in [(None, false), (Some(0), false), (Some(1), true), (Some(2), true), (Some(3), false)] {
            let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, at(1_500), number).unwrap();
            let permit = authority(1_500).permit::<act::Record>(&chain, &invocation);
            assert_eq!(permit.is_ok(), fits, "{number:?}");
        }
    }

    #[test]
    fn an_invocation_is_fresh_for_five_minutes_either_way() {
        let chain = Chain::root(&key(1), Grant { not_before: at(0), ..grant(&key(2)) }).unwrap();
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        for (micros, fresh) in [(0, true), (300_000_000, true), (300_000_001, false)] {
            for micros in [micros, -micros] {
                let ts = at(1_000).saturating_add_micros(micros);
                let invocation = holder.invoke::<act::Record>(Epoch::Nigredo, ts, None).unwrap();
                let permit = authority(1_000).permit::<act::Record>(&chain, &invocation);
                assert_eq!(permit.is_ok(), fresh, "{micros}");
                assert!(fresh || matches!(permit, Err(CapabilityError::StaleInvocation)));
            }
        }
    }

    #[test]
    fn the_epoch_is_granted_invoked_and_present() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        for (invoked, present, permitted) in [
            (Epoch::Albedo, Epoch::Albedo, true),
            (Epoch::Rubedo, Epoch::Rubedo, false),
            (Epoch::Nigredo, Epoch::Albedo, false),
        ] {
            let invocation = holder.invoke::<act::Record>(invoked, at(1_500), None).unwrap();
            let permit = Authority { epoch: present, ..authority(1_500) }.permit::<act::Record>(&chain, &invocation);
            assert_eq!(permit.is_ok(), permitted, "{invoked} in {present}");
            assert!(permitted || matches!(permit, Err(CapabilityError::EpochNotGranted { epoch }) if epoch == present));
        }
    }

    #[test]
    fn the_action_is_granted_invoked_and_demanded() {
        let only_record = Grant { actions: BTreeSet::from([Action::Record]), ..grant(&key(2)) };
        let chain = Chain::root(&key(1), only_record).unwrap();
        let holder = Holder::new(chain.clone(), key(2)).unwrap();
        let sealing = holder.invoke::<act::Seal>(Epoch::Nigredo, at(1_500), None).unwrap();
        let recording = holder.invoke::<act::Record>(Epoch::Nigredo, at(1_500), None).unwrap();
        let authority = authority(1_500);
        assert!(authority.permit::<act::Record>(&chain, &recording).is_ok());
        assert!(authority.permit::<act::Record>(&chain, &sealing).is_err());
        assert!(authority.permit::<act::Seal>(&chain, &sealing).is_err());
    }

    #[test]
    fn a_permit_tells_what_it_rests_on() {
        let chain = Chain::root(&key(1), Grant { uses: Some(9), ..grant(&key(2)) }).unwrap();
        let child = chain.narrow(&key(2), Grant { uses: Some(7), ..grant(&key(3)) }).unwrap();
        let hashes: Vec<_> = child.tokens().iter().map(|token| token.hash().unwrap()).collect();
        let invocation = Holder::new(child.clone(), key(3)).unwrap();
        let invocation = invocation.invoke::<act::Record>(Epoch::Albedo, at(1_500), Some(5)).unwrap();
        let albedo = Authority { epoch: Epoch::Albedo, ..authority(1_500) };
        let permit = albedo.permit::<act::Record>(&child, &invocation).unwrap();
        assert_eq!(permit.lineage(), hashes);
        assert_eq!(permit.capability(), hashes[1]);
        assert_eq!((permit.epoch(), permit.use_number()), (Epoch::Albedo, Some(5)));
        assert_eq!(child.tokens()[1].parent(), Some(hashes[0]));
        assert_eq!(child.tokens()[1].issuer(), key(2).public());
        let refused = authority(1_500).permit::<act::Record>(&chain, &invocation);
        assert!(matches!(refused, Err(CapabilityError::WrongToken)));
    }

    #[test]
    fn a_permit_is_checked_again_at_the_moment_of_the_act() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let permit = permit::<act::Record>(&chain, 2, 1_500).unwrap();
        assert_eq!(permit.recheck(ledger(1), Epoch::Nigredo, at(1_000)), Ok(()));
        assert_eq!(permit.recheck(ledger(2), Epoch::Nigredo, at(1_500)), Err(CapabilityError::WrongLedger));
        let epoch = Epoch::Albedo;
        assert_eq!(permit.recheck(ledger(1), epoch, at(1_500)), Err(CapabilityError::EpochNotGranted { epoch }));
        let (not_before, expires) = (at(1_000), at(2_000));
        let early = permit.recheck(ledger(1), Epoch::Nigredo, at(999));
        assert_eq!(early, Err(CapabilityError::NotYet { not_before }));
        let late = permit.recheck(ledger(1), Epoch::Nigredo, expires);
        assert_eq!(late, Err(CapabilityError::Expired { expires }));
    }

    #[test]
    fn a_permit_covers_its_resource_and_its_engines_and_no_others() {
        let of = |engines: Engines, resource: &str| {
            let grant = Grant { engines, resource: resource.parse().unwrap(), ..grant(&key(2)) };
            permit::<act::Record>(&Chain::root(&key(1), grant).unwrap(), 2, 1_500).unwrap()
        };
        let (console, guard): (EngineName, EngineName) = ("console".parse().unwrap(), "guard".parse().unwrap());
        let calls = of(Engines::All, "/mcp_calls");
        assert_eq!(calls.covers(&"/mcp_calls/x".parse().unwrap()), Ok(()));
        let resource = "/proof_artifacts".to_owned();
        let other = calls.covers(&resource.parse().unwrap());
        assert_eq!(other, Err(CapabilityError::ResourceNotGranted { resource }));
        let resource = "/receipts/console".to_owned();
        assert_eq!(calls.covers_engine(&console), Err(CapabilityError::ResourceNotGranted { resource }));
        let one = of(Engines::Only(BTreeSet::from([console.clone()])), "/receipts");
        assert_eq!(one.covers_engine(&console), Ok(()));
        let engine = "guard".to_owned();
        assert_eq!(one.covers_engine(&guard), Err(CapabilityError::EngineNotGranted { engine }));
        assert_eq!(of(Engines::All, "/receipts/guard").covers_engine(&guard), Ok(()));
    }

    #[test]
    fn debug_text_names_ledger_and_epoch() {
        let text = format!("{:?}", authority(1_500));
        assert!(text.contains("Nigredo") && text.contains("ledger"), "{text}");
    }

    #[test]
    fn chains_round_trip_and_every_flipped_bit_is_refused() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let bytes = chain.narrow(&key(2), grant(&key(3))).unwrap().to_bytes().unwrap();
        let (root, ledger) = (key(1).public(), ledger(1));
        assert!(Chain::parse(&bytes).unwrap().check(root, ledger).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let accepted = Chain::parse(&bad).is_ok_and(|chain| chain.check(root, ledger).is_ok());
                assert!(!accepted, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_token_is_no_list() {
        let chain = Chain::root(&key(1), grant(&key(2))).unwrap();
        let token = chain.last().unwrap().to_value().unwrap();
        let listed = canonical::to_bytes(&json!([[token["body"], token["signature"]]])).unwrap();
        assert_eq!(Chain::parse(&listed), Err(CapabilityError::Shape));
    }

    #[test]
    fn long_tokens_are_read_to_the_limit_and_long_chains_are_refused() {
        let name = |number: usize| format!("{}{number:04}", "e".repeat(60)).parse::<EngineName>().unwrap();
        let engines = |count: usize| Engines::Only((0..count).map(name).collect());
        // 67 bytes a name in the text, and 64 KiB for a token.
        let long = Chain::root(&key(1), Grant { engines: engines(950), ..grant(&key(2)) }).unwrap();
        let bytes = long.to_bytes().unwrap();
        assert_eq!(Chain::parse(&bytes), Ok(long.clone()));
        // As many long tokens as a chain may have are read too.
        let two = long.narrow(&key(2), Grant { engines: engines(950), ..grant(&key(3)) }).unwrap();
        assert_eq!(Chain::parse(&two.to_bytes().unwrap()), Ok(two));
        let longer = Chain::root(&key(1), Grant { engines: engines(1_000), ..grant(&key(2)) }).unwrap();
        assert!(matches!(longer.to_bytes(), Err(CapabilityError::Canonical(_))));
        let mut chain = Chain::root(&key(1), grant(&key(1))).unwrap();
        for _ in 1..CHAIN_MAX {
            chain = chain.narrow(&key(1), grant(&key(1))).unwrap();
        }
        assert_eq!(chain.narrow(&key(1), grant(&key(1))), Err(CapabilityError::TooLong { limit: CHAIN_MAX }));
        let bytes = chain.to_bytes().unwrap();
        assert_eq!(Chain::parse(&bytes), Ok(chain));
        let token = &bytes[1..bytes.len() - 1];
        let nine = [b"[", token, b",", token, b"]"].concat();
        assert_eq!(Chain::parse(&nine), Err(CapabilityError::TooLong { limit: CHAIN_MAX }));
        assert_eq!(Chain::parse(b"[]"), Err(CapabilityError::Shape));
    }

    #[test]
    fn resources_cover_by_component() {
        let of = |text: &str| text.parse::<Resource>().unwrap();
        assert!(of("/").covers(&of("/a/b")) && of("/a").covers(&of("/a")) && of("/a").covers(&of("/a/b")));
        assert!(!of("/a").covers(&of("/ab")) && !of("/a/b").covers(&of("/a")) && !of("/a").covers(&of("/")));
        for bad in ["", "a", "/A", "/a/", "//", "/a//b", "/..", "/a/../b", "/a/*", "/a b", "/é"] {
            assert!(bad.parse::<Resource>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn resource_cover_is_an_order(parts in prop::collection::vec("[a-c]{1,2}", 0..4), cut in 0usize..5) {
            let path = |parts: &[String]| format!("/{}", parts.join("/")).parse::<Resource>().unwrap();
            let whole = path(&parts);
            let prefix = path(&parts[..cut.min(parts.len())]);
            prop_assert!(prefix.covers(&whole));
            prop_assert_eq!(whole.covers(&prefix), whole == prefix);
        }
    }
}
