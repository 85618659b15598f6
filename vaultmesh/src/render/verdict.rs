//! Verdicts and findings for people: grouped by severity, the worst first.

use vm_core::verdict::{Code, Finding, Severity, Verdict};

use super::{Page, Style};

pub(super) fn write_verdict(page: &mut Page, verdict: Verdict, checks: &[String]) {
    let style = match verdict {
        Verdict::Verified => Style::Good,
        Verdict::Undecided => Style::Unsure,
        Verdict::Contradicted => Style::Bad,
    };
    page.write(style, &verdict.to_string());
    match checks.len() {
        0 => page.line(": nothing was checked"),
        1 => page.line(": 1 check made"),
        made => page.line(&format!(": {made} checks made")),
    }
    for check in checks {
        page.write(Style::Faint, &format!("  checked {check}"));
        page.end();
    }
}

pub(super) fn write_findings(page: &mut Page, findings: &[Finding], dropped: u64) {
    for (severity, title, style) in [
        (Severity::Contradicted, "proven wrong", Style::Bad),
        (Severity::Undecided, "not decided", Style::Unsure),
        (Severity::Remark, "worth knowing", Style::Strong),
    ] {
        let group: Vec<&Finding> = findings.iter().filter(|finding| finding.code().severity() == severity).collect();
        if group.is_empty() {
            continue;
        }
        page.write(style, title);
        page.line(&format!(" ({})", group.len()));
        for code in Code::ALL {
            write_code(page, *code, group.iter().filter(|finding| finding.code() == *code));
        }
    }
    if dropped > 0 {
        page.line(&format!("and {dropped} findings more, counted but not kept"));
    }
}

/// All findings of one code: what it means once, then each subject.
fn write_code<'a>(page: &mut Page, code: Code, findings: impl Iterator<Item = &'a &'a Finding>) {
    let mut findings = findings.peekable();
    if findings.peek().is_none() {
        return;
    }
    page.write(Style::Strong, &format!("  {code}"));
    page.line(&format!("  {}", code.meaning()));
    let mut part = |name: &str, text: &str| {
        page.write(Style::Faint, &format!("    {name:<9}"));
        page.line(&format!(" {text}"));
    };
    for finding in findings {
        part("at", finding.subject());
        if let Some(expected) = finding.expected_value() {
            part("expected", expected);
        }
        if let Some(found) = finding.found_value() {
            part("found", found);
        }
    }
    part("remedy", code.remedy());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first() {
        let findings = [
            Finding::new(Code::TraceGap, "row a"),
            Finding::new(Code::NoTrustKey, "ledger"),
            Finding::new(Code::RowAltered, "row b").expected_found("11", "22"),
        ];
        let mut page = Page::new(false);
        write_findings(&mut page, &findings, 2);
        let text = page.text();
        let places: Vec<usize> = ["row-altered", "expected  11", "no-trust-key", "trace-gap", "2 findings more"]
            .iter()
            .map(|part| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}")))
            .collect();
        assert!(places.is_sorted(), "{text}");
    }
}
