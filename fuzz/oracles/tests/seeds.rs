//! Every committed seed, whole, cut short and changed in a few places, against the oracle of its target: the part of
//! fuzzing that needs no fuzzer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use vaultmesh_oracles::TARGETS;

/// Changed forms of each seed. Those of exports rebuild a vault each, so they get fewer.
const CHANGES: usize = 250;
const CHANGES_OF_EXPORTS: usize = 20;

fn seeds_of(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(target);
    let mut seeds: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    seeds
}

/// A small generator (xorshift64*), so that the same inputs are tried on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % end.max(1)
    }
}

fn changed(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        match numbers.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), u8::try_from(numbers.below(256)).unwrap()),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    bytes
}

fn replay(names: impl Fn(&str) -> bool, changes: usize) {
    for (target, oracle) in TARGETS.iter().filter(|(name, _)| names(name)) {
        let seeds = seeds_of(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for path in seeds {
            let seed = fs::read(&path).unwrap();
            let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
            let all = [seed.clone(), Vec::new()].into_iter().chain((0..changes).map(|_| changed(&seed, &mut numbers)));
            for input in all {
                let held = catch_unwind(AssertUnwindSafe(|| oracle(&input))).is_ok();
                assert!(held, "{target}, {}: {}", path.display(), input.escape_ascii());
            }
        }
    }
}

#[test]
fn seeds_and_what_they_become_hold() {
    replay(|name| !name.starts_with("export"), CHANGES);
}

#[test]
fn exports_and_what_they_become_hold() {
    replay(|name| name.starts_with("export"), CHANGES_OF_EXPORTS);
}

/// Targets, their folders of seeds and their entry points for libFuzzer are the same set.
#[test]
fn every_target_has_seeds_and_an_entry_point() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len());
    let listed = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("../seeds"), names);
    assert_eq!(listed("../fuzz_targets"), names);
    let manifest: toml::Table =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    assert_eq!(bins.map(|bin| bin["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), names);
}
