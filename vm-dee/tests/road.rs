//! The road from approval to execution over a ledger in memory, and what is refused on it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests may panic; counts are small")]

mod common;

use std::cell::Cell;

use common::{ROOT, approval, at, epoch_change_draft, identities, key, policy, proposal, rules, threshold};
use vm_anchor::VerifiedAnchor;
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::Request;
use vm_core::capability::{Act, Action, Authority, Chain, Engines, Grant, Holder, Permit, Resource, act};
use vm_core::digest::{CapabilityHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{EngineName, RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::record::{Appended, Genesis, LogEntry, RowDraft, RowHeader, SCHEMA, Table};
use vm_core::source::hazmat::{CountingEntropy, FixedClock};
use vm_dee::content::{Signable, Signed};
use vm_dee::error::{RoadError, Violation};
use vm_dee::outcome::Cause;
use vm_dee::{Approved, Authorized, Change, CommandLine, End, Gate, LineProof, Prepared, Proposal, Ran, Refused};
use vm_seal::bundle::SealInputs;
use vm_seal::checkpoint::Checkpoint;
use vm_seal::digest::ScrollRoot;
use vm_seal::memory::{MemoryFiles, MemoryLedger};
use vm_seal::merkle::{InclusionProof, LeafIndex, Tree};
use vm_seal::scroll::{events_path, line_leaf, root_path};
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_seal::tlog::{TlogProof, VerifiedTlogProof};
use vm_seal::verify::{VerifiedSeal, verify_seal};

/// A ledger whose writer asks the gate before it appends.
struct World {
    ledger: MemoryLedger,
    files: MemoryFiles,
    operator: Holder,
    gate: Gate,
    lines: Vec<Vec<u8>>,
    clock: FixedClock,
    entropy: CountingEntropy,
    trace: TraceId,
}

impl World {
    fn new() -> Self {
        let clock = FixedClock(at(0));
        let mut entropy = CountingEntropy::new(3);
        let (ledger, operator) = MemoryLedger::found(&key(ROOT), key(2), key(3), &clock, &mut entropy).unwrap();
        let genesis = Genesis::new(key(ROOT).public(), key(2).public(), Sha256Digest::of(b"nonce"));
        let gate = Gate::new(ledger.id(), &genesis);
        let trace = TraceId::mint(&clock, &mut entropy);
        let files = MemoryFiles::new();
        let mut world =
            Self { ledger, files, operator, gate, lines: vec![b"{\"a\":1}".to_vec()], clock, entropy, trace };
        let id = world.ledger.id();
        world.sign(ROOT, |row| {
            let mut content = policy(row, 1, identities(), rules());
            content.ledger = id;
            content
        });
        world
    }

    fn header(&mut self) -> RowHeader {
        RowHeader::mint(&self.clock, &mut self.entropy, self.trace)
    }

    fn capability(&self) -> CapabilityHash {
        self.ledger.permit::<act::Seal>(&self.operator, &self.clock).unwrap().capability()
    }

    fn record(&mut self, draft: &RowDraft) -> Result<Appended, Violation> {
        let row = draft.complete(Some(self.capability())).unwrap();
        let (seq, leaf) = (self.ledger.tree_size().as_u64(), row.leaf_hash().unwrap());
        let entry = LogEntry { seq, table: Table::ProofArtifacts, row_id: row.id().unwrap(), schema: SCHEMA, leaf };
        self.gate.apply(&entry, &row)?;
        let permit = self.ledger.permit::<act::Seal>(&self.operator, &self.clock).unwrap();
        Ok(self.ledger.record_sealed(&permit, draft.clone()).unwrap())
    }

    fn sign<C: Signable>(&mut self, by: u8, content: impl FnOnce(RowId) -> C) -> Signed<C> {
        let head = self.header();
        let signed = Signed::sign(content(head.id), &key(by)).unwrap();
        self.record(&signed.draft(head).unwrap()).unwrap();
        signed
    }

    fn propose(&mut self, change: Change) -> Signed<Proposal> {
        self.propose_as(change, |_| {})
    }

    fn propose_as(&mut self, change: Change, edit: impl FnOnce(&mut Proposal)) -> Signed<Proposal> {
        let (id, epoch) = (self.ledger.id(), self.gate.epoch());
        self.sign(common::PROPOSER, |row| {
            let mut content = proposal(row, epoch, change, at(5_000));
            content.ledger = id;
            edit(&mut content);
            content
        })
    }

    fn approve(&mut self, proposal: &Signed<Proposal>, by: u8) {
        let (id, epoch, reference) = (self.ledger.id(), self.gate.epoch(), proposal.reference().unwrap());
        self.sign(by, |row| {
            let mut content = approval(row, reference, epoch, by, 0);
            content.ledger = id;
            content
        });
    }

    fn approved(&mut self, change: Change) -> Approved {
        let proposal = self.propose(change);
        self.approved_of(proposal)
    }

    fn approved_of(&mut self, proposal: Signed<Proposal>) -> Approved {
        self.approve(&proposal, 10);
        self.approve(&proposal, 12);
        self.gate.approved(&proposal, at(0)).unwrap()
    }

    /// Appends the line of `approved` to the scroll, and gives its number.
    fn tell(&mut self, approved: &Approved) -> u64 {
        self.lines.push(approved.scroll_line().unwrap());
        self.lines.len() as u64 - 1
    }

    fn scroll(&self) -> Tree {
        Tree::from_leaves(self.lines.iter().map(|line| line_leaf(line)).collect())
    }

    fn line_path(&self, line: u64) -> InclusionProof {
        let tree = self.scroll();
        tree.prove_inclusion(LeafIndex::new(line), tree.size()).unwrap()
    }

    fn seal_over(&mut self, selection: Selection) -> VerifiedSeal {
        let engine: EngineName = "dee".parse().unwrap();
        let (tree, id) = (self.scroll(), self.ledger.id());
        let signed = Checkpoint::of_scroll(&id, &engine, tree.size(), tree.root()).unwrap();
        let note = signed.sign(self.ledger.signer()).unwrap();
        let mut text = self.lines.join(&b'\n');
        text.push(b'\n');
        self.files.put(events_path(&engine).unwrap(), text);
        self.files.put(root_path(&engine).unwrap(), note.to_string().into_bytes());
        let checkpoint = self.ledger.checkpoint().unwrap();
        let scrolls = vec![ScrollRoot { engine, size: tree.size(), root: tree.root() }];
        let request = SealRequest { selection, scrolls, checkpoint: &checkpoint, inputs: SealInputs::default() };
        let permit = self.ledger.permit::<act::Seal>(&self.operator, &self.clock).unwrap();
        let signer = self.ledger.signer().clone();
        let bundle = seal(&self.ledger, request, &signer, &permit, &self.clock, &mut self.entropy).unwrap();
        let (report, verified) =
            verify_seal(&bundle, &self.ledger, Some(&self.files), Some(&self.ledger.key().unwrap()));
        verified.unwrap_or_else(|| panic!("{report:?}"))
    }

    fn seal(&mut self) -> VerifiedSeal {
        self.seal_over(Selection::everything())
    }

    fn prepare(
        &mut self,
        approved: Approved,
        line: u64,
        seal: &VerifiedSeal,
        anchor: Option<&VerifiedAnchor>,
    ) -> Result<Prepared, RoadError> {
        let path = self.line_path(line);
        let line = LineProof { line: LeafIndex::new(line), path: &path };
        approved.prepare(line, seal, anchor, self.trace, &self.clock, &mut self.entropy)
    }

    /// The whole trail: scroll, seal, anchor, intent.
    fn prepared(&mut self, change: Change) -> Prepared {
        let approved = self.approved(change);
        self.prepared_of(approved)
    }

    fn prepared_of(&mut self, approved: Approved) -> Prepared {
        let line = self.tell(&approved);
        let seal = self.seal();
        let anchor = anchor(seal.file_hash());
        self.prepare(approved, line, &seal, Some(&anchor)).unwrap()
    }

    fn permit_over<A: Act>(&mut self, resource: &str) -> Permit<A> {
        self.permit_for(self.gate.epoch(), at(10_000), resource)
    }

    fn permit_until<A: Act>(&mut self, epoch: Epoch, expires: Instant) -> Permit<A> {
        self.permit_for(epoch, expires, "/")
    }

    fn permit_for<A: Act>(&mut self, epoch: Epoch, expires: Instant, resource: &str) -> Permit<A> {
        let holder = key(3);
        let grant = Grant {
            ledger: self.ledger.id(),
            holder: holder.public(),
            actions: [Action::Execute, Action::ChangeEpoch, Action::Record].into(),
            engines: Engines::All,
            epochs: Epoch::ALL.into(),
            resource: resource.parse::<Resource>().unwrap(),
            not_before: at(-10),
            expires,
            uses: None,
            min_interval_seconds: None,
            nonce: vm_core::id::nonce(&mut self.entropy),
        };
        let holder = Holder::new(Chain::root(&key(ROOT), grant).unwrap(), holder).unwrap();
        let now = at(0);
        let invocation = holder.invoke::<A>(epoch, now, None).unwrap();
        let root = key(ROOT).public();
        let authority = Authority { ledger: self.ledger.id(), root, epoch, now, revoked: &|_| false };
        authority.permit(holder.chain(), &invocation).unwrap()
    }

    fn permit<A: Act>(&mut self) -> Permit<A> {
        self.permit_until(self.gate.epoch(), at(10_000))
    }

    fn durable(&self, appended: &Appended) -> VerifiedTlogProof {
        let (index, size) = (LeafIndex::new(appended.seq), self.ledger.tree_size());
        let path = self.ledger.tree().prove_inclusion(index, size).unwrap();
        let proof = TlogProof::new(index, path, self.ledger.checkpoint().unwrap(), None).unwrap();
        proof.verify(appended.leaf, &self.ledger.key().unwrap()).unwrap()
    }

    fn authorize<A: vm_dee::road::Executing>(&mut self, prepared: Prepared) -> Result<Authorized<A>, Box<Refused<A>>> {
        let appended = self.record(&prepared.draft().clone()).unwrap();
        let (proof, permit, under) = (self.durable(&appended), self.permit::<A>(), self.capability());
        prepared.authorize(permit, under, &proof, &self.gate, at(0))
    }

    fn finish<A: vm_dee::road::Executing>(&mut self, ran: &Ran<A>) {
        let head = self.header();
        self.record(&ran.draft(head).unwrap()).unwrap();
    }
}

fn anchor(digest: Sha256Digest) -> VerifiedAnchor {
    let authority = LocalAuthority::generate("test", at(-100)).unwrap();
    let request = Request::new(&digest, &[9; 8]).unwrap();
    let response = authority.respond(&request.to_der(), at(0)).unwrap();
    let trust = vm_anchor::TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    vm_anchor::verify_response(&response, &digest, None, &trust, at(0)).1.unwrap()
}

#[test]
fn the_whole_road_once() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let authorized = world.authorize::<act::Execute>(prepared).unwrap();
    let calls = Cell::new(0);
    let intent = authorized.intent();
    let ran = authorized.run(|order| {
        calls.set(calls.get() + 1);
        assert_eq!(order.change(), &threshold());
        assert_eq!(order.intent(), intent);
        Ok(Sha256Digest::of(b"done"))
    });
    assert_eq!((calls.get(), ran.outcome().end()), (1, End::Succeeded));
    assert_eq!(ran.outcome().result(), Some(Sha256Digest::of(b"done")));
    assert_eq!(ran.permit().epoch(), Epoch::Nigredo);
    world.finish(&ran);
    assert!(world.gate.unfinished().is_empty());
}

#[test]
fn errors_and_panics_are_outcomes_too() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let ran = world.authorize::<act::Execute>(prepared).unwrap().run(|_| Err(Sha256Digest::of(b"no")));
    assert_eq!((ran.outcome().end(), ran.outcome().cause()), (End::Failed, Some(Cause::Error)));
    world.finish(&ran);

    let prepared = world.prepared(threshold());
    let ran = world.authorize::<act::Execute>(prepared).unwrap().run(|_| panic!("hunter2"));
    assert_eq!((ran.outcome().end(), ran.outcome().cause()), (End::Failed, Some(Cause::Panic)));
    assert!(!format!("{ran:?}").contains("hunter2"));
    world.finish(&ran);
}

