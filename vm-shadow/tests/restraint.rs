//! Proofs of restraint: what they show, and every way to show it falsely.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use serde_json::{Value, json};
use vm_core::canonical;
use vm_core::capability::{Action, Chain, Grant, Revocation, RevocationReason};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{LedgerId, TraceId};
use vm_core::record::{McpKind, SystemKind};
use vm_core::redact::KnownSecrets;
use vm_core::verdict::{Code, Verdict};
use vm_shadow::error::{ProveRestraintError, RestraintFault};
use vm_shadow::restraint::NOT_SHOWN;
use vm_shadow::{OpenedOption, Outcome, RestraintProof, prove_restraint};
use world::proofs::{assert_broken, assert_holds, assert_unproven, edited, is_row, judged, with_rows};
use world::{Asked, Opened, Received, World, key};

#[test]
fn what_was_withheld_is_shown() {
    let mut world = World::new();
    let asked = world.asked();
    let (opened, receipts) = world.withhold(&asked);
    let proof = world.prove(&opened, &receipts);
    let bytes = proof.to_bytes().unwrap();
    assert_eq!(RestraintProof::parse(&bytes).unwrap(), proof);
    let shown = proof.verify(&world.key()).unwrap();
    assert_eq!((shown.opening(), shown.closing().outcome()), (&opened.opening, Outcome::Withheld));
    assert_eq!((shown.opening_seq(), shown.closing_seq()), (2, 5));
    assert_eq!(shown.checkpoint().size(), world.ledger.tree_size());
    let options: Vec<_> = shown.options().iter().map(|shown| (shown.option, &shown.value, shown.receipt)).collect();
    let expected: Vec<_> =
        (0..).zip(asked.options.iter().zip(&receipts)).map(|(at, (value, row))| (at, value, Some(row.id))).collect();
    assert_eq!(options, expected);
    let (report, _) = proof.check(Some(&world.key()));
    assert_eq!(report.checks().len(), 5);
    // One option is enough; what the others were stays hidden.
    let one = world.prove_with(opened.opening.id(), world::shown(&opened, &receipts)[..1].to_vec());
    assert_holds(&world, &one);
    assert!(!String::from_utf8(one.to_bytes().unwrap()).unwrap().contains("roll back"));
    assert!(NOT_SHOWN.iter().any(|words| words.starts_with("acts outside the gate")));
}

#[test]
fn what_expired_is_shown_without_a_receipt() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    world.close(&opened, Outcome::Expired, &[]);
    let proof = world.prove(&opened, &[]);
    assert_holds(&world, &proof);
}

#[test]
fn without_a_key_nothing_is_shown() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let proof = world.prove(&opened, &receipts);
    let (report, shown) = proof.check(None);
    assert_eq!((report.verdict(), shown), (Verdict::Undecided, None));
    assert!(report.has(Code::NoTrustKey));
    let other = vm_core::key::NoteKey::new(world.id().origin(), key(9).public()).unwrap();
    assert!(proof.check(Some(&other)).0.has(Code::CheckpointInvalid));
}

#[test]
fn a_decision_that_was_acted_on_is_no_restraint() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    world.close(&opened, Outcome::Taken { option: 0 }, &[]);
    let proof = world.prove(&opened, &[]);
    assert_broken(&world, &proof, "restraint-taken");
}

#[test]
fn an_open_decision_is_undecided() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let proof = world.prove(&opened, &[]);
    assert_eq!(judged(&world, &proof).0, Some(Code::HorizonUnclosed));
}

#[test]
fn an_outcome_before_its_opening_is_refused() {
    let mut world = World::new();
    let (draft, opened) = world.draft_open(&world.asked());
    let receipts = world.receipts(&opened);
    world.close(&opened, Outcome::Withheld, &receipts);
    world.append(draft);
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "restraint-outcome-first");
}

