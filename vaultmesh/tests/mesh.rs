//! Federation by the command line: vaults that exchange evidence and twin state, and what becomes of those who lie.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{Home, copy, files};
use serde_json::Value;
use vaultmesh::vault::{Place, Sources, Vault};
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::LedgerId;
use vm_crdt::EvidenceItem;
use vm_crdt::evidence::to_payload;

/// Two vaults of one mesh that synced once, by a mailbox.
struct Pair {
    alice: Home,
    bob: Home,
    stick: PathBuf,
}

/// Gives a file of one home to another.
fn hand(from: &Home, to: &Home, name: &str) {
    to.write(name, fs::read(from.path(name)).unwrap());
}

#[track_caller]
fn with(home: &Home, dir: &Path) -> Value {
    with_code(home, dir, 0, &[])
}

/// Syncs, which must end with `code` and these findings.
#[track_caller]
fn with_code(home: &Home, dir: &Path, code: i32, findings: &[&str]) -> Value {
    let ran = home.json(&["sync", "--with", dir.to_str().unwrap()]).expect(code);
    let mut found = ran.findings();
    found.dedup();
    assert_eq!(found, findings);
    ran.json()["result"]["syncs"][0].clone()
}

fn state(home: &Home) -> Value {
    home.told(0, &["mesh", "show"])["result"]["state"].clone()
}

