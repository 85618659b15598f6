//! Many bytes of a string at a time.

/// Bytes of a chunk.
const CHUNK: usize = 16;
/// Bytes of a block: two vectors of the smallest vector machines.
const BLOCK: usize = 32;

const HEX: &[u8; 16] = b"0123456789abcdef";
const ONES: u64 = 0x0101_0101_0101_0101;

/// How many bytes of `chunk` stand before the first that cannot stand for itself in a JSON string: a quotation mark, a
/// backslash or a control character. `CHUNK` where there is none.
#[inline(always)]
fn plain_bytes(chunk: &[u8; CHUNK]) -> usize {
    let [first, second] = halves(chunk).map(stops);
    // Most names and many values end in the first half.
    let place = if first == 0 { u64::BITS + second.trailing_zeros() } else { first.trailing_zeros() };
    // At most 128 / 8, which every usize holds.
    usize::try_from(place / 8).unwrap_or(CHUNK)
}

#[inline(always)]
fn halves(chunk: &[u8; CHUNK]) -> [u64; 2] {
    let (words, _) = chunk.as_chunks();
    let [first, second] = words else { return [0; 2] };
    [first, second].map(|word| u64::from_le_bytes(*word))
}

/// The top bits of the bytes of `word` that are not plain. Bytes above the first such byte may be flagged wrongly.
#[inline(always)]
const fn stops(word: u64) -> u64 {
    // The exclusive or sends `"` (0x22) to 0x20 and keeps control characters below it, so one comparison finds both.
    let quotes_and_controls = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (quotes_and_controls | backslashes) & !word & (ONES * 0x80)
}

/// The top bits of those bytes of `word` that are quotation marks or backslashes, and no others.
#[inline(always)]
pub(super) const fn quotes(word: u64) -> u64 {
    zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))
}

/// The top bits of those bytes of `word` that are zero.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    // The sum of a byte's low bits reaches its top bit unless all of them are zero, and never the next byte.
    let low = (word & (ONES * 0x7f)) + ONES * 0x7f;
    !(low | word) & (ONES * 0x80)
}

/// Whether all bytes of a block are plain. The compiler turns this into a few vector instructions.
#[inline(always)]
fn is_plain_block(block: &[u8; BLOCK]) -> bool {
    !block.iter().fold(false, |stop, byte| stop | (byte ^ 0x02 <= 0x20) | (*byte == b'\\'))
}

/// Whether a byte can stand for itself in a JSON string.
pub(super) const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Whether all bytes are ASCII; as the method of that name, without its slow way with the last bytes.
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let last = bytes.last_chunk::<BLOCK>().map_or(rest, <[u8; BLOCK]>::as_slice);
    blocks.as_flattened().is_ascii() && last.is_ascii()
}

/// How many bytes stand in the blocks at the beginning of `bytes` that are all plain.
#[inline]
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks();
    blocks.iter().take_while(|block| is_plain_block(block)).count() * BLOCK
}

/// The place of the first byte from `at` on that is not plain; the end where there is none.
#[inline]
pub(super) fn stop_from(bytes: &[u8], at: usize) -> usize {
    // Most strings end in their first chunk, and need nothing of what is ready for longer ones.
    match bytes.get(at..).and_then(<[u8]>::first_chunk).map(plain_bytes) {
        Some(CHUNK) => stop_far_from(bytes, at + CHUNK),
        Some(plain) => at + plain,
        None => stop_near_end_from(bytes, at),
    }
}

#[inline(never)]
fn stop_far_from(bytes: &[u8], mut at: usize) -> usize {
    let mut is_long = false;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let plain = plain_bytes(chunk);
        at += plain;
        if plain < CHUNK {
            return at;
        }
        if !is_long {
            at += plain_blocks(bytes.get(at..).unwrap_or_default());
            is_long = true;
        }
    }
    stop_near_end_from(bytes, at)
}

#[inline(never)]
fn stop_near_end_from(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| is_plain(**byte)).count()
}

/// Whether all bytes are plain.
#[inline]
pub(super) fn is_plain_text(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks();
    if !blocks.iter().all(is_plain_block) {
        return false;
    }
    // The first and the last bytes of the rest overlap where they are more than all of it.
    if let Some(chunks) = ends::<CHUNK>(rest) {
        return chunks.iter().all(|chunk| plain_bytes(chunk) == CHUNK);
    }
    if let Some(words) = ends(rest) {
        return words.iter().all(|word| stops(u64::from_le_bytes(**word)) == 0);
    }
    rest.iter().all(|byte| is_plain(*byte))
}

#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> Option<[&[u8; N]; 2]> {
    Some([bytes.first_chunk()?, bytes.last_chunk()?])
}

