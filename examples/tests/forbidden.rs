//! Forbidden roads: what a forecaster, a guardian or whoever proposes is given does not lead to a permit, a journal or an
//! execution. Each program in `*/tests/forbidden` must be refused by the compiler, in the words beside it.
//!
//! ```text
//! VAULTMESH_WRITE_FORBIDDEN=1 cargo test -p vaultmesh-examples --test forbidden
//! ```
//!
//! They are compiled against the libraries that `cargo test` has just built. A build of their own, one for each crate, took longer
//! than all that they check.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
// So that a build of this test alone brings all that the programs name.
use {serde as _, vm_autogene as _, vm_core as _, vm_dee as _, vm_guardian as _, vm_seal as _};

/// Whose forbidden roads there are.
const CRATES: [&str; 3] = ["vm-autogene", "vm-dee", "vm-guardian"];
/// What the programs name.
const NAMED: [&str; 6] = ["serde", "vm_autogene", "vm_core", "vm_dee", "vm_guardian", "vm_seal"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The library of each crate that is named. Asked for as the whole workspace is tested, so that after `cargo test --workspace`
/// nothing is left to build.
fn libraries() -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).stdin(Stdio::null());
    cargo.args(["test", "--workspace", "--test", "forbidden", "--no-run", "--quiet", "--offline"]);
    cargo.arg("--message-format=json").args((!cfg!(debug_assertions)).then_some("--release"));
    // What cargo tells this test about its package would make others look changed.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut libraries = BTreeMap::new();
    for message in String::from_utf8(built.stdout).unwrap().lines() {
        let message: Value = serde_json::from_str(message).unwrap();
        let Some(name) = NAMED.into_iter().find(|name| message["target"]["name"] == *name) else { continue };
        // Build scripts have one without macros, too.
        let features = message["features"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if name == "serde" && !features.into_iter().any(|feature| feature == "derive") {
            continue;
        }
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(library) = files.into_iter().find(|file| file.ends_with(".rlib")) {
            let twice = libraries.insert(name.to_owned(), PathBuf::from(library));
            assert_eq!(twice, None, "{name} is there twice");
        }
    }
    assert_eq!(libraries.len(), NAMED.len(), "{libraries:?}");
    libraries
}

/// What the compiler says, without places in the libraries, which move with every change of them, and without the room that is left for
/// the numbers of their lines.
fn without_places(said: &str, program: &Path) -> String {
    let (own, mut words, mut is_own) = (program.display().to_string(), String::new(), true);
    for line in said.lines() {
        let mut line = line.trim_start();
        if let Some((_, after)) = line.split_once(' ').filter(|(arrow, _)| matches!(*arrow, "-->" | ":::")) {
            is_own = after.starts_with(&own);
            let end = if is_own { line.len() } else { line.find(".rs:").map_or(line.len(), |at| at + 3) };
            line = &line[..end];
        } else if !is_own {
            line = line.trim_start_matches(|char: char| char.is_ascii_digit()).trim_start();
        }
        words.push_str(line.trim_end());
        words.push('\n');
    }
    words
}

/// What the compiler says to the program, and whether it took it.
fn compile(program: &Path, libraries: &BTreeMap<String, PathBuf>) -> (bool, String) {
    let out = tempfile::tempdir().unwrap();
    let mut rustc = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    rustc.current_dir(root()).stdin(Stdio::null());
    rustc.args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--diagnostic-width=140", "--allow=warnings"]);
    for (name, library) in libraries {
        rustc.arg("--extern").arg(format!("{name}={}", library.display()));
        rustc.arg(format!("-Ldependency={}", library.parent().unwrap().display()));
    }
    let ran = rustc.arg("--out-dir").arg(out.path()).arg(program).output().unwrap();
    (ran.status.success(), without_places(&String::from_utf8(ran.stderr).unwrap(), program))
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| folder.join(entry.unwrap().file_name()));
    let mut programs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    programs.sort();
    assert!(!programs.is_empty(), "{} has no programs", folder.display());
    programs
}

#[test]
fn forbidden_roads_do_not_compile() {
    let libraries = libraries();
    let mut faults = Vec::new();
    for program in CRATES.iter().flat_map(|name| programs(&Path::new(name).join("tests/forbidden"))) {
        let words = root().join(program.with_extension("stderr"));
        let (taken, said) = compile(&program, &libraries);
        if taken {
            faults.push(format!("{} compiles", program.display()));
        } else if std::env::var_os("VAULTMESH_WRITE_FORBIDDEN").is_some() {
            fs::write(&words, said).unwrap();
        } else if fs::read_to_string(&words).ok().as_deref() != Some(said.as_str()) {
            faults.push(format!("{} is refused in other words than {}:\n{said}", program.display(), words.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// That they are refused for what they do, and not for how they are compiled.
#[test]
fn a_program_that_does_nothing_forbidden_compiles() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("allowed.rs");
    let uses: String = NAMED.iter().map(|name| format!("use {name} as _;\n")).collect();
    fs::write(&program, format!("{uses}fn main() {{}}\n")).unwrap();
    let (taken, said) = compile(&program, &libraries());
    assert!(taken, "{said}");
}
