//! One pass over a text.

use super::super::DEPTH_MAX;
use super::member::{Member, Sorted, set_ends, sort};
use super::number::number;
use super::place::{Go, MEDIUM, Place, copy};
use super::string::string;
use super::{Stop, Why};

/// What the arrays and objects that are open need; kept from one text to the next.
#[derive(Debug, Default)]
pub(super) struct Stack {
    /// What is open around the innermost array or object, outermost first.
    pub(super) outer: Vec<Open>,
    /// Members of all objects that are open, outermost first.
    pub(super) members: Vec<Member>,
    /// The object that is being put in order.
    spare: Vec<u8>,
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { outer: Vec::new(), members: Vec::new(), spare: Vec::new() }
    }

    /// Bytes of memory held.
    pub(super) const fn capacity(&self) -> usize {
        let outer = self.outer.capacity().saturating_mul(size_of::<Open>());
        let members = self.members.capacity().saturating_mul(size_of::<Member>());
        outer.saturating_add(members).saturating_add(self.spare.capacity())
    }
}

/// What is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) kind: Kind,
    /// Whether the members so far came in order, each name once.
    is_ordered: bool,
    /// Items before the one that is read.
    pub(super) index: usize,
    /// Where it stands in the output.
    start: usize,
    /// How many members others had when it was opened.
    pub(super) base: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Document,
    Array,
    Object,
}

/// What was read of a value.
enum Read {
    /// All of it.
    Value,
    /// The bracket of an array, in which an item comes next.
    Array,
    /// The brace of an object, in which a name comes next.
    Object,
}

/// What comes after a value.
enum Next {
    Item,
    Name,
    /// The array or object has been closed, so what comes next is after a value again.
    Closed,
    /// Nothing.
    End,
}

/// Where a pass over a text ended.
pub(super) struct Ended {
    /// The place, with text that may still be pending.
    pub(super) place: Place,
    /// What was open last.
    pub(super) open: Open,
    /// Why reading stopped before the end of the text, if it did.
    pub(super) stop: Option<Stop>,
}

/// Reads `text` and writes its canonical form to `out`, apart from what is pending in the end.
pub(super) fn run(text: &[u8], out: &mut [u8], stack: &mut Stack) -> Ended {
    stack.outer.clear();
    stack.members.clear();
    let open = Open { kind: Kind::Document, is_ordered: true, index: 0, start: 0, base: 0 };
    let mut run = Run { text, out, place: Place::START, open, stack };
    let stop = run.document().err();
    Ended { place: run.place, open: run.open, stop }
}

struct Run<'a> {
    text: &'a [u8],
    out: &'a mut [u8],
    place: Place,
    /// The innermost array or object that is open.
    open: Open,
    stack: &'a mut Stack,
}

