//! Witnessing by the command line: one vault cosigns another, refuses its fork, and what it refused is shown to others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;

use common::{Home, copy};

/// A log with some rows, and a witness that cosigned it once.
struct Pair {
    log: Home,
    witness: Home,
}

impl Pair {
    fn new() -> Self {
        let pair = Self { log: Home::with_vault(), witness: Home::with_vault() };
        pair.log.tool("alpha");
        pair
    }

    /// Makes a request of the vault in this folder.
    fn request(&self, vault: &str, old: u64, file: &str) {
        self.log.run(&["--vault", vault, "witness", "request", "--old", &old.to_string(), "-o", file]).expect(0);
        self.witness.write(file, fs::read(self.log.path(file)).unwrap());
    }

    /// Has a first request cosigned, and gives the size.
    fn first(&self) -> u64 {
        self.request("vault", 0, "first.txt");
        let told = self.witness.told(0, &["witness", "cosign", "first.txt", "--key", &self.log.key()]);
        told["result"]["size"].as_u64().unwrap()
    }

    /// Key by which the witness is known.
    fn vkey(&self) -> String {
        self.witness.run(&["trust", "key", "--as", "witness"]).expect(0).out.trim().to_owned()
    }
}

#[test]
fn a_vault_is_cosigned_and_its_head_counts() {
    let pair = Pair::new();
    let size = pair.first();
    pair.log.tool("beta");
    pair.request("vault", size, "next.txt");
    let line = pair.witness.run(&["witness", "cosign", "next.txt", "-o", "line.txt"]).expect(0);
    assert!(line.out.contains("wrote line.txt"), "{}", line.out);
    pair.log.write("line.txt", fs::read(pair.witness.path("line.txt")).unwrap());
    // The log goes on; the head that was cosigned is the one of the request.
    pair.log.tool("gamma");
    let witness = pair.vkey();
    let merge = ["head", "--cosignature", "line.txt", "--witness", &witness];
    assert_eq!(pair.log.refused(&merge), "cosignature-signature");
    pair.log.run(&[&merge[..], &["--head", "next.txt", "-o", "head.txt"]].concat()).expect(0);
    let head = fs::read_to_string(pair.log.path("head.txt")).unwrap();
    assert_eq!(head.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2, "{head}");
    let other = Home::with_vault().run(&["trust", "key", "--as", "witness"]).expect(0).out;
    let strange = ["head", "--cosignature", "line.txt", "--witness", other.trim(), "--head", "next.txt"];
    assert_eq!(pair.log.refused(&strange), "witness-none-named");

    let trust = pair.log.run(&["trust", "show"]).expect(0).out;
    let named = |quorum: u32, keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        format!("{trust}\n[witnesses]\nquorum = {quorum}\nkeys = [{}]\n", keys.join(", "))
    };
    pair.log.write("trust.toml", named(1, &[&witness]));
    pair.log.write("two.toml", named(2, &[&witness, other.trim()]));
    pair.log.write("none.toml", named(0, &[&witness]));
    pair.log.run(&["seal", "create"]).expect(0);
    pair.log.run(&["head", "--tiles", "log"]).expect(0);
    for verify in [&["verify"][..], &["verify-tiles", "log"]] {
        let findings = |trust: &str, head: &[&str]| {
            let ran = pair.log.json(&[verify, &["--trust", trust], head].concat());
            ran.findings()
                .into_iter()
                .filter(|code| code.contains("witness") || code.contains("cosign"))
                .collect::<Vec<_>>()
        };
        assert!(findings("trust.toml", &["--head", "head.txt"]).is_empty());
        assert_eq!(findings("two.toml", &["--head", "head.txt"]), ["witnesses-unmet"]);
        assert_eq!(findings("trust.toml", &[]), ["witnesses-unmet"]);
        pair.log.run(&["head", "-o", "plain.txt"]);
        assert_eq!(findings("trust.toml", &["--head", "plain.txt"]), ["witnesses-unmet"]);
        let at = head.rfind('=').map_or(head.len() - 4, |at| at - 6);
        let mut spoilt = head.clone().into_bytes();
        spoilt[at] = if spoilt[at] == b'A' { b'B' } else { b'A' };
        pair.log.write("spoilt.txt", spoilt);
        let found = findings("trust.toml", &["--head", "spoilt.txt"]);
        assert_eq!(found.first().map(String::as_str), Some("cosignature-invalid"));
        assert_eq!(pair.log.refused(&[verify, &["--trust", "none.toml"]].concat()), "trust-malformed");
    }
    // Where tiles, head and witness hold nothing is left open.
    pair.log.run(&["verify-tiles", "log", "--trust", "trust.toml", "--head", "head.txt"]).expect(0);
    // The witness's own vault says that it kept to the rules.
    let checks = pair.witness.json(&["verify"]).json()["checks"].to_string();
    assert!(checks.contains("checkpoints that this vault cosigned: 2"), "{checks}");
}