#[test]
fn a_second_outcome_is_refused() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    world.close(&opened, Outcome::Expired, &[]);
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "restraint-closed-twice");
    // Hidden, it is missed.
    let hidden = with_rows(&world, &proof, |rows| rows.retain(|row| !is_row(row, "expired")));
    assert_unproven(&world, &hidden, "restraint-not-shown: a row that may be an act or an outcome");
}

/// A decision under a token that `edit` makes of the operator's, and that `by` holds.
fn under(edit: impl FnOnce(&World, Grant) -> Grant, before: bool) -> (World, RestraintProof) {
    let mut world = World::new();
    // Another nonce: else it would be the operator's own token, which stands there already.
    let grant = Grant { nonce: Sha256Digest::of(b"nonce"), ..world.grant() };
    let grant = edit(&world, grant);
    let chain = Chain::root(&key(1), grant).unwrap();
    let capability = chain.last().unwrap().hash().unwrap();
    if before {
        world.issue(&chain);
    }
    let asked = world.asked();
    let power = vm_shadow::Power { capability, ..asked.power.clone() };
    let (opened, receipts) = world.withhold(&Asked { power, ..asked });
    if !before {
        world.issue(&chain);
    }
    let proof = world.prove(&opened, &receipts);
    (world, proof)
}

#[test]
fn refusal_without_power_is_no_restraint() {
    let (world, proof) = under(|_, grant| grant, true);
    assert_holds(&world, &proof);
    let (world, proof) = under(|_, grant| grant, false);
    assert_broken(&world, &proof, "restraint-issued-later");
    type Edit = fn(&World, Grant) -> Grant;
    let cases: [(Edit, &str); 9] = [
        (|_, grant| Grant { holder: key(4).public(), ..grant }, "capability-not-holder"),
        (|_, grant| Grant { actions: [Action::Seal].into(), ..grant }, "capability-action"),
        (|_, grant| Grant { resource: "/mcp_calls".parse().unwrap(), ..grant }, "capability-resource-not-granted"),
        (
            |_, grant| Grant { resource: "/tool_invocations/x".parse().unwrap(), ..grant },
            "capability-resource-not-granted",
        ),
        (|_, grant| Grant { epochs: [Epoch::Rubedo].into(), ..grant }, "capability-epoch"),
        (|world, grant| Grant { expires: world::now(world), ..grant }, "capability-expired"),
        (
            |world, grant| Grant { not_before: world::now(world).saturating_add_micros(world::HOUR), ..grant },
            "capability-not-yet",
        ),
        (
            |_, grant| Grant { ledger: LedgerId::from_genesis(LeafHash::from_bytes([9; 32])), ..grant },
            "capability-wrong-ledger",
        ),
        (|_, grant| Grant { uses: Some(0), ..grant }, "capability-use-number"),
    ];
    for (edit, code) in cases {
        let (world, proof) = under(edit, true);
        assert_broken(&world, &proof, code);
    }
}

#[test]
fn a_token_of_another_root_or_of_nobody_gives_no_power() {
    let mut world = World::new();
    let chain = Chain::root(&key(9), world.grant()).unwrap();
    let capability = world.issue(&chain);
    let asked = world.asked();
    let power = vm_shadow::Power { capability, ..asked.power.clone() };
    let (opened, receipts) = world.withhold(&Asked { power: power.clone(), ..asked.clone() });
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "capability-wrong-issuer");

    let nobody = vm_core::digest::CapabilityHash::from_bytes([7; 32]);
    let power = vm_shadow::Power { capability: nobody, ..power };
    let (opened, receipts) = world.withhold(&Asked { power, ..asked });
    let proof = world.prove(&opened, &receipts);
    assert_unproven(&world, &proof, "restraint-not-shown: the token that the opening names");
}

