//! Lines of scrolls.

use vm_core::canonical;
use vm_seal::merkle::{Frontier, TreeSize};
use vm_seal::scroll::{LINE_MAX, ScrollLines, line_leaf};

use crate::input::Input;

/// Read in pieces or whole, and by a reader that splits at newlines: the same lines, roots, first fault and torn tail.
pub fn scroll_lines(data: &[u8]) {
    let mut input = Input::new(data);
    let (piece, asked) = (1 + usize::from(input.byte()), input.byte());
    let text = input.rest();
    let mut whole = ScrollLines::new([TreeSize::new(asked.into())]);
    whole.update(text);
    let mut pieces = ScrollLines::new([TreeSize::new(asked.into())]);
    text.chunks(piece).for_each(|part| pieces.update(part));

    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    let mut fault = None;
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let torn = lines.pop().is_some_and(|last| !last.is_empty());
    for (number, line) in (0..).zip(lines) {
        if !canonical::parse_exact(line, LINE_MAX).is_ok_and(|value| value.is_object()) {
            fault = fault.or(Some(number));
        }
        frontier.append(line_leaf(line));
        roots.push(frontier.root());
    }
    for read in [&whole, &pieces] {
        assert_eq!(read.size(), frontier.size());
        assert_eq!(read.root(), frontier.root());
        assert_eq!(read.first_fault(), fault);
        assert_eq!(read.is_torn(), torn);
        assert_eq!(read.root_at(TreeSize::new(asked.into())), roots.get(usize::from(asked)).copied());
    }
}
