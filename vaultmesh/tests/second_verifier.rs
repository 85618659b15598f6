//! The second verifier, `docs/verify.py`, against the exports of this build and against logs that it was never written for.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

/// Writes the classes of its tests, one a line.
const CLASSES: &str = "\
import sys, unittest
def tests(suite):
    for test in suite:
        yield from tests(test) if isinstance(test, unittest.TestSuite) else [test]
for name in sorted({test.id().rpartition('.')[0] for test in tests(unittest.defaultTestLoader.discover(sys.argv[1]))}):
    print(name)
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python")
}

fn python(arguments: &[&str]) -> Output {
    let mut python = Command::new("python3");
    python.arg("-B").args(arguments).current_dir(folder()).env("VAULTMESH_BIN", env!("CARGO_BIN_EXE_vaultmesh"));
    python.stdin(Stdio::null()).output().unwrap()
}

/// Each class of tests is a process of its own, as many at a time as there are processors: Python uses one.
#[test]
fn both_verifiers_agree() {
    let python3 = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !python3.is_ok_and(|status| status.success()) {
        // The gate installs it: there, what did not run has not passed.
        assert!(std::env::var_os("CI").is_none(), "the tests of docs/verify.py did not run: there is no python3");
        eprintln!("the tests of docs/verify.py did not run: there is no python3");
        return;
    }
    let listed = python(&["-c", CLASSES, folder().to_str().unwrap()]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    // A file that does not load is a class too, whose only test fails.
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for file in files.filter(|name| name.starts_with("test_")) {
        let module = file.trim_end_matches(".py");
        assert!(listed.contains(module), "{module} has no tests");
    }
    let classes = Mutex::new(listed.lines());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(class) = { classes.lock().unwrap().next() } {
                    let ran = python(&["-m", "unittest", class]);
                    let said = String::from_utf8_lossy(&ran.stderr);
                    assert!(ran.status.success(), "{class}: {said}");
                    // What was skipped was not shown.
                    let whole = said.contains("\nRan ") && said.trim_end().ends_with("OK");
                    assert!(whole && !said.contains("\nRan 0 "), "{class}: {said}");
                }
            });
        }
    });
}
