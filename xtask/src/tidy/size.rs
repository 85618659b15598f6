//! Length of files and functions.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::source::Source;
use super::{Complaint, House};
use crate::error::Failure;

/// A file of more is hard to hold in the head; the aim is 400.
const FILE_LINES_MAX: usize = 500;
/// A function of more does not fit a screen; the aim is 30.
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn size(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    Ok(house.sources.iter().filter(|source| !source.is_test()).flat_map(check).collect())
}

fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let lines = source.plain_lines();
    if lines > FILE_LINES_MAX {
        let text = format!("{lines} lines that are not tests, at most {FILE_LINES_MAX}; split it by noun");
        complaints.push(Complaint::about(source.path.clone(), text));
    }
    let mut functions = Functions { source, complaints };
    functions.visit_file(&source.file);
    functions.complaints
}

struct Functions<'a> {
    source: &'a Source,
    complaints: Vec<Complaint>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let start = signature.span().start().line;
        let lines = block.span().end().line + 1 - start;
        if lines > FUNCTION_LINES_MAX && !self.source.in_test(start) {
            let text = format!("function `{}` has {lines} lines, at most {FUNCTION_LINES_MAX}", signature.ident);
            self.complaints.push(Complaint::at(&self.source.path, start, text));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<Complaint> {
        check(&Source::parse("x/src/lib.rs", text).unwrap())
    }

    fn function(lines: usize) -> String {
        format!("/// Docs.\n#[inline]\nfn long() {{\n{}}}\n", "    call();\n".repeat(lines - 2))
    }

    #[test]
    fn seventy_lines_pass_and_one_more_does_not() {
        assert_eq!(complaints(&function(70)), []);
        let found = complaints(&function(71));
        assert_eq!(found.len(), 1);
        assert!(found[0].text.contains("`long` has 71 lines"), "{}", found[0]);
    }

    #[test]
    fn methods_and_default_methods_are_measured() {
        assert_eq!(complaints(&format!("impl A {{\n{}}}", function(71))).len(), 1);
        assert_eq!(complaints(&format!("trait A {{\n{}}}", function(71))).len(), 1);
    }

    #[test]
    fn tests_may_be_long() {
        assert_eq!(complaints(&format!("#[cfg(test)]\nmod tests {{\n{}}}", function(600))), []);
    }

    #[test]
    fn five_hundred_lines_pass_and_one_more_does_not() {
        assert_eq!(complaints(&"const A: u8 = 1;\n".repeat(500)), []);
        assert_eq!(complaints(&"const A: u8 = 1;\n".repeat(501)).len(), 1);
    }
}
