//! Every function of every backend that this processor has, the portable one among them, against the `sha2` crate asked
//! for whole messages.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use vm_hash::Backend;

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}

/// Bytes without a pattern that repeats within a block.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}

fn hashes(count: usize) -> Vec<Hash> {
    noise(count * 32).as_chunks().0.to_vec()
}

/// What `hash` writes into room for `count` hashes with one to spare, which it must leave alone.
fn written(count: usize, hash: impl FnOnce(&mut [Hash])) -> Vec<Hash> {
    let mut out = vec![[0xee; 32]; count + 1];
    hash(&mut out[..count]);
    assert_eq!(out.pop(), Some([0xee; 32]));
    out
}

fn check_nodes(children: &[Hash]) {
    let pairs = children.as_chunks().0;
    let wanted: Vec<Hash> = pairs.iter().map(|[left, right]| sha256(&[&[1], left, right])).collect();
    assert_eq!(written(pairs.len(), |out| vm_hash::nodes(pairs, out)), wanted);
    for side in Backend::each() {
        assert_eq!(written(pairs.len(), |out| side.nodes(pairs, out)), wanted, "{}", side.name());
        for ([left, right], wanted) in pairs.iter().zip(&wanted) {
            assert_eq!(side.node(left, right), *wanted, "{}", side.name());
        }
    }
    for ([left, right], wanted) in pairs.iter().zip(wanted) {
        assert_eq!(vm_hash::node(left, right), wanted);
    }
}

fn check_messages(data: &[&[u8]]) {
    let wanted: Vec<Hash> = data.iter().map(|data| sha256(&[&[0], data])).collect();
    assert_eq!(written(data.len(), |out| vm_hash::leaves(data, out)), wanted);
    for side in Backend::each() {
        assert_eq!(written(data.len(), |out| side.leaves(data, out)), wanted, "{}", side.name());
    }
    let wanted: Vec<Hash> = data.iter().map(|data| sha256(&[data])).collect();
    assert_eq!(written(data.len(), |out| vm_hash::digests(data, out)), wanted);
    for side in Backend::each() {
        assert_eq!(written(data.len(), |out| side.digests(data, out)), wanted, "{}", side.name());
    }
    for data in data {
        assert_eq!(vm_hash::leaf(data), sha256(&[&[0], data]));
    }
}

fn check_leaves_of_32(data: &[Hash]) {
    let wanted: Vec<Hash> = data.iter().map(|data| sha256(&[&[0], data])).collect();
    assert_eq!(written(data.len(), |out| vm_hash::leaves_of_32(data, out)), wanted);
    for side in Backend::each() {
        assert_eq!(written(data.len(), |out| side.leaves_of_32(data, out)), wanted, "{}", side.name());
    }
}

/// A backend that is missing though the processor could run it would be compared by no test below.
#[test]
fn every_backend_that_this_processor_can_run_is_compared() {
    let found: Vec<&str> = Backend::each().map(Backend::name).collect();
    let mut wanted = vec!["portable"];
    for (name, is_here) in [("sha-ni", has_sha()), ("avx512", has_sha() && has_avx512())] {
        if is_here {
            wanted.insert(0, name);
        } else {
            eprintln!("not run: this processor lacks what `{name}` needs");
        }
    }
    assert_eq!(found, wanted);
    assert_eq!(vm_hash::is_accelerated(), has_sha());
}

#[cfg(target_arch = "x86_64")]
fn has_sha() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_sha() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}

#[test]
fn known_answers() {
    let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // FIPS 180-2, appendix B.1 and B.2; RFC 6962 test data of the Certificate Transparency project.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let two_blocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
    for side in Backend::each() {
        let mut out = [[0; 32]; 2];
        side.digests::<&[u8], _>(&[b"abc", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"], &mut out);
        assert_eq!(out.map(hex), [abc, two_blocks]);
    }
    assert_eq!(hex(vm_hash::leaf(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

#[test]
fn every_count_of_nodes_and_leaves() {
    let all = hashes(141);
    for count in 0..=140 {
        check_nodes(&all[..count]);
        check_leaves_of_32(&all[..count]);
    }
}

#[test]
fn every_last_byte_of_a_node_in_every_lane() {
    for shift in 0..16 {
        let mut all = hashes(2 * 256);
        for (last, pair) in (0..=255_u8).zip(all.as_chunks_mut::<2>().0) {
            pair[1][31] = last.wrapping_add(shift);
        }
        check_nodes(&all);
        check_nodes(&all[1..]);
    }
}

#[test]
fn every_length_alone_and_beside_every_kind_of_neighbour() {
    const OTHERS: [usize; 15] = [0, 1, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 127, 128, 300];
    let data = noise(320);
    for len in 0..300 {
        check_messages(&[&data[..len]]);
        for other in OTHERS {
            check_messages(&[&data[..len], &data[20..20 + other]]);
        }
        // With all others, each length in another of sixteen lanes than the one before.
        let mut among = OTHERS.map(|other| &data[20..20 + other]).to_vec();
        among.insert(len % 16, &data[..len]);
        check_messages(&among);
    }
    let rising: Vec<&[u8]> = (0..300).map(|len| &data[..len]).collect();
    check_messages(&rising);
}

#[test]
fn every_count_of_messages() {
    let data = noise(300);
    for count in 0..=70 {
        let messages: Vec<&[u8]> = (0..count).map(|n| &data[..(n * 97) % 300]).collect();
        check_messages(&messages);
        let falling: Vec<&[u8]> = (0..count).map(|n| &data[4 * n..]).collect();
        check_messages(&falling);
    }
}

#[test]
fn every_alignment() {
    let data = noise(64 + 700);
    for shift in 0..64 {
        check_messages(&[&data[shift..], &data[shift..][..130], &data[shift..][..64]]);
        let children = data[shift..].as_chunks().0;
        check_nodes(children);
        check_leaves_of_32(children);
    }
}

#[test]
fn the_shorter_side_decides() {
    let all = hashes(40);
    for side in Backend::each() {
        let mut out = [[0xee; 32]; 22];
        side.nodes(all.as_chunks().0, &mut out);
        assert_eq!(out[20..], [[0xee; 32]; 2]);
        assert_eq!(out[19], vm_hash::node(&all[38], &all[39]));
        side.nodes::<_, Hash>(all.as_chunks().0, &mut []);
        let mut out = [[0xee; 32]; 41];
        side.leaves_of_32(&all, &mut out);
        assert_eq!((out[39], out[40]), (sha256(&[&[0], &all[39]]), [0xee; 32]));
        side.leaves_of_32(&all, &mut out[..1]);
        let mut out = [[0xee; 32]; 3];
        side.leaves(&[b"a", b"b"], &mut out);
        assert_eq!(out, [sha256(&[b"\0a"]), sha256(&[b"\0b"]), [0xee; 32]]);
        side.leaves(&[b"c", b"d"], &mut out[..1]);
        assert_eq!(out[..2], [sha256(&[b"\0c"]), sha256(&[b"\0b"])]);
    }
}

proptest! {
    #[test]
    fn messages_are_as_sha2_has_them(data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 0..40)) {
        check_messages(&data.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn nodes_are_as_sha2_has_them(children in prop::collection::vec(any::<Hash>(), 0..64)) {
        check_nodes(&children);
        check_leaves_of_32(&children);
    }
}
