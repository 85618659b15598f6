//! Does one agent do nearly everything? A guardian of one's own, in thirty lines.
//!
//! ```text
//! cargo run -p vaultmesh-examples --example guardian
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::json;
use vm_core::capability::act;
use vm_core::id::TraceId;
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::source::Clock as _;
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::verdict::Code;
use vm_core::view::{RowState, Visit};
use vm_guardian::{
    Budget, ChangeKind, Context, Enrolments, Given, GuardError, Guardian, Observations, Observed, Proposal, Thresholds,
    run,
};
use vm_seal::audit::{Trust, audit};
use vm_seal::memory::{MemoryFiles, MemoryLedger};

/// Speaks up where one trace holds more than half of the rows.
struct Crowding;

impl Guardian for Crowding {
    fn name(&self) -> &str {
        "crowding"
    }

    fn observe(&self, context: &Context<'_>) -> Result<Observations, GuardError> {
        let (mut seen, mut rows, mut total) = (Observations::new(), BTreeMap::<TraceId, u64>::new(), 0);
        context.view().visit_log(0, context.view().size()?, &mut |_, state| {
            if let RowState::Present(row) = state
                && let Ok(trace) = row.trace_id()
            {
                *rows.entry(trace).or_default() += 1;
                total += 1;
            }
            Ok(Visit::Continue)
        })?;
        seen.checked(format!("crowding: {total} rows"));
        for (trace, count) in rows.into_iter().filter(|(_, count)| count * 2 > total) {
            seen.find(Code::TraceBroken, format!("trace {trace}"), format!("it holds {count} of {total} rows"));
            seen.proposals.push(Proposal {
                title: "give each piece of work a trace of its own".to_owned(),
                change: ChangeKind::PropagateTraces,
                evidence: Vec::new(),
                effect: "no trace holds more than half of the rows".to_owned(),
            });
        }
        Ok(seen)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    for crowded in [false, true] {
        let observed = observe(crowded)?;
        println!("{}: {}", observed.engine(), observed.verdict());
        for finding in observed.observations().report.findings() {
            println!("  {} {}: {}", finding.code(), finding.subject(), finding.found_value().unwrap_or_default());
        }
        for proposal in &observed.observations().proposals {
            println!("  proposes to {}", proposal.title);
        }
    }
    Ok(())
}

/// Records a little, verifies it, and has the guardian look. Clock and entropy are those of tests.
fn observe(crowded: bool) -> Result<Observed, Box<dyn Error>> {
    let clock = SteppingClock::new(Instant::from_micros(1_790_000_000_000_000)?);
    let mut entropy = CountingEntropy::new(1);
    let [root, log, operator] = [(); 3].map(|()| SigningIdentity::generate(&mut entropy));
    let (mut ledger, holder) = MemoryLedger::found(&root, log, operator, &clock, &mut entropy)?;
    let permit = ledger.permit::<act::Record>(&holder, &clock)?;
    let mut trace = TraceId::mint(&clock, &mut entropy);
    for number in 0..9 {
        if !crowded {
            trace = TraceId::mint(&clock, &mut entropy);
        }
        ledger.record_event(&permit, "event", &json!({ "number": number }), trace, &clock, &mut entropy)?;
    }
    let (key, head, files) = (ledger.key()?, ledger.checkpoint()?, MemoryFiles::new());
    let verification = audit(&ledger, Some(&files), &Trust { key: Some(&key), head: Some(&head) });
    let given = Given {
        view: &ledger,
        files: &files,
        report: &verification.report,
        enrolments: &Enrolments::new(),
        thresholds: &Thresholds::default(),
        now: clock.now(),
    };
    Ok(run(&Crowding, &given, Budget::default(), &clock)?)
}

#[cfg(test)]
mod tests {
    use vm_core::verdict::Verdict;

    use super::*;

    #[test]
    fn it_speaks_up_and_keeps_still() {
        assert_eq!(observe(false).unwrap().verdict(), Verdict::Verified);
        let crowded = observe(true).unwrap();
        assert_eq!(crowded.verdict(), Verdict::Undecided);
        assert_eq!(crowded.observations().proposals.len(), 1);
    }
}
