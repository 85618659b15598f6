//! Constants of SHA-256 (FIPS 180-4, sections 4.2.2 and 5.3.3), and the message schedules of the last block of a node.

#[cfg(target_arch = "x86_64")]
use crate::HASH_LEN;

/// The state before the first block.
pub(crate) const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The same as bytes.
#[cfg(target_arch = "x86_64")]
pub(crate) const START_BYTES: [u8; HASH_LEN] = start_bytes();

#[cfg(target_arch = "x86_64")]
const fn start_bytes() -> [u8; HASH_LEN] {
    let mut bytes = [0; HASH_LEN];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = START[at / 4].to_be_bytes()[at % 4];
        at += 1;
    }
    bytes
}

/// The constant of each round.
#[rustfmt::skip]
pub(crate) const ROUND: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// What the rounds of a node's second block add to the state. A node is 65 bytes, so that block holds one byte of the
/// right child and padding, and there are 256 of it. Entry `[byte][r]` has the words of rounds `2r` and `2r + 1`, the
/// earlier one in the low half, each with the round's constant added. 64 KiB.
#[cfg(target_arch = "x86_64")]
pub(crate) static LAST_BLOCK: [[u64; 32]; 256] = last_blocks();

#[cfg(target_arch = "x86_64")]
#[expect(clippy::as_conversions, reason = "widening, in a constant, where `From` cannot be called")]
const fn last_blocks() -> [[u64; 32]; 256] {
    let mut table = [[0; 32]; 256];
    let mut byte = 0;
    while byte < table.len() {
        let words = schedule((byte as u32) << 24);
        let mut r = 0;
        while r < 32 {
            let low = words[2 * r].wrapping_add(ROUND[2 * r]);
            let high = words[2 * r + 1].wrapping_add(ROUND[2 * r + 1]);
            table[byte][r] = (high as u64) << 32 | low as u64;
            r += 1;
        }
        byte += 1;
    }
    table
}

/// Message schedule (FIPS 180-4, section 6.2.2) of a block that holds one byte, the end mark and a length of 65 bytes.
#[cfg(target_arch = "x86_64")]
const fn schedule(first: u32) -> [u32; 64] {
    let mut words = [0_u32; 64];
    words[0] = first | 0x0080_0000;
    words[15] = 65 * 8;
    let mut t = 16;
    while t < words.len() {
        let (near, far) = (words[t - 2], words[t - 15]);
        let near = near.rotate_right(17) ^ near.rotate_right(19) ^ near >> 10;
        let far = far.rotate_right(7) ^ far.rotate_right(18) ^ far >> 3;
        words[t] = near.wrapping_add(words[t - 7]).wrapping_add(far).wrapping_add(words[t - 16]);
        t += 1;
    }
    words
}
