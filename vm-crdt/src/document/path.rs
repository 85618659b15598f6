//! Paths: names of nested maps, the last of which names a leaf.

use core::fmt;

use crate::error::PathError;

/// Longest component, in bytes: the longest name of a file (`NAME_MAX` of POSIX systems), so that a map can be a folder.
pub const COMPONENT_MAX: usize = 255;
/// Longest path, in bytes, one between two components counted: `PATH_MAX` of POSIX systems.
pub const PATH_MAX: usize = 4_096;
/// Most components: half of what canonical JSON nests, so that a document printed as JSON can stand inside another.
pub const DEPTH_MAX: usize = 64;
/// What stands between two components: U+001F, the unit separator of ASCII. Control characters are no part of a component, so that it
/// is below every other byte: paths are in the order of their components, and what is below a path is one range.
pub(crate) const SEPARATOR: u8 = 0x1f;
/// The lowest byte of a component.
const LOWEST: u8 = SEPARATOR + 1;

/// Place in a document: the names of the maps that lead there. The root has none. A component is text of 1 to 255 bytes without
/// control characters; nothing is normalised.
///
/// Paths are in the order of their components, each as bytes: a map comes before what is in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(Vec<u8>);

impl Path {
    /// The map that holds all others.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of these components.
    ///
    /// # Errors
    /// [`PathError`] but [`PathError::Root`]: no components are the root.
    pub fn new<C: AsRef<str>>(components: impl IntoIterator<Item = C>) -> Result<Self, PathError> {
        components.into_iter().try_fold(Self::root(), |path, component| path.child(component.as_ref()))
    }

    /// What is named `component` in the map at this path.
    ///
    /// # Errors
    /// [`PathError`] but [`PathError::Root`].
    pub fn child(mut self, component: &str) -> Result<Self, PathError> {
        let at = self.depth();
        check_component(at, component.as_bytes())?;
        if !self.0.is_empty() {
            self.0.push(SEPARATOR);
        }
        self.0.extend_from_slice(component.as_bytes());
        check_size(at + 1, self.0.len())?;
        Ok(self)
    }

    /// The components, the outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        // Every path is made of text; an empty one has no components and not an empty one.
        split(&self.0).map(|component| str::from_utf8(component).unwrap_or_default())
    }

    /// How many components there are; 0 for the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        split(&self.0).count()
    }

    /// Whether this is `above` or lies below it.
    #[must_use]
    pub fn is_at_or_below(&self, above: &Self) -> bool {
        is_at_or_below(&self.0, &above.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that [`check`] took.
    pub(crate) fn from_checked(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.components()).finish()
    }
}

/// Whether `path` is `above` or lies below it.
pub(crate) fn is_at_or_below(path: &[u8], above: &[u8]) -> bool {
    match path.strip_prefix(above) {
        Some(rest) => above.is_empty() || rest.first().is_none_or(|byte| *byte == SEPARATOR),
        None => false,
    }
}

/// Whether these bytes are the path of a leaf.
pub(crate) fn check(path: &[u8]) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Root);
    }
    if !path.is_ascii() && str::from_utf8(path).is_err() {
        return Err(PathError::Text);
    }
    // Most paths are short: then it is enough that separators are the only control characters, and part something.
    if path.len() <= SHORT && is_plain(path) {
        return Ok(());
    }
    check_size(split(path).count(), path.len())?;
    split(path).enumerate().try_for_each(|(at, component)| check_component(at, component))
}

/// A path of so many bytes is neither too long nor too deep, nor is a component of it.
const SHORT: usize = 2 * DEPTH_MAX;

