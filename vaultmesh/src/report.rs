//! The report on one seal: a page that shows the verdict, and checks the export inside it again in any browser.
//!
//! It needs no network and no other file. What the page computes it computes from the export alone; the answer of this program
//! stands beside it. Whoever doubts page and program takes the export out of it and checks that with something else.

use std::io::Write as _;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use vm_core::digest::Sha256Digest;
use vm_core::id::SealId;
use vm_core::instant::Instant;
use vm_core::verdict::Verdict;

use crate::error::VaultError;
use crate::export::{SealExport, export_seal, verify_bundle};
use crate::outside::NewFile;
use crate::read::Reader;
use crate::temporary::TemporaryFolder;
use crate::verify::{Outside, Verification};

/// Longest export that a report holds, in bytes: a browser checks as many in some ten seconds.
pub const REPORT_EXPORT_MAX: u64 = 32 << 20;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const CHECK: &str = include_str!("report/check.js");
const SCRIPT: &str = include_str!("report/page.js");

/// A report that was written.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Reported {
    /// The seal.
    pub seal_id: SealId,
    /// The program's answer on its export, which the page shows.
    pub verdict: Verdict,
    /// Bytes of the page.
    pub size: u64,
    /// Bytes of the export in it.
    pub export_size: u64,
    /// SHA-256 of the export in it.
    pub export_sha256: Sha256Digest,
}

/// Exports a seal, verifies the export, and writes the page that shows both to the new file `out`, durably.
///
/// # Errors
/// Those of [`export_seal`] and [`verify_bundle`]; [`VaultError::ReportTooLong`] where the export is longer than
/// [`REPORT_EXPORT_MAX`]; a file that is there stays.
pub fn write_report(
    reader: &Reader,
    seal_id: SealId,
    options: &SealExport,
    outside: &Outside,
    out: &Path,
    now: Instant,
) -> Result<Reported, VaultError> {
    let fault = |source| VaultError::File { path: out.to_owned(), source };
    // Before work is done that would be for nothing.
    let (new, mut file) = NewFile::create(out).map_err(fault)?;
    let folder = TemporaryFolder::create()?;
    let path = folder.path().join("seal.vmb");
    let exported = export_seal(reader, seal_id, options, &path)?;
    if exported.size > REPORT_EXPORT_MAX {
        return Err(VaultError::ReportTooLong { limit: REPORT_EXPORT_MAX, found: exported.size });
    }
    let answer = verify_bundle(&path, outside, now)?;
    let export = std::fs::read(&path).map_err(|source| VaultError::File { path: path.clone(), source })?;
    let data = json!({
        "answer": answer_value(&answer),
        "bundle": Base64::encode_string(&export),
        "checked_at": now,
        "key": outside.pinned(),
        "verifier": concat!("vaultmesh ", env!("CARGO_PKG_VERSION")),
    });
    let page = fill(&format!("Seal {seal_id}"), &data);
    file.write_all(page.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
    new.finish().map_err(fault)?;
    Ok(Reported {
        seal_id,
        verdict: answer.verdict,
        size: u64::try_from(page.len()).unwrap_or(u64::MAX),
        export_size: exported.size,
        export_sha256: exported.sha256,
    })
}

/// The answer as commands give it.
fn answer_value(answer: &Verification) -> Value {
    json!({
        "checks": answer.report.checks(),
        "findings": answer.report.findings(),
        "verdict": answer.verdict,
    })
}

/// The page with its parts in it. Each part goes to its own place in one pass, so that none can hold the place of another.
fn fill(title: &str, data: &Value) -> String {
    // Inside a script element `<` could end it.
    let data = data.to_string().replace('<', "\\u003c");
    let csp = format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        source_hash(CHECK),
        source_hash(SCRIPT),
        source_hash(STYLE),
    );
    let part = |name: &str| match name {
        "check" => CHECK,
        "csp" => csp.as_str(),
        "data" => data.as_str(),
        "page" => SCRIPT,
        "style" => STYLE,
        _ => title,
    };
    let mut pieces = PAGE.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or(("title", piece));
        page.push_str(part(name));
        page.push_str(rest);
    }
    page
}

/// How a content security policy names the one script or style that it lets through.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", Base64::encode_string(Sha256Digest::of(text.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_place() {
        for name in ["check", "csp", "data", "page", "style", "title"] {
            assert_eq!(PAGE.matches(&format!("{{{{{name}}}}}")).count(), 1, "{name}");
        }
        assert_eq!(PAGE.matches("{{").count(), 6);
        for part in [CHECK, SCRIPT, STYLE] {
            assert!(!part.contains("</script") && !part.contains("</style"), "it would end its own element");
        }
    }

    #[test]
    fn text_of_the_data_stays_text() {
        let page = fill("t", &json!({ "text": "</script><b>{{style}}" }));
        assert!(page.contains("\\u003c/script>\\u003cb>{{style}}"));
        assert_eq!(page.matches(STYLE).count(), 1);
    }

    #[test]
    fn nothing_is_fetched() {
        for (name, part) in [("page", PAGE), ("check", CHECK), ("script", SCRIPT), ("style", STYLE)] {
            for word in ["http:", "https:", "fetch(", "XMLHttpRequest", "WebSocket", "@import", "url("] {
                let allowed = part.matches("http://www.w3.org/2000/svg").count() * usize::from(word == "http:");
                assert_eq!(part.matches(word).count(), allowed, "{word} in {name}");
            }
        }
    }
}
