//! From where reading stopped to the error that says so.

use super::super::DEPTH_MAX;
use super::super::fault::Fault;
use super::member::{Member, Sorted, sort, unescaped};
use super::run::{Kind, Open, Stack};
use super::{Stop, Why};
use crate::error::CanonicalError;

/// The error that a stop inside `innermost` is, with the pointer to its place. `out` holds what was written before.
///
/// That a name is repeated is seen only where its object closes, or here, where reading ended before that. Such a name
/// stands earlier in the text than whatever stopped the reading inside the object; so the outermost object is asked first.
#[cold]
#[inline(never)]
pub(super) fn explain(stop: Stop, innermost: Open, out: &[u8], stack: &mut Stack) -> CanonicalError {
    let opens: Vec<Open> = stack.outer.iter().copied().chain([innermost]).collect();
    let mut tokens = Vec::new();
    for (depth, open) in opens.iter().enumerate() {
        let end = opens.get(depth + 1).map_or(stack.members.len(), |inner| inner.base);
        let members = stack.members.get_mut(open.base..end).unwrap_or_default();
        // Between two items or members the fault is the array's or object's own.
        let is_own = !stop.is_inside && depth + 1 == opens.len();
        let token = match open.kind {
            _ if is_own => None,
            Kind::Document => None,
            Kind::Array => Some(open.index.to_string()),
            Kind::Object => members.last().map(|member| name(member, out)),
        };
        if let Sorted::Repeated(repeated) = sort(members, out, 0) {
            tokens.push(name(&repeated, out));
            return with_pointer(CanonicalError::DuplicateKey { pointer: String::new() }, tokens);
        }
        tokens.extend(token);
    }
    with_pointer(error(stop.why), tokens)
}

/// The error with its pointer, whose tokens are given outermost first.
fn with_pointer(error: CanonicalError, tokens: Vec<String>) -> CanonicalError {
    tokens.into_iter().rev().fold(Fault::new(error), Fault::below).into_error()
}

/// The error without its pointer.
fn error(why: Why) -> CanonicalError {
    let pointer = String::new();
    match why {
        Why::Expected { offset, expected } => CanonicalError::Syntax { offset, pointer, expected },
        Why::Trailing { offset } => CanonicalError::TrailingData { offset },
        Why::Repeated => CanonicalError::DuplicateKey { pointer },
        Why::LoneSurrogate => CanonicalError::LoneSurrogate { pointer },
        Why::NotFinite => CanonicalError::NotFinite { pointer },
        Why::UnsafeInteger => CanonicalError::UnsafeInteger { pointer },
        Why::TooDeep => CanonicalError::TooDeep { limit: DEPTH_MAX, pointer },
        // Never explained: the text is read again with more room.
        Why::Room => CanonicalError::NotCanonical,
    }
}

/// A member's name, as it was before it was escaped.
fn name(member: &Member, out: &[u8]) -> String {
    String::from_utf8(unescaped(member.name(out, 0)).collect()).unwrap_or_default()
}