#[test]
fn what_is_dropped_unrun_is_unknown_and_never_runs() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let authorized = world.authorize::<act::Execute>(prepared).unwrap();
    let (intent, proposal) = (authorized.intent(), world.gate.unfinished()[0].proposal());
    drop(authorized);
    // The next process finds it, and records that nobody knows.
    let unfinished = world.gate.unfinished();
    assert_eq!((unfinished.len(), unfinished[0].intent()), (1, intent));
    let head = world.header();
    world.record(&unfinished[0].unknown().draft(head).unwrap()).unwrap();
    assert_eq!(world.gate.stage(proposal.row, at(0)), Some(vm_dee::Stage::Ended(End::Unknown)));
}

#[test]
fn two_on_the_road_with_one_proposal_execute_once() {
    let mut world = World::new();
    let proposal = world.propose(threshold());
    world.approve(&proposal, 10);
    world.approve(&proposal, 12);
    let [one, two] = [0, 1].map(|_| world.gate.approved(&proposal, at(0)).unwrap());
    let line = world.tell(&one);
    let seal = world.seal();
    let one = world.prepare(one, line, &seal, None).unwrap();
    let two = world.prepare(two, line, &seal, None).unwrap();
    assert_ne!(one.draft().header().id, two.draft().header().id);
    let appended = world.record(&one.draft().clone()).unwrap();
    let refused = world.record(&two.draft().clone()).unwrap_err();
    assert_eq!(refused.code(), "gate-intent-taken");
    // The second has no durable intent of its own, and the first one's is not its.
    let (proof, permit, under) = (world.durable(&appended), world.permit::<act::Execute>(), world.capability());
    let refused = two.authorize(permit, under, &proof, &world.gate, at(0)).unwrap_err();
    assert_eq!(refused.error(), &RoadError::NotDurable);
    assert_eq!(refused.outcome(), None);
    let permit = world.permit::<act::Execute>();
    assert!(one.authorize(permit, under, &proof, &world.gate, at(0)).is_ok());
}

