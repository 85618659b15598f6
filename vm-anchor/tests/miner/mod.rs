//! Mines blocks of a chain for tests, with real work, and proves transactions in them.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part, and helpers of tests may panic")]

use vm_core::digest::Sha256Digest;

/// The easiest target there is, in its compact form.
pub(crate) const EASY: u32 = 0x207f_ffff;

pub(crate) fn double_sha256(bytes: &[u8]) -> [u8; 32] {
    *Sha256Digest::of(Sha256Digest::of(bytes).as_bytes()).as_bytes()
}

/// Whether a hash is at most the easiest target.
fn has_work(hash: &[u8; 32]) -> bool {
    hash[31] <= 0x7f
}

/// A header with work.
pub(crate) fn mine(before: [u8; 32], root: [u8; 32], time: u32, bits: u32) -> Vec<u8> {
    let header = |nonce: u32| {
        [&2_u32.to_le_bytes()[..], &before, &root, &time.to_le_bytes(), &bits.to_le_bytes(), &nonce.to_le_bytes()]
            .concat()
    };
    (0..).map(header).find(|header| has_work(&double_sha256(header))).unwrap()
}

/// A chain of headers, ten minutes apart.
pub(crate) struct Chain {
    pub(crate) headers: Vec<Vec<u8>>,
    time: u32,
}

impl Chain {
    /// A chain of one block at this time.
    pub(crate) fn new(time: u32) -> Self {
        Self { headers: vec![mine([0; 32], [0; 32], time, EASY)], time }
    }

    pub(crate) fn tip(&self) -> [u8; 32] {
        double_sha256(self.headers.last().unwrap())
    }

    /// Mines a block with this root; gives its height.
    pub(crate) fn push(&mut self, root: [u8; 32]) -> u32 {
        self.time += 600;
        let header = mine(self.tip(), root, self.time, EASY);
        self.headers.push(header);
        u32::try_from(self.headers.len() - 1).unwrap()
    }

    pub(crate) fn push_empty(&mut self, count: usize) {
        for _ in 0..count {
            self.push([7; 32]);
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.headers.concat()
    }

    pub(crate) fn hash(&self, height: u32) -> [u8; 32] {
        double_sha256(&self.headers[usize::try_from(height).unwrap()])
    }
}

/// A transaction of one input, whose outputs have these scripts; with a witness where that is asked for.
pub(crate) fn transaction(scripts: &[&[u8]], witness: bool) -> Vec<u8> {
    let mut out = 2_u32.to_le_bytes().to_vec();
    if witness {
        out.extend([0, 1]);
    }
    out.push(1);
    out.extend([9; 36]);
    out.push(0);
    out.extend([0xff; 4]);
    out.push(u8::try_from(scripts.len()).unwrap());
    for script in scripts {
        out.extend([0; 8]);
        out.push(u8::try_from(script.len()).unwrap());
        out.extend_from_slice(script);
    }
    if witness {
        out.extend([1, 3, 1, 2, 3]);
    }
    out.extend([0; 4]);
    out
}

/// All levels of the tree over these leaves, the odd one doubled.
fn levels(leaves: &[[u8; 32]]) -> Vec<Vec<[u8; 32]>> {
    let mut levels = vec![leaves.to_vec()];
    while levels.last().unwrap().len() > 1 {
        let pair = |pair: &[[u8; 32]]| double_sha256(&[pair[0], *pair.last().unwrap()].concat());
        levels.push(levels.last().unwrap().chunks(2).map(pair).collect());
    }
    levels
}

pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    levels(leaves).last().unwrap()[0]
}

/// What `gettxoutproof` writes for the leaves that are marked.
pub(crate) fn proof(header: &[u8], leaves: &[[u8; 32]], marked: &[usize]) -> Vec<u8> {
    let levels = levels(leaves);
    let (mut hashes, mut flags) = (Vec::new(), Vec::new());
    walk(&levels, levels.len() - 1, 0, marked, &mut hashes, &mut flags);
    let mut out = header.to_vec();
    out.extend(u32::try_from(leaves.len()).unwrap().to_le_bytes());
    out.push(u8::try_from(hashes.len()).unwrap());
    out.extend(hashes.concat());
    let mut bytes = vec![0_u8; flags.len().div_ceil(8)];
    for (at, flag) in flags.iter().enumerate() {
        bytes[at / 8] |= u8::from(*flag) << (at % 8);
    }
    out.push(u8::try_from(bytes.len()).unwrap());
    out.extend(bytes);
    out
}

fn walk(
    levels: &[Vec<[u8; 32]>],
    height: usize,
    at: usize,
    marked: &[usize],
    hashes: &mut Vec<[u8; 32]>,
    flags: &mut Vec<bool>,
) {
    let leads = marked.iter().any(|leaf| leaf >> height == at);
    flags.push(leads);
    if height == 0 || !leads {
        hashes.push(levels[height][at]);
        return;
    }
    walk(levels, height - 1, at * 2, marked, hashes, flags);
    if at * 2 + 1 < levels[height - 1].len() {
        walk(levels, height - 1, at * 2 + 1, marked, hashes, flags);
    }
}
