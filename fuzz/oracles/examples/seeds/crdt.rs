//! Seeds of replication among peers.

use vaultmesh_oracles::sketch::{KEY, OURS, sketch};

use crate::seed;

pub(crate) fn all() {
    let theirs = OURS ^ 0xff00_0000_0000_00f0;
    let other = sketch(KEY, theirs);
    seed("sketch_run", "whole", other.symbols(0..60));
    seed("sketch_run", "few", other.symbols(0..8));
    seed("sketch_run", "same", sketch(KEY, OURS).symbols(0..2));
    seed("sketch_run", "later", other.symbols(8..9));
    seed("sketch_run", "empty", other.symbols(0..0));
    let decoder = |ours: u64, tail: &[u8]| [&[1][..], &ours.to_be_bytes(), &theirs.to_be_bytes(), tail].concat();
    seed("sketch_decoder", "apart", decoder(!theirs, &[63, 0, 63]));
    seed("sketch_decoder", "one_by_one", decoder(OURS, &[]));
    seed("sketch_decoder", "same", decoder(theirs, &[0]));
    seed("sketch_decoder", "flipped", decoder(OURS, &[9, 0, 7, 1, 0, 30, 5, 128, 0, 90]));
    seed("sketch_decoder", "other_size", decoder(OURS, &[63, 1, 0, 12]));
}