#[test]
fn an_intent_that_is_not_durable_authorises_nothing() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let draft = prepared.draft().clone();
    let appended = world.record(&draft).unwrap();
    let proof = world.durable(&appended);
    // Another token than it was recorded under makes another row.
    let (permit, foreign) = (world.permit::<act::Execute>(), CapabilityHash::from_bytes([9; 32]));
    let refused = prepared.authorize(permit, foreign, &proof, &world.gate, at(0)).unwrap_err();
    assert_eq!(refused.error().code(), "road-not-durable");
    assert!(refused.outcome().is_none());
}

#[test]
fn a_checkpoint_of_another_key_proves_nothing() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let appended = world.record(&prepared.draft().clone()).unwrap();
    let (index, tree) = (LeafIndex::new(appended.seq), world.ledger.tree().clone());
    let path = tree.prove_inclusion(index, tree.size()).unwrap();
    let forged = Checkpoint::of_ledger(&world.ledger.id(), tree.size(), tree.root()).unwrap().sign(&key(99)).unwrap();
    let foreign = vm_core::key::NoteKey::new(world.ledger.id().origin(), key(99).public()).unwrap();
    let proof = TlogProof::new(index, path, forged, None).unwrap().verify(appended.leaf, &foreign).unwrap();
    let (permit, under) = (world.permit::<act::Execute>(), world.capability());
    let refused = prepared.authorize(permit, under, &proof, &world.gate, at(0)).unwrap_err();
    assert_eq!(refused.error(), &RoadError::OtherCheckpoint);
}

