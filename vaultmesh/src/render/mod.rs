//! What a command yields, and how it is written: for people, as JSON, as JSON lines, or as YAML.

mod envelope;
mod page;
mod progress;
mod verdict;

use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;
use serde_json::Value;
use vm_core::verdict::{Finding, Report, Verdict};

pub(crate) use page::{Page, Style};
pub(crate) use progress::Progress;

/// How results are written: as text for people, one indented JSON object, one compact JSON object a line (each element
/// of a list, then the rest), or one YAML document. What each variant is stands here and not beside it, since clap would
/// put that into every command's help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Format {
    #[default]
    Human,
    Json,
    Jsonl,
    Yaml,
}

impl Format {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Yaml => "yaml",
        }
    }
}

/// The human form of a result.
pub(crate) trait Human {
    /// Writes the result for people.
    fn human(&self, page: &mut Page);
}

trait Rendered: Human {
    fn value(&self) -> Result<Value, serde_json::Error>;
}

impl<T: Human + Serialize> Rendered for T {
    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

/// What a command yields.
pub(crate) struct Output {
    result: Box<dyn Rendered>,
    list: Option<&'static str>,
    verdict: Option<Verdict>,
    checks: Vec<String>,
    findings: Vec<Finding>,
    findings_dropped: u64,
    failing: Option<Verdict>,
    exit: Option<u8>,
}

impl Output {
    /// The result of something done: exit code 0.
    pub(crate) fn done(result: impl Human + Serialize + 'static) -> Self {
        Self {
            result: Box::new(result),
            list: None,
            verdict: None,
            checks: Vec::new(),
            findings: Vec::new(),
            findings_dropped: 0,
            failing: None,
            exit: None,
        }
    }

    /// The result of a check: its verdict decides the exit code.
    pub(crate) fn checked(result: impl Human + Serialize + 'static, report: &Report) -> Self {
        Self {
            verdict: Some(report.verdict()),
            checks: report.checks().to_vec(),
            findings: report.findings().to_vec(),
            findings_dropped: report.findings_dropped(),
            ..Self::done(result)
        }
    }

    /// Gives a result the exit code of `verdict`, which it explains itself.
    pub(crate) const fn failing(mut self, verdict: Verdict) -> Self {
        self.failing = Some(verdict);
        self
    }

    /// Gives a result an exit code that is somebody else's.
    pub(crate) const fn exiting(mut self, code: u8) -> Self {
        self.exit = Some(code);
        self
    }

    /// Adds what was noticed on the way; it changes no exit code.
    pub(crate) fn noticing(mut self, findings: impl IntoIterator<Item = Finding>, dropped: u64) -> Self {
        self.findings.extend(findings);
        self.findings_dropped += dropped;
        self
    }

    /// Names the member of the result that is a list, whose elements stand one a line in `jsonl`.
    pub(crate) fn listing(mut self, member: &'static str) -> Self {
        self.list = Some(member);
        self
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        let verdict = self.verdict.or(self.failing);
        self.exit.unwrap_or_else(|| verdict.map_or(0, Verdict::exit_code))
    }

