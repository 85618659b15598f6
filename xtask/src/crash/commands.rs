//! The commands that are disturbed, each with a site that it works on and what it leads to.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::crash::Part;
use crate::crash::memory::Memory;
use crate::crash::site::{Answer, Site, remove};
use crate::error::Failure;

/// A command, where it is run, and what is known before and after it.
pub(super) struct Scenario {
    pub(super) args: Vec<String>,
    /// Copied for each try.
    pub(super) site: Site,
    /// What was acknowledged before.
    pub(super) before: Memory,
    /// What is acknowledged by success alone, without being said.
    after: Memory,
    /// Errors of the next try that say that the first one had come far enough.
    pub(super) stands: &'static [&'static str],
    /// An error of the next try, and the command that its remedy names.
    pub(super) help: Option<(&'static str, &'static [&'static str])>,
}

impl Scenario {
    fn new(site: &Site, before: &Memory, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { args, site: site.clone(), before: before.clone(), after: Memory::default(), stands: &[], help: None }
    }

    pub(super) fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// Takes in that the command succeeded.
    pub(super) fn succeed(&self, site: &mut Site, answer: &Answer, memory: &mut Memory) {
        memory.merge(self.after.clone());
        if self.args == ["init"] {
            site.take_key(answer);
        }
    }
}

/// Makes a vault with some of everything, and the commands to be disturbed on it.
pub(super) fn scenarios(part: &mut Part) -> Result<Vec<Scenario>, Failure> {
    let site = Site::init(part.binary(), &part.dir().join("full"))?;
    let lines: String = (0..40).map(|n| format!("{{\"tool\":\"t{n}\",\"output\":{{\"n\":{n}}}}}\n")).collect();
    put(&site, "in/lines", lines.as_bytes())?;
    put(&site, "in/decision", b"{\"format\":\"note\",\"n\":1}")?;
    put(&site, "in/report", &[7; 10_000])?;
    put(&site, "in/other", &[8; 10_000])?;
    put(&site, "vault/loose/log", b"ran")?;
    let mut memory = Memory::default();
    let mut hear = |args: &[&str]| {
        let answer = site.must(args, None)?;
        memory.hear(&answer.out);
        Ok::<_, Failure>(answer.envelope())
    };
    hear(&["record", "tool", "--jsonl", "in/lines"])?;
    hear(&["record", "artifact", "report", "--file", "in/report"])?;
    hear(&["scroll", "append", "planner", "--event", "{\"n\":1}"])?;
    let sealed = hear(&["seal", "create"])?;
    let seal = sealed.pointer("/result/seal_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    hear(&["anchor", "add", &seal, "--local"])?;
    hear(&["export", "-o", "whole.vmb"])?;
    hear(&["mesh", "create"])?;
    hear(&["mesh", "put", "/mode", "observe"])?;
    let token = format!("vault/anchors/{seal}/0.tst");
    let on = |args: &[&str]| Scenario::new(&site, &memory, args);
    let mut all = vec![
        on(&["record", "tool", "--jsonl", "in/lines"]),
        on(&["record", "tool", "grep", "--output", "{\"hits\":3}"]),
        on(&["record", "artifact", "report", "--file", "in/other"]),
        on(&["record", "artifact", "log", "--path", "loose/log"]),
        on(&["rune", "put", "in/decision", "--as-file"]),
        on(&["seal", "create"]),
        on(&["anchor", "add", &seal, "--local"]),
        on(&["anchor", "add", &seal, "--token", &token]),
        on(&["verify"]),
        on(&["mesh", "put", "/mode", "act"]),
        on(&["mesh", "share"]),
        on(&["sync", "--with", "mailbox"]),
        Scenario { stands: &["file-exists"], ..on(&["export", "-o", "out.vmb"]) },
        Scenario { stands: &["file-exists"], ..on(&["head", "-o", "head.txt"]) },
        Scenario { stands: &["file-exists"], ..on(&["trust", "show", "-o", "trust.toml"]) },
    ];
    let help = Some(("scroll-unsigned-tail", &["scroll", "adopt", "planner"][..]));
    let append = ["scroll", "append", "planner", "--event", "{\"n\":2}"];
    all.push(Scenario { help, ..on(&append) });
    let torn = site.copy_to(&part.dir().join("torn"))?;
    let events = torn.dir().join("vault/receipts/planner/ENGINE_EVENTS.jsonl");
    let mut left = fs::read(&events).map_err(Failure::io(&events))?;
    left.extend_from_slice(b"{\"cut\":");
    put(&torn, "vault/receipts/planner/ENGINE_EVENTS.jsonl", &left)?;
    all.push(Scenario { help, ..Scenario::new(&torn, &memory, &append) });
    all.extend(private(part, &site, &memory)?);
    all.extend(beginnings(part, &site, &memory)?);
    Ok(all)
}

/// Commands about subjects, on a vault that has one.
fn private(part: &Part, site: &Site, memory: &Memory) -> Result<[Scenario; 3], Failure> {
    let site = site.copy_to(&part.dir().join("private"))?;
    let mut memory = memory.clone();
    let mut hear = |args: &[&str]| {
        let answer = site.must(args, None)?;
        memory.hear(&answer.out);
        Ok::<_, Failure>(answer.envelope())
    };
    let told = hear(&["record", "tool", "login", "--input", "{\"pin\":1}", "--data-subject", "alice"])?;
    let row = told.pointer("/result/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    hear(&["grant", "dpo", "--action", "disclose", "--action", "erase", "--from-root"])?;
    site.must(&["recipient", "new", "auditor.key"], None)?;
    let on = |args: &[&str]| Scenario::new(&site, &memory, args);
    let dpo = ["--holder", "dpo"];
    let open = ["disclose", "--row", &row, "--path", "/pin", "--to", "auditor.key.pub", "--out", "out.disclosure"];
    Ok([
        on(&["record", "tool", "login", "--input", "{\"pin\":2}", "--data-subject", "bob"]),
        Scenario { stands: &["file-exists"], ..on(&[&dpo[..], &open].concat()) },
        on(&[&dpo[..], &["erase", "--subject", "alice", "--yes"]].concat()),
    ])
}

/// Commands that begin a vault.
fn beginnings(part: &Part, site: &Site, memory: &Memory) -> Result<[Scenario; 2], Failure> {
    let nothing = Memory::default();
    let bare = site.copy_to(&part.dir().join("bare"))?;
    remove(&bare.dir().join("vault"))?;
    let import = Scenario::new(&bare, &nothing, &["import", "whole.vmb"]);
    let empty = Site::empty(part.binary(), &part.dir().join("empty"))?;
    let stands = &["folder-not-empty"];
    Ok([
        Scenario { after: memory.clone(), stands, ..import },
        Scenario { stands, ..Scenario::new(&empty, &nothing, &["init"]) },
    ])
}

fn put(site: &Site, name: &str, data: &[u8]) -> Result<(), Failure> {
    let path = site.dir().join(name);
    fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("."))).map_err(Failure::io(&path))?;
    fs::write(&path, data).map_err(Failure::io(&path))
}