#[test]
fn a_permit_that_no_longer_holds_is_refused_and_recorded() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let appended = world.record(&prepared.draft().clone()).unwrap();
    let (proof, under) = (world.durable(&appended), world.capability());
    let permit = world.permit_until::<act::Execute>(Epoch::Nigredo, at(5));
    let refused = prepared.authorize(permit, under, &proof, &world.gate, at(5)).unwrap_err();
    assert_eq!(refused.error().code(), "road-permit");
    let outcome = refused.outcome().unwrap();
    assert_eq!((outcome.end(), outcome.cause()), (End::Failed, Some(Cause::Refused)));
    let head = world.header();
    world.record(&outcome.draft(head).unwrap()).unwrap();
    assert!(world.gate.unfinished().is_empty());
}

#[test]
fn a_permit_of_another_epoch_or_act_is_refused() {
    let mut world = World::new();
    let prepared = world.prepared(threshold());
    let appended = world.record(&prepared.draft().clone()).unwrap();
    let (proof, under) = (world.durable(&appended), world.capability());
    let permit = world.permit_until::<act::Execute>(Epoch::Albedo, at(100));
    let refused = prepared.authorize(permit, under, &proof, &world.gate, at(0)).unwrap_err();
    assert_eq!(refused.error().code(), "road-permit");
    let outcome = refused.outcome().unwrap().clone();
    let head = world.header();
    world.record(&outcome.draft(head).unwrap()).unwrap();

    let prepared = world.prepared(threshold());
    let refused = world.authorize::<act::ChangeEpoch>(prepared).unwrap_err();
    assert_eq!(refused.error(), &RoadError::OtherAct);
    let outcome = refused.outcome().unwrap().clone();
    let head = world.header();
    world.record(&outcome.draft(head).unwrap()).unwrap();

    let change = Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo };
    let prepared = world.prepared(change);
    let refused = world.authorize::<act::Execute>(prepared).unwrap_err();
    assert_eq!(refused.error(), &RoadError::OtherAct);
}

