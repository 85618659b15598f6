//! Exit codes: 0 done or verified, 1 contradicted, 2 usage or malformed input, 3 undecided, 4 the machine failed.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::Home;
use serde_json::Value;

/// A vault that verifies: recorded, sealed, anchored locally, with key, head and trust file outside.
fn anchored() -> (Home, Vec<String>) {
    let home = Home::with_vault();
    home.tool("alpha");
    home.run(&["scroll", "append", "console", "--event", "{\"n\":1}"]).expect(0);
    let seal = home.json(&["seal", "create"]).expect(0).json();
    let seal = seal["result"]["seal_id"].as_str().unwrap().to_owned();
    let added = home.json(&["anchor", "add", &seal, "--local"]).expect(0);
    assert!(added.findings().contains(&"anchor-not-independent".to_owned()), "{}", added.out);
    home.run(&["head", "--output", "head.txt"]).expect(0);
    home.run(&["trust", "show", "--output", "trust.toml"]).expect(0);
    let args = ["verify", "--key", &home.key(), "--head", "head.txt", "--trust", "trust.toml"].map(str::to_owned);
    (home, args.to_vec())
}

fn without<'a>(args: &'a [String], option: &str) -> Vec<&'a str> {
    let at = args.iter().position(|arg| arg == option).unwrap();
    args.iter().enumerate().filter(|(n, _)| *n != at && *n != at + 1).map(|(_, arg)| arg.as_str()).collect()
}

#[test]
fn verified_is_zero_and_each_thing_missing_is_named() {
    let (home, args) = anchored();
    let all: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = home.json(&all).expect(0);
    assert_eq!(ran.json()["verdict"], "verified");
    let human = home.run(&all).expect(0).out;
    assert!(human.contains("verified: ") && human.contains("anchor-not-independent"), "{human}");

    let no_head = home.json(&without(&args, "--head")).expect(3);
    assert_eq!(no_head.json()["verdict"], "undecided");
    assert!(no_head.findings().contains(&"rollback-not-excluded".to_owned()));
    let no_trust = home.json(&without(&args, "--trust")).expect(3).findings();
    assert!(no_trust.contains(&"seal-unanchored".to_owned()), "{no_trust:?}");
    let other = Home::with_vault().key();
    let two_keys = home.json(&["verify", "--key", &other, "--trust", "trust.toml"]).expect(2);
    assert_eq!(two_keys.json()["error"]["code"], "usage");
    // The trust file names the key too; without both there is none.
    let no_key = home.json(&["verify", "--head", "head.txt"]).expect(3).findings();
    assert!(no_key.contains(&"no-trust-key".to_owned()), "{no_key:?}");

    home.tool("after the seal");
    let later = home.json(&all).expect(3).findings();
    assert!(later.contains(&"rows-unsealed".to_owned()), "{later:?}");
}

#[test]
fn contradicted_is_one() {
    let (home, args) = anchored();
    let all: Vec<&str> = args.iter().map(String::as_str).collect();
    let seals = common::files(&home.path("vault/seals"));
    let text = std::fs::read_to_string(&seals[0]).unwrap();
    std::fs::write(&seals[0], text.replacen("time_window", "time_windoW", 1)).unwrap();
    let ran = home.json(&all).expect(1);
    assert_eq!(ran.json()["verdict"], "contradicted");
    assert_eq!(ran.json()["exit_code"], 1);
    std::fs::write(&seals[0], text).unwrap();
    home.run(&all).expect(0);

    let scroll = home.path("vault/receipts/console/ENGINE_EVENTS.jsonl");
    let mut bytes = std::fs::read(&scroll).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&scroll, bytes).unwrap();
    let found = home.json(&all).expect(1).findings();
    assert!(found.contains(&"scroll-altered".to_owned()), "{found:?}");
}

#[test]
fn an_empty_vault_is_undecided() {
    let home = Home::with_vault();
    let found = home.json(&["verify"]).expect(3).findings();
    for code in ["seal-missing", "no-trust-key", "rollback-not-excluded"] {
        assert!(found.contains(&code.to_owned()), "{code} not in {found:?}");
    }
}

