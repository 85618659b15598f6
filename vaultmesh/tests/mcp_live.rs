//! A public MCP client and a public server, with the recording proxy between them: both work as they do without it, and
//! every frame is in the vault. Their packages are installed by the test; where that cannot be done, it says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Packages from npm, pinned, so that the test means the same tomorrow.
const PACKAGES: [&str; 2] =
    ["@modelcontextprotocol/server-everything@2026.8.31", "@modelcontextprotocol/inspector@0.15.0"];

fn did_not_run(why: &str) {
    eprintln!("mcp_live: did not run: {why}");
}

/// Folder with the packages, kept between runs below the target folder; none where npm is missing or cannot install.
fn packages() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-live");
    let done = dir.join("installed");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == PACKAGES.join("\n")) {
        return Some(dir);
    }
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("package.json"), "{\"private\":true}").unwrap();
    let flags = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    let installed = Command::new("npm").args(flags).args(PACKAGES).current_dir(&dir).output();
    match installed {
        Ok(output) if output.status.success() => {
            fs::write(done, PACKAGES.join("\n")).unwrap();
            Some(dir)
        }
        Ok(output) => {
            did_not_run(&format!("npm install ended with {}", output.status));
            None
        }
        Err(error) => {
            did_not_run(&format!("npm: {error}"));
            None
        }
    }
}

fn vaultmesh(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaultmesh"));
    command.arg("--vault").arg(dir.join("vault")).arg("--keys").arg(dir.join("keys"));
    command
}

fn inspect(packages: &Path, server: &Path) -> Output {
    let client = packages.join("node_modules/.bin/mcp-inspector-cli");
    let call = ["--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=a-private-word"];
    Command::new(client).arg("--cli").arg(server).args(call).output().unwrap()
}

fn script(path: PathBuf, line: &str) -> PathBuf {
    fs::write(&path, format!("#!/bin/sh\nexec {line}\n")).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_public_client_and_server_work_through_the_proxy_unchanged() {
    let Some(packages) = packages() else { return };
    let dir = tempfile::tempdir().unwrap();
    assert!(vaultmesh(dir.path()).arg("init").output().unwrap().status.success());
    let entry = packages.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let server = format!("node {}", entry.display());
    let bare = inspect(&packages, &script(dir.path().join("bare.sh"), &server));
    assert!(bare.status.success(), "without the proxy: {}", String::from_utf8_lossy(&bare.stderr));

    let proxy = format!(
        "{} --vault {d}/vault --keys {d}/keys record mcp -- {server}",
        env!("CARGO_BIN_EXE_vaultmesh"),
        d = dir.path().display(),
    );
    let through = inspect(&packages, &script(dir.path().join("proxied.sh"), &proxy));
    assert!(through.status.success(), "through the proxy: {}", String::from_utf8_lossy(&through.stderr));
    assert_eq!(bare.stdout, through.stdout, "the client sees what it sees without the proxy");

    let listed = vaultmesh(dir.path()).args(["--format", "json", "query", "tools/call"]).output().unwrap();
    let rows = String::from_utf8(listed.stdout).unwrap();
    assert!(rows.contains("tools/call") && rows.contains("echo"), "{rows}");
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = fs::read(dir.path().join("vault").join(file)).unwrap_or_default();
        let word = b"a-private-word";
        assert!(!bytes.windows(word.len()).any(|part| part == word), "{file} holds an argument in the clear");
    }
    let verified = vaultmesh(dir.path()).arg("verify").output().unwrap();
    assert_eq!(verified.status.code(), Some(3), "recorded, and not yet sealed");
}