#[test]
fn the_option_that_was_withheld_must_open() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let proof = world.prove(&opened, &receipts);
    for (edit, code) in [
        (json!({"value": "something harmless"}), "restraint-option-not-opened"),
        (json!({"option": 1}), "restraint-option-not-opened"),
        (json!({"option": 7}), "restraint-option-not-opened"),
        (json!({"salt": "00".repeat(32)}), "restraint-option-not-opened"),
        (json!({"receipt_salt": "00".repeat(32)}), "restraint-receipt-not-opened"),
    ] {
        let wrong = edited(&proof, |value| {
            let opened = value["opened"].as_array_mut().unwrap();
            opened.truncate(1);
            opened[0].as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        });
        assert_broken(&world, &wrong, code);
    }
    let swapped = edited(&proof, |value| value["opened"].as_array_mut().unwrap().swap(0, 1));
    assert_broken(&world, &swapped, "restraint-option-not-opened");
    let twice = edited(&proof, |value| value["opened"][1] = value["opened"][0].clone());
    assert_broken(&world, &twice, "restraint-option-not-opened");
    let none = edited(&proof, |value| value["opened"] = json!([]));
    assert_unproven(&world, &none, "restraint-not-shown: an option");
    let unsalted = edited(&proof, |value| value["opened"][0]["receipt_salt"] = json!(null));
    assert_unproven(&world, &unsalted, "restraint-not-shown: the salt of a receipt");
}

#[test]
fn a_receipt_about_something_else_is_refused() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    let name = opened.opening.horizon_id().clone();
    let receipts: Vec<Received> =
        [json!("something harmless"), json!("roll back")].iter().map(|value| world.receipt(&name, value, 3)).collect();
    world.close(&opened, Outcome::Withheld, &receipts);
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "restraint-receipt-not-opened");
    // A salt for an option that has no receipt proves nothing.
    let opened = world.open(&Asked { name: "other", ..world.asked() });
    world.close(&opened, Outcome::Expired, &[]);
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "restraint-receipt-not-opened");
}

/// A decision withheld with receipts that `others` makes.
fn with_receipts(others: impl FnOnce(&mut World, &Opened) -> Vec<Received>) -> (World, RestraintProof) {
    let mut world = World::new();
    let (draft, opened) = world.draft_open(&world.asked());
    let early = world.receipts(&opened);
    world.append(draft);
    let mut receipts = others(&mut world, &opened);
    if receipts.is_empty() {
        receipts = early;
    }
    world.close(&opened, Outcome::Withheld, &receipts);
    let proof = world.prove(&opened, &receipts);
    (world, proof)
}

#[test]
fn foreign_receipts_are_refused() {
    let (world, proof) = with_receipts(|world, opened| world.receipts(opened));
    assert_holds(&world, &proof);
    // Of another observer, of before the opening, of another decision.
    let (world, proof) = with_receipts(|world, opened| {
        let name = opened.opening.horizon_id().clone();
        opened.options.iter().map(|value| world.receipt(&name, value, 4)).collect()
    });
    assert_broken(&world, &proof, "horizon-foreign-receipt");
    let (world, proof) = with_receipts(|_, _| Vec::new());
    assert_broken(&world, &proof, "horizon-foreign-receipt");
    let (world, proof) = with_receipts(|world, opened| {
        opened.options.iter().map(|value| world.receipt(&"deploy/web".parse().unwrap(), value, 3)).collect()
    });
    assert_unproven(&world, &proof, "restraint-not-shown: a receipt that the outcome names");
}