#[test]
fn an_epoch_changes_on_the_road() {
    let mut world = World::new();
    let prepared = world.prepared(Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo });
    let authorized = world.authorize::<act::ChangeEpoch>(prepared).unwrap();
    let ran = authorized.run(|order| {
        let head = world.header();
        let draft = order.epoch_change(head).unwrap().unwrap();
        // What the order makes is what anybody could write by hand, and the gate asks for its intent.
        let by_hand = epoch_change_draft(Epoch::Nigredo, Epoch::Albedo, order.intent(), head);
        assert_eq!(draft.complete(None), by_hand.complete(None));
        world.record(&draft).unwrap();
        Ok(Sha256Digest::of(b"albedo"))
    });
    world.finish(&ran);
    assert_eq!(world.gate.epoch(), Epoch::Albedo);
}

#[test]
fn promotion_without_a_verified_anchor_of_this_seal_is_blocked() {
    let mut world = World::new();
    let change = Change::Epoch { from: Epoch::Nigredo, to: Epoch::Albedo };
    let approved = world.approved(change);
    assert!(approved.needs_anchor());
    let line = world.tell(&approved);
    let seal = world.seal();
    let proposal = approved.proposal().clone();
    let refused = world.prepare(approved, line, &seal, None).unwrap_err();
    assert_eq!(refused.code(), "gate-unanchored");
    let approved = world.gate.approved(&proposal, at(0)).unwrap();
    let other = anchor(Sha256Digest::of(b"another seal"));
    let refused = world.prepare(approved, line, &seal, Some(&other)).unwrap_err();
    assert_eq!(refused, RoadError::OtherAnchor);
    let approved = world.gate.approved(&proposal, at(0)).unwrap();
    let own = anchor(seal.file_hash());
    let prepared = world.prepare(approved, line, &seal, Some(&own)).unwrap();
    // What an auditor asks of the row, with seal and anchor verified anew.
    assert!(prepared.intent().rests_on(&seal, Some(&own)));
    assert!(!prepared.intent().rests_on(&seal, None) && !prepared.intent().rests_on(&seal, Some(&other)));
    let later = world.seal();
    assert!(!prepared.intent().rests_on(&later, Some(&own)));
}

#[test]
fn a_seal_that_is_older_narrower_or_of_another_ledger_is_refused() {
    let mut world = World::new();
    let proposal = world.propose(threshold());
    world.approve(&proposal, 10);
    let early = world.seal();
    world.approve(&proposal, 12);
    let again = |world: &World| world.gate.approved(&proposal, at(0)).unwrap();
    let approved = again(&world);
    let line = world.tell(&approved);
    let before = Selection::window(None, Some(at(0)), &[Table::ProofArtifacts]).unwrap();
    let tables = Selection::window(None, None, &[Table::McpCalls]).unwrap();
    let traces = Selection::traces([TraceId::from_bytes([1; 16])], &[Table::ProofArtifacts]).unwrap();
    for narrow in [before, tables, traces] {
        let seal = world.seal_over(narrow);
        let approved = again(&world);
        assert_eq!(world.prepare(approved, line, &seal, None).unwrap_err(), RoadError::SealDoesNotCover);
    }
    assert_eq!(world.prepare(approved, line, &early, None).unwrap_err(), RoadError::SealDoesNotCover);
    let own = Selection::traces([world.trace], &[Table::ProofArtifacts]).unwrap();
    let seal = world.seal_over(own);
    let mut other = World::new();
    other.entropy = CountingEntropy::new(4);
    (other.ledger, other.operator) =
        MemoryLedger::found(&key(ROOT), key(2), key(3), &other.clock, &mut other.entropy).unwrap();
    let foreign = other.seal();
    let approved = again(&world);
    assert_eq!(world.prepare(approved, line, &foreign, None).unwrap_err(), RoadError::OtherSeal);
    let approved = again(&world);
    assert!(world.prepare(approved, line, &seal, None).is_ok());
}

