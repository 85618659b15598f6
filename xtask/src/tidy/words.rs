//! Tokens and words that must not stand in the tree.

use super::source::Source;
use super::{Complaint, House};
use crate::error::Failure;

/// Kinds of file that are written by hand and so are read for words.
const TEXT: &[&str] = &[".rs", ".md", ".toml", ".sql", ".sh", ".py", ".ci/run"];

/// The one file that may hold unsafe code, by docs/adr/0008.
const UNSAFE_HOME: &str = "vm-hash/src/cpu.rs";

/// A word, and what to do instead. Each is split, so that this file does not hold it.
const WORDS: &[(&str, &str, &str)] = &[
    ("/wo", "rk/", "names a folder of one machine; take the path as an argument"),
    ("/ho", "me/", "names a folder of one machine; take the path as an argument"),
    ("/ro", "ot/", "names a folder of one machine; take the path as an argument"),
    ("/Us", "ers/", "names a folder of one machine; take the path as an argument"),
    ("../sh", "ared", "stands for vectors outside the repository; only tests may have it as a default"),
    ("crates", ".io", "names a package host; say `the registry`"),
    ("pypi", ".org", "names a package host; say `the registry`"),
    ("pythonhosted", ".org", "names a package host; say `the registry`"),
    ("npmjs", ".", "names a package host; say `the registry`"),
    ("deb.debian", ".org", "names a package host; say `the distribution's packages`"),
];

pub(super) fn words(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let mut complaints = Vec::new();
    for path in house.tree.files("", TEXT)? {
        complaints.extend(check_words(&path, &house.tree.read(&path)?));
    }
    Ok(complaints)
}

pub(super) fn tokens(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    Ok(house.sources.iter().flat_map(check_tokens).collect())
}

fn check_words(path: &str, text: &str) -> Vec<Complaint> {
    let in_tests = path.split('/').any(|part| part == "tests");
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (head, tail, why) in WORDS {
            let word = format!("{head}{tail}");
            let default = in_tests && *head == "../sh";
            if !default && line.match_indices(&word).any(|(at, _)| starts_path(line, at, &word)) {
                complaints.push(Complaint::at(path, number + 1, format!("`{word}` {why}")));
            }
        }
    }
    complaints
}

/// Whether the word at `at` is the start of a path and not the middle of one, as in `docs/home/`.
fn starts_path(line: &str, at: usize, word: &str) -> bool {
    let before = line.get(..at).and_then(|text| text.chars().next_back());
    !word.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '}' | ')'))
}

fn check_tokens(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (position, (token, line)) in source.tokens.iter().enumerate() {
        let next = source.tokens.get(position + 1).map_or("", |(token, _)| token.as_str());
        let before = position.checked_sub(1).and_then(|at| source.tokens.get(at)).map_or("", |(token, _)| token);
        let why = match (before, token.as_str(), next) {
            (_, "todo" | "unimplemented", "!") => "unfinished; finish it or leave it out",
            ("[", "ignore", _) => "an ignored test shows nothing; make it run or remove it",
            (_, "unsafe", _) if source.path != UNSAFE_HOME => "unsafe code; it has one home, which docs/adr/0008 names",
            _ => continue,
        };
        complaints.push(Complaint::at(&source.path, *line, format!("`{token}`: {why}")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(head: &str) -> String {
        WORDS.iter().find(|(first, ..)| *first == head).map(|(first, second, _)| format!("{first}{second}")).unwrap()
    }

    #[test]
    fn each_word_is_found_with_its_line() {
        for (head, tail, _) in WORDS {
            let found = check_words("docs/a.md", &format!("first\nsee {head}{tail}x\n"));
            assert_eq!(found.len(), 1, "{head}{tail}");
            assert_eq!(found[0].place, "docs/a.md:2");
        }
    }

    #[test]
    fn the_middle_of_a_path_is_no_machine() {
        assert_eq!(check_words("docs/a.md", &format!("see docs{}x", word("/ho"))), []);
    }

    #[test]
    fn tests_alone_may_default_to_outside_vectors() {
        let text = word("../sh");
        assert_eq!(check_words("vm-core/tests/conformance_jcs.rs", &text), []);
        assert_eq!(check_words("vm-core/tests/common/mod.rs", &text), []);
        assert_eq!(check_words("vm-core/src/conformance.rs", &text).len(), 1);
    }

    #[test]
    fn forbidden_tokens_are_found_in_code_and_in_macros_but_not_in_text() {
        let found = |text: &str| check_tokens(&Source::parse("x/src/lib.rs", text).unwrap()).len();
        assert_eq!(found("fn a() { todo!() }"), 1);
        assert_eq!(found("macro_rules! m { () => { unsafe { } } }"), 1);
        assert_eq!(found("#[test]\n#[ignore = \"slow\"]\nfn a() {}"), 1);
        let unsafe_in = |path: &str| check_tokens(&Source::parse(path, "fn a() { unsafe { b() } }").unwrap()).len();
        assert_eq!(unsafe_in(UNSAFE_HOME), 0);
        assert_eq!(unsafe_in("vm-hash/src/lib.rs"), 1);
        assert_eq!(unsafe_in("vm-core/src/cpu.rs"), 1);
        assert_eq!(found("/// No unsafe, no todo!, no #[ignore].\nfn ignore() -> &'static str { \"unsafe\" }"), 0);
    }
}
