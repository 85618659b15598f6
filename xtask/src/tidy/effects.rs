//! Rules stay apart from effects: which crates may reach for disk, network, clock, environment and randomness.

use syn::visit::{self, Visit};

use super::source::Source;
use super::{Complaint, House};
use crate::error::Failure;

const DISK: &str = "std::fs";
const NETWORK: &str = "std::net";
const ENVIRONMENT: &str = "std::env";
const PROCESS: &str = "std::process";
const CLOCK: [&str; 2] = ["std::time::SystemTime", "std::time::Instant"];
const RANDOMNESS: &str = "getrandom";

const ALL: &[&str] = &[DISK, NETWORK, ENVIRONMENT, PROCESS, CLOCK[0], CLOCK[1], RANDOMNESS];

/// Crates, by folder, and what their library code must take as an argument instead.
const CLOSED: &[(&str, &[&str])] = &[
    ("vm-hash/src/", ALL),
    ("vm-core/src/", ALL),
    ("vm-seal/src/", ALL),
    ("vm-envelope/src/", ALL),
    ("vm-crdt/src/", ALL),
    ("vm-shadow/src/", ALL),
    ("vm-autogene/src/", ALL),
    ("vm-guardian/src/", ALL),
    ("vm-dee/src/", ALL),
    ("vm-anchor/src/client", &[DISK, ENVIRONMENT, PROCESS, CLOCK[0], RANDOMNESS]),
    ("vm-anchor/src/ethereum/client", &[DISK, ENVIRONMENT, PROCESS, CLOCK[0], RANDOMNESS]),
    ("vm-anchor/src/", ALL),
    ("vm-ledger/src/", &[NETWORK, ENVIRONMENT, "std::process::Command"]),
];

pub(super) fn effects(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    Ok(house.sources.iter().flat_map(check).collect())
}

fn check(source: &Source) -> Vec<Complaint> {
    let Some((_, forbidden)) = CLOSED.iter().find(|(folder, _)| source.path.starts_with(folder)) else {
        return Vec::new();
    };
    let mut uses = Uses { paths: Vec::new() };
    uses.visit_file(&source.file);
    uses.paths.extend(inline_paths(source));
    let mut complaints = Vec::new();
    for (path, line) in uses.paths {
        let hit = forbidden.iter().find(|effect| path == **effect || path.starts_with(&format!("{effect}::")));
        if let Some(effect) = hit
            && !source.in_test(line)
        {
            let text = format!("`{effect}` is an effect; this crate takes it as an argument or a trait of vm-core");
            complaints.push(Complaint::at(&source.path, line, text));
        }
    }
    complaints.dedup();
    complaints
}

/// Paths written where they are used, also inside macros: `std` or `getrandom`, then each `::name`.
fn inline_paths(source: &Source) -> Vec<(String, usize)> {
    let mut paths = Vec::new();
    for (position, (token, line)) in source.tokens.iter().enumerate() {
        if !matches!(token.as_str(), "std" | "getrandom") {
            continue;
        }
        let mut path = token.clone();
        let mut rest = source.tokens.get(position + 1..).unwrap_or_default().iter().map(|(token, _)| token.as_str());
        while rest.next() == Some(":") && rest.next() == Some(":") {
            match rest.next() {
                Some(name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                    path.push_str("::");
                    path.push_str(name);
                }
                _ => break,
            }
        }
        if path != "getrandom" {
            paths.push((path, *line));
        }
    }
    paths
}

/// Collects what `use` items name, groups spelt out.
struct Uses {
    paths: Vec<(String, usize)>,
}

impl Uses {
    fn expand(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |ident: &syn::Ident| {
            if prefix.is_empty() { ident.to_string() } else { format!("{prefix}::{ident}") }
        };
        match tree {
            syn::UseTree::Path(path) => self.expand(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.paths.push((prefix.to_owned(), name.ident.span().start().line));
            }
            syn::UseTree::Name(name) => self.paths.push((join(&name.ident), name.ident.span().start().line)),
            syn::UseTree::Rename(name) => self.paths.push((join(&name.ident), name.ident.span().start().line)),
            syn::UseTree::Glob(glob) => {
                self.paths.push((format!("{prefix}::*"), glob.star_token.spans[0].start().line));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.expand(prefix, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.expand("", &item.tree);
        visit::visit_item_use(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Source::parse(path, text).unwrap()).len()
    }

    #[test]
    fn every_way_to_name_an_effect_is_seen() {
        for text in [
            "use std::fs;",
            "use std::{io::Read, fs::File};",
            "use std::{collections::*, env::{self, var}};",
            "use std::time::{Duration, SystemTime};",
            "fn a() { std::fs::read(\"x\"); }",
            "fn a() { println!(\"{}\", std::env::args().count()); }",
            "fn a() { let _ = getrandom::fill(&mut []); }",
            "use std::time::Instant as I;",
        ] {
            assert!(found("vm-core/src/a.rs", text) > 0, "{text}");
        }
    }

    #[test]
    fn rules_tests_and_edges_are_free() {
        assert_eq!(found("vm-core/src/a.rs", "use std::io::Read; use std::time::Duration;"), 0);
        assert_eq!(found("vm-core/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), 0);
        assert_eq!(found("vm-core/tests/a.rs", "use std::fs;"), 0);
        assert_eq!(found("vaultmesh/src/a.rs", "use std::{fs, env};"), 0);
        assert_eq!(found("vm-ledger/src/a.rs", "use std::fs;"), 0);
        assert_eq!(found("vm-ledger/src/a.rs", "use std::env;"), 1);
        assert_eq!(found("vm-ledger/src/a.rs", "fn a() -> u32 { std::process::id() }"), 0);
    }

    #[test]
    fn only_the_client_of_anchors_has_the_network() {
        assert_eq!(found("vm-anchor/src/client/http.rs", "use std::net::TcpStream;"), 0);
        assert_eq!(found("vm-anchor/src/rfc3161/token.rs", "use std::net::TcpStream;"), 1);
    }
}
