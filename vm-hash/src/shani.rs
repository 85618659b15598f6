//! SHA-256 with the SHA extensions of x86-64, two messages side by side.
//!
//! A round waits for the one before it, and the extension takes twice as long to finish one as to begin the next. Two
//! streams fill that gap; three or more were measured and gain nothing more (docs/adr/0008).
//!
//! The state is held as the extension wants it: `abef` and `cdgh`, four words each, the first named in the highest lane.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64,
    _mm_set_epi32, _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32,
};

use crate::cpu::{Hash, ShaNi};
use crate::message::{Message, Running, take_blocks};
use crate::rows;
use crate::schedule::{LAST_BLOCK, ROUND, START};
use crate::{HASH_LEN, Hash32, LEAF_PREFIX, NODE_PREFIX};

impl ShaNi {
    entry!(pub(crate) row_of_nodes(row: (&[[&Hash; 2]], &mut [Hash])) -> () = hash_row_of_nodes);
    entry!(pub(crate) row_of_leaves(row: (&[&Hash], &mut [Hash])) -> () = hash_row_of_leaves);
    entry!(one_node(pair: [[&Hash; 2]; 1]) -> [Hash; 1] = hash_nodes::<1>);
    entry!(two_steps(messages: [&mut Running<'_>; 2]) -> () = step::<2>);
    entry!(one_step(message: [&mut Running<'_>; 1]) -> () = step::<1>);

    pub(crate) fn node(self, left: &Hash, right: &Hash) -> Hash {
        let [parent] = self.one_node([[left, right]]);
        parent
    }

    pub(crate) fn nodes<C: Hash32, P: Hash32>(self, pairs: &[[C; 2]], parents: &mut [P]) {
        rows::nodes(pairs, parents, |row| self.row_of_nodes(row));
    }

    pub(crate) fn leaves_of_32<D: Hash32, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        rows::leaves_of_32(data, hashes, |row| self.row_of_leaves(row));
    }

    pub(crate) fn leaves<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        self.messages(Some(LEAF_PREFIX), data, hashes);
    }

    pub(crate) fn digests<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], digests: &mut [H]) {
        self.messages(None, data, digests);
    }

    fn messages<D: AsRef<[u8]>, H: Hash32>(self, prefix: Option<u8>, data: &[D], hashes: &mut [H]) {
        let waiting = data.iter().zip(hashes);
        self.run(waiting.map(|(data, hash)| (Running::new(Message::new(prefix, data.as_ref())), hash)));
    }

    /// Takes messages to their end, from wherever they are, and writes their digests.
    pub(crate) fn run<'a, H: Hash32 + 'a>(self, mut waiting: impl Iterator<Item = (Running<'a>, &'a mut H)>) {
        let (mut first, mut second) = (waiting.next(), waiting.next());
        while let Some((one, one_hash)) = &mut first {
            if let Some((two, two_hash)) = &mut second {
                self.two_steps([one, two]);
                if two.message.is_ended() {
                    **two_hash = H::from_hash(two.state);
                    second = waiting.next();
                }
            } else {
                self.one_step([one]);
            }
            if one.message.is_ended() {
                **one_hash = H::from_hash(one.state);
                first = waiting.next().or_else(|| second.take());
            }
        }
    }
}

/// State of one message.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// A block as sixteen words, the first in the lowest lane.
type Words = [__m128i; 4];

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_row_of_nodes((pairs, parents): (&[[&Hash; 2]], &mut [Hash])) {
    let (twos, one) = pairs.as_chunks();
    let (two_parents, one_parent) = parents.split_at_mut(2 * twos.len());
    for (pairs, parents) in twos.iter().zip(two_parents.as_chunks_mut().0) {
        *parents = hash_nodes::<2>(*pairs);
    }
    for (pair, parent) in one.iter().zip(one_parent) {
        [*parent] = hash_nodes([*pair]);
    }
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_row_of_leaves((data, hashes): (&[&Hash], &mut [Hash])) {
    let (twos, one) = data.as_chunks();
    let (two_hashes, one_hash) = hashes.split_at_mut(2 * twos.len());
    for (data, hashes) in twos.iter().zip(two_hashes.as_chunks_mut().0) {
        *hashes = hash_leaves_of_32::<2>(*data);
    }
    for (data, hash) in one.iter().zip(one_hash) {
        [*hash] = hash_leaves_of_32([*data]);
    }
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_nodes<const N: usize>(pairs: [[&Hash; 2]; N]) -> [Hash; N] {
    let mut states = [start(); N];
    let mut blocks = [[zero(); 4]; N];
    for n in 0..N {
        let [[l0, l1], [r0, r1]] = [halves(pairs[n][0]), halves(pairs[n][1])];
        // One byte of prefix moves everything up by one; the last byte falls into the second block.
        let first = words(pushed(NODE_PREFIX, l0));
        blocks[n] = [first, words(joined(l0, l1)), words(joined(l1, r0)), words(joined(r0, r1))];
    }
    compress::<N, 'n'>(&mut states, &mut blocks);
    compress_last(&mut states, pairs.map(|[_, right]| right[HASH_LEN - 1]));
    digests(states)
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_leaves_of_32<const N: usize>(data: [&Hash; N]) -> [Hash; N] {
    let mut states = [start(); N];
    let mut blocks = [[zero(); 4]; N];
    for n in 0..N {
        let [d0, d1] = halves(data[n]);
        // After the 33 bytes: the end mark, and a length of 264 bits.
        let third = words(joined(d1, _mm_set_epi64x(0, 0x80)));
        blocks[n] = [words(pushed(LEAF_PREFIX, d0)), words(joined(d0, d1)), third, four(0, 0, 0, 33 * 8)];
    }
    compress::<N, 'l'>(&mut states, &mut blocks);
    digests(states)
}

/// Takes each message one block further, or as many as all of them have in whole pieces.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn step<const N: usize>(mut lanes: [&mut Running<'_>; N]) {
    let mut states = [start(); N];
    for (state, lane) in states.iter_mut().zip(&lanes) {
        *state = resumed(&lane.state);
    }
    let mut scratch = [[0; 64]; N];
    let (runs, count) = take_blocks(&mut lanes, &mut scratch);
    for at in 0..count {
        let mut blocks = [[zero(); 4]; N];
        for (block, run) in blocks.iter_mut().zip(&runs) {
            let bytes = run[at].as_chunks().0;
            *block = [words(load(&bytes[0])), words(load(&bytes[1])), words(load(&bytes[2])), words(load(&bytes[3]))];
        }
        compress::<N, 's'>(&mut states, &mut blocks);
    }
    for (lane, state) in lanes.into_iter().zip(states) {
        lane.state = digest(state);
    }
}

/// Compresses one block a lane (FIPS 180-4, section 6.2.2). `CALLER` does nothing but make one function for each caller,
/// which the compiler then builds into it; a call would cost a thirtieth, and `#[inline(always)]` is not to be had here.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const N: usize, const CALLER: char>(states: &mut [State; N], blocks: &mut [Words; N]) {
    let mut working = *states;
    sixteen_rounds::<0, N>(&mut working, blocks);
    sixteen_rounds::<16, N>(&mut working, blocks);
    sixteen_rounds::<32, N>(&mut working, blocks);
    sixteen_rounds::<48, N>(&mut working, blocks);
    add(states, &working);
}

/// Rounds from `FIRST` on, by fours, and from 16 on their words out of the sixteen before. The words are named by
/// constants here, so they stay in registers.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn sixteen_rounds<const FIRST: usize, const N: usize>(working: &mut [State; N], blocks: &mut [Words; N]) {
    for four_of in 0..4 {
        let r = FIRST + 4 * four_of;
        let constants = four(ROUND[r], ROUND[r + 1], ROUND[r + 2], ROUND[r + 3]);
        for n in 0..N {
            let w = &mut blocks[n];
            let [w0, w1, w2, w3] = [0, 1, 2, 3].map(|at| w[(four_of + at) % 4]);
            if FIRST > 0 {
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
                w[four_of] = _mm_sha256msg2_epu32(sum, w3);
            }
            let sum = _mm_add_epi32(w[four_of], constants);
            rounds(&mut working[n], sum, _mm_shuffle_epi32(sum, 0b1110));
        }
    }
}

/// Compresses the second block of a node, which holds `last` and padding, one a lane.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress_last<const N: usize>(states: &mut [State; N], last: [u8; N]) {
    let mut working = *states;
    for r in 0..16 {
        for n in 0..N {
            let sums = &LAST_BLOCK[usize::from(last[n])];
            let [early, late] = [sums[2 * r], sums[2 * r + 1]];
            rounds(&mut working[n], _mm_cvtsi64_si128(early.cast_signed()), _mm_cvtsi64_si128(late.cast_signed()));
        }
    }
    add(states, &working);
}

/// Four rounds: two with the low half of `early`, two with the low half of `late`.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn rounds(state: &mut State, early: __m128i, late: __m128i) {
    // Two rounds make a new abef, and the old abef is the new cdgh.
    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, early);
    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, late);
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn add<const N: usize>(states: &mut [State; N], working: &[State; N]) {
    for (state, working) in states.iter_mut().zip(working) {
        state.abef = _mm_add_epi32(state.abef, working.abef);
        state.cdgh = _mm_add_epi32(state.cdgh, working.cdgh);
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn start() -> State {
    let [a, b, c, d, e, f, g, h] = START;
    State { abef: four(f, e, b, a), cdgh: four(h, g, d, c) }
}

/// The state that [`digest`] made bytes of.
#[inline]
#[target_feature(enable = "sse2,ssse3,sse4.1")]
fn resumed(bytes: &Hash) -> State {
    let [abcd, efgh] = halves(bytes);
    let badc = _mm_shuffle_epi32(words(abcd), 0b10_11_00_01);
    let hgfe = _mm_shuffle_epi32(words(efgh), 0b00_01_10_11);
    State { abef: _mm_alignr_epi8(badc, hgfe, 8), cdgh: _mm_blend_epi16(hgfe, badc, 0xf0) }
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn digests<const N: usize>(states: [State; N]) -> [Hash; N] {
    let mut hashes = [[0; HASH_LEN]; N];
    for (hash, state) in hashes.iter_mut().zip(states) {
        *hash = digest(state);
    }
    hashes
}

#[inline]
#[target_feature(enable = "sse2,ssse3,sse4.1")]
fn digest(state: State) -> Hash {
    let feba = _mm_shuffle_epi32(state.abef, 0b00_01_10_11);
    let dchg = _mm_shuffle_epi32(state.cdgh, 0b10_11_00_01);
    let abcd = words(_mm_blend_epi16(feba, dchg, 0xf0));
    let efgh = words(_mm_alignr_epi8(dchg, feba, 8));
    let mut hash = [0; HASH_LEN];
    for (bytes, half) in hash.as_chunks_mut::<16>().0.iter_mut().zip([abcd, efgh]) {
        let [low, high] = [_mm_cvtsi128_si64(half), _mm_extract_epi64(half, 1)];
        bytes[..8].copy_from_slice(&low.to_le_bytes());
        bytes[8..].copy_from_slice(&high.to_le_bytes());
    }
    hash
}

/// Both halves of 32 bytes, as they stand.
#[inline]
#[target_feature(enable = "sse2")]
fn halves(bytes: &Hash) -> [__m128i; 2] {
    let halves = bytes.as_chunks().0;
    [load(&halves[0]), load(&halves[1])]
}

/// Sixteen bytes as they stand, the first in the lowest place.
#[inline]
#[target_feature(enable = "sse2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    let words = bytes.as_chunks().0;
    let word = |n: usize| u32::from_le_bytes(words[n]);
    four(word(0), word(1), word(2), word(3))
}

/// The last byte of `before`, then `bytes` but for their last.
#[inline]
#[target_feature(enable = "ssse3")]
fn joined(before: __m128i, bytes: __m128i) -> __m128i {
    _mm_alignr_epi8(bytes, before, 15)
}

/// `prefix`, then `bytes` but for their last.
#[inline]
#[target_feature(enable = "ssse3")]
fn pushed(prefix: u8, bytes: __m128i) -> __m128i {
    joined(_mm_set_epi64x(i64::from(prefix) << 56, 0), bytes)
}

/// Turns the bytes of four big-endian words into words, and words into bytes.
#[inline]
#[target_feature(enable = "ssse3")]
fn words(bytes: __m128i) -> __m128i {
    _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}

/// Four words, the first in the lowest lane.
#[inline]
#[target_feature(enable = "sse2")]
fn four(w0: u32, w1: u32, w2: u32, w3: u32) -> __m128i {
    _mm_set_epi32(w3.cast_signed(), w2.cast_signed(), w1.cast_signed(), w0.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn zero() -> __m128i {
    _mm_set_epi64x(0, 0)
}