    /// Writes the result of `command`.
    ///
    /// # Errors
    /// [`io::Error`] of `out`.
    pub(crate) fn write(&self, command: &str, format: Format, paint: bool, out: &mut dyn Write) -> io::Result<()> {
        if format == Format::Human {
            let mut page = Page::new(paint);
            self.result.human(&mut page);
            if let Some(verdict) = self.verdict {
                verdict::write_verdict(&mut page, verdict, &self.checks);
            }
            verdict::write_findings(&mut page, &self.findings, self.findings_dropped);
            return out.write_all(page.text().as_bytes());
        }
        let mut result = self.result.value()?;
        if let (Format::Jsonl, Some(member)) = (format, self.list)
            && let Some(Value::Array(elements)) = result.as_object_mut().and_then(|result| result.remove(member))
        {
            for element in &elements {
                envelope::line(element, out)?;
            }
        }
        envelope::Envelope {
            command,
            exit_code: self.exit_code(),
            verdict: self.verdict,
            checks: &self.checks,
            findings: &self.findings,
            findings_dropped: self.findings_dropped,
            result: Some(&result),
            error: None,
        }
        .write(format, out)
    }
}

/// Writes one line of JSON to stdout now.
///
/// # Errors
/// [`io::Error`] of stdout.
pub(crate) fn stream(value: &impl Serialize) -> io::Result<()> {
    envelope::line(value, &mut io::stdout().lock())
}

/// An error as it is reported.
#[derive(Serialize)]
pub(crate) struct Failure {
    /// Stable code.
    pub(crate) code: String,
    /// What happened, with its causes.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) remedy: String,
    /// Exit code.
    #[serde(skip)]
    pub(crate) exit_code: u8,
    /// What was found before.
    #[serde(skip)]
    pub(crate) findings: Vec<Finding>,
}

impl Failure {
    /// Writes a machine-readable failure of `command`; nothing in the human format, which has it on stderr.
    ///
    /// # Errors
    /// [`io::Error`] of `out`.
    pub(crate) fn write(&self, command: &str, format: Format, out: &mut dyn Write) -> io::Result<()> {
        if format == Format::Human {
            return Ok(());
        }
        envelope::Envelope {
            command,
            exit_code: self.exit_code,
            verdict: None,
            checks: &[],
            findings: &self.findings,
            findings_dropped: 0,
            result: None,
            error: Some(self),
        }
        .write(format, out)
    }

    /// The failure for people.
    pub(crate) fn text(&self, paint: bool) -> String {
        let mut page = Page::new(paint);
        page.write(Style::Bad, "error");
        page.write(Style::Plain, &format!(": {} ({})", self.message, self.code));
        page.end();
        if !self.remedy.is_empty() {
            page.line(&format!("  {}", self.remedy));
        }
        verdict::write_findings(&mut page, &self.findings, 0);
        page.text()
    }
}

/// Whether a stream may be painted: a terminal, and nobody asked for no colours (<https://no-color.org>).
pub(crate) fn may_paint(stream: &impl io::IsTerminal) -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && unset("NO_COLOR") && !dumb
}

/// Whether somebody looks at stderr.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_core::verdict::Code;

    #[derive(Serialize)]
    struct Rows {
        rows: Vec<u8>,
        name: &'static str,
    }

    impl Human for Rows {
        fn human(&self, page: &mut Page) {
            page.line(self.name);
        }
    }

    fn text(output: &Output, format: Format) -> String {
        let mut out = Vec::new();
        output.write("list", format, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn rows() -> Rows {
        Rows { rows: vec![1, 2], name: "a\u{1b}[31m" }
    }

    #[test]
    fn every_form_has_the_same_result() {
        let json: Value = serde_json::from_str(&text(&Output::done(rows()), Format::Json)).unwrap();
        assert_eq!((&json["command"], &json["exit_code"]), (&"list".into(), &0.into()));
        assert_eq!(json["result"]["rows"], serde_json::json!([1, 2]));
        let lines = text(&Output::done(rows()).listing("rows"), Format::Jsonl);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[..2], [Value::from(1), Value::from(2)]);
        assert_eq!(lines[2]["result"], serde_json::json!({ "name": "a\u{1b}[31m" }));
        assert_eq!(text(&Output::done(rows()), Format::Human), "a\\u{1b}[31m\n");
    }

    #[test]
    fn the_verdict_decides_the_exit_code_and_notices_do_not() {
        let mut report = Report::new();
        report.checked("something");
        assert_eq!(Output::checked(rows(), &report).exit_code(), 0);
        report.find(Finding::new(Code::NoTrustKey, "vault"));
        assert_eq!(Output::checked(rows(), &report).exit_code(), 3);
        report.find(Finding::new(Code::RowAltered, "row"));
        let output = Output::checked(rows(), &report);
        assert_eq!(output.exit_code(), 1);
        let json: Value = serde_json::from_str(&text(&output, Format::Json)).unwrap();
        assert_eq!((&json["verdict"], &json["findings"][1]["code"]), (&"contradicted".into(), &"row-altered".into()));
        let noticed = Output::done(rows()).noticing([Finding::new(Code::SecretFound, "row")], 0);
        assert_eq!(noticed.exit_code(), 0);
    }
}
