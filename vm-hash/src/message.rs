//! A message as the blocks that SHA-256 takes: cut, and padded at the end (FIPS 180-4, section 5.1.1).

use crate::HASH_LEN;
use crate::schedule::START_BYTES;

/// One block.
pub(crate) type Block = [u8; 64];

/// Bytes of a block, less the length that the last one ends with.
const BEFORE_LENGTH: usize = 56;

/// What is left of a prefix of at most one byte, and data.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    prefix: Option<u8>,
    /// Data not yet handed out.
    data: &'a [u8],
    /// Length of the whole message in bits.
    bits: u64,
    /// Whether the end mark was handed out.
    marked: bool,
    /// Whether the length was handed out, and so all.
    ended: bool,
}

impl<'a> Message<'a> {
    pub(crate) fn new(prefix: Option<u8>, data: &'a [u8]) -> Self {
        // FIPS 180-4 counts bits in 64 bits; no slice is so long that its bits would not fit.
        let bytes = u64::try_from(usize::from(prefix.is_some()) + data.len()).unwrap_or(u64::MAX);
        Self { prefix, data, bits: bytes.wrapping_mul(8), marked: false, ended: false }
    }

    /// Whether every block was handed out.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// How many blocks come next that are pieces of the data, and so need no copy.
    pub(crate) const fn whole(&self) -> usize {
        if self.prefix.is_none() { self.data.len() / 64 } else { 0 }
    }

    /// Hands out the next `count` blocks as pieces of the data; as many as there are.
    pub(crate) fn take_whole(&mut self, count: usize) -> &'a [Block] {
        let count = count.min(self.whole());
        let blocks = &self.data.as_chunks().0[..count];
        self.data = &self.data[count * 64..];
        blocks
    }

    /// Puts the next block together: the prefix and the first data, or the last data and the padding.
    pub(crate) fn put_together(&mut self) -> Block {
        let mut block = [0; 64];
        let mut filled = 0;
        if let Some(prefix) = self.prefix.take() {
            block[0] = prefix;
            filled = 1;
        }
        let (now, later) = self.data.split_at(self.data.len().min(64 - filled));
        block[filled..filled + now.len()].copy_from_slice(now);
        self.data = later;
        filled += now.len();
        if filled < 64 && !self.marked {
            block[filled] = 0x80;
            filled += 1;
            self.marked = true;
        }
        if self.marked && filled <= BEFORE_LENGTH {
            block[BEFORE_LENGTH..].copy_from_slice(&self.bits.to_be_bytes());
            self.ended = true;
        }
        block
    }
}

/// A message on its way.
#[derive(Clone, Copy)]
pub(crate) struct Running<'a> {
    pub(crate) message: Message<'a>,
    /// State between two blocks, as the bytes of its words: the digest once the message has ended.
    pub(crate) state: [u8; HASH_LEN],
}

impl<'a> Running<'a> {
    pub(crate) const fn new(message: Message<'a>) -> Self {
        Self { message, state: START_BYTES }
    }
}

/// Takes as many blocks of each message as all of them have in whole pieces, or one of each, put together in `scratch`.
/// Answers how many.
pub(crate) fn take_blocks<'a, 'data: 'a, const N: usize>(
    lanes: &mut [&mut Running<'data>; N],
    scratch: &'a mut [Block; N],
) -> ([&'a [Block]; N], usize) {
    let whole = lanes.iter().map(|lane| lane.message.whole()).min().unwrap_or_default();
    let mut runs: [&[Block]; N] = [&[]; N];
    for ((run, lane), scratch) in runs.iter_mut().zip(lanes).zip(scratch) {
        *run = lane.message.take_whole(whole.max(1));
        if run.is_empty() {
            *scratch = lane.message.put_together();
            *run = core::slice::from_ref(scratch);
        }
    }
    (runs, whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The padded message in one piece, word for word after the standard.
    fn padded(prefix: Option<u8>, data: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = prefix.into_iter().chain(data.iter().copied()).collect();
        let bits = u64::try_from(bytes.len() * 8).unwrap();
        bytes.push(0x80);
        while bytes.len() % 64 != 56 {
            bytes.push(0);
        }
        bytes.extend(bits.to_be_bytes());
        bytes
    }

    #[test]
    fn blocks_are_the_padded_message_cut() {
        let data: Vec<u8> = (1..=255).cycle().take(400).collect();
        for prefix in [None, Some(0), Some(9)] {
            for len in 0..=data.len() {
                let mut message = Message::new(prefix, &data[..len]);
                let mut found = Vec::new();
                while !message.is_ended() {
                    // In pieces, then what must be put together.
                    let whole = message.whole().min(2);
                    found.extend_from_slice(message.take_whole(whole).as_flattened());
                    if whole == 0 {
                        found.extend_from_slice(&message.put_together());
                    }
                }
                assert_eq!(found, padded(prefix, &data[..len]), "{prefix:?}, {len} bytes");
            }
        }
    }
}
