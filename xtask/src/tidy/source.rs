//! A Rust file, parsed once, with the lines that are tests.

use std::ops::RangeInclusive;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;

use crate::error::Failure;
use crate::tree::Tree;

/// One parsed file.
pub(super) struct Source {
    /// Path below the root.
    pub(super) path: String,
    /// Number of lines.
    pub(super) lines: usize,
    /// The syntax tree.
    pub(super) file: syn::File,
    /// Every token in order with its line, groups opened: doc comments are string literals in it.
    pub(super) tokens: Vec<(String, usize)>,
    tests: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Parses `text` as the file at `path`.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, syn::Error> {
        let file = syn::parse_file(text)?;
        let stream: TokenStream = syn::parse_str(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut tests = Vec::new();
        test_items(&file.items, &mut tests);
        Ok(Self { path: path.to_owned(), lines: text.lines().count(), file, tokens, tests })
    }

    /// Whether the whole file is test code by its place.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// Whether the line belongs to test code.
    pub(super) fn in_test(&self, line: usize) -> bool {
        self.is_test() || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Lines that are not test code.
    pub(super) fn plain_lines(&self) -> usize {
        (1..=self.lines).filter(|line| !self.in_test(*line)).count()
    }
}

/// Parses every Rust file of the members and of the crates that stand outside the workspace.
pub(super) fn load(tree: &Tree) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in tree.files("", &[".rs"])? {
        let text = tree.read(&path)?;
        sources.push(Source::parse(&path, &text).map_err(|source| Failure::Source { path: path.into(), source })?);
    }
    Ok(sources)
}

fn flatten(stream: TokenStream, out: &mut Vec<(String, usize)>) {
    for token in stream {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                out.push((open.to_owned(), line));
                let end = group.span_close().start().line;
                flatten(group.stream(), out);
                out.push((close.to_owned(), end));
            }
            other => out.push((other.to_string(), line)),
        }
    }
}

fn test_items(items: &[syn::Item], out: &mut Vec<RangeInclusive<usize>>) {
    for item in items {
        if attributes(item).iter().any(is_cfg_test) {
            out.push(item.span().start().line..=item.span().end().line);
        } else if let syn::Item::Mod(module) = item
            && let Some((_, items)) = &module.content
        {
            test_items(items, out);
        }
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let mut tokens = Vec::new();
    flatten(list.tokens.clone(), &mut tokens);
    let has = |word: &str| tokens.iter().any(|(token, _)| token == word);
    list.path.is_ident("cfg") && has("test") && !has("not") && !has("any")
}

/// The attributes of an item; kinds of item that are never marked as tests give none.
pub(super) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_test_items_do_not_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::parse("x/src/lib.rs", text).unwrap();
        assert_eq!(source.plain_lines(), 3);
        assert!(source.in_test(5) && !source.in_test(7));
    }

    #[test]
    fn a_negated_test_attribute_is_plain_code() {
        let source = Source::parse("x/src/lib.rs", "#[cfg(not(test))]\nfn a() {}\n").unwrap();
        assert_eq!(source.plain_lines(), 2);
    }

    #[test]
    fn files_below_tests_are_tests() {
        assert!(Source::parse("x/tests/a.rs", "fn a() {}").unwrap().in_test(1));
        assert!(Source::parse("x/src/tests.rs", "fn a() {}").unwrap().in_test(1));
        assert!(!Source::parse("x/src/latest.rs", "fn a() {}").unwrap().in_test(1));
    }
}
