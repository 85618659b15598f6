//! SHA-256 with AVX-512, sixteen messages side by side: one in each 32-bit lane, so that one vector holds the same word of
//! all. A round is the formula of the standard, written once; no lane waits for another.
//!
//! Blocks come as rows, one a message, and are transposed in registers. So are the message schedules of a node's second
//! block, out of the table: to compute them takes twice as many instructions (docs/adr/0008).

use core::arch::x86_64::{
    __m256i, __m512i, _mm256_extract_epi64, _mm256_set_epi64x, _mm512_add_epi32, _mm512_castsi256_si512,
    _mm512_castsi512_si256, _mm512_extracti64x4_epi64, _mm512_inserti64x4, _mm512_mask_permutexvar_epi8,
    _mm512_permutex2var_epi64, _mm512_ror_epi32, _mm512_set_epi64, _mm512_set1_epi32, _mm512_shuffle_epi8,
    _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use crate::cpu::{Avx512, Hash};
use crate::message::{Message, Running, take_blocks};
use crate::rows;
use crate::schedule::{LAST_BLOCK, ROUND, START};
use crate::{HASH_LEN, Hash32, LEAF_PREFIX, NODE_PREFIX};

/// Messages side by side.
const LANES: usize = 16;

/// The place in a block of words where the prefix goes, as a bit of a mask.
const PREFIX: u64 = 1 << 3;

/// One word of each message.
type Word = __m512i;

/// State of all messages, `a` to `h`.
type State = [Word; 8];

impl Avx512 {
    entry!(sixteen_nodes(row: (&[[&Hash; 2]; LANES], &mut [Hash; LANES])) -> () = hash_nodes);
    entry!(sixteen_steps(lanes: [&mut Running<'_>; LANES]) -> () = step);
    entry!(sixteen_leaves(row: (&[&Hash; LANES], &mut [Hash; LANES])) -> () = hash_leaves_of_32);

    pub(crate) fn node(self, left: &Hash, right: &Hash) -> Hash {
        self.sha_ni().node(left, right)
    }

    pub(crate) fn nodes<C: Hash32, P: Hash32>(self, pairs: &[[C; 2]], parents: &mut [P]) {
        rows::nodes(pairs, parents, |(pairs, parents)| match (pairs.as_array(), parents.as_mut_array()) {
            (Some(pairs), Some(parents)) => self.sixteen_nodes((pairs, parents)),
            _ => self.sha_ni().row_of_nodes((pairs, parents)),
        });
    }

    pub(crate) fn leaves_of_32<D: Hash32, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        rows::leaves_of_32(data, hashes, |(data, hashes)| match (data.as_array(), hashes.as_mut_array()) {
            (Some(data), Some(hashes)) => self.sixteen_leaves((data, hashes)),
            _ => self.sha_ni().row_of_leaves((data, hashes)),
        });
    }

    pub(crate) fn leaves<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], hashes: &mut [H]) {
        self.messages(Some(LEAF_PREFIX), data, hashes);
    }

    pub(crate) fn digests<D: AsRef<[u8]>, H: Hash32>(self, data: &[D], digests: &mut [H]) {
        self.messages(None, data, digests);
    }

    /// Where a message ends the next one takes its lane. When none is left, those still on their way go on two by two.
    fn messages<D: AsRef<[u8]>, H: Hash32>(self, prefix: Option<u8>, data: &[D], hashes: &mut [H]) {
        let waiting = data.iter().zip(hashes);
        let mut waiting = waiting.map(|(data, hash)| (Running::new(Message::new(prefix, data.as_ref())), hash));
        let (mut lanes, mut places): (Vec<_>, Vec<_>) = waiting.by_ref().take(LANES).unzip();
        while let Some(full) = lanes.as_mut_slice().as_mut_array::<LANES>() {
            self.sixteen_steps(full.each_mut());
            for lane in (0..LANES).rev() {
                if !lanes[lane].message.is_ended() {
                    continue;
                }
                *places[lane] = H::from_hash(lanes[lane].state);
                if let Some(next) = waiting.next() {
                    (lanes[lane], places[lane]) = next;
                } else {
                    lanes.swap_remove(lane);
                    places.swap_remove(lane);
                }
            }
        }
        self.sha_ni().run(lanes.into_iter().zip(places));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hash_nodes((pairs, parents): (&[[&Hash; 2]; LANES], &mut [Hash; LANES])) {
    let mut blocks = [all(0); LANES];
    let mut last = [0; LANES];
    let prefix = _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, i64::from(NODE_PREFIX) << 24);
    for lane in 0..LANES {
        let [left, right] = pairs[lane];
        let bytes = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(load(left)), load(right));
        blocks[lane] = moved_up(bytes, prefix, !PREFIX);
        last[lane] = right[HASH_LEN - 1];
    }
    let mut state = start();
    compress::<'n'>(&mut state, &mut transposed(&blocks));
    compress_last(&mut state, &last);
    put_digests(state, parents);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hash_leaves_of_32((data, hashes): (&[&Hash; LANES], &mut [Hash; LANES])) {
    let mut blocks = [all(0); LANES];
    // Around the 32 bytes: the prefix, the end mark, and a length of 264 bits.
    let padding = _mm512_set_epi64((33 * 8) << 32, 0, 0, 0x0080_0000, 0, 0, 0, i64::from(LEAF_PREFIX) << 24);
    for (block, data) in blocks.iter_mut().zip(data) {
        *block = moved_up(_mm512_castsi256_si512(load(data)), padding, 0x8_ffff_ffff & !PREFIX);
    }
    let mut state = start();
    compress::<'l'>(&mut state, &mut transposed(&blocks));
    put_digests(state, hashes);
}

/// Takes each message one block further, or as many as all of them have in whole pieces.
#[target_feature(enable = "avx512f,avx512bw")]
fn step(mut lanes: [&mut Running<'_>; LANES]) {
    let mut rows = [all(0); LANES];
    for (row, lane) in rows.iter_mut().zip(&lanes) {
        *row = turned(_mm512_castsi256_si512(load(&lane.state)));
    }
    let [a, b, c, d, e, f, g, h, ..] = transposed(&rows);
    let mut state = [a, b, c, d, e, f, g, h];
    let mut scratch = [[0; 64]; LANES];
    let (runs, count) = take_blocks(&mut lanes, &mut scratch);
    for at in 0..count {
        for (row, run) in rows.iter_mut().zip(&runs) {
            let words = run[at].as_chunks().0;
            let word = |n: usize| i64::from_le_bytes(words[n]);
            *row = turned(eight([0, 1, 2, 3, 4, 5, 6, 7].map(word)));
        }
        compress::<'s'>(&mut state, &mut transposed(&rows));
    }
    let mut digests = [[0; HASH_LEN]; LANES];
    put_digests(state, &mut digests);
    for (lane, digest) in lanes.into_iter().zip(digests) {
        lane.state = digest;
    }
}

/// Compresses one block a lane (FIPS 180-4, section 6.2.2). `CALLER` makes one function for each caller, as in `shani`.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress<const CALLER: char>(state: &mut State, words: &mut [Word; 16]) {
    let mut working = *state;
    sixteen_rounds::<0>(&mut working, words);
    sixteen_rounds::<16>(&mut working, words);
    sixteen_rounds::<32>(&mut working, words);
    sixteen_rounds::<48>(&mut working, words);
    add(state, &working);
}

/// Rounds from `FIRST` on, and from 16 on their words out of the sixteen before.
#[inline]
#[target_feature(enable = "avx512f")]
fn sixteen_rounds<const FIRST: usize>(working: &mut State, words: &mut [Word; 16]) {
    four_rounds::<FIRST, 0>(working, words);
    four_rounds::<FIRST, 4>(working, words);
    four_rounds::<FIRST, 8>(working, words);
    four_rounds::<FIRST, 12>(working, words);
}

/// The rounds from `FIRST + AT` on.
#[inline]
#[target_feature(enable = "avx512f")]
fn four_rounds<const FIRST: usize, const AT: usize>(working: &mut State, words: &mut [Word; 16]) {
    for at in AT..AT + 4 {
        if FIRST > 0 {
            let (near, far) = (words[(at + 14) % 16], words[(at + 1) % 16]);
            let near = xor(_mm512_ror_epi32::<17>(near), _mm512_ror_epi32::<19>(near), _mm512_srli_epi32::<10>(near));
            let far = xor(_mm512_ror_epi32::<7>(far), _mm512_ror_epi32::<18>(far), _mm512_srli_epi32::<3>(far));
            let sum = _mm512_add_epi32(words[at], words[(at + 9) % 16]);
            words[at] = _mm512_add_epi32(_mm512_add_epi32(sum, far), near);
        }
        round(working, _mm512_add_epi32(words[at], all(ROUND[FIRST + at])));
    }
}

/// Compresses the second block of a node, which holds `last` and padding, one a lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress_last(state: &mut State, last: &[u8; LANES]) {
    let mut working = *state;
    for quarter in 0..4 {
        let mut rows = [all(0); LANES];
        for (row, byte) in rows.iter_mut().zip(last) {
            let pairs = &LAST_BLOCK[usize::from(*byte)].as_chunks::<8>().0[quarter];
            *row = eight(pairs.map(u64::cast_signed));
        }
        let sums = transposed(&rows);
        for sum in &sums[..8] {
            round(&mut working, *sum);
        }
        for sum in &sums[8..] {
            round(&mut working, *sum);
        }
    }
    add(state, &working);
}

/// One round; `sum` is its word and its constant, added.
#[inline]
#[target_feature(enable = "avx512f")]
fn round(working: &mut State, sum: Word) {
    let [a, b, c, d, e, f, g, h] = *working;
    let sigma1 = xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    let sigma0 = xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    let choice = _mm512_ternarylogic_epi32::<0b1100_1010>(e, f, g);
    let majority = _mm512_ternarylogic_epi32::<0b1110_1000>(a, b, c);
    let first = _mm512_add_epi32(_mm512_add_epi32(h, sum), _mm512_add_epi32(sigma1, choice));
    let second = _mm512_add_epi32(sigma0, majority);
    *working = [_mm512_add_epi32(first, second), a, b, c, _mm512_add_epi32(d, first), e, f, g];
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(state: &mut State, working: &State) {
    for (state, working) in state.iter_mut().zip(working) {
        *state = _mm512_add_epi32(*state, *working);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn start() -> State {
    let mut state = [all(0); 8];
    for (word, start) in state.iter_mut().zip(START) {
        *word = all(start);
    }
    state
}

/// Writes the digest of each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn put_digests(state: State, digests: &mut [Hash; LANES]) {
    let [a, b, c, d, e, f, g, h] = state;
    let (first, second) = (quarters([a, b, c, d]), quarters([e, f, g, h]));
    // The first half of a digest stands in a quarter of one vector, the second in the same quarter of another.
    let (low, high) = (_mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4));
    for n in 0..4 {
        for (at, quarters) in [(n, low), (n + 8, high)] {
            let two = turned(_mm512_permutex2var_epi64(first[n], quarters, second[n]));
            digests[at] = stored(_mm512_castsi512_si256(two));
            digests[at + 4] = stored(_mm512_extracti64x4_epi64::<1>(two));
        }
    }
}

/// Rows to columns: word `n` of each row goes into vector `n`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: &[Word; 16]) -> [Word; 16] {
    let fours = rows.as_chunks().0;
    let [q0, q1, q2, q3] = [quarters(fours[0]), quarters(fours[1]), quarters(fours[2]), quarters(fours[3])];
    let mut columns = [all(0); 16];
    for n in 0..4 {
        // Even quarters of two vectors, or odd ones; then again.
        let even = (_mm512_shuffle_i32x4::<0x88>(q0[n], q1[n]), _mm512_shuffle_i32x4::<0x88>(q2[n], q3[n]));
        let odd = (_mm512_shuffle_i32x4::<0xdd>(q0[n], q1[n]), _mm512_shuffle_i32x4::<0xdd>(q2[n], q3[n]));
        columns[n] = _mm512_shuffle_i32x4::<0x88>(even.0, even.1);
        columns[4 + n] = _mm512_shuffle_i32x4::<0x88>(odd.0, odd.1);
        columns[8 + n] = _mm512_shuffle_i32x4::<0xdd>(even.0, even.1);
        columns[12 + n] = _mm512_shuffle_i32x4::<0xdd>(odd.0, odd.1);
    }
    columns
}

/// Rows to columns within each quarter of the vectors.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters([r0, r1, r2, r3]: [Word; 4]) -> [Word; 4] {
    let low = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpacklo_epi32(r2, r3));
    let high = (_mm512_unpackhi_epi32(r0, r1), _mm512_unpackhi_epi32(r2, r3));
    [
        _mm512_unpacklo_epi64(low.0, low.1),
        _mm512_unpackhi_epi64(low.0, low.1),
        _mm512_unpacklo_epi64(high.0, high.1),
        _mm512_unpackhi_epi64(high.0, high.1),
    ]
}

