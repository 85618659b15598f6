//! `record signal`: alerts and events of sensors, as signals for guardians.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::error::{GuardFault, VaultError};
use vm_core::verdict::Verdict;
use vm_guardian::signal::{BYTES_MAX, SignalLog, falco, tetragon};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input::read_limited;
use crate::render::{Human, Output, Page, Style};

const EXAMPLES: &str = "\
Examples:
  vaultmesh record signal --falco alerts.jsonl
  tetra getevents -o json | head -1000 | vaultmesh record signal --tetragon -

Each event is recorded once, however often it is handed over. Of it are kept: who saw it, the rule or policy, the
severity, the time, and its trace. Events by which a sensor says that it lost some are signals, too. Lines that give no signal are listed; they
keep no other from being recorded, and the exit code is 3 where there are any: what the sensor saw there is not known.";

/// Record signals: alerts of Falco or events of Tetragon, one JSON object a line
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Signal {
    /// Alerts as Falco writes them with json_output, or stdin for -
    #[arg(long, value_name = "FILE", required_unless_present = "tetragon", conflicts_with = "tetragon")]
    falco: Option<PathBuf>,
    /// Events as Tetragon exports them, or stdin for -
    #[arg(long, value_name = "FILE")]
    tetragon: Option<PathBuf>,
}

#[derive(Serialize)]
struct Signals {
    recorded: usize,
    /// Of these, recorded by an earlier run.
    replayed: usize,
    /// Lines that repeat one before them.
    duplicates: u64,
    /// Lines in which a sensor tests itself.
    passed_over: u64,
    faults: Vec<Fault>,
    faults_dropped: u64,
}

#[derive(Serialize)]
struct Fault {
    line: usize,
    code: &'static str,
}

impl Human for Signals {
    fn human(&self, page: &mut Page) {
        if self.recorded == 0 {
            page.write(Style::Strong, "nothing recorded");
            page.line(": no line holds an event");
        } else {
            page.write(Style::Strong, "recorded");
            page.line(&format!(" {} signals, {} of them before", self.recorded, self.replayed));
        }
        page.field("duplicates", self.duplicates);
        page.field("passed over", self.passed_over);
        for fault in &self.faults {
            page.field("no signal", format!("line {}: {}", fault.line, fault.code));
        }
        if self.faults_dropped > 0 {
            page.field("no signal", format!("{} more lines", self.faults_dropped));
        }
    }
}

impl Signal {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let read = |path: &PathBuf| read_limited(path, BYTES_MAX);
        let log = match (&self.falco, &self.tetragon) {
            (Some(path), _) => falco::read(&read(path)?),
            (None, Some(path)) => tetragon::read(&read(path)?),
            (None, None) => return Err(CliError::Usage { what: "name a log with --falco or --tetragon".to_owned() }),
        };
        let SignalLog { signals, duplicates, passed_over, faults, faults_dropped } =
            log.map_err(GuardFault::Log).map_err(VaultError::Guard)?;
        if signals.is_empty() && !faults.is_empty() {
            let code = faults.first().map_or("", |fault| fault.error.code());
            return Err(CliError::Usage {
                what: format!("no line of it is an event of that sensor; the first: {code}"),
            });
        }
        let recorded = context.open()?.record_signals(&signals)?;
        let is_whole = faults.is_empty();
        let output = Output::done(Signals {
            recorded: recorded.len(),
            replayed: recorded.iter().filter(|row| row.replayed).count(),
            duplicates,
            passed_over,
            faults: faults.iter().map(|fault| Fault { line: fault.line, code: fault.error.code() }).collect(),
            faults_dropped,
        });
        Ok(if is_whole { output } else { output.failing(Verdict::Undecided) })
    }
}
