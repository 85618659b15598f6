//! The written verdict on each real token, beside the one that OpenSSL gave it. The tables are `tests/data/*.tsv`, the
//! summary is `docs/anchors.md`; run with `VAULTMESH_WRITE_DOCS=1` to write them again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use common::table::{self, vectors};
use vm_anchor::TrustPolicy;
use vm_anchor::rfc3161::{Check, Legacy};
use vm_core::instant::Instant;
use vm_core::verdict::{Code, Report, Severity, Verdict};

const HEADING: &str = "file\tverdict\treasons\topenssl\tagrees\twhy not";

/// What a judged token is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Valid,
    ValidLegacy,
    Refused,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ValidLegacy => "valid-legacy",
            Self::Refused => "refused",
        }
    }
}

struct Row {
    file: String,
    word: Word,
    reasons: Vec<String>,
    /// OpenSSL's word, where one was recorded.
    openssl: Option<(bool, String)>,
}

impl Row {
    fn agrees(&self) -> Option<bool> {
        self.openssl.as_ref().map(|(holds, _)| *holds == (self.word != Word::Refused))
    }

    fn why(&self) -> &'static str {
        match self.agrees() {
            Some(false) => why(&self.reasons),
            _ => "",
        }
    }

    fn line(&self) -> String {
        let openssl = self.openssl.as_ref().map_or("not recorded", |(_, word)| word);
        let agrees = self.agrees().map_or("-", |agrees| if agrees { "yes" } else { "no" });
        let reasons = self.reasons.join(" ");
        [&self.file, self.word.as_str(), &reasons, openssl, agrees, self.why()].join("\t")
    }
}

/// Why our verdict is another than OpenSSL's.
fn why(reasons: &[String]) -> &'static str {
    let first = reasons.first().map(String::as_str).unwrap_or_default();
    match first {
        "tst-info-critical-extension" => "RFC 3161 lets nobody pass over a critical extension that is not known",
        "path-critical-extension" => {
            "a certificate has critical policies, which are not read; undecided, not contradicted"
        }
        "key-unsupported" => {
            "an RSA key whose exponent has 65 bits, of which ring reads 33; undecided, not contradicted"
        }
        // The one token that holds here and not there.
        "ess-sha1" => "the signature is Ed25519, which OpenSSL 3.0 does not read in CMS",
        _ => "?",
    }
}

fn now() -> Instant {
    "2026-06-01T00:00:00.000000Z".parse().unwrap()
}

/// Findings that say nothing about the token: neither root nor data was given, and the clock moves.
fn is_outside(code: Code) -> bool {
    matches!(code, Code::NoTrustRoot | Code::AnchorExpiredNow)
}

fn judge(report: &Report) -> (Word, Vec<String>) {
    let (mut defects, mut remarks) = (Vec::new(), Vec::new());
    for finding in report.findings() {
        let word = finding.found_value().unwrap_or(finding.code().as_str()).to_owned();
        match finding.code().severity() {
            _ if is_outside(finding.code()) || word == "imprint-not-given" => {}
            Severity::Remark => remarks.push(word),
            _ => defects.push(word),
        }
    }
    match (defects.is_empty(), remarks.is_empty()) {
        (false, _) => (Word::Refused, defects),
        (true, false) => (Word::ValidLegacy, remarks),
        (true, true) => (Word::Valid, Vec::new()),
    }
}

/// Judges a file in all but root and data, weak algorithms reported.
fn row(folder: &Path, name: &str, openssl: Option<(bool, String)>) -> Row {
    let bytes = fs::read(folder.join(name)).unwrap();
    let policy = TrustPolicy::default();
    let check = Check::new(&policy, now()).legacy(Legacy::Report);
    let (report, anchor) = if name.ends_with(".tst") { check.token(&bytes) } else { check.response(&bytes) };
    assert!(anchor.is_none() && report.verdict() != Verdict::Verified, "{name} is believed without a root");
    let (word, reasons) = judge(&report);
    if word != Word::Refused {
        assert!(report.has(Code::NoTrustRoot), "{name}");
        // Without the policy that lets weak algorithms pass, only those that do not need it still hold.
        let (strict, _) = match name.ends_with(".tst") {
            true => Check::new(&policy, now()).token(&bytes),
            false => Check::new(&policy, now()).response(&bytes),
        };
        let weak = |word: &String| matches!(word.as_str(), "imprint-sha1" | "digest-sha1" | "key-short" | "path-weak");
        assert_eq!(
            judge(&strict).0 == Word::Refused,
            reasons.iter().any(weak),
            "{name}: {reasons:?}, strictly {:?}",
            judge(&strict).1
        );
    }
    Row { file: name.to_owned(), word, reasons, openssl }
}

