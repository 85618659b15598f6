//! Pages that are made from other sources of truth.

use std::fmt::Write as _;

use vm_core::verdict::{Code, Severity, Verdict};

use crate::error::Failure;
use crate::tree::Tree;
use crate::{interop, mutants};

const VERDICTS: &str = "docs/spec/verdicts.md";
const INDEX: &str = "docs/spec/README.md";

/// `cargo xtask docs`: writes the generated pages.
pub(crate) fn write(tree: &Tree) -> Result<(), Failure> {
    // The index lists the page of verdicts, so that page has to be there first.
    let path = tree.root().join(VERDICTS);
    std::fs::write(&path, verdicts()).map_err(Failure::io(path))?;
    for (path, text) in generated(tree)? {
        let path = tree.root().join(path);
        std::fs::write(&path, text).map_err(Failure::io(&path))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// The generated pages: path below the root and what must stand there.
pub(crate) fn generated(tree: &Tree) -> Result<[(&'static str, String); 4], Failure> {
    let mut pages = Vec::new();
    for path in tree.files("docs/spec", &[".md"])? {
        if path != INDEX {
            let text = tree.read(&path)?;
            pages.push((path, text));
        }
    }
    Ok([
        (VERDICTS, verdicts()),
        (INDEX, index(&pages)),
        (mutants::PAGE, mutants::page(tree)?),
        (interop::PAGE, interop::page(tree)?),
    ])
}

fn verdicts() -> String {
    let mut page = String::from(
        "# Verdicts and findings\n\n\
         A check answers verified, contradicted or undecided, and says why in findings with stable codes.\n\n\
         ```json\n\
         {\"code\":\"row-altered\",\"severity\":\"contradicted\",\"subject\":\"row mcp_calls/0190...\",\"expected\":\"9f86...\",\"found\":\"60e2...\"}\n\
         ```\n\n\
         The answer follows from the findings alone. It MUST be contradicted if any finding is; else undecided if any finding is, or if\n\
         nothing was checked; else verified. A remark changes no answer. The severity of a code never depends on where it was found.\n\n\
         | answer | exit |\n| --- | --- |\n",
    );
    for verdict in [Verdict::Verified, Verdict::Contradicted, Verdict::Undecided] {
        let _ = writeln!(page, "| {verdict} | {} |", verdict.exit_code());
    }
    page.push_str("\nThis page is written by `cargo xtask docs` from the table in `vm-core/src/verdict.rs`.\n");
    for (severity, title) in [
        (Severity::Contradicted, "Contradicted: something is proven wrong"),
        (Severity::Undecided, "Undecided: something could not be checked, is missing, or is of an unknown format"),
        (Severity::Remark, "Remarks: worth knowing"),
    ] {
        let _ = writeln!(page, "\n## {title}\n\n| code | meaning | remedy |\n| --- | --- | --- |");
        for code in Code::ALL.iter().filter(|code| code.severity() == severity) {
            let _ = writeln!(page, "| `{code}` | {} | {} |", cell(code.meaning()), cell(code.remedy()));
        }
    }
    page
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn index(pages: &[(String, String)]) -> String {
    let mut page = String::from(
        "# Stored formats\n\n\
         One page for each format that leaves a process: a literal sample first, then what MUST hold. A format's version stands in its\n\
         `format` string and is not the version of a crate. An unknown one is refused, never skipped.\n\n\
         The words MUST, MUST NOT, SHOULD and MAY are those of RFC 2119. This list is written by `cargo xtask docs`.\n\n\
         | page | what it fixes |\n| --- | --- |\n",
    );
    for (path, text) in pages {
        let name = path.rsplit('/').next().unwrap_or(path);
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name);
        let _ = writeln!(page, "| [{}]({name}) | {} |", cell(title.trim()), cell(&first_sentence(text)));
    }
    page
}

/// The first sentence of running text: outside code, tables, lists and headings.
fn first_sentence(text: &str) -> String {
    let mut fenced = false;
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        let plain = !fenced && line.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '`' | '*' | '[' | '"'));
        if plain && !line.starts_with("```") {
            paragraph.push_str(line.trim());
            paragraph.push(' ');
        } else if !paragraph.is_empty() {
            break;
        }
    }
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph.get(..end).unwrap_or(&paragraph).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_with_its_meaning_and_remedy() {
        let page = verdicts();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("\n| `{code}` |")).count(), 1, "{code}");
            assert!(page.contains(code.meaning()) && page.contains(code.remedy()), "{code}");
        }
    }

    #[test]
    fn the_index_takes_title_and_first_sentence() {
        let text = "# Seal bundle\n\n```json\n{\"a\": 1}\n```\n\nA bundle holds\na seal. More.\n\nNext.\n";
        let page = index(&[("docs/spec/bundle.md".to_owned(), text.to_owned())]);
        assert!(page.ends_with("| [Seal bundle](bundle.md) | A bundle holds a seal. |\n"), "{page}");
    }
}
