//! Seals a list of JSON events with no ledger but the one in memory, verifies the seal, then changes one byte.
//!
//! ```text
//! cargo run -p vm-seal --example seal_events [EVENTS.jsonl]
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use vm_core::capability::act;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::Cell;
use vm_core::source::{Clock, Entropy};
use vm_core::verdict::Report;
use vm_core::view::EvidenceView as _;
use vm_seal::bundle::SealBundle;
use vm_seal::memory::{MemoryLedger, hazmat, parse_events};
use vm_seal::seal::{SealRequest, seal};
use vm_seal::selection::Selection;
use vm_seal::verify::verify_seal;

const EVENTS: &str = r#"{"tool":"cargo","args":["build"],"exit":0}
{"tool":"cargo","args":["test"],"exit":101}
{"tool":"git","args":["push"],"withheld":"tests were red"}
"#;

const EPOCH: Instant = match Instant::from_micros(0) {
    Ok(instant) => instant,
    Err(_) => unreachable!(),
};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        EPOCH.saturating_add_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        if getrandom::fill(out).is_err() {
            // An example may stop here; a program hands the error on before it starts.
            std::process::exit(4);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let events = match std::env::args_os().nth(1) {
        Some(file) => parse_events(&std::fs::read(file)?)?,
        None => parse_events(EVENTS.as_bytes())?,
    };
    let (clock, mut entropy) = (SystemClock, SystemEntropy);
    let [root, log, operator] = [(); 3].map(|()| SigningIdentity::generate(&mut entropy));
    let (mut ledger, holder) = MemoryLedger::found(&root, log, operator, &clock, &mut entropy)?;

    let trace = TraceId::mint(&clock, &mut entropy);
    let permit = ledger.permit::<act::Record>(&holder, &clock)?;
    let mut last = None;
    for event in &events {
        last = Some(ledger.record_event(&permit, "event", event, trace, &clock, &mut entropy)?.row_id);
    }

    let checkpoint = ledger.checkpoint()?;
    let selection = Selection::traces([trace], Selection::everything().kinds())?;
    let permit = ledger.permit::<act::Seal>(&holder, &clock)?;
    let signer = ledger.signer().clone();
    let request = SealRequest::over(selection, &checkpoint);
    let bundle = seal(&ledger, request, &signer, &permit, &clock, &mut entropy)?;

    // What a reader gets is the file and, by another way, the key.
    let key = ledger.key()?;
    let bundle = SealBundle::parse(bundle.as_bytes())?;
    println!("sealed   {} events", bundle.digest().leaves());
    println!("digest   {}", bundle.claimed_digest());
    println!("key      {key}");
    let (report, _) = verify_seal(&bundle, &ledger, None, Some(&key));
    show(&report);

    if let Some(id) = last {
        flip_one_byte(&mut ledger, id)?;
        println!("\none byte of the last event was changed");
        let (report, _) = verify_seal(&bundle, &ledger, None, Some(&key));
        show(&report);
    }
    Ok(())
}

/// Changes the last letter or digit of the event.
fn flip_one_byte(ledger: &mut MemoryLedger, id: RowId) -> Result<(), Box<dyn Error>> {
    let row = ledger.row(id)?.ok_or("no such row")?.row;
    let json = row.text("meta_json").ok_or("no such column")?;
    let at = json.rfind(|c: char| c.is_ascii_alphanumeric()).ok_or("nothing to change")?;
    let changed = format!("{}{}{}", &json[..at], if json[at..].starts_with('0') { '1' } else { '0' }, &json[at + 1..]);
    hazmat::change_cell(ledger, id, "meta_json", &Cell::Text(changed));
    Ok(())
}

fn show(report: &Report) {
    println!("verdict  {}", report.verdict());
    for finding in report.findings() {
        println!("  {}: {}: {}", finding.code(), finding.subject(), finding.code().meaning());
        if let (Some(expected), Some(found)) = (finding.expected_value(), finding.found_value()) {
            println!("    expected {expected}\n    found    {found}");
        }
    }
}
