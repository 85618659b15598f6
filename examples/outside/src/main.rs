//! `sealed-events [FILE]`: seals the events of a file, verifies, changes one, verifies again.

use std::error::Error;
use std::process::ExitCode;

use sealed_events::seal_events;
use sealed_events::source::{OsEntropy, SystemClock};
use vm_core::record::Cell;
use vm_core::verdict::{Report, Verdict};
use vm_seal::memory::hazmat;

const SAMPLE: &[u8] = include_bytes!("../events.jsonl");

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let events = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => SAMPLE.to_vec(),
    };
    let mut sealed = seal_events(&events, &SystemClock, &mut OsEntropy)?;
    let (count, bundle) = (sealed.rows.len(), &sealed.bundle);
    println!("sealed {count} events; digest {}, bundle of {} bytes", bundle.digest().hash(), bundle.as_bytes().len());
    let report = sealed.verify()?;
    print(&report);

    if let Some(row) = sealed.rows.first() {
        println!("then one event was changed behind the ledger's back:");
        hazmat::change_cell(&mut sealed.ledger, *row, "meta_json", &Cell::Text("{}".to_owned()));
        print(&sealed.verify()?);
    }
    Ok(if report.verdict() == Verdict::Verified {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(report.verdict().exit_code())
    })
}

fn print(report: &Report) {
    println!("{}", report.verdict());
    for finding in report.findings() {
        println!("  {}: {} ({})", finding.code(), finding.subject(), finding.code().meaning());
    }
}