fn real_tokens(folder: &Path) -> Vec<Row> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let lines = index.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let openssl = match columns[5] {
            "True" => Some((true, "ok".to_owned())),
            "False" => Some((false, columns[6].to_owned())),
            _ => Some((false, "not read".to_owned())),
        };
        row(folder, columns[0], openssl)
    });
    let mut rows: Vec<Row> = lines.collect();
    rows.sort_by(|left, right| left.file.cmp(&right.file));
    rows
}

#[test]
fn every_real_token_has_a_written_verdict() {
    let Some(folder) = vectors("rfc3161") else { return };
    let rows = real_tokens(&folder);
    let lines: Vec<String> = rows.iter().map(Row::line).collect();
    let unexplained: Vec<&String> = lines.iter().filter(|line| line.ends_with('?')).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    table::check("rfc3161_verdicts.tsv", HEADING, &lines);
    check_page(&rows);
    // What holds here must hold for OpenSSL too, but for what it cannot read.
    let more = rows.iter().filter(|row| row.word != Word::Refused && row.agrees() == Some(false));
    assert!(more.map(Row::why).all(|why| why.contains("OpenSSL 3.0 does not read")));
}

#[test]
fn every_fixture_has_a_written_verdict() {
    let (Some(client), Some(tsa)) = (vectors("rfc3161_client_fixtures"), vectors("openssl_tsa_data")) else { return };
    let mut lines = Vec::new();
    for (folder, name) in [
        (&client, "identrust/issue-104.tsr"),
        (&client, "sigstage/response-invalid-signature.tsr"),
        (&client, "sigstage/response-no-embedded-cert.tsr"),
        (&client, "sigstage/response-sha256.tsr"),
        (&client, "sigstage/response-sha384.tsr"),
        (&client, "sigstage/response-sha512.tsr"),
        (&client, "sigstore.mock/response-expired.tsr"),
        (&client, "test_tsa/other_response.tsr"),
        (&client, "test_tsa/response-injected-certs.tsr"),
        (&client, "test_tsa/response.tsr"),
        (&tsa, "sectigo-all-zero.tsr"),
    ] {
        lines.push(row(folder, name, None).line());
    }
    table::check("rfc3161_fixtures.tsv", HEADING, &lines);
}

/// The page that sums the table up.
fn check_page(rows: &[Row]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/anchors.md");
    let page = page(rows);
    if table::is_writing() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/anchors.md is stale; run with VAULTMESH_WRITE_DOCS=1");
}

fn page(rows: &[Row]) -> String {
    let mut counts: BTreeMap<(Word, String), (usize, usize)> = BTreeMap::new();
    for row in rows {
        let (all, differ) = counts.entry((row.word, row.reasons.join(", "))).or_default();
        *all += 1;
        *differ += usize::from(row.agrees() == Some(false));
    }
    let mut page = format!(
        "# Real tokens, judged\n\n\
         {} time-stamp tokens out of public projects, judged in all but the root, which is not given, and the data, which nobody has; weak\n\
         algorithms are reported rather than refused (`Legacy::Report`). Beside it stands what `openssl ts -verify` said of each. The whole table is\n\
         `vm-anchor/tests/data/rfc3161_verdicts.tsv`; this page is its sum. Both are written and checked by\n\
         `VAULTMESH_WRITE_DOCS=1 cargo test -p vm-anchor --test verdicts`, which fails on a verdict that is not listed and on one that is stale.\n\n\
         | verdict | reasons | tokens | of which OpenSSL says otherwise |\n| --- | --- | --- | --- |\n",
        rows.len()
    );
    for ((word, reasons), (all, differ)) in &counts {
        writeln!(page, "| {} | {reasons} | {all} | {differ} |", word.as_str()).unwrap();
    }
    page.push_str("\n## Deviations from OpenSSL\n\n| token | ours | OpenSSL | why |\n| --- | --- | --- | --- |\n");
    for row in rows.iter().filter(|row| row.agrees() == Some(false)) {
        let openssl = row.openssl.as_ref().map_or("", |(_, word)| word);
        let ours = format!("{}: {}", row.word.as_str(), row.reasons.join(", "));
        writeln!(page, "| `{}` | {ours} | {openssl} | {} |", row.file, row.why()).unwrap();
    }
    page
}