#[test]
fn an_act_in_the_trace_is_found() {
    type Act = fn(&mut World);
    let calls: [(&str, Act, bool); 12] = [
        ("tool", |world| _ = world.tool(), true),
        ("request", |world| _ = world.mcp(McpKind::Request, Some("tools/call")), true),
        ("batch", |world| _ = world.mcp(McpKind::Batch, None), true),
        // What two readers may take for two things, and a call that asks for no answer.
        ("opaque", |world| _ = world.mcp(McpKind::Opaque, None), true),
        ("call without an id", |world| _ = world.mcp(McpKind::Notification, Some("tools/call")), true),
        ("notification of no name", |world| _ = world.mcp(McpKind::Notification, None), true),
        ("almost a notice", |world| _ = world.mcp(McpKind::Notification, Some("notifications")), true),
        ("notice", |world| _ = world.mcp(McpKind::Notification, Some("notifications/initialized")), false),
        ("response", |world| _ = world.mcp(McpKind::Response, Some("tools/call")), false),
        ("error", |world| _ = world.mcp(McpKind::Error, Some("tools/call")), false),
        ("no answer", |world| _ = world.mcp(McpKind::NoAnswer, Some("tools/call")), false),
        (
            "elsewhere",
            |world| {
                let trace = world.trace;
                world.trace = TraceId::from_bytes([4; 16]);
                world.tool();
                world.trace = trace;
            },
            false,
        ),
    ];
    for (name, call, is_act) in calls {
        for late in [false, true] {
            let mut world = World::new();
            call(&mut world);
            let opened = world.open(&world.asked());
            if !late {
                call(&mut world);
            }
            let receipts = world.receipts(&opened);
            world.close(&opened, Outcome::Withheld, &receipts);
            if late {
                call(&mut world);
            }
            let proof = world.prove(&opened, &receipts);
            if is_act {
                assert!(judged(&world, &proof).1.starts_with("restraint-executed"), "{name}");
                let hidden = with_rows(&world, &proof, |rows| {
                    rows.retain(|row| {
                        !is_row(row, "\"table\":\"tool_invocations\"") && !is_row(row, "\"table\":\"mcp_calls\"")
                    });
                });
                assert_unproven(&world, &hidden, "restraint-not-shown: a row that may be an act or an outcome");
            } else {
                assert_eq!(judged(&world, &proof), (None, String::new()), "{name}");
            }
        }
    }
}

#[test]
fn an_act_behind_the_index_is_found() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    world.index();
    world.tool();
    let shown = world::shown(&opened, &receipts);
    let head = world.head();
    let proof = prove_restraint(&world.ledger, world.ledger.tree(), &head, opened.opening.id(), shown).unwrap();
    assert_broken(&world, &proof, "restraint-executed");
}

#[test]
fn an_act_under_a_narrowed_token_is_found_and_one_under_another_is_not() {
    let mut world = World::new();
    let narrowed = world.holder.chain().narrow(&key(3), Grant { holder: key(5).public(), ..world.grant() }).unwrap();
    let other = Chain::root(&key(1), Grant { nonce: Sha256Digest::of(b"n"), ..world.grant() }).unwrap();
    let (narrowed, other) = (world.issue(&narrowed), world.issue(&other));
    let opened = world.open(&world.asked());
    world.tool_under(other);
    let receipts = world.receipts(&opened);
    world.close(&opened, Outcome::Withheld, &receipts);
    let proof = world.prove(&opened, &receipts);
    assert_holds(&world, &proof);
    let hidden = with_rows(&world, &proof, |rows| {
        let at = rows
            .iter()
            .position(|row| is_row(row, &format!("\"capability_hash\":\"{other}\",")) && is_row(row, "vm-capability"));
        rows.remove(at.unwrap());
    });
    assert_unproven(&world, &hidden, "restraint-not-shown: the token of a call in the trace");
    world.tool_under(narrowed);
    let proof = world.prove(&opened, &receipts);
    assert_broken(&world, &proof, "restraint-executed");
}