#[test]
fn a_fork_is_refused_and_proven() {
    let pair = Pair::new();
    // A log of a power of two is named by its root alone; any other shows the fork by the request itself.
    while (pair.log.log_size() + 1).is_power_of_two() {
        pair.log.tool("more");
    }
    copy(&pair.log.vault(), &pair.log.path("other"));
    pair.log.tool("beta");
    pair.log.run(&["--vault", "other", "record", "tool", "another"]).expect(0);
    pair.log.run(&["--vault", "other", "record", "tool", "one more"]).expect(0);
    let size = pair.first();
    let key = pair.log.key();
    let before = pair.witness.log_size();
    pair.request("other", 0, "none.txt");
    // Not the recorded size: the request is no proof, and is refused all the same.
    assert_eq!(pair.witness.refused(&["witness", "cosign", "none.txt", "--fork", "none.json"]), "witness-conflict");
    assert!(!pair.witness.path("none.json").exists());
    pair.request("other", size, "fork.txt");
    let ran = pair.witness.json(&["witness", "cosign", "fork.txt", "--fork", "fork.json"]).expect(1);
    assert_eq!(ran.findings(), ["forked"]);
    assert_eq!(pair.witness.log_size(), before, "nothing was recorded");
    let elsewhere = Home::new();
    let proof = fs::read(pair.witness.path("fork.json")).unwrap();
    elsewhere.write("fork.json", &proof);
    let judged = elsewhere.json(&["verify-fork", "fork.json", "--key", &key]).expect(1);
    assert_eq!(judged.findings(), ["forked"]);
    assert_eq!(judged.json()["result"]["sizes"], serde_json::json!([size, size + 1]));
    assert_eq!(elsewhere.json(&["verify-fork", "fork.json"]).expect(3).findings(), ["no-trust-key"]);
    let stranger = Home::with_vault().key();
    assert_eq!(
        elsewhere.json(&["verify-fork", "fork.json", "--key", &stranger]).expect(3).findings(),
        ["fork-unproven"]
    );
    elsewhere.write("bad.json", &proof[1..]);
    assert_eq!(elsewhere.refused(&["verify-fork", "bad.json", "--key", &key]), "fork-json");
    // The log itself goes on, and is cosigned.
    pair.log.tool("gamma");
    pair.request("vault", size, "next.txt");
    pair.witness.run(&["witness", "cosign", "next.txt"]).expect(0);
}

/// Of a log that had a power of two entries the request does not show what its past is said to be; whoever has the fork does.
#[test]
fn a_fork_that_does_not_show_is_refused_all_the_same() {
    let pair = Pair::new();
    while !(pair.log.log_size() + 1).is_power_of_two() {
        pair.log.tool("more");
    }
    copy(&pair.log.vault(), &pair.log.path("other"));
    pair.log.tool("beta");
    let size = pair.first();
    pair.log.run(&["--vault", "other", "record", "tool", "another"]).expect(0);
    pair.request("other", size, "same.txt");
    assert_eq!(pair.witness.json(&["witness", "cosign", "same.txt"]).expect(1).findings(), ["forked"]);
    pair.log.run(&["--vault", "other", "record", "tool", "one more"]).expect(0);
    pair.request("other", size, "later.txt");
    assert_eq!(pair.witness.refused(&["witness", "cosign", "later.txt"]), "witness-inconsistent");
    pair.log.run(&["head", "-o", "head.txt"]).expect(0);
    pair.log.run(&["--vault", "other", "prove", "fork", "head.txt", "-o", "fork.json"]).expect(0);
    pair.log.run(&["verify-fork", "fork.json", "--key", &pair.log.key()]).expect(1);
}

