//! `docs/cli.md` is what `--help` says. Run with `VAULTMESH_WRITE_DOCS=1` to write it again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vaultmesh")).args(path).arg("--help").output().unwrap();
    assert!(output.status.success(), "{path:?} --help failed");
    String::from_utf8(output.stdout).unwrap()
}

/// Names listed under `Commands:`, without `help`.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn write_page(path: &mut Vec<String>, page: &mut String) {
    let text = help(path);
    let title = ["vaultmesh"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let _ = write!(page, "\n## {title}\n\n```text\n{}\n```\n", text.trim_end());
    for name in subcommands(&text) {
        path.push(name);
        write_page(path, page);
        path.pop();
    }
}

#[test]
fn the_page_is_what_help_says() {
    let mut page = String::from(
        "# The command line\n\nThis page is what `--help` says; \
         `VAULTMESH_WRITE_DOCS=1 cargo test -p vaultmesh --test cli_docs` writes it again.\n",
    );
    write_page(&mut Vec::new(), &mut page);
    // Lines end where their text does, so that editors leave the page as it is.
    let page: String = page.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    if std::env::var_os("VAULTMESH_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/cli.md is stale; run with VAULTMESH_WRITE_DOCS=1");
}

#[test]
fn every_command_of_the_grammar_is_there() {
    let top = subcommands(&help(&[]));
    for name in [
        "init",
        "record",
        "rune",
        "scroll",
        "query",
        "list",
        "show",
        "seal",
        "anchor",
        "gate",
        "propose",
        "replay",
        "approve",
        "withhold",
        "execute",
        "proposals",
        "epoch",
        "verify",
        "head",
        "prove",
        "export",
        "forecast",
        "import",
        "verify-bundle",
        "verify-proof",
        "verify-tiles",
        "doctor",
        "grant",
        "revoke",
        "tokens",
        "guard",
        "completions",
        "man",
        "demo",
    ] {
        assert!(top.contains(&name.to_owned()), "no {name}");
    }
    for (name, inner) in [
        ("record", &["tool", "mcp", "artifact", "deploy", "shadow", "signal"][..]),
        ("rune", &["put", "show"]),
        ("scroll", &["append", "adopt", "verify"]),
        ("seal", &["create", "verify", "attest"]),
        ("gate", &["policy", "recover"]),
        ("epoch", &["show", "change"]),
        ("trust", &["show", "key", "record", "block"]),
        ("anchor", &["add", "upgrade", "payload", "pack", "inspect", "verify"]),
    ] {
        let found = subcommands(&help(&[name.to_owned()]));
        assert_eq!(found, inner, "{name}");
    }
}