/// Rows as `mesh rows` lists them, which must end with `code`, each as its state and its place.
#[track_caller]
fn rows(home: &Home, code: i32) -> Vec<(String, u64)> {
    let told = home.told(code, &["mesh", "rows"]);
    let rows = told["result"]["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["state"].as_str().unwrap().to_owned(), row["seq"].as_u64().unwrap())).collect()
}

#[track_caller]
fn findings(home: &Home, code: i32) -> Vec<String> {
    home.json(&["mesh", "rows"]).expect(code).findings()
}

impl Pair {
    fn new() -> Self {
        let (alice, bob) = (Home::with_vault(), Home::with_vault());
        alice.tool("grep");
        alice.tool("make");
        bob.tool("ls");
        for (home, name) in [(&alice, "alice"), (&bob, "bob")] {
            home.run(&["mesh", "key", "--name", name, "-o", &format!("{name}.json")]).expect(0);
        }
        hand(&bob, &alice, "bob.json");
        hand(&alice, &bob, "alice.json");
        alice.run(&["mesh", "create", "--name", "alice", "--peer", "bob.json", "--charter", "charter.json"]).expect(0);
        hand(&alice, &bob, "charter.json");
        bob.run(&["mesh", "join", "charter.json", "--name", "bob", "--peer", "alice.json"]).expect(0);
        let stick = alice.path("stick");
        let pair = Self { alice, bob, stick };
        pair.alice.run(&["mesh", "share", "--kind", "tool_invocations"]).expect(0);
        with(&pair.alice, &pair.stick);
        with(&pair.bob, &pair.stick);
        pair
    }

    /// A copy of bob's vault and keys: somebody who has his keys.
    fn twin(&self) -> Home {
        let twin = Home::new();
        copy(&self.bob.vault(), &twin.vault());
        copy(&self.bob.path("keys"), &twin.path("keys"));
        twin
    }

    /// Somebody else who joins, and believes alice alone.
    fn carol(&self) -> Home {
        let carol = Home::with_vault();
        carol.run(&["mesh", "key", "--name", "carol", "-o", "carol.json"]).expect(0);
        hand(&carol, &self.alice, "carol.json");
        self.alice.run(&["mesh", "enrol", "carol.json"]).expect(0);
        hand(&self.alice, &carol, "charter.json");
        hand(&self.alice, &carol, "bob.json");
        hand(&self.bob, &carol, "alice.json");
        carol.run(&["mesh", "join", "charter.json", "--name", "carol", "--peer", "alice.json"]).expect(0);
        carol
    }
}

#[test]
fn two_vaults_come_to_the_same_and_each_merge_is_on_record() {
    let Pair { alice, bob, stick } = Pair::new();
    assert_eq!(rows(&bob, 0), [("proven".to_owned(), 2), ("proven".to_owned(), 3)]);
    bob.run(&["mesh", "put", "/fleet/mode", "act"]).expect(0);
    alice.run(&["mesh", "put", "/fleet/mode", "observe"]).expect(0);
    alice.run(&["mesh", "increment", "/jobs", "40"]).expect(0);
    bob.run(&["mesh", "increment", "/jobs", "2"]).expect(0);
    bob.run(&["mesh", "add", "/tags", "a"]).expect(0);
    bob.run(&["mesh", "share"]).expect(0);
    let done = with(&bob, &alice.vault());
    assert_eq!(
        (&done["same"], &done["ops_received"], &done["refused"]),
        (&true.into(), &2.into(), &Value::Array(vec![]))
    );
    assert_eq!(state(&alice), state(&bob));
    let leaves = alice.told(0, &["mesh", "get"])["result"]["leaves"].clone();
    let found: Vec<(&str, String, usize)> = leaves
        .as_array()
        .unwrap()
        .iter()
        .map(|leaf| {
            (leaf["path"].as_str().unwrap(), leaf["value"].to_string(), leaf["others"].as_array().map_or(0, Vec::len))
        })
        .collect();
    assert_eq!((found[0].0, found[0].2), ("/fleet/mode", 1), "both wrote at the same time, and both are shown");
    assert_eq!(found[1..], [("/jobs", "42".to_owned(), 0), ("/tags", "\"a\"".to_owned(), 0)]);
    assert!(rows(&alice, 0).iter().all(|(state, _)| state == "proven"));

    // Each receipt is a row, which is sealed and judged like any other.
    assert!(with(&alice, &stick)["receipt"].is_string());
    for home in [&alice, &bob] {
        assert_eq!(with(home, &stick)["receipt"], Value::Null, "nothing was new");
        home.run(&["seal", "create"]).expect(0);
        let key = home.key();
        home.run(&["head", "-o", "head.txt"]).expect(0);
        let codes = home.json(&["verify", "--key", &key, "--head", "head.txt"]).expect(3).findings();
        assert!(codes.iter().all(|code| ["seal-unanchored", "rows-unsealed"].contains(&code.as_str())), "{codes:?}");
    }
}

#[test]
fn whoever_joined_writes_only_after_it_met_somebody() {
    let Pair { alice, bob, stick } = Pair::new();
    let fresh = Home::with_vault();
    hand(&alice, &fresh, "charter.json");
    fresh.run(&["mesh", "join", "charter.json"]).expect(0);
    assert_eq!(fresh.refused(&["mesh", "put", "/a", "1"]), "mesh-unmet");
    with(&fresh, &stick);
    assert_eq!(fresh.refused(&["mesh", "put", "/a", "1"]), "crdt-author-stranger");
    assert_eq!(Home::with_vault().refused(&["mesh", "show"]), "mesh-missing");
    assert_eq!(bob.refused(&["mesh", "create", "--name", "bob"]), "mesh-exists");
}

#[test]
fn whoever_is_enrolled_writes_and_whoever_is_revoked_no_more() {
    let pair = Pair::new();
    let carol = pair.carol();
    with(&pair.alice, &pair.stick);
    with(&carol, &pair.stick);
    carol.run(&["mesh", "put", "/carol", "here"]).expect(0);
    with(&carol, &pair.stick);
    with(&pair.alice, &pair.stick);
    assert_eq!(state(&carol), state(&pair.alice));
    let key = carol.told(0, &["mesh", "show"])["result"]["members"].clone();
    let key = key.as_array().unwrap().iter().find(|member| member["peer"] == "carol").unwrap()["key"].clone();
    assert_eq!(pair.bob.refused(&["mesh", "revoke", key.as_str().unwrap()]), "crdt-event-sealer");
    pair.alice.run(&["mesh", "revoke", key.as_str().unwrap()]).expect(0);
    with(&pair.alice, &pair.stick);
    // What it writes before it hears of that has no effect anywhere.
    carol.run(&["mesh", "put", "/carol", "still here"]).expect(0);
    with(&carol, &pair.stick);
    assert_eq!(carol.refused(&["mesh", "put", "/carol", "again"]), "crdt-author-stranger");
    for home in [&pair.alice, &pair.bob] {
        with(home, &pair.stick);
        assert_eq!(home.told(0, &["mesh", "get", "/carol"])["result"]["leaves"][0]["value"], "here");
    }
    assert_eq!(state(&carol), state(&pair.bob));
}

#[test]
fn rows_without_the_key_of_their_ledger_are_hearsay() {
    let pair = Pair::new();
    let carol = pair.carol();
    pair.bob.run(&["mesh", "share", "--kind", "tool_invocations"]).expect(0);
    with(&pair.bob, &pair.alice.vault());
    with(&carol, &pair.alice.vault());
    assert_eq!(findings(&carol, 3), ["no-trust-key"]);
    assert_eq!(rows(&carol, 3).iter().filter(|(state, _)| state == "unproven").count(), 1);
    carol.run(&["mesh", "pin", "bob.json"]).expect(0);
    assert_eq!(findings(&carol, 3), ["foreign-row-unproven"], "the key is here, the proof is not");
    let done = with(&carol, &pair.alice.vault());
    assert_eq!(done["files_received"], 2, "alice passes on what bob showed her");
    assert!(rows(&carol, 0).iter().all(|(state, _)| state == "proven"));
    // Another key for the same ledger is believed in no order.
    let forged = fs::read_to_string(pair.alice.path("alice.json")).unwrap();
    let (other, bob) = (Home::with_vault(), fs::read_to_string(carol.path("bob.json")).unwrap());
    other.run(&["mesh", "key", "-o", "other.json"]).expect(0);
    assert_ne!(forged, bob);
    let key = |text: &str| text.split('"').find(|part| part.starts_with("vaultmesh/")).unwrap().to_owned();
    let theirs = key(&fs::read_to_string(other.path("other.json")).unwrap());
    let public = theirs.rsplit_once('+').unwrap().1.to_owned();
    let public = vm_core::key::NoteKey::new(
        key(&bob).split('+').next().unwrap(),
        theirs.parse::<vm_core::key::NoteKey>().unwrap().public(),
    )
    .map(|key| key.to_string())
    .unwrap_or(public);
    carol.write("forged.json", bob.replace(&key(&bob), &public));
    assert_eq!(carol.refused(&["mesh", "pin", "forged.json"]), "mesh-repinned");
}

/// A peer's log key that changed is followed by the root's word, which travels beside the head; a pin stays as it was.
#[test]
fn a_peer_that_changed_its_log_key_is_followed_by_its_history() {
    let Pair { alice, bob, stick } = Pair::new();
    let before = rows(&bob, 0).len();
    alice.run(&["keys", "rotate", "log"]).expect(0);
    alice.tool("after");
    alice.run(&["mesh", "share"]).expect(0);
    with(&alice, &stick);
    // Whoever gets the head without the history knows neither that it holds nor that it does not.
    let keys = stick.join("mesh/keys");
    fs::rename(&keys, alice.path("kept")).unwrap();
    with_code(&bob, &stick, 3, &["key-change-unproven", "foreign-row-unproven"]);
    let told = rows(&bob, 3);
    assert!(told.iter().all(|(state, _)| state != "conflict"));
    assert_eq!(told.iter().filter(|(state, _)| state == "proven").count(), before);
    // A history of another ledger, and one that is altered, say nothing.
    let carol = Home::with_vault();
    carol.run(&["keys", "rotate", "log"]).expect(0);
    carol.run(&["keys", "history", "-o", "keys.json"]).expect(0);
    let folder = fs::read_dir(alice.path("kept")).unwrap().next().unwrap().unwrap().path();
    let [good] = &files(&folder)[..] else { panic!("one history") };
    let ledger = folder.file_name().unwrap().to_owned();
    fs::create_dir_all(keys.join(&ledger)).unwrap();
    let altered = String::from_utf8(fs::read(folder.join(good)).unwrap()).unwrap().replacen("rotation", "lost", 1);
    for bytes in [fs::read(carol.path("keys.json")).unwrap(), altered.into_bytes()] {
        fs::write(keys.join(&ledger).join(format!("{}.json", Sha256Digest::of(&bytes))), bytes).unwrap();
    }
    with_code(&bob, &stick, 3, &["foreign-row-unproven", "key-change-unproven", "foreign-row-unproven"]);
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(alice.path("kept"), &keys).unwrap();
    with(&bob, &stick);
    let told = rows(&bob, 0);
    assert!(told.len() > before && told.iter().all(|(state, _)| state == "proven"), "{told:?}");
    // Again, and a member who pins the newest key alone.
    alice.run(&["keys", "stolen", "log"]).expect(0);
    alice.tool("after the theft");
    alice.run(&["mesh", "share"]).expect(0);
    with(&alice, &stick);
    with(&bob, &stick);
    assert!(rows(&bob, 0).iter().all(|(state, _)| state == "proven"));
}

#[test]
fn what_a_mailbox_alters_proves_nothing_and_comes_again() {
    let pair = Pair::new();
    pair.bob.run(&["mesh", "share", "--kind", "tool_invocations"]).expect(0);
    with(&pair.bob, &pair.stick);
    let ledger = fs::read_dir(pair.stick.join("mesh/rows")).unwrap().map(|entry| entry.unwrap().file_name());
    let bob = pair.bob.told(0, &["doctor"])["result"]["ledger"].as_str().unwrap().to_owned();
    assert!(ledger.into_iter().any(|name| name == bob.as_str()));
    let only = |folder: &str| files(&pair.stick.join("mesh").join(folder).join(&bob)).pop().unwrap();
    let (head, shared) = (only("heads"), only("rows"));
    let (head_bytes, row_bytes) = (fs::read(&head).unwrap(), fs::read(&shared).unwrap());

    // Under its name, the hash tells; under a name that fits, the path does.
    let mut altered = row_bytes.clone();
    let at = row_bytes.windows(4).position(|some| some == b"\"ls\"" || some == b"\\\"ls").unwrap() + 2;
    altered[at] ^= 1;
    fs::write(&shared, &altered).unwrap();
    let mut forged_head = head_bytes.clone();
    let last = forged_head.len() - 10;
    forged_head[last] = if forged_head[last] == b'A' { b'B' } else { b'A' };
    fs::write(&head, &forged_head).unwrap();
    let renamed = shared.with_file_name(format!("{}.jsonl", Sha256Digest::of(&altered)));
    fs::write(&renamed, &altered).unwrap();
    let done = with_code(&pair.alice, &pair.stick, 3, &["foreign-row-unproven"]);
    let refused: Vec<&str> =
        done["refused"].as_array().unwrap().iter().map(|refused| refused["code"].as_str().unwrap()).collect();
    assert_eq!(refused.len(), 3, "{done}");
    assert!(refused.contains(&"name"), "{refused:?}");
    assert_eq!(findings(&pair.alice, 3), ["foreign-row-unproven"]);

    fs::write(&head, &head_bytes).unwrap();
    let done = with_code(&pair.alice, &pair.stick, 3, &["foreign-row-unproven"]);
    assert_eq!((&done["files_received"], done["refused"].as_array().unwrap().len()), (&1.into(), 2), "{done}");
    fs::write(&shared, &row_bytes).unwrap();
    fs::remove_file(&renamed).unwrap();
    with(&pair.alice, &pair.stick);
    assert!(rows(&pair.alice, 0).iter().all(|(state, _)| state == "proven"));

    // An op that is altered is no op: the mailbox is damaged, and is told of as that.
    let pack = files(&pair.stick.join("mesh/ops")).pop().unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() - 5;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    assert_eq!(pair.alice.refused(&["sync", "--with", pair.stick.to_str().unwrap()]), "mesh-damaged");
}

#[test]
fn a_member_that_forks_is_shown_to_all_and_heard_no_more() {
    let pair = Pair::new();
    let twin = pair.twin();
    pair.bob.run(&["mesh", "put", "/bob", "one"]).expect(0);
    twin.run(&["mesh", "put", "/bob", "two"]).expect(0);
    with(&pair.bob, &pair.alice.vault());
    with(&twin, &pair.stick);
    with_code(&pair.alice, &pair.stick, 1, &["author-forked"]);
    assert!(findings(&pair.alice, 1).contains(&"author-forked".to_owned()));
    let proof = files(&pair.alice.vault().join("mesh/proofs")).pop().unwrap();
    let told = pair.alice.run(&["verify-equivocation", proof.to_str().unwrap()]).expect(1);
    assert!(told.out.contains("author-forked"), "{}", told.out);
    with_code(&pair.bob, &pair.alice.vault(), 1, &["author-forked"]);
    assert_eq!(pair.bob.refused(&["mesh", "put", "/bob", "three"]), "crdt-author-forked");
    assert_eq!(state(&pair.bob), state(&pair.alice));
}

#[test]
fn a_log_with_two_histories_is_proven_by_what_its_owner_shows() {
    let pair = Pair::new();
    let twin = pair.twin();
    pair.bob.tool("alpha");
    twin.tool("omega");
    for home in [&pair.bob, &twin] {
        home.run(&["mesh", "share", "--kind", "tool_invocations"]).expect(0);
    }
    with(&pair.bob, &pair.alice.vault());
    // The twin hears of the fork that it is itself, and shows its own head to alice; rows under the other head it cannot take.
    let told = ["author-forked", "forked", "foreign-row-unproven"];
    let done = with_code(&twin, &pair.alice.vault(), 1, &told);
    assert!(done["files_sent"].as_u64().unwrap() > 0);
    let codes = findings(&pair.alice, 1);
    assert!(codes.contains(&"forked".to_owned()) && codes.contains(&"author-forked".to_owned()), "{codes:?}");
    let proof = files(&pair.alice.vault().join("mesh/forks")).pop().unwrap();
    pair.alice.run(&["verify-fork", proof.to_str().unwrap(), "--key", &pair.bob.key()]).expect(1);
    // Whoever syncs with alice hears of it.
    let carol = pair.carol();
    carol.run(&["mesh", "pin", "bob.json"]).expect(0);
    with_code(&carol, &pair.alice.vault(), 1, &["author-forked", "forked"]);
    assert!(findings(&carol, 1).contains(&"forked".to_owned()));
}

/// Opens a home's vault with the library, to say what no command says.
fn open(home: &Home) -> Vault {
    let place = Place { vault: home.vault(), keys: home.path("keys") };
    Vault::open(&place, Sources::system().unwrap(), Duration::from_secs(5)).unwrap()
}

#[test]
fn two_rows_at_one_place_are_both_kept_and_contradict() {
    let pair = Pair::new();
    let alice: LedgerId =
        LedgerId::parse(pair.alice.told(0, &["doctor"])["result"]["ledger"].as_str().unwrap()).unwrap();
    let mut vault = open(&pair.bob);
    let mut mesh = vault.mesh().unwrap();
    let lie = EvidenceItem { ledger: alice, seq: 2, leaf: LeafHash::of(b"what alice never recorded") };
    let beyond = EvidenceItem { ledger: alice, seq: 999, leaf: lie.leaf };
    vault.mesh_write(&mut mesh, to_payload([lie, beyond]).unwrap()).unwrap();
    drop((mesh, vault));
    with(&pair.bob, &pair.alice.vault());
    // Alice holds it to her log.
    let told = pair.alice.told(1, &["mesh", "rows"]);
    let found: Vec<&Value> = told["findings"].as_array().unwrap().iter().collect();
    assert!(found.len() >= 2 && found.iter().all(|finding| finding["code"] == "foreign-row-conflict"), "{found:?}");
    // Bob has what alice proved and what he said himself.
    let told = pair.bob.told(1, &["mesh", "rows"]);
    let kept = told["result"]["rows"].as_array().unwrap().iter().filter(|row| row["seq"] == 2);
    let mut states: Vec<&str> = kept.map(|row| row["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["conflict", "proven"]);
}

#[test]
fn an_older_copy_of_a_mesh_does_not_write_until_it_synced() {
    let pair = Pair::new();
    let mesh = pair.bob.vault().join("mesh");
    let old = pair.bob.path("old");
    copy(&mesh, &old);
    pair.bob.run(&["mesh", "put", "/bob", "later"]).expect(0);
    with(&pair.bob, &pair.stick);
    fs::remove_dir_all(&mesh).unwrap();
    copy(&old, &mesh);
    assert_eq!(pair.bob.refused(&["mesh", "put", "/bob", "fork"]), "mesh-behind");
    // Whoever knows no more than the old copy helps nothing.
    assert_eq!(findings(&pair.bob, 3), ["replica-behind"]);
    assert_eq!(pair.bob.json(&["mesh", "get"]).expect(0).findings(), ["replica-behind"]);
    assert_eq!(with_code(&pair.bob, &pair.alice.vault(), 3, &["replica-behind"])["receipt"], Value::Null);
    assert_eq!(pair.bob.refused(&["mesh", "put", "/bob", "fork"]), "mesh-behind");
    with(&pair.bob, &pair.stick);
    pair.bob.run(&["mesh", "put", "/bob", "latest"]).expect(0);
    with(&pair.bob, &pair.alice.vault());
    assert_eq!(pair.alice.run(&["mesh", "rows"]).expect(0).code, 0, "nobody forked");
}

#[test]
fn packs_that_a_crash_left_beside_each_other_are_one_mesh() {
    let pair = Pair::new();
    for number in 0..70 {
        pair.alice.run(&["mesh", "put", &format!("/n/{number}"), "1"]).expect(0);
    }
    let ops = pair.alice.vault().join("mesh/ops");
    let packs = files(&ops);
    assert!(packs.len() < 64, "{} packs were written anew as one", packs.len());
    let before = state(&pair.alice);
    // The older packs are still there, behind and before the newer.
    fs::copy(&packs[0], ops.join("0000009998.pack")).unwrap();
    pair.alice.run(&["mesh", "put", "/last", "1"]).expect(0);
    pair.alice.run(&["mesh", "remove", "/last"]).expect(0);
    assert_eq!(state(&pair.alice), before);
    let cut = fs::read(&packs[0]).unwrap();
    fs::write(&packs[0], &cut[..cut.len() / 2]).unwrap();
    assert_eq!(pair.alice.refused(&["mesh", "show"]), "mesh-damaged");
    // Nor is a mesh begun anew over the ops of one that lost its charter.
    fs::remove_file(pair.bob.vault().join("mesh/charter.json")).unwrap();
    assert_eq!(pair.bob.refused(&["mesh", "show"]), "mesh-damaged");
    assert_eq!(pair.bob.refused(&["mesh", "create"]), "mesh-damaged");
}

#[test]
fn two_heads_that_stand_side_by_side_are_told_wherever_they_came_from() {
    let pair = Pair::new();
    let twin = pair.twin();
    for (home, name) in [(&pair.bob, "alpha"), (&twin, "omega")] {
        home.tool(name);
        home.run(&["mesh", "share"]).expect(0);
    }
    let heads = |home: &Home| files(&home.vault().join("mesh/heads"));
    let before = heads(&pair.bob);
    for head in heads(&twin) {
        let name = head.strip_prefix(twin.vault()).unwrap();
        let here = pair.bob.vault().join(name);
        if !here.exists() {
            fs::copy(&head, &here).unwrap();
        }
    }
    assert_eq!(heads(&pair.bob).len(), before.len() + 1);
    assert!(findings(&pair.bob, 1).contains(&"forked".to_owned()));
}

#[test]
fn what_all_acknowledged_is_forgotten_and_the_state_stays() {
    let Pair { alice, bob, stick } = Pair::new();
    for number in 0..6 {
        alice.run(&["mesh", "put", &format!("/n/{number}"), &"x".repeat(2_000)]).expect(0);
        alice.run(&["mesh", "put", &format!("/n/{number}"), "gone"]).expect(0);
    }
    with(&bob, &alice.vault());
    let before = state(&alice);
    bob.run(&["mesh", "ack", "-o", "bob.ack.json"]).expect(0);
    hand(&bob, &alice, "bob.ack.json");
    assert_eq!(alice.refused(&["mesh", "compact"]), "mesh-ack", "it takes the word of all");
    alice.run(&["mesh", "put", "/late", "1"]).expect(0);
    assert_eq!(alice.refused(&["mesh", "compact", "bob.ack.json"]), "mesh-ack", "of other heads");
    alice.run(&["mesh", "remove", "/late"]).expect(0);
    with(&bob, &alice.vault());
    bob.run(&["mesh", "ack", "-o", "again.json"]).expect(0);
    hand(&bob, &alice, "again.json");
    let size = |home: &Home| -> u64 {
        let packs = files(&home.vault().join("mesh/ops"));
        packs.iter().map(|pack| fs::metadata(pack).unwrap().len()).sum()
    };
    let long = size(&alice);
    alice.run(&["mesh", "compact", "again.json"]).expect(0);
    assert!(size(&alice) + 10_000 < long, "{} of {long}", size(&alice));
    assert_eq!(state(&alice), before);
    with(&bob, &alice.vault());
    assert!(size(&bob) + 10_000 < long);
    assert_eq!(state(&bob), before);
    // Whoever comes later gets the state in place of what made it.
    with(&alice, &stick);
    let carol = Pair { alice, bob, stick };
    let home = carol.carol();
    with(&home, &carol.alice.vault());
    home.run(&["mesh", "put", "/carol", "1"]).expect(0);
    with(&home, &carol.alice.vault());
    assert_eq!(state(&home), state(&carol.alice));
    assert!(rows(&home, 0).iter().all(|(state, _)| state == "proven"));
}

#[test]
fn a_backup_holds_the_mesh() {
    let Pair { alice, .. } = Pair::new();
    alice.run(&["mesh", "put", "/kept", "yes"]).expect(0);
    alice.run(&["backup", "copy"]).expect(0);
    let told = alice.told(0, &["--vault", "copy", "mesh", "get", "/kept"]);
    assert_eq!(told["result"]["leaves"][0]["value"], "yes");
    assert!(!alice.path("copy/mesh/lock").exists() || fs::metadata(alice.path("copy/mesh/lock")).unwrap().len() == 0);
}

#[test]
fn one_process_at_a_time_holds_a_mesh() {
    let Pair { alice, .. } = Pair::new();
    let lock = fs::OpenOptions::new().write(true).open(alice.vault().join("mesh/lock")).unwrap();
    lock.lock().unwrap();
    let told = alice.told(4, &["--lock-timeout", "0", "mesh", "put", "/a", "1"]);
    assert_eq!(told["error"]["code"], "mesh-busy");
    drop(lock);
    alice.run(&["mesh", "put", "/a", "1"]).expect(0);
}

/// A process that listens, and where.
fn listening(home: &Home, peers: &str) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut command = home.command();
    command.args(["--format", "json", "sync", "--listen", "127.0.0.1:0", "--peers", peers]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    (child, errors, address)
}

#[test]
fn over_a_wire_members_alone_are_answered() {
    let pair = Pair::new();
    let carol = pair.carol();
    pair.bob.run(&["mesh", "put", "/bob", "over tcp"]).expect(0);
    pair.bob.run(&["mesh", "share", "--kind", "tool_invocations"]).expect(0);
    let (child, mut errors, address) = listening(&pair.alice, "2");

    // Somebody who speaks something else, and somebody who knows the charter and is no member.
    let mut noise = TcpStream::connect(&address).unwrap();
    noise.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("mesh-frame"), "{line}");
    let stranger = Home::with_vault();
    hand(&pair.alice, &stranger, "charter.json");
    stranger.run(&["mesh", "join", "charter.json"]).expect(0);
    let told = stranger.json(&["sync", "--to", &address]);
    assert_ne!(told.code, 0);
    line.clear();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("mesh-not-member"), "{line}");
    let other = Home::with_vault();
    other.run(&["mesh", "create"]).expect(0);
    assert_ne!(other.run(&["sync", "--to", &address]).code, 0);
    line.clear();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("mesh-other-graph"), "{line}");
    // A copy of the vault that listens is not another member.
    let twin = Home::new();
    copy(&pair.alice.vault(), &twin.vault());
    copy(&pair.alice.path("keys"), &twin.path("keys"));
    assert_ne!(twin.run(&["sync", "--to", &address]).code, 0);

    for home in [&pair.bob, &carol] {
        let told = home.told(0, &["sync", "--to", &address]);
        assert_eq!(told["result"]["syncs"][0]["same"], true);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let syncs = told["result"]["syncs"].as_array().unwrap();
    assert_eq!((syncs.len(), &syncs[0]["ops_received"], &syncs[0]["files_received"]), (2, &2.into(), &2.into()));
    assert!(syncs.iter().all(|sync| sync["receipt"].is_string()));
    assert_eq!(state(&pair.alice), state(&carol));
    assert_eq!(pair.alice.refused(&["sync", "--to", "192.0.2.1:7700"]), "mesh-not-loopback");
    assert_eq!(pair.alice.refused(&["sync", "--listen", "0.0.0.0:0"]), "mesh-not-loopback");
}

#[test]
fn values_are_words_numbers_and_text() {
    let Pair { alice, .. } = Pair::new();
    for (typed, kept) in [
        ("observe", "\"observe\""),
        ("250", "250"),
        ("-2.5", "-2.5"),
        ("true", "true"),
        ("null", "null"),
        ("\"0042\"", "\"0042\""),
        ("0042", "\"0042\""),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        alice.run(&["mesh", "put", "/a~1b/c d", typed]).expect(0);
        let leaf = alice.told(0, &["mesh", "get", "/a~1b"])["result"]["leaves"][0].clone();
        assert_eq!((leaf["path"].as_str(), leaf["value"].to_string()), (Some("/a~1b/c d"), kept.to_owned()));
    }
    for bad in ["[1]", "{\"a\":1}", "9223372036854775808"] {
        assert_eq!(alice.refused(&["mesh", "put", "/a", bad]), "input", "{bad}");
    }
    assert_eq!(alice.refused(&["mesh", "put", "a", "1"]), "input");
    assert_eq!(alice.refused(&["mesh", "remove", "/nothing"]), "not-found");
}