#[test]
fn a_scroll_without_the_line_is_refused() {
    let mut world = World::new();
    let approved = world.approved(threshold());
    let proposal = approved.proposal().clone();
    let seal = world.seal();
    // Some other line of the scroll does not tell of it.
    let refused = world.prepare(approved, 0, &seal, None).unwrap_err();
    assert_eq!(refused.code(), "road-scroll-proof");
    // Nor does a line that was appended after the seal.
    let approved = world.gate.approved(&proposal, at(0)).unwrap();
    let line = world.tell(&approved);
    let refused = world.prepare(approved, line, &seal, None).unwrap_err();
    assert_eq!(refused, RoadError::ScrollNotSealed { line });
}

#[test]
fn a_command_is_known_by_its_hash() {
    let mut world = World::new();
    let mut feed = |change: Change, to: Option<Epoch>| {
        let prepared = world.prepared(change.clone());
        match to {
            Some(_) => {
                let authorized = world.authorize::<act::ChangeEpoch>(prepared).unwrap();
                let ran = authorized.run(|order| {
                    let head = world.header();
                    world.record(&order.epoch_change(head).unwrap().unwrap()).unwrap();
                    Ok(Sha256Digest::of(b""))
                });
                world.finish(&ran);
            }
            None => {
                let command = CommandLine { program: "deploy".to_owned(), args: vec!["api".to_owned()] };
                let other = CommandLine { program: "deploy".to_owned(), args: vec!["web".to_owned()] };
                let ran = world.authorize::<act::Execute>(prepared).unwrap().run(|order| {
                    assert!(order.is_for(&command) && !order.is_for(&other));
                    Ok(command.digest().unwrap())
                });
                world.finish(&ran);
            }
        }
    };
    feed(Change::Epoch { from: Epoch::Nigredo, to: Epoch::Rubedo }, Some(Epoch::Rubedo));
    let command = CommandLine { program: "deploy".to_owned(), args: vec!["api".to_owned()] };
    feed(Change::Command { command: command.digest().unwrap() }, None);
}

#[test]
fn a_command_beside_the_change_is_the_only_one() {
    let line = |name: &str| CommandLine { program: "deploy".to_owned(), args: vec![name.to_owned()] };
    let digest = line("api").digest().unwrap();
    let runs = |named: Option<Sha256Digest>| {
        let mut world = World::new();
        let proposal = world.propose_as(threshold(), |proposal| proposal.command = named);
        let approved = world.approved_of(proposal);
        let prepared = world.prepared_of(approved);
        let authorized = world.authorize::<act::Execute>(prepared).unwrap();
        let mut is_for = [false; 2];
        let ran = authorized.run(|order| {
            is_for = ["api", "web"].map(|name| order.is_for(&line(name)));
            Ok(digest)
        });
        world.finish(&ran);
        is_for
    };
    assert_eq!(runs(Some(digest)), [true, false]);
    // Where none is named, a program's own executor may do it, and no command.
    assert_eq!(runs(None), [false, false]);
}

#[test]
fn what_expires_after_the_intent_does_not_run() {
    // The approvals expire first, then a proposal that lasts no longer than its intent.
    for (expires, late) in [(5_000, common::LASTS), (7, 7)] {
        let mut world = World::new();
        let proposal = world.propose_as(threshold(), |proposal| proposal.expires = at(expires));
        let approved = world.approved_of(proposal);
        assert_eq!(approved.until(), at(late));
        let prepared = world.prepared_of(approved);
        let appended = world.record(&prepared.draft().clone()).unwrap();
        let (proof, permit, under) = (world.durable(&appended), world.permit::<act::Execute>(), world.capability());
        let refused = prepared.authorize(permit, under, &proof, &world.gate, at(late)).unwrap_err();
        assert_eq!(refused.error(), &RoadError::Expired { at: at(late) });
        let outcome = refused.outcome().unwrap().clone();
        assert_eq!(outcome.cause(), Some(Cause::Refused));
        let head = world.header();
        world.record(&outcome.draft(head).unwrap()).unwrap();
    }
}

#[test]
fn a_token_for_the_gate_executes_and_one_for_rows_does_not() {
    for (resource, is_let) in [("/gate", true), ("/proof_artifacts", false), ("/gates", false)] {
        let mut world = World::new();
        let prepared = world.prepared(threshold());
        let appended = world.record(&prepared.draft().clone()).unwrap();
        let (proof, under) = (world.durable(&appended), world.capability());
        let permit = world.permit_over::<act::Execute>(resource);
        let answer = prepared.authorize(permit, under, &proof, &world.gate, at(0));
        assert_eq!(answer.map_err(|refused| refused.error().code()).err(), (!is_let).then_some("road-permit"));
    }
}
