//! The members of the objects that are open: where they stand in the output, and their order.

use core::cmp::Ordering;

use super::super::order::{compare, rank};

/// Bytes of a name that order most names.
const PREFIX: usize = 8;

/// A member as it stands or will stand in the output: `"name":value`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// The first eight bytes of the name in an order that never contradicts that of the names: most are told apart by
    /// this number alone.
    prefix: u64,
    /// Where its name begins, at the quotation mark. Places are narrow to keep members small.
    start: u32,
    /// After its value, once [`set_ends`] has been called.
    end: u32,
}

impl Member {
    /// The member at `start` in the output whose name was read from `at` on, where it is `length` bytes long without
    /// quotation marks. `None` where the beginning of the name is not ASCII without escapes.
    #[inline(always)]
    pub(super) fn new(text: &[u8], at: usize, length: usize, start: usize) -> Option<Self> {
        let word = text.get(at + 1..).and_then(<[u8]>::first_chunk)?;
        let prefix = prefix_of_ascii(*word, length)?;
        Some(Self { prefix, start: narrow(start), end: 0 })
    }

    /// The member whose name stands in the output from `start` on.
    #[cold]
    #[inline(never)]
    pub(super) fn with_any_name(out: &[u8], start: usize) -> Self {
        let name = name_at(out, start);
        let mut prefix = [0; PREFIX];
        prefix.iter_mut().zip(unescaped(name)).for_each(|(place, byte)| *place = rank(byte));
        Self { prefix: u64::from_be_bytes(prefix), start: narrow(start), end: 0 }
    }

    /// Whether it stands before `other` in order, as far as the first bytes of their names tell.
    #[inline(always)]
    pub(super) const fn is_surely_before(&self, other: &Self) -> bool {
        self.prefix < other.prefix
    }

    /// Where it begins in the output.
    #[inline(always)]
    pub(super) fn start(&self) -> usize {
        wide(self.start)
    }

    /// Where it ends in the output, once [`set_ends`] has been called.
    #[inline(always)]
    pub(super) fn end(&self) -> usize {
        wide(self.end)
    }

    /// Its name as it is written, with its escapes, without quotation marks; `written` is the output from `origin` on.
    pub(super) fn name<'out>(&self, written: &'out [u8], origin: usize) -> &'out [u8] {
        name_at(written, self.start().saturating_sub(origin))
    }
}

/// Notes where members end that stand in the order of the text, the last of them at `end`.
#[inline(always)]
pub(super) fn set_ends(members: &mut [Member], end: usize) {
    // A comma stands between two.
    let mut next = narrow(end) + 1;
    for member in members.iter_mut().rev() {
        member.end = next - 1;
        next = member.start;
    }
}

/// What sorting members did.
pub(super) enum Sorted {
    /// Put them in another order.
    Moved,
    /// Found them in order.
    Same,
    /// Found this one to be the first in the text that repeats a name.
    Repeated(Member),
}

/// Sorts members by name that are not surely in order. `written` is the output from `origin` on.
#[inline(always)]
pub(super) fn sort(members: &mut [Member], written: &[u8], origin: usize) -> Sorted {
    members.sort_unstable_by_key(|member| member.prefix);
    if members.is_sorted_by(Member::is_surely_before) {
        return Sorted::Moved;
    }
    sort_by_names(members, written, origin)
}

#[cold]
#[inline(never)]
fn sort_by_names(members: &mut [Member], written: &[u8], origin: usize) -> Sorted {
    let order = |first: &Member, second: &Member| match first.prefix.cmp(&second.prefix) {
        Ordering::Equal => order_of_names(first.name(written, origin), second.name(written, origin)),
        different => different,
    };
    members.sort_unstable_by(|first, second| order(first, second).then(first.start.cmp(&second.start)));
    let pairs = members.iter().zip(members.iter().skip(1));
    let repeated = pairs.filter(|(first, second)| order(first, second).is_eq());
    match repeated.map(|(_, second)| *second).min_by_key(|member| member.start) {
        Some(member) => Sorted::Repeated(member),
        None if members.is_sorted_by_key(|member| member.start) => Sorted::Same,
        None => Sorted::Moved,
    }
}

/// The prefix of a name of `length` bytes that begins with `word`, where it is ASCII without escapes so far.
#[inline(always)]
fn prefix_of_ascii(word: [u8; PREFIX], length: usize) -> Option<u64> {
    let mut prefix = u64::from_be_bytes(word);
    if length < PREFIX {
        // What follows the name in the word counts as zeros. The shift is at most 56 bits.
        prefix &= !(u64::MAX >> (8 * length));
    }
    let backslashes = (prefix ^ 0x5c5c_5c5c_5c5c_5c5c).wrapping_sub(0x0101_0101_0101_0101);
    ((backslashes | prefix) & 0x8080_8080_8080_8080 == 0).then_some(prefix)
}