/// Whether no component is empty and none has a control character. Eight bytes at a time: of those below 0x20 the highest bit of the
/// difference is set, where theirs is not; a borrow can only set more bits, and then the bytes are looked at one by one.
fn is_plain(path: &[u8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let lowest = u64::from(LOWEST) * EACH;
    let high = 0x80 * EACH;
    let mut before = SEPARATOR;
    let (chunks, rest) = path.as_chunks();
    for chunk in chunks {
        let bytes = u64::from_ne_bytes(*chunk);
        if bytes.wrapping_sub(lowest) & !bytes & high == 0 {
            before = LOWEST;
        } else if !follows(&mut before, chunk) {
            return false;
        }
    }
    follows(&mut before, rest) && before != SEPARATOR
}

/// Whether these bytes can stand behind `before`, which becomes the last of them.
fn follows(before: &mut u8, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        let fits = *byte >= LOWEST || (*byte == SEPARATOR && *before != SEPARATOR);
        *before = *byte;
        fits
    })
}

fn split(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = if path.is_empty() { 0 } else { usize::MAX };
    path.split(|byte| *byte == SEPARATOR).take(parts)
}

fn check_size(depth: usize, length: usize) -> Result<(), PathError> {
    if depth > DEPTH_MAX {
        return Err(PathError::TooDeep { limit: DEPTH_MAX });
    }
    if length > PATH_MAX {
        return Err(PathError::TooLong { limit: PATH_MAX, found: length });
    }
    Ok(())
}

fn check_component(at: usize, component: &[u8]) -> Result<(), PathError> {
    if component.is_empty() {
        return Err(PathError::Empty { at });
    }
    if component.len() > COMPONENT_MAX {
        return Err(PathError::ComponentTooLong { at, limit: COMPONENT_MAX, found: component.len() });
    }
    if component.iter().any(|byte| *byte < LOWEST) {
        return Err(PathError::Control { at });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_path_is_refused() {
        for (bytes, expected) in [
            (&b""[..], PathError::Root),
            (b"\x1fa", PathError::Empty { at: 0 }),
            (b"a\x1f", PathError::Empty { at: 1 }),
            (b"a\x1f\x1fb", PathError::Empty { at: 1 }),
            (b"a\x1fb\x1e", PathError::Control { at: 1 }),
            (b"\0", PathError::Control { at: 0 }),
            (b"\xff", PathError::Text),
            (&[b'a'; 256], PathError::ComponentTooLong { at: 0, limit: 255, found: 256 }),
        ] {
            assert_eq!(check(bytes), Err(expected), "{bytes:?}");
        }
        let deep = vec!["a"; DEPTH_MAX].join("\x1f");
        assert_eq!(check(deep.as_bytes()), Ok(()));
        assert_eq!(check((deep + "\x1fa").as_bytes()), Err(PathError::TooDeep { limit: DEPTH_MAX }));
        let long = [[b'a'; 255]; 16].join(&SEPARATOR);
        assert_eq!((long.len(), check(&long)), (4_095, Ok(())));
        let longer = [&long[..], b"\x1fa"].concat();
        assert_eq!(check(&longer), Err(PathError::TooLong { limit: PATH_MAX, found: 4_097 }));
        assert!(Path::new(["a\x1fb"]).is_err() && Path::new([""]).is_err() && Path::new(vec!["a"; 65]).is_err());
    }

    proptest! {
        /// Eight bytes at a time come to the same as one.
        #[test]
        fn short_paths_are_checked_alike(path in prop::collection::vec(prop_oneof![0x1e..0x22_u8, any::<u8>()], 1..40)) {
            let one_by_one = split(&path).enumerate().try_for_each(|(at, component)| check_component(at, component));
            prop_assert_eq!(is_plain(&path), one_by_one.is_ok());
        }

        /// The order of paths is that of their components, and what is below a path is one range of it.
        #[test]
        fn bytes_are_in_the_order_of_components(
            left in prop::collection::vec("[ !a-b\u{7f}\u{80}]{1,2}", 0..4),
            right in prop::collection::vec("[ !a-b\u{7f}\u{80}]{1,2}", 0..4),
        ) {
            let (a, b) = (Path::new(&left).unwrap(), Path::new(&right).unwrap());
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
            prop_assert_eq!(a.is_at_or_below(&b), left.starts_with(&right));
            prop_assert!(a.components().eq(&left));
            prop_assert_eq!(check(a.as_bytes()).is_ok(), !left.is_empty());
        }
    }
}