#[test]
fn an_act_of_the_gate_is_found() {
    let outcome = |word: &str| json!({"end": word, "format": "vm-dee-outcome-v0"});
    let intent = json!({"format": "vm-dee-intent-v0"});
    for about_proposal in [false, true] {
        for (kind, content, is_act) in [
            (SystemKind::Intent, intent.clone(), true),
            (SystemKind::Outcome, outcome("succeeded"), true),
            (SystemKind::Outcome, outcome("unknown"), true),
            (SystemKind::Outcome, json!({}), true),
            (SystemKind::Outcome, json!({"outcome": "withheld"}), true),
            (SystemKind::Outcome, outcome("withheld"), false),
            (SystemKind::Outcome, outcome("expired"), false),
            (SystemKind::Replay, json!({}), false),
        ] {
            let mut world = World::new();
            let proposal = world.gate(SystemKind::Proposal, None, &json!({})).row_id;
            let opened = world.open(&Asked { proposal: Some(proposal), ..world.asked() });
            let about = if about_proposal { proposal } else { opened.opening.id() };
            world.gate(kind, Some(about), &content);
            let receipts = world.receipts(&opened);
            world.close(&opened, Outcome::Withheld, &receipts);
            let proof = world.prove(&opened, &receipts);
            if is_act {
                assert_broken(&world, &proof, "restraint-executed");
                let hidden = with_rows(&world, &proof, |rows| rows.retain(|row| !is_row(row, kind.as_str())));
                assert_unproven(&world, &hidden, "restraint-not-shown: a row that may be an act or an outcome");
            } else {
                assert_holds(&world, &proof);
            }
        }
    }
}

#[test]
fn answers_of_other_questions_sizes_and_decisions_are_refused() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let small = world.prove(&opened, &receipts);
    let second = Asked { name: "second", ..world.asked() };
    let (other, others) = world.withhold(&second);
    let foreign = world.prove(&other, &others);
    let large = world.prove(&opened, &receipts);
    let part = |proof: &RestraintProof, pointer: &str| {
        let value: Value = serde_json::from_slice(&proof.to_bytes().unwrap()).unwrap();
        value.pointer(pointer).unwrap().clone()
    };
    let taking = |from: &RestraintProof, pointer: &str| {
        let part = part(from, pointer);
        edited(&large, |value| *value.pointer_mut(pointer).unwrap() = part)
    };
    assert_broken(&world, &taking(&small, "/complete/opening"), "restraint-other-answer: checkpoint");
    assert_broken(&world, &taking(&small, "/complete/trace"), "restraint-other-answer: checkpoint");
    assert_broken(&world, &taking(&foreign, "/complete/opening"), "restraint-other-answer: query");
    let swapped = edited(&large, |value| value["complete"]["trace"] = value["complete"]["opening"].clone());
    assert_broken(&world, &swapped, "restraint-other-answer: query");
    let surplus = edited(&large, |value| value["complete"]["proposal"] = value["complete"]["opening"].clone());
    assert_broken(&world, &surplus, "restraint-other-answer: presence");
    // A checkpoint of another size under these rows, and all of another decision.
    let found = judged(&world, &taking(&small, "/checkpoint"));
    assert_eq!(found.0, Some(Code::RootMismatch));
    let found = judged(&world, &taking(&foreign, "/opening"));
    assert_eq!(found, (Some(Code::RestraintUnproven), "restraint-not-shown: the opening".to_owned()));
}

#[test]
fn a_leaf_left_out_of_an_answer_is_found() {
    let mut world = World::new();
    let opened = world.open(&world.asked());
    world.tool();
    let receipts = world.receipts(&opened);
    world.close(&opened, Outcome::Withheld, &receipts);
    world.close(&opened, Outcome::Expired, &[]);
    let proof = world.prove(&opened, &receipts);
    for of in ["opening", "trace"] {
        let count = {
            let value: Value = serde_json::from_slice(&proof.to_bytes().unwrap()).unwrap();
            value["complete"][of]["entries"].as_array().unwrap().len()
        };
        assert!(count >= 2);
        for left_out in 0..count {
            for is_counted in [false, true] {
                let hidden = edited(&proof, |value| {
                    let answer = &mut value["complete"][of];
                    answer["entries"].as_array_mut().unwrap().remove(left_out);
                    if is_counted {
                        let ranges = answer["ranges"].as_array_mut().unwrap();
                        let range = ranges.iter_mut().find(|range| range["count"].as_u64().unwrap() > 0).unwrap();
                        range["count"] = json!(range["count"].as_u64().unwrap() - 1);
                    }
                });
                let (code, why) = judged(&world, &hidden);
                // Whatever is found first, the row that was left out is missed, unless another fault shows before.
                assert!(matches!(code, Some(Code::Incomplete | Code::RestraintBroken)), "{of} {left_out}: {why}");
                assert!(code == Some(Code::Incomplete) || why.starts_with("restraint-closed-twice"), "{why}");
            }
        }
    }
}