#[test]
fn a_vault_proves_that_it_is_not_the_one_of_a_head() {
    let pair = Pair::new();
    copy(&pair.log.vault(), &pair.log.path("other"));
    pair.log.tool("beta");
    pair.log.run(&["head", "-o", "head.txt"]).expect(0);
    let size = pair.log.log_size();
    let prove = ["--vault", "other", "prove", "fork", "head.txt"];
    assert_eq!(pair.log.refused(&prove), "witness-old-beyond");
    pair.log.run(&["--vault", "other", "record", "tool", "another"]).expect(0);
    for (file, sizes) in [("same.json", [size, size]), ("later.json", [size, size + 1])] {
        pair.log.run(&[&prove[..], &["-o", file]].concat()).expect(0);
        let judged = pair.log.json(&["verify-fork", file, "--key", &pair.log.key()]).expect(1).json();
        assert_eq!(judged["result"]["sizes"], serde_json::json!(sizes), "{file}");
        pair.log.run(&["--vault", "other", "record", "tool", "one more"]).expect(0);
    }
    // What grew did not fork.
    assert_eq!(pair.log.refused(&["prove", "fork", "head.txt"]), "fork-same-root");
    pair.log.tool("gamma");
    assert_eq!(pair.log.refused(&["prove", "fork", "head.txt"]), "fork-same-root");
    let foreign = Home::with_vault();
    foreign.write("head.txt", fs::read(pair.log.path("head.txt")).unwrap());
    assert_eq!(foreign.refused(&["prove", "fork", "head.txt"]), "checkpoint-note");
}

#[test]
fn what_is_refused_is_named_and_writes_nothing() {
    let pair = Pair::new();
    pair.request("vault", 0, "first.txt");
    assert_eq!(pair.witness.refused(&["witness", "cosign", "first.txt"]), "witness-no-key");
    let stranger = Home::with_vault().key();
    assert_eq!(pair.witness.refused(&["witness", "cosign", "first.txt", "--key", &stranger]), "witness-unknown-log");
    pair.witness.write("bad.txt", "old 00\n\n");
    assert_eq!(pair.witness.refused(&["witness", "cosign", "bad.txt"]), "add-checkpoint-old");
    let told = pair.witness.told(0, &["witness", "cosign", "first.txt", "--key", &pair.log.key()]);
    let size = told["result"]["size"].as_u64().unwrap();
    let before = pair.witness.log_size();
    pair.log.tool("beta");
    pair.request("vault", size - 1, "late.txt");
    let told = pair.witness.json(&["witness", "cosign", "late.txt"]).expect(2).json();
    assert_eq!(told["error"]["code"], "witness-conflict");
    assert!(told["error"]["message"].as_str().unwrap().contains(&size.to_string()), "{told}");
    assert_eq!(pair.log.refused(&["witness", "request", "--old", "999"]), "witness-old-beyond");
    let forged =
        fs::read_to_string(pair.log.path("late.txt")).unwrap().replace("\u{2014} vaultmesh/", "\u{2014} elsewhere/");
    pair.witness.write("forged.txt", forged);
    assert_eq!(pair.witness.refused(&["witness", "cosign", "forged.txt"]), "witness-not-signed");
    assert_eq!(pair.witness.log_size(), before);
    // The same checkpoint again is cosigned anew: with a later time.
    pair.request("vault", size, "again.txt");
    pair.witness.run(&["witness", "cosign", "again.txt"]).expect(0);
}

/// Of several at once on one checkpoint and its fork, none cosigns what excludes what another cosigned.
#[test]
fn writers_at_once_cosign_one_history() {
    let pair = Pair::new();
    copy(&pair.log.vault(), &pair.log.path("other"));
    let size = pair.first();
    pair.log.tool("beta");
    pair.log.run(&["--vault", "other", "record", "tool", "another"]).expect(0);
    pair.request("vault", size, "one.txt");
    pair.request("other", size, "other.txt");
    let start = |file: &str| {
        let mut command = pair.witness.command();
        command
            .args(["witness", "cosign", file])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let mut running: Vec<_> = (0..6).map(|n| start(if n % 2 == 0 { "one.txt" } else { "other.txt" })).collect();
    let codes: Vec<bool> = running.iter_mut().map(|child| child.wait().unwrap().success()).collect();
    let (even, odd): (Vec<_>, Vec<_>) = codes.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let any = |codes: &[(usize, &bool)]| codes.iter().any(|(_, done)| **done);
    assert!(any(&even) != any(&odd), "{codes:?}");
    let found = pair.witness.json(&["verify"]).findings();
    assert!(!found.contains(&"witness-broken".to_owned()), "{found:?}");
}