#[test]
fn a_scroll_verifies_with_the_database_deleted() {
    let (home, _) = anchored();
    let key = home.key();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(home.path("vault").join(name));
    }
    home.run(&["list"]).expect(2);
    home.run(&["scroll", "verify", "console", "--key", &key]).expect(0);
    home.run(&["scroll", "verify", "--key", &key]).expect(0);
    home.run(&["scroll", "verify", "--trust", "trust.toml"]).expect(0);
    let found = home.json(&["scroll", "verify"]).expect(3).findings();
    assert_eq!(found, ["no-trust-key"]);
    let missing = home.json(&["scroll", "verify", "nobody", "--key", &key]);
    assert_ne!(missing.code, 0, "{}", missing.out);

    let scroll = home.path("vault/receipts/console/ENGINE_EVENTS.jsonl");
    std::fs::write(&scroll, b"").unwrap();
    let cut = home.json(&["scroll", "verify", "--key", &key]).expect(1).findings();
    assert!(cut.contains(&"tail-cut".to_owned()), "{cut:?}");
}

#[test]
fn no_vault_is_usage() {
    let home = Home::new();
    for args in [&["list"][..], &["verify"], &["record", "tool", "x"], &["seal", "create"], &["head"]] {
        let ran = home.json(args).expect(2);
        assert_eq!(ran.json()["error"]["code"], "vault-absent", "{args:?}");
    }
    home.run(&["init"]).expect(0);
    let again = home.json(&["init"]).expect(2);
    assert!(again.json()["error"]["code"].as_str().unwrap().contains("not-empty"), "{}", again.out);
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let home = Home::with_vault();
    home.write("kept.txt", "kept");
    let row = home.tool("alpha");
    for args in
        [&["head", "--output", "kept.txt"][..], &["export", "--output", "kept.txt"], &["prove", &row, "-o", "kept.txt"]]
    {
        let ran = home.json(args).expect(2);
        assert_eq!(ran.json()["error"]["code"], "file-exists", "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(home.path("kept.txt")).unwrap(), "kept");
}

#[test]
fn a_second_writer_waits_and_then_names_the_first() {
    use std::io::Write as _;
    let home = Home::with_vault();
    let size = home.log_size();
    let mut lock = std::fs::OpenOptions::new().read(true).write(true).open(home.path("vault/ledger.lock")).unwrap();
    lock.lock().unwrap();
    lock.set_len(0).unwrap();
    lock.write_all(b"pid 4711\ncommand vaultmesh record mcp\nsince 2026-01-02T03:04:05.000006Z\n").unwrap();
    let begun = std::time::Instant::now();
    let ran = home.json(&["--lock-timeout", "1", "record", "tool", "x"]).expect(4);
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
    let json = ran.json();
    assert_eq!(json["error"]["code"], "ledger-locked");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains("process 4711") && message.contains("record mcp"), "{message}");
    assert!(json["error"]["remedy"].as_str().unwrap().contains("--lock-timeout"));
    drop(lock);
    assert_eq!(home.log_size(), size);
    home.run(&["--lock-timeout", "1", "record", "tool", "x"]).expect(0);
}

#[cfg(unix)]
#[test]
fn a_vault_that_may_not_be_written_is_the_machines_fault() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_vault();
    let probe = home.write("probe", "x");
    std::fs::set_permissions(&probe, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&probe).is_ok() {
        eprintln!("this user may read everything; permissions were not tried");
        return;
    }
    let ran = home.json(&["record", "tool", "--jsonl", "probe"]).expect(4);
    assert_eq!(ran.json()["error"]["code"], "file");
}

#[test]
fn a_key_open_to_others_is_refused() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let home = Home::with_vault();
        let key = common::files(&home.path("keys")).into_iter().find(|path| path.ends_with("log.key")).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let json = home.json(&["record", "tool", "x"]).expect(2).json();
        assert_eq!(json["error"]["code"], "key-open");
        home.run(&["doctor"]).expect(3);
        // Reading needs no key.
        home.run(&["list"]).expect(0);
    }
}

