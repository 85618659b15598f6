//! The rules of the house that no other tool checks. Each rule is one function from the tree to complaints.

mod effects;
mod manifests;
mod pages;
mod size;
mod source;
mod words;

use std::fmt;

use crate::error::Failure;
use crate::tree::Tree;
use source::Source;

/// What one rule has against one place.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    place: String,
    text: String,
}

impl Complaint {
    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), text: text.into() }
    }

    fn about(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: path.into(), text: text.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// All that a rule may look at.
struct House<'a> {
    tree: &'a Tree,
    sources: Vec<Source>,
}

type Rule = (&'static str, fn(&House<'_>) -> Result<Vec<Complaint>, Failure>);

const RULES: &[Rule] = &[
    ("every manifest inherits the workspace's lints and says what the crate is", manifests::manifests),
    ("every crate has a README.md and a documented root module", manifests::crate_docs),
    ("error types live in error.rs", manifests::error_home),
    ("no file over 500 lines and no function over 70, tests aside", size::size),
    ("no unsafe, no todo, no ignored test", words::tokens),
    ("no path of a machine and no package host in text", words::words),
    ("only the crates at the edge touch disk, network, clock, environment and randomness", effects::effects),
    ("the top level pages exist and README.md lists every crate", pages::top_level),
    ("the pages of docs/spec are listed, and the generated pages are fresh", pages::generated),
    ("every stored format has a page in docs/spec", pages::formats),
    ("every mutant that survived has a reason, and every reason a mutant", pages::mutants),
    ("every check by a foreign client ran, at the version that is pinned", pages::interop),
];

/// `cargo xtask tidy`.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let house = House { tree, sources: source::load(tree)? };
    let mut count = 0;
    for (name, rule) in RULES {
        let complaints = rule(&house)?;
        println!("{} {name}", if complaints.is_empty() { "ok  " } else { "FAIL" });
        for complaint in &complaints {
            println!("       {complaint}");
        }
        count += complaints.len();
    }
    if count == 0 { Ok(()) } else { Err(Failure::Untidy { count }) }
}
