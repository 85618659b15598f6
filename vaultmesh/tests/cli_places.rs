//! Places that a vault cannot be made or written in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod common;

use common::Home;
use serde_json::Value;

#[test]
fn an_init_that_fails_leaves_no_keys_behind() {
    let home = Home::new();
    // Nothing is there, and nothing can be made there: known only when the keys were written.
    std::os::unix::fs::symlink(home.path("nowhere/at/all"), home.path("link")).unwrap();
    let ran = home.run(&["--vault", home.path("link").to_str().unwrap(), "init"]);
    assert_ne!(ran.code, 0);
    let keys = home.path("keys");
    assert!(keys.exists(), "they were never written, so nothing was tried");
    assert_eq!(std::fs::read_dir(&keys).unwrap().count(), 0, "{:?}", common::files(&keys));
    home.run(&["init"]).expect(0);
    let kept = common::files(&keys);
    // One that is refused because a vault is there takes nothing from it.
    home.run(&["init"]).expect(2);
    assert_eq!(common::files(&keys), kept);
    home.tool("grep");
}

/// Runs in a mount namespace of its own, where the vault's folder is read-only.
#[test]
fn doctor_tells_of_a_vault_that_cannot_be_written() {
    let home = Home::with_vault();
    let check = |json: &Value| {
        let checks = json["result"]["checks"].as_array().unwrap().clone();
        let found = checks.into_iter().find(|check| check["name"] == "recording").unwrap();
        (found["state"].as_str().unwrap().to_owned(), found["found"].as_str().unwrap().to_owned())
    };
    assert_eq!(check(&home.json(&["doctor"]).expect(0).json()).0, "good");
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77; \
                  shift; exec \"$@\" --format json doctor";
    let mut command = home.command();
    let program = command.get_program().to_owned();
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    unshare.arg(home.vault()).arg(program).envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.env_clear();
    let output = unshare.output();
    match output {
        Ok(output) if output.status.code() == Some(3) => {
            let (state, found) = check(&serde_json::from_slice(&output.stdout).unwrap());
            assert_eq!(state, "bad");
            assert!(found.to_lowercase().contains("read-only"), "{found}");
        }
        Ok(output) if output.status.code() == Some(0) => panic!("a read-only vault is called good: {output:?}"),
        other => eprintln!("a read-only vault was not tried: no file system could be mounted ({other:?})"),
    }
}