#[test]
fn doctor_says_where_settings_come_from() {
    let home = Home::with_vault();
    let origin = |json: &Value, name: &str| {
        let settings = json["result"]["settings"].as_array().unwrap();
        let found = settings.iter().find(|setting| setting["name"] == name).unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["origin"].as_str().unwrap().to_owned())
    };
    let json = home.json(&["doctor"]).expect(0).json();
    assert_eq!(origin(&json, "vault").1, "env");
    assert_eq!(origin(&json, "lock_timeout_seconds"), ("5".to_owned(), "default".to_owned()));
    home.write(
        "vault/config.toml",
        "format = \"vm-config-v0\"\nlock_timeout_seconds = 9\n\n[[tsa]]\nname = \"one\"\nurl = \"http://tsa.example\"\n\
         root = \"trust/one.pem\"\n",
    );
    let json = home.json(&["doctor"]).expect(0).json();
    assert_eq!(origin(&json, "lock_timeout_seconds"), ("9".to_owned(), "file".to_owned()));
    assert_eq!(origin(&json, "tsa").1, "file");
    let json = home.json(&["doctor", "--lock-timeout", "3", "--vault", "vault"]).expect(0).json();
    assert_eq!(origin(&json, "lock_timeout_seconds"), ("3".to_owned(), "flag".to_owned()));
    assert_eq!(origin(&json, "vault"), ("vault".to_owned(), "flag".to_owned()));
    let output = home
        .command()
        .env_remove("VAULTMESH_VAULT")
        .env_remove("VAULTMESH_KEYS")
        .args(["--format", "json", "doctor"])
        .output();
    let json: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let (value, from) = origin(&json, "vault");
    assert!(
        from == "default" && value.ends_with("vaultmesh/vault") && value.starts_with(home.path("").to_str().unwrap()),
        "{value}"
    );

    home.write("vault/config.toml", "format = \"vm-config-v0\"\nlock_timout_seconds = 9\n");
    let ran = home.json(&["record", "tool", "x"]).expect(2);
    assert_eq!(ran.json()["error"]["code"], "config-malformed");
    assert!(ran.out.contains("lock_timout_seconds"), "{}", ran.out);
    home.run(&["doctor"]).expect(3);
}

#[test]
fn an_authority_that_cannot_be_reached_is_the_machines_fault() {
    let home = Home::with_vault();
    let seal = home.json(&["seal", "create"]).expect(0).json()["result"]["seal_id"].as_str().unwrap().to_owned();
    let size = home.log_size();
    // A port that was free a moment ago: nobody answers there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/tsr");
    let json = home.json(&["anchor", "add", &seal, "--tsa", &url, "--tries", "1"]).expect(4).json();
    assert_eq!(json["error"]["code"], "client-unreachable");
    home.run(&["anchor", "add", &seal, "--tsa", "no-such-name"]).expect(2);
    home.write("token.tst", "no token");
    let json = home.json(&["anchor", "add", &seal, "--token", "token.tst"]).expect(2).json();
    assert_eq!(json["error"]["code"], "anchor-refused");
    assert_eq!(home.log_size(), size + 2, "what was announced, and the attempt");
}

#[test]
fn a_seal_over_no_row_is_made_only_where_it_is_asked_for() {
    let home = Home::with_vault();
    let size = home.log_size();
    let nothing = ["seal", "create", "--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z"];
    let ran = home.json(&nothing).expect(2);
    assert_eq!(ran.json()["error"]["code"], "seal-empty");
    assert!(ran.json()["error"]["remedy"].as_str().unwrap().contains("--allow-empty"));
    let unknown = ["seal", "create", "--trace", "01900000-0000-7000-8000-0000000000ff"];
    assert_eq!(home.json(&unknown).expect(2).json()["error"]["code"], "seal-empty");
    assert_eq!(home.log_size(), size, "nothing was recorded");
    assert!(!home.path("vault/seals").exists());
    let ran = home.json(&[&nothing[..], &["--allow-empty"]].concat()).expect(0);
    assert_eq!(ran.json()["result"]["leaves"], 0);
    // The announcement of indexes, the index, and the seal.
    assert_eq!(home.log_size(), size + 3);
    home.json(&[&nothing[..], &["--allow-empty", "--without-index"]].concat()).expect(0);
    assert_eq!(home.log_size(), size + 4);
}

#[test]
fn a_seal_that_trusts_stored_leaves_says_so_and_is_contradicted_where_they_lie() {
    let home = Home::with_vault();
    home.run(&["record", "tool", "grep", "--input", "{}"]).expect(0);
    let hashed = home.json(&["seal", "create", "--kind", "tool_invocations"]).expect(0).json();
    let trusted =
        home.json(&["seal", "create", "--kind", "tool_invocations", "--trust-stored-leaves"]).expect(0).json();
    assert_eq!((&hashed["result"]["rows_hashed"], &trusted["result"]["rows_hashed"]), (&true.into(), &false.into()));
    assert_eq!(hashed["result"]["digest"], trusted["result"]["digest"]);
    vm_ledger::hazmat::execute(&home.path("vault"), "UPDATE tool_invocations SET tool = 'other'").unwrap();
    let refused = home.json(&["seal", "create", "--kind", "tool_invocations"]).expect(2).json();
    assert_eq!(refused["error"]["code"], "seal-row-altered");
    let ran = home.run(&["seal", "create", "--kind", "tool_invocations", "--trust-stored-leaves"]).expect(0);
    assert!(ran.out.contains("No row was hashed again"), "{}", ran.out);
    home.run(&["seal", "verify", trusted["result"]["seal_id"].as_str().unwrap()]).expect(1);
}
