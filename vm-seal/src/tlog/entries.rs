//! Entry bundles: leaf data of the leaves of one tile of level 0.
//!
//! ```text
//! 00 05 h e l l o  00 00  00 03 a b c        the entries "hello", "" and "abc"
//! ```

use vm_core::digest::LeafHash;

use crate::error::EntryBundleError;
use crate::merkle::tile::TILE_WIDTH;

/// Longest entry, in bytes: its length stands in two (C2SP tlog-tiles, "Log entries").
pub const ENTRY_MAX: usize = 65_535;
/// Bytes of a length.
const LENGTH: usize = 2;
/// Longest bundle, in bytes: 256 of the longest entries.
#[expect(clippy::as_conversions, reason = "a u16 fits in a usize, and From is not const")]
pub(super) const BUNDLE_MAX: usize = TILE_WIDTH as usize * (LENGTH + ENTRY_MAX);

/// Leaf data of up to 256 leaves, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EntryBundle(Vec<Vec<u8>>);

impl EntryBundle {
    /// A bundle of no entries yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// [`EntryBundleError::TooLong`] beyond [`ENTRY_MAX`]; [`EntryBundleError::Count`] beyond 256 entries.
    pub fn push(&mut self, entry: Vec<u8>) -> Result<(), EntryBundleError> {
        if entry.len() > ENTRY_MAX {
            return Err(EntryBundleError::TooLong { limit: ENTRY_MAX, found: entry.len() });
        }
        let limit = usize::from(TILE_WIDTH);
        if self.0.len() == limit {
            return Err(EntryBundleError::Count { expected: limit, found: limit + 1 });
        }
        self.0.push(entry);
        Ok(())
    }

    /// Reads a bundle of exactly `width` entries.
    ///
    /// # Errors
    /// [`EntryBundleError`]: cut within an entry, or of another number of entries.
    pub fn parse(bytes: &[u8], width: u16) -> Result<Self, EntryBundleError> {
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let cut = EntryBundleError::Cut { entry: entries.len() };
            let (length, tail) = rest.split_first_chunk::<LENGTH>().ok_or(cut)?;
            let (entry, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(cut)?;
            entries.push(entry.to_vec());
            rest = tail;
        }
        if entries.len() != usize::from(width) {
            return Err(EntryBundleError::Count { expected: width.into(), found: entries.len() });
        }
        Ok(Self(entries))
    }

    /// The bundle's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.0 {
            // No longer than ENTRY_MAX, by every way in.
            bytes.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        bytes
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Their leaf hashes.
    pub fn leaves(&self) -> impl Iterator<Item = LeafHash> {
        self.0.iter().map(|entry| LeafHash::of(entry))
    }

    /// The first `width` entries alone, as the bundle of a smaller tree had them.
    pub(super) fn truncate(&mut self, width: u16) {
        self.0.truncate(width.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_page() {
        let mut bundle = EntryBundle::new();
        for entry in ["hello", "", "abc"] {
            bundle.push(entry.as_bytes().to_vec()).unwrap();
        }
        let bytes = bundle.to_bytes();
        assert_eq!(bytes, b"\0\x05hello\0\0\0\x03abc");
        assert_eq!(EntryBundle::parse(&bytes, 3).unwrap(), bundle);
        let hex = vm_core::digest::to_hex(&bytes);
        let page = include_str!("../../../docs/spec/tlog-tiles.md");
        assert!(page.lines().any(|line| line.replace(' ', "") == hex));
        for (width, found) in [(2, 3), (4, 3)] {
            let error = EntryBundle::parse(&bytes, width).unwrap_err();
            assert_eq!(error, EntryBundleError::Count { expected: width.into(), found });
        }
        // Cut anywhere it is refused: within an entry, or for want of one.
        for cut in 0..bytes.len() {
            assert!(EntryBundle::parse(&bytes[..cut], 3).is_err(), "{cut}");
        }
        assert_eq!(EntryBundle::parse(&bytes[..1], 1).unwrap_err().code(), "entry-bundle-cut");
        assert_eq!(EntryBundle::parse(&bytes[..6], 1).unwrap_err().code(), "entry-bundle-cut");
    }

    #[test]
    fn the_longest_entry_and_the_fullest_bundle() {
        let mut bundle = EntryBundle::new();
        bundle.push(vec![7; ENTRY_MAX]).unwrap();
        assert_eq!(bundle.push(vec![7; ENTRY_MAX + 1]).unwrap_err().code(), "entry-bundle-too-long");
        for _ in 1..TILE_WIDTH {
            bundle.push(vec![7; ENTRY_MAX]).unwrap();
        }
        assert_eq!(bundle.push(Vec::new()).unwrap_err().code(), "entry-bundle-count");
        let bytes = bundle.to_bytes();
        assert_eq!(bytes.len(), BUNDLE_MAX);
        assert_eq!(EntryBundle::parse(&bytes, TILE_WIDTH).unwrap(), bundle);
    }
}
