//! The patterns of a rule as a tree of tokens, so that whoever walks down a value looks at each token once.
//!
//! [`Policy::handling`](crate::redact::Policy::handling) says the same of a whole pointer, and is what the tests hold the
//! tree to.

use core::ops::Range;

use crate::redact::Handling;
use crate::redact::policy::Rule;

/// The patterns of one rule. A node stands for the beginning of at least one pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Node {
    /// Nodes below, each with the token that leads there, as it is escaped in a pointer.
    children: Vec<(String, usize)>,
    /// Node below that any token leads to.
    any: Option<usize>,
    /// Whether a pattern of what is kept ends here.
    keep: bool,
}

/// Where in the tree a pointer has come to: several nodes where a pattern names its token and another takes any.
///
/// They lie in a stack that the caller of [`Tree::step`] shares between all pointers along its way, and cuts back on
/// its way out.
pub(super) type Place = Range<usize>;

impl Tree {
    /// The tree of `rule`.
    pub(super) fn new(rule: &Rule) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for pattern in &rule.keep {
            let end = tree.grow(pattern.tokens());
            if let Some(node) = tree.nodes.get_mut(end) {
                node.keep = true;
            }
        }
        for pattern in &rule.shape {
            tree.grow(pattern.tokens());
        }
        tree
    }

    /// The place of the pointer to everything; `stack` is emptied.
    pub(super) fn root(stack: &mut Vec<usize>) -> Place {
        stack.clear();
        stack.push(0);
        0..1
    }

    /// Goes on by one token, escaped as in a pointer, from `place` in `stack`.
    pub(super) fn step(&self, place: &Place, token: &str, stack: &mut Vec<usize>) -> (Handling, Place) {
        let start = stack.len();
        let mut keep = false;
        for at in place.clone() {
            let Some(node) = stack.get(at).and_then(|node| self.nodes.get(*node)) else { continue };
            for child in node.named(token).into_iter().chain(node.any) {
                keep |= self.nodes.get(child).is_some_and(|node| node.keep);
                stack.push(child);
            }
        }
        let handling = match stack.len() == start {
            _ if keep => Handling::Keep,
            true => Handling::Commit,
            false => Handling::Shape,
        };
        (handling, start..stack.len())
    }

    /// The node that `tokens` lead to, made where it is not there yet.
    fn grow<'a>(&mut self, tokens: impl Iterator<Item = &'a str>) -> usize {
        let mut at = 0;
        for token in tokens {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return at };
            if let Some(known) = if token == "*" { node.any } else { node.named(token) } {
                at = known;
                continue;
            }
            match token {
                "*" => node.any = Some(next),
                _ => node.children.push((token.to_owned(), next)),
            }
            self.nodes.push(Node::default());
            at = next;
        }
        at
    }
}

impl Node {
    /// The node below that `token` leads to by its name.
    fn named(&self, token: &str) -> Option<usize> {
        self.children.iter().find(|(name, _)| name == token).map(|(_, child)| *child)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Table;
    use crate::redact::{Pattern, Policy};

    /// Handling of `pointer`, a token at a time.
    fn handling(tree: &Tree, pointer: &str) -> Handling {
        let mut stack = Vec::new();
        let mut place = Tree::root(&mut stack);
        let mut handling = Handling::Commit;
        for token in pointer.split('/').skip(1) {
            (handling, place) = tree.step(&place, token, &mut stack);
        }
        handling
    }

    fn pointers() -> impl Strategy<Value = Vec<String>> {
        let token = prop::sample::select(vec!["a", "b", "*", "", "0", "a~1b", "é"]);
        let pointer = prop::collection::vec(token, 1..5).prop_map(|tokens| format!("/{}", tokens.join("/")));
        prop::collection::vec(pointer, 0..6)
    }

    proptest! {
        #[test]
        fn the_tree_says_what_the_patterns_say(keep in pointers(), shape in pointers(), asked in pointers()) {
            let patterns = |list: &[String]| list.iter().map(Pattern::new).collect();
            let rule = Rule { table: Table::McpCalls, name: None, keep: patterns(&keep), shape: patterns(&shape) };
            let (tree, policy) = (Tree::new(&rule), Policy::new(vec![rule]).unwrap());
            for pointer in asked.iter().chain(&keep).chain(&shape) {
                prop_assert_eq!(handling(&tree, pointer), policy.handling(Table::McpCalls, "x", pointer), "{}", pointer);
            }
        }
    }

    #[test]
    fn patterns_of_odd_forms_mean_what_they_mean_alone() {
        for odd in ["", "/", "a", "a/b", "//", "/a/"] {
            let rule = Rule { table: Table::McpCalls, name: None, keep: vec![Pattern::new(odd)], shape: Vec::new() };
            let (tree, policy) = (Tree::new(&rule), Policy::new(vec![rule]).unwrap());
            for pointer in ["/", "/a", "/b", "//", "/a/", "/a/b"] {
                assert_eq!(handling(&tree, pointer), policy.handling(Table::McpCalls, "x", pointer), "{odd} {pointer}");
            }
        }
    }
}