#[test]
fn rows_that_are_needed_cannot_be_left_out() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let proof = world.prove(&opened, &receipts);
    for at in 0..proof.rows().len() {
        let cut = with_rows(&world, &proof, |rows| _ = rows.remove(at));
        assert_eq!(judged(&world, &cut).0, Some(Code::RestraintUnproven), "row {at}");
        let forged = edited(&proof, |value| {
            let data = &mut value["rows"][at]["data"];
            *data = json!(data.as_str().unwrap().replacen("\"id\":\"0", "\"id\":\"1", 1));
        });
        assert_eq!(judged(&world, &forged).0, Some(Code::RootMismatch), "row {at}");
    }
}

#[test]
fn a_cut_or_flipped_proof_shows_nothing() {
    let mut world = World::new();
    let asked = Asked { options: vec![json!("x")], name: "h", ..world.asked() };
    let opened = world.open(&asked);
    world.close(&opened, Outcome::Expired, &[]);
    let proof = world.prove(&opened, &[]);
    let key = world.key();
    assert!(proof.verify(&key).is_ok());
    let bytes = proof.to_bytes().unwrap();
    for cut in 0..bytes.len() {
        assert!(RestraintProof::parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let flip_from = &|first: usize| {
        let mut read = 0;
        for at in (first..bytes.len()).step_by(2) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            if let Ok(proof) = RestraintProof::parse(&bad) {
                read += 1;
                assert_ne!(proof.check(Some(&key)).0.verdict(), Verdict::Verified, "byte {at}");
            }
        }
        read
    };
    let read = std::thread::scope(|scope| {
        let lanes = [0, 1].map(|first| scope.spawn(move || flip_from(first)));
        lanes.map(|lane| lane.join().unwrap()).iter().sum::<usize>()
    });
    assert!(read > 1_000, "{read}");
}

#[test]
fn files_that_are_no_proof_are_refused_by_name() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let proof = world.prove(&opened, &receipts);
    let value: Value = serde_json::from_slice(&proof.to_bytes().unwrap()).unwrap();
    let refused = |edit: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        edit(&mut value);
        RestraintProof::parse(&canonical::to_bytes(&value).unwrap()).unwrap_err().code()
    };
    assert_eq!(refused(&|value| value["format"] = json!("vm-restraint-proof-v1")), "format-unknown");
    assert_eq!(refused(&|value| value["format"] = json!(1)), "restraint-shape");
    assert_eq!(refused(&|value| value["surplus"] = json!(1)), "restraint-shape");
    assert_eq!(refused(&|value| value["checkpoint"] = json!("x")), "restraint-note");
    assert_eq!(refused(&|value| value["complete"]["trace"]["format"] = json!("vm-completeness-v1")), "format-unknown");
    assert_eq!(refused(&|value| value["complete"]["trace"] = json!({})), "completeness-shape");
    for member in ["checkpoint", "complete", "hashes", "opened", "opening", "rows"] {
        assert_eq!(refused(&|value| _ = value.as_object_mut().unwrap().remove(member)), "restraint-shape", "{member}");
    }
    assert_eq!(refused(&|value| _ = value["complete"].as_object_mut().unwrap().remove("proposal")), "restraint-shape");
    assert_eq!(
        refused(&|value| _ = value["opened"][0].as_object_mut().unwrap().remove("receipt_salt")),
        "restraint-shape"
    );
    assert_eq!(RestraintProof::parse(b"{").unwrap_err().code(), "restraint-json");
}