/// The order of names that agree in their prefix.
fn order_of_names(first: &[u8], second: &[u8]) -> Ordering {
    if first.contains(&b'\\') || second.contains(&b'\\') {
        return unescaped(first).map(rank).cmp(unescaped(second).map(rank));
    }
    compare(first, second)
}

/// The name whose opening quotation mark stands at `start`.
fn name_at(out: &[u8], start: usize) -> &[u8] {
    let name = out.get(start + 1..).unwrap_or_default();
    let mut end = 0;
    loop {
        match name.get(end) {
            Some(b'\\') => end += 2,
            Some(b'"') | None => return name.get(..end).unwrap_or_default(),
            Some(_) => end += 1,
        }
    }
}

/// The bytes that a string in canonical form stands for.
pub(super) fn unescaped(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = name.iter().copied();
    core::iter::from_fn(move || {
        let byte = rest.next()?;
        if byte != b'\\' {
            return Some(byte);
        }
        match rest.next()? {
            b'b' => Some(0x08),
            b't' => Some(b'\t'),
            b'n' => Some(b'\n'),
            b'f' => Some(0x0c),
            b'r' => Some(b'\r'),
            // Canonical text writes none but control characters so: `\u00` and two digits.
            b'u' => rest.by_ref().take(4).try_fold(0, |byte: u8, digit| {
                let digit = char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
                Some(byte.wrapping_shl(4) | digit)
            }),
            other => Some(other),
        }
    })
}

/// A place as it is kept. The output of a text that is let in is shorter than 4 GiB.
#[inline(always)]
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The same place again; `usize` holds every `u32` wherever there are 4 GiB to address.
#[inline(always)]
fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The member whose name begins at the beginning of the text, as far as it can be had from the text alone.
    fn of_text(name: &str) -> Option<Member> {
        Member::new(format!("\"{name}\":          ").as_bytes(), 0, name.len(), 0)
    }

    fn of_output(name: &str) -> Member {
        Member::with_any_name(format!("\"{name}\":").as_bytes(), 0)
    }

    /// Names that are not seen to be in order are compared as a whole: the same order, slower.
    #[test]
    fn most_names_are_told_apart_by_their_prefix() {
        let names = ["", " ", "!", "A", "A!", "AB", "a", "abcdefg", "abcdefgh", "abcdefh", "z"];
        for (at, first) in names.iter().enumerate() {
            for (place, second) in names.iter().enumerate() {
                let [one, two] = [first, second].map(|name| of_text(name).unwrap());
                assert_eq!(one.is_surely_before(&two), at < place, "{first} {second}");
                assert_eq!(one.is_surely_before(&of_output(second)), at < place, "{first} {second}");
                assert_eq!(of_output(first).is_surely_before(&two), at < place, "{first} {second}");
            }
        }
        for (first, second) in [("abcdefgh", "abcdefgh"), ("abcdefghi", "abcdefghz"), ("abcdefghz", "abcdefgh")] {
            assert!(!of_text(first).unwrap().is_surely_before(&of_text(second).unwrap()), "{first} {second}");
        }
    }

    #[test]
    fn names_that_are_not_ascii_without_escapes_are_read_from_the_output() {
        for name in ["é", "abcdefé", "\\n", "abcdef\\n", "\\u0001"] {
            assert!(of_text(name).is_none(), "{name}");
        }
        // Only the first eight bytes matter.
        for name in ["abcdefghé", "abcdefgh\\n"] {
            assert!(of_text(name).is_some(), "{name}");
        }
    }

    /// What stands behind a backslash comes before the letters, though a backslash comes after most of them.
    #[test]
    fn names_are_ordered_by_what_their_escapes_stand_for() {
        let names = [
            "\\u0000", "\\b", "\\t", "\\n", "\\u000b", "\\f", "\\r", "\\u001f", " ", "!", "\\\"", "#", "A", "[",
            "\\\\", "]",
        ];
        for (at, first) in names.iter().enumerate() {
            for (place, second) in names.iter().enumerate() {
                let [one, two] = [first, second].map(|name| of_output(name).prefix);
                assert_eq!(one.cmp(&two), at.cmp(&place), "{first} {second}");
                let [one, two] = [first, second].map(|name| format!("abcdefgh{name}"));
                assert_eq!(order_of_names(one.as_bytes(), two.as_bytes()), at.cmp(&place), "{first} {second}");
            }
        }
    }

    #[test]
    fn a_canonical_string_stands_for_these_bytes() {
        let text = r#"a\b\t\n\f\r\"\\\u0000\u000b\u001fé"#;
        let bytes: Vec<u8> = unescaped(text.as_bytes()).collect();
        assert_eq!(bytes, "a\u{8}\t\n\u{c}\r\"\\\0\u{b}\u{1f}é".as_bytes());
    }
}