/// The canonical escape of a byte that is not plain, and its length (RFC 8785, section 3.2.2.2).
pub(super) fn escape_of(byte: u8) -> ([u8; 8], usize) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        control => {
            // Both halves of a byte are below 16.
            let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or_default();
            return ([b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15), 0, 0], 6);
        }
    };
    ([b'\\', letter, 0, 0, 0, 0, 0, 0], 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_seen_at_every_place() {
        for filler in [b'a', b'!', b'#', b' ', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
            assert_eq!(plain_bytes(&[filler; CHUNK]), CHUNK);
            for place in 0..CHUNK {
                for byte in 0..=255_u8 {
                    let mut chunk = [filler; CHUNK];
                    chunk[place] = byte;
                    let expected = if is_plain(byte) { CHUNK } else { place };
                    assert_eq!(plain_bytes(&chunk), expected, "{chunk:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_two_stops_counts() {
        for first in 0..CHUNK {
            for second in first..CHUNK {
                for (one, two) in [(b'"', b'\\'), (b'\\', b'"'), (0, b'"'), (b'"', 0), (b'\\', 0x1f), (0x1f, b'#')] {
                    let mut chunk = [b'x'; CHUNK];
                    chunk[second] = two;
                    chunk[first] = one;
                    assert_eq!(plain_bytes(&chunk), first, "{chunk:?}");
                }
            }
        }
    }

    #[test]
    fn quotes_are_those_and_no_others() {
        for one in 0..=255_u8 {
            for other in [0, b'!', b'"', b'#', b'[', b'\\', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                for place in 0..8 {
                    let mut word = [other; 8];
                    word[place] = one;
                    let expected = word.map(|byte| if matches!(byte, b'"' | b'\\') { 0x80 } else { 0 });
                    assert_eq!(quotes(u64::from_le_bytes(word)).to_le_bytes(), expected, "{word:?}");
                }
            }
        }
    }

    #[test]
    fn every_byte_is_seen_in_a_block() {
        for place in 0..BLOCK {
            for byte in 0..=255_u8 {
                let mut block = [b'x'; BLOCK];
                block[place] = byte;
                assert_eq!(is_plain_block(&block), is_plain(byte), "{block:?}");
            }
        }
    }

    /// What is not counted here is read on by chunks, to the same end but slower.
    #[test]
    fn plain_blocks_are_counted_up_to_the_first_that_is_not() {
        for length in 0..130 {
            let mut text = vec![b'x'; length];
            assert_eq!(plain_blocks(&text), length / BLOCK * BLOCK);
            for place in 0..length {
                text[place] = b'"';
                let whole = if place / BLOCK < length / BLOCK { place } else { length };
                assert_eq!(plain_blocks(&text), whole / BLOCK * BLOCK, "{place} of {length}");
                text[place] = b'x';
            }
        }
    }

    #[test]
    fn runs_of_every_length_end_where_they_end() {
        for length in 0..150 {
            for before in 0..3 {
                let mut text = vec![b'"'; before];
                text.extend(vec![b'x'; length]);
                assert_eq!(stop_from(&text, before), before + length);
                assert!(is_plain_text(&text[before..]));
                text.extend_from_slice(b"\" more \\ \"");
                assert_eq!(stop_from(&text, before), before + length);
            }
        }
        assert_eq!(stop_from(b"abc", 3), 3);
        assert_eq!(stop_from(b"abc", 4), 4);
    }

    #[test]
    fn one_byte_that_is_not_plain_is_seen_anywhere() {
        for length in 0..100 {
            let mut text = vec![0xff; length];
            for place in 0..length {
                for stop in [b'"', b'\\', 0, 0x1f] {
                    text[place] = stop;
                    assert!(!is_plain_text(&text), "{stop} at {place} of {length}");
                }
                text[place] = b'!';
            }
        }
    }

    /// Where they are not given, the bytes are looked at one by one: the same answer, slower.
    #[test]
    fn ends_are_the_first_and_the_last_bytes() {
        assert_eq!(ends(b"abcde"), Some([b"abc", b"cde"]));
        assert_eq!(ends(b"abc"), Some([b"abc", b"abc"]));
        assert_eq!(ends::<3>(b"ab"), None);
    }

    #[test]
    fn one_byte_beyond_ascii_is_seen_anywhere() {
        for length in 0..100 {
            let mut text = vec![0x7f; length];
            assert!(is_ascii(&text));
            for place in 0..length {
                text[place] = 0x80;
                assert!(!is_ascii(&text), "{place} of {length}");
                text[place] = 0;
            }
        }
    }

    #[test]
    fn escapes_are_those_of_ecmascript() {
        for byte in (0..0x20).chain([b'"', b'\\']) {
            let (escape, length) = escape_of(byte);
            let expected = serde_json::to_string(&char::from(byte).to_string()).unwrap();
            assert_eq!(format!("\"{}\"", core::str::from_utf8(&escape[..length]).unwrap()), expected);
        }
    }
}