/// Words of a block whose byte `n + 1` is byte `n` of `bytes`, at the places in `taken`, and that of `rest` elsewhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn moved_up(bytes: Word, rest: Word, taken: u64) -> Word {
    let from = _mm512_set_epi64(
        0x3b3c_3d3e_3738_393a,
        0x3334_3536_2f30_3132,
        0x2b2c_2d2e_2728_292a,
        0x2324_2526_1f20_2122,
        0x1b1c_1d1e_1718_191a,
        0x1314_1516_0f10_1112,
        0x0b0c_0d0e_0708_090a,
        0x0304_0506_ff00_0102,
    );
    _mm512_mask_permutexvar_epi8(rest, taken, from, bytes)
}

/// Turns words into the bytes of big-endian ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turned(words: Word) -> Word {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm512_shuffle_epi8(words, _mm512_set_epi64(high, low, high, low, high, low, high, low))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Word, b: Word, c: Word) -> Word {
    _mm512_ternarylogic_epi32::<0b1001_0110>(a, b, c)
}

/// The same in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn all(word: u32) -> Word {
    _mm512_set1_epi32(word.cast_signed())
}

/// Eight pairs of words, the first in the lowest place.
#[inline]
#[target_feature(enable = "avx512f")]
fn eight([p0, p1, p2, p3, p4, p5, p6, p7]: [i64; 8]) -> Word {
    _mm512_set_epi64(p7, p6, p5, p4, p3, p2, p1, p0)
}

/// Bytes as they stand, the first in the lowest place.
#[inline]
#[target_feature(enable = "avx")]
fn load(bytes: &Hash) -> __m256i {
    let words = bytes.as_chunks().0;
    let word = |n: usize| i64::from_le_bytes(words[n]);
    _mm256_set_epi64x(word(3), word(2), word(1), word(0))
}

#[inline]
#[target_feature(enable = "avx2")]
fn stored(half: __m256i) -> Hash {
    let mut bytes = [0; HASH_LEN];
    let words = [
        _mm256_extract_epi64::<0>(half),
        _mm256_extract_epi64::<1>(half),
        _mm256_extract_epi64::<2>(half),
        _mm256_extract_epi64::<3>(half),
    ];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}