#[test]
fn proofs_need_an_index_and_an_opening() {
    let mut world = World::new();
    let (opened, receipts) = world.withhold(&world.asked());
    let head = world.head();
    let attempt = |world: &World, row| {
        let shown = world::shown(&opened, &receipts);
        prove_restraint(&world.ledger, world.ledger.tree(), &head, row, shown).unwrap_err()
    };
    assert!(matches!(attempt(&world, opened.opening.id()), ProveRestraintError::NotIndexed));
    let none = vm_core::id::RowId::from_bytes([1; 16]);
    assert!(matches!(attempt(&world, none), ProveRestraintError::NoSuchRow { .. }));
    assert!(matches!(attempt(&world, receipts[0].id), ProveRestraintError::Opening(_)));
    // Whether a detector would take an option for a secret does not matter: it is not stored.
    assert!(vm_core::redact::SecretDetector::is_secret(
        &KnownSecrets,
        None,
        "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    ));
    assert!(OpenedOption::new(0, &opened.openings[0], None).is_some());
}

#[test]
fn a_prover_who_knows_better_makes_no_proof() {
    for (epoch, revoked) in [(Epoch::Nigredo, false), (Epoch::Nigredo, true), (Epoch::Albedo, false)] {
        let mut world = World::new();
        let chain = Chain::root(&key(1), Grant { nonce: Sha256Digest::of(b"nonce"), ..world.grant() }).unwrap();
        let capability = world.issue(&chain);
        let revocation = Revocation::sign(&key(1), world.id(), capability, RevocationReason::KeyCompromise).unwrap();
        if revoked {
            world.gate(SystemKind::Revocation, None, &revocation.to_value());
        }
        let asked = world.asked();
        let power = vm_shadow::Power { capability, epoch, ..asked.power.clone() };
        let (opened, receipts) = world.withhold(&Asked { power, ..asked });
        // Behind the opening it changes nothing.
        world.gate(SystemKind::Revocation, None, &revocation.to_value());
        world.index();
        let shown = world::shown(&opened, &receipts);
        let made = prove_restraint(&world.ledger, world.ledger.tree(), &world.head(), opened.opening.id(), shown);
        let code =
            made.map_or_else(|error| error.code(), |proof| judged(&world, &proof).0.map_or("holds", Code::as_str));
        let expected = match (epoch, revoked) {
            (Epoch::Nigredo, false) => "holds",
            (_, true) => "capability-revoked",
            _ => "capability-epoch",
        };
        assert_eq!(code, expected);
    }
}

#[test]
fn the_page_shows_a_proof_that_holds() {
    let page = include_str!("../../docs/spec/restraint-proof.md");
    let block = |language: &str| page.split_once(&format!("```{language}\n")).unwrap().1.split_once("\n```").unwrap().0;
    let proof = RestraintProof::parse(block("json").as_bytes()).unwrap();
    let key = block("text").parse().unwrap();
    let shown = proof.verify(&key).unwrap();
    assert_eq!(shown.opening().horizon_id().as_str(), "h");
    // What the page says that it does not show is what this crate says.
    for words in NOT_SHOWN {
        assert!(page.contains(&format!("- {words}")), "{words}");
    }
    assert!(matches!(
        proof.verify(&vm_core::key::NoteKey::new(shown.checkpoint().key().name(), key_of(9)).unwrap()),
        Err(RestraintFault::Checkpoint(_))
    ));
}

fn key_of(seed: u8) -> vm_core::key::PublicKey {
    key(seed).public()
}
