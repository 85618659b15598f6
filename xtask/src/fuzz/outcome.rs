//! What libFuzzer says of a run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What came of one target.
#[derive(Debug)]
pub(super) struct Outcome {
    target: String,
    succeeded: bool,
    /// Inputs tried; none where libFuzzer gave no figures, so that nothing shows that it ran.
    runs: Option<u64>,
    per_second: u64,
    /// Edges covered by the seeds and earlier runs, and at the end.
    covered: (u64, u64),
    /// Inputs that broke something.
    findings: Vec<PathBuf>,
    /// First line of what broke.
    reason: Option<String>,
}

impl Outcome {
    /// Reads the text of a run that ended with `succeeded`, and left `findings` behind.
    pub(super) fn read(target: &str, succeeded: bool, text: &str, findings: Vec<PathBuf>) -> Self {
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let covered =
            |line: &str| -> Option<u64> { line.split_once(" cov: ")?.1.split_whitespace().next()?.parse().ok() };
        let first = text.lines().filter(|line| line.contains("INITED")).find_map(covered);
        let last = text.lines().rev().find_map(covered);
        let told = ["panicked at", "ERROR: ", "error: ", "error["];
        let reason = text.lines().position(|line| told.iter().any(|word| line.contains(word)));
        // A panic says where in its first line and what in its second.
        let reason = reason.map(|at| text.lines().skip(at).take(2).collect::<Vec<_>>().join(" "));
        Self {
            target: target.to_owned(),
            succeeded,
            runs: figure("number_of_executed_units"),
            per_second: figure("average_exec_per_sec").unwrap_or_default(),
            covered: (first.unwrap_or_default(), last.unwrap_or_default()),
            findings,
            reason,
        }
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Whether it ran, ended well and found nothing.
    pub(super) fn is_clean(&self) -> bool {
        self.succeeded && self.findings.is_empty() && self.runs.is_some_and(|runs| runs > 0)
    }

    /// One or two lines about it.
    pub(super) fn told(&self, log: &Path) -> String {
        let runs = self.runs.map_or_else(|| "did not run".to_owned(), |runs| format!("{runs} runs"));
        let mut text = format!("{}: {runs}, {} findings", self.target, self.findings.len());
        if !self.is_clean() {
            let reason = self.reason.as_deref().unwrap_or("no reason was given");
            let _ = write!(text, "\n  {reason}\n  all of it: {}", log.display());
            for finding in &self.findings {
                let _ = write!(
                    text,
                    "\n  again: cargo run -p vaultmesh-oracles --example replay -- {} {}",
                    self.target,
                    finding.display()
                );
            }
        }
        text
    }
}

/// The table of all runs.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut text =
        String::from("| target | runs | runs/s | edges | new | findings |\n| --- | --- | --- | --- | --- | --- |\n");
    for outcome in outcomes {
        let (first, last) = outcome.covered;
        let runs = outcome.runs.map_or_else(|| "did not run".to_owned(), |runs| runs.to_string());
        let findings = if outcome.is_clean() { "0".to_owned() } else { outcome.findings.len().max(1).to_string() };
        let _ = writeln!(
            text,
            "| {} | {runs} | {} | {last} | {} | {findings} |",
            outcome.target,
            outcome.per_second,
            last.saturating_sub(first),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "INFO: seed corpus: files: 5\n#6\tINITED cov: 100 ft: 120 corp: 5/10b exec/s: 0 rss: 40Mb\n\
        #9\tNEW    cov: 130 ft: 150 corp: 6/11b lim: 4 exec/s: 0\n#900\tDONE   cov: 131 ft: 160 corp: 6/11b\nDone 900 runs in 2 second(s)\n\
        stat::number_of_executed_units: 900\nstat::average_exec_per_sec:     450\n";

    #[test]
    fn a_clean_run_is_read() {
        let outcome = Outcome::read("a", true, CLEAN, Vec::new());
        assert!(outcome.is_clean());
        assert!(table(&[outcome]).ends_with("| a | 900 | 450 | 131 | 31 | 0 |\n"));
    }

    #[test]
    fn what_did_not_run_found_something_or_failed_is_not_clean() {
        let finding = || vec![PathBuf::from("crash-1")];
        let panicked = format!("thread 'x' panicked at src/a.rs:1:2:\nassertion failed\n{CLEAN}");
        for (succeeded, text, findings) in [
            (false, CLEAN, Vec::new()),
            (true, CLEAN, finding()),
            (true, "", Vec::new()),
            (true, "stat::number_of_executed_units: 0\n", Vec::new()),
            (false, panicked.as_str(), finding()),
        ] {
            let outcome = Outcome::read("a", succeeded, text, findings);
            assert!(!outcome.is_clean(), "{text}");
            assert!(!table(&[outcome]).ends_with("| 0 |\n"));
        }
        let told = Outcome::read("a", false, &panicked, finding()).told(Path::new("log"));
        assert!(told.contains("a.rs:1:2: assertion failed") && told.contains("replay -- a crash-1"), "{told}");
    }
}
