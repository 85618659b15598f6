//! What was checked and what was found, and the answer that follows.

use serde::Serialize;

use super::{Code, Finding, Severity, Verdict};

/// Most findings a report keeps one by one; of the rest only the number is kept, so that a wholly forged vault of
/// millions of rows does not exhaust memory. A thousand is more than a person reads.
pub const FINDINGS_MAX: usize = 1_000;

/// What was checked and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    checks: Vec<String>,
    findings: Vec<Finding>,
    findings_dropped: u64,
    #[serde(skip)]
    worst: Option<Severity>,
}

impl Report {
    /// A report on nothing yet, which is undecided.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a check was really made, whatever it found.
    pub fn checked(&mut self, what: impl Into<String>) {
        self.checks.push(what.into());
    }

    /// Adds a finding, once: what several checks come across is still one thing. Where no more are kept, a graver finding
    /// takes the place of a lesser one, so that whatever decides the verdict is kept.
    pub fn find(&mut self, finding: Finding) {
        self.worst = self.worst.max(Some(finding.code.severity()));
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() >= FINDINGS_MAX {
            self.findings_dropped += 1;
            // What decides the answer is told: a thousand lesser findings do not hide it.
            let severity = finding.code.severity();
            let lesser = self.findings.iter().rposition(|kept| kept.code.severity() < severity);
            let Some(lesser) = lesser else { return };
            self.findings.remove(lesser);
        }
        self.findings.push(finding);
    }

    /// Adds all that another report holds.
    pub fn merge(&mut self, other: Self) {
        self.checks.extend(other.checks);
        self.worst = self.worst.max(other.worst);
        self.findings_dropped += other.findings_dropped;
        for finding in other.findings {
            self.find(finding);
        }
    }

    /// The same report on a part of something: `whole` is put before every check and subject.
    #[must_use]
    pub fn within(mut self, whole: &str) -> Self {
        for check in &mut self.checks {
            *check = format!("{whole}: {check}");
        }
        for finding in &mut self.findings {
            finding.subject = format!("{whole}: {}", finding.subject);
        }
        self
    }

    /// The answer: contradicted if anything is, else undecided if anything is or nothing was checked, else verified.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.worst {
            Some(Severity::Contradicted) => Verdict::Contradicted,
            Some(Severity::Undecided) => Verdict::Undecided,
            Some(Severity::Remark) | None if self.checks.is_empty() => Verdict::Undecided,
            Some(Severity::Remark) | None => Verdict::Verified,
        }
    }

    /// The checks that were made, in order.
    #[must_use]
    pub fn checks(&self) -> &[String] {
        &self.checks
    }

    /// The findings that were kept, in order.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many findings were counted but not kept (see [`FINDINGS_MAX`]).
    #[must_use]
    pub const fn findings_dropped(&self) -> u64 {
        self.findings_dropped
    }

    /// Whether a finding of this code was kept.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_undecided() {
        assert_eq!(Report::new().verdict(), Verdict::Undecided);
        let mut remark = Report::new();
        remark.find(Finding::new(Code::TraceGap, "x"));
        assert_eq!(remark.verdict(), Verdict::Undecided);
    }

    #[test]
    fn the_worst_finding_decides_even_when_it_is_not_kept() {
        let mut report = Report::new();
        report.checked("something");
        assert_eq!(report.verdict(), Verdict::Verified);
        for row in 0..FINDINGS_MAX {
            report.find(Finding::new(Code::TimeNotMonotonic, format!("row {row}")));
        }
        assert_eq!(report.verdict(), Verdict::Verified);
        report.find(Finding::new(Code::NoTrustKey, "vault"));
        assert_eq!(report.verdict(), Verdict::Undecided);
        let mut whole = Report::new();
        whole.find(Finding::new(Code::RowAltered, "row"));
        whole.merge(report);
        assert_eq!(whole.verdict(), Verdict::Contradicted);
        assert_eq!(whole.findings().len(), FINDINGS_MAX);
        assert_eq!(whole.findings_dropped(), 2);
    }

    #[test]
    fn what_decides_is_kept_however_much_was_found_before() {
        for lesser in [Code::TimeNotMonotonic, Code::NoTrustKey] {
            let mut part = Report::new();
            (0..=FINDINGS_MAX).for_each(|row| part.find(Finding::new(lesser, format!("row {row}"))));
            part.find(Finding::new(Code::RowAltered, "the last row"));
            let mut whole = Report::new();
            (0..FINDINGS_MAX).for_each(|row| whole.find(Finding::new(lesser, format!("part {row}"))));
            whole.merge(part);
            assert!(whole.has(Code::RowAltered), "{lesser}");
            assert_eq!(whole.findings().len(), FINDINGS_MAX);
            let all = u64::try_from(2 * FINDINGS_MAX).unwrap() + 2;
            assert_eq!(whole.findings_dropped(), all - u64::try_from(FINDINGS_MAX).unwrap());
        }
    }

    #[test]
    fn a_finding_counts_once_and_a_part_names_its_whole() {
        let mut report = Report::new();
        report.checked("path");
        for _ in 0..3 {
            report.find(Finding::new(Code::RowAltered, "row 1"));
        }
        let report = report.within("anchor 2");
        assert_eq!(report.checks(), ["anchor 2: path"]);
        let subjects: Vec<_> = report.findings().iter().map(Finding::subject).collect();
        assert_eq!(subjects, ["anchor 2: row 1"]);
        assert_eq!(report.verdict(), Verdict::Contradicted);
    }
}
