//! The table of replication: `vm-crdt` beside automerge, yrs and loro, the same edits on every side, losses too.
//!
//! In scope: workloads, peers, rows. Out of scope: correctness, which each crate tests by itself; but each row shows first that both
//! sides hold the same keys and values.

mod automerge;
mod error;
#[allow(dead_code, reason = "the other table uses the rest of it")]
#[path = "../../src/harness.rs"]
mod harness;
mod insert;
mod load;
mod loro;
mod merge;
mod ours;
mod peer;
mod state;
mod sync;
mod workload;
mod yrs;

use std::process::ExitCode;

use error::PeerError;
use harness::{Effort, Row, TABLE_HEAD};

const USAGE: &str = "usage: vaultmesh-peers [--json] [--quick] [ROW...]";

/// Makes the rows of one name.
type MakeRows = fn(&Effort) -> Result<Vec<Row>, PeerError>;

/// The rows, in the order they are printed.
const ROWS: &[(&str, MakeRows)] = &[
    ("merge", merge::rows),
    ("merge-single", merge::rows_of_single_edits),
    ("state", state::rows),
    ("sync", sync::rows),
    ("insert", insert::rows),
    ("load", load::rows),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, path] = arguments.as_slice()
        && command == load::CHILD
    {
        return match load::child(path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => fail(&fault.to_string()),
        };
    }
    let is_json = arguments.iter().any(|argument| argument == "--json");
    let effort = if arguments.iter().any(|argument| argument == "--quick") { Effort::QUICK } else { Effort::FULL };
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = names.iter().find(|name| !ROWS.iter().any(|(known, _)| known == *name)) {
        eprintln!("vaultmesh-peers: no row `{unknown}`\n{USAGE}");
        return ExitCode::from(2);
    }
    if !is_json {
        println!("{TABLE_HEAD}");
    }
    for (name, make) in ROWS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|asked| asked == name)) {
        match make(&effort) {
            Ok(rows) if is_json => rows.iter().for_each(|row| println!("{}", row.to_json())),
            Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
            Err(fault) => {
                let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}")).unwrap_or_default();
                return fail(&format!("{name}: {fault}{cause}"));
            }
        }
    }
    ExitCode::SUCCESS
}

fn fail(fault: &str) -> ExitCode {
    eprintln!("vaultmesh-peers: {fault}");
    ExitCode::FAILURE
}
