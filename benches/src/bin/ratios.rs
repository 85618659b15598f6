//! Prints the table of ratios: `ratios [--json] [--quick] [ROW...]`.

use std::process::ExitCode;

use vaultmesh_benches::error::BenchError;
use vaultmesh_benches::harness::{Effort, Row, TABLE_HEAD};
use vaultmesh_benches::{ROWS, circle, index, reconcile, scale, token};

const USAGE: &str = "usage: ratios [--json] [--quick] [ROW...]";

struct Options {
    json: bool,
    effort: Effort,
    rows: Vec<String>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("ratios: {fault}\n{USAGE}; rows: {}", names());
            return ExitCode::from(2);
        }
    };
    if !options.json {
        println!("{TABLE_HEAD}");
    }
    let mut failed = false;
    let chosen = |name: &str| options.rows.is_empty() || options.rows.iter().any(|row| row == name);
    for (name, make) in ROWS.iter().filter(|(name, _)| chosen(name)) {
        failed |= !print(name, options.json, make(&options.effort).map(|row| vec![row]));
    }
    if chosen(scale::NAME) {
        failed |= !print(scale::NAME, options.json, scale::rows(&options.effort));
    }
    if chosen(index::NAME) {
        failed |= !print(index::NAME, options.json, index::rows(&options.effort));
    }
    if chosen(token::NAME) {
        failed |= !print(token::NAME, options.json, token::rows(&options.effort));
    }
    if chosen(circle::NAME) {
        failed |= !print(circle::NAME, options.json, circle::rows(&options.effort));
    }
    if chosen(reconcile::NAME) {
        failed |= !print(reconcile::NAME, options.json, reconcile::rows(&options.effort));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints rows, or why there are none; answers whether there are.
fn print(name: &str, json: bool, rows: Result<Vec<Row>, BenchError>) -> bool {
    match &rows {
        Ok(rows) if json => rows.iter().for_each(|row| println!("{}", row.to_json())),
        Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
        Err(fault) => {
            let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("ratios: {name}: {fault}{cause}");
        }
    }
    rows.is_ok()
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { json: false, effort: Effort::FULL, rows: Vec::new() };
    for argument in arguments {
        match argument.as_str() {
            "--json" => options.json = true,
            "--quick" => options.effort = Effort::QUICK,
            name if names().split(", ").any(|row| row == name) => options.rows.push(argument),
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    Ok(options)
}

fn names() -> String {
    ROWS.iter()
        .map(|(name, _)| *name)
        .chain([scale::NAME, index::NAME, token::NAME, circle::NAME, reconcile::NAME])
        .collect::<Vec<_>>()
        .join(", ")
}
