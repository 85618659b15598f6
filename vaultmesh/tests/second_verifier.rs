//! The second verifier, `docs/verify.py`, against the exports of this build and against logs that it was never written for.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn both_verifiers_agree() {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        // The gate installs it: there, what did not run has not passed.
        assert!(std::env::var_os("CI").is_none(), "the tests of docs/verify.py did not run: there is no python3");
        eprintln!("the tests of docs/verify.py did not run: there is no python3");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let ran = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s"])
        .arg(&tests)
        .env("VAULTMESH_BIN", env!("CARGO_BIN_EXE_vaultmesh"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    // What was skipped was not shown.
    assert!(said.contains("\nRan ") && said.trim_end().ends_with("OK"), "{said}");
}