impl Run<'_> {
    #[inline(always)]
    fn document(&mut self) -> Result<(), Stop> {
        let mut is_name_next = false;
        loop {
            self.skip_space().map_err(Stop::outside)?;
            if is_name_next {
                self.name()?;
            }
            is_name_next = match self.value().map_err(Stop::inside)? {
                Read::Array => false,
                Read::Object => true,
                Read::Value => loop {
                    match self.after_value().map_err(Stop::outside)? {
                        Next::Item => break false,
                        Next::Name => break true,
                        Next::Closed => {}
                        Next::End => return Ok(()),
                    }
                },
            };
        }
    }

    /// Reads a name and the colon after it.
    #[inline(always)]
    fn name(&mut self) -> Result<(), Stop> {
        let start = self.place;
        if start.peek(self.text) != Some(b'"') {
            return Err(Stop::outside(Why::expected(start.at, "a quotation mark")));
        }
        self.place = string(self.text, self.out, start).map_err(Stop::outside)?;
        self.member(start.written(), start.at).map_err(Stop::inside)?;
        self.skip_space().map_err(Stop::inside)?;
        if self.place.peek(self.text) != Some(b':') {
            return Err(Stop::inside(Why::expected(self.place.at, "a colon")));
        }
        self.place = self.place.keep(1);
        self.skip_space().map_err(Stop::inside)
    }

    /// Notes the member whose name was just read, from `at` on, and stands or will stand at `start`.
    #[inline(always)]
    fn member(&mut self, start: usize, at: usize) -> Result<(), Why> {
        let length = self.place.at - at - 2;
        let member = match Member::new(self.text, at, length, start) {
            Some(member) => member,
            None => {
                self.place = self.place.flush(self.text, self.out)?;
                Member::with_any_name(self.out, start)
            }
        };
        let members = &mut self.stack.members;
        if let Some(last) = members.last().filter(|_| members.len() > self.open.base) {
            self.open.is_ordered &= last.is_surely_before(&member);
        }
        members.push(member);
        Ok(())
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Read, Why> {
        self.place = match self.place.peek(self.text) {
            Some(b'"') => string(self.text, self.out, self.place)?,
            Some(b'-' | b'0'..=b'9') => number(self.text, self.out, self.place)?,
            Some(b'{') => return self.open(Kind::Object, b'}', Read::Object),
            Some(b'[') => return self.open(Kind::Array, b']', Read::Array),
            _ => literal(self.text, self.place)?,
        };
        Ok(Read::Value)
    }

    /// Reads an opening bracket, and where nothing stands between them the closing one.
    #[inline(always)]
    fn open(&mut self, kind: Kind, closing: u8, opened: Read) -> Result<Read, Why> {
        // The document stands among the outer ones as soon as anything is open.
        if self.stack.outer.len() >= DEPTH_MAX {
            return Err(Why::TooDeep);
        }
        let start = self.place.written();
        let place = self.place.keep(1).skip_space(self.text, self.out)?;
        self.place = place;
        if place.peek(self.text) == Some(closing) {
            self.place = place.keep(1);
            return Ok(Read::Value);
        }
        self.stack.outer.push(self.open);
        self.open = Open { kind, is_ordered: true, index: 0, start, base: self.stack.members.len() };
        Ok(opened)
    }

    #[inline(always)]
    fn after_value(&mut self) -> Result<Next, Why> {
        self.skip_space()?;
        match self.open.kind {
            Kind::Object => self.after_member(),
            Kind::Array => self.after_item(),
            Kind::Document if self.place.at == self.text.len() => Ok(Next::End),
            Kind::Document => Err(Why::Trailing { offset: self.place.at }),
        }
    }

    #[inline(always)]
    fn after_member(&mut self) -> Result<Next, Why> {
        match self.place.peek(self.text) {
            Some(b',') => {
                self.place = self.place.keep(1);
                Ok(Next::Name)
            }
            Some(b'}') => {
                let Stack { members, spare, .. } = &mut *self.stack;
                if !self.open.is_ordered {
                    let members = members.get_mut(self.open.base..).unwrap_or_default();
                    self.place = put_in_order(self.text, self.out, self.place, self.open.start, members, spare)?;
                }
                members.truncate(self.open.base);
                Ok(self.close())
            }
            _ => Err(Why::expected(self.place.at, "a comma or a closing brace")),
        }
    }

    #[inline(always)]
    fn after_item(&mut self) -> Result<Next, Why> {
        match self.place.peek(self.text) {
            Some(b',') => {
                self.place = self.place.keep(1);
                self.open.index += 1;
                Ok(Next::Item)
            }
            Some(b']') => Ok(self.close()),
            _ => Err(Why::expected(self.place.at, "a comma or a closing bracket")),
        }
    }

    #[inline(always)]
    fn close(&mut self) -> Next {
        self.place = self.place.keep(1);
        if let Some(open) = self.stack.outer.pop() {
            self.open = open;
        }
        Next::Closed
    }

    #[inline(always)]
    fn skip_space(&mut self) -> Result<(), Why> {
        self.place = self.place.skip_space(self.text, self.out)?;
        Ok(())
    }
}

#[inline(never)]
fn literal(text: &[u8], place: Place) -> Go {
    let rest = text.get(place.at..).unwrap_or_default();
    let words: [&[u8]; 3] = [b"true", b"false", b"null"];
    let word = words.into_iter().find(|word| rest.starts_with(word));
    word.map(|word| place.keep(word.len())).ok_or(Why::expected(place.at, "a value"))
}

/// Puts the members of an object in order that stands or will stand at `start` and ends at `place`, where its closing
/// brace comes next.
#[inline(never)]
fn put_in_order(
    text: &[u8],
    out: &mut [u8],
    place: Place,
    start: usize,
    members: &mut [Member],
    spare: &mut Vec<u8>,
) -> Go {
    let end = place.written();
    set_ends(members, end);
    // Where all of the object is pending, its members are taken from the text.
    let opening = start.checked_sub(place.to).map(|before| place.done + before);
    let object = match opening {
        Some(opening) => {
            Place { at: opening, ..place }.flush(text, out)?;
            text.get(opening..).unwrap_or_default()
        }
        None => {
            place.flush(text, out)?;
            spare.clear();
            // Some more than the object, so that its last members can be copied as the others.
            let until = end.saturating_add(MEDIUM).min(out.len());
            spare.extend_from_slice(out.get(start..until).unwrap_or_default());
            spare.as_slice()
        }
    };
    match sort(members, object, start) {
        Sorted::Moved => {}
        Sorted::Same => return Ok(place),
        Sorted::Repeated(_) => return Err(Why::Repeated),
    }
    copy(object, 0, out, start, 1)?;
    let mut to = start + 1;
    for member in members {
        let length = member.end() - member.start();
        copy(object, member.start() - start, out, to, length)?;
        to += length;
        // Behind the last it will be overwritten by the closing brace.
        *out.get_mut(to).ok_or(Why::Room)? = b',';
        to += 1;
    }
    Ok(Place { at: place.at, done: place.at, to: end })
}
