//! Every committed seed, whole, cut short and changed in a few places, against the oracle of its target: the part of
//! fuzzing that needs no fuzzer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;
use vaultmesh_oracles::TARGETS;
use vm_core::canonical;

/// Changed forms of each seed. Those of exports rebuild a vault each, so they get fewer.
const CHANGES: usize = 250;
const CHANGES_OF_EXPORTS: usize = 20;
/// Most other shapes of a seed; where there are more they are taken from all over it.
const SHAPES_MAX: usize = 60;
/// Most items that are tried in every order: which order a reader of a list expects is not known.
const ORDERED: usize = 4;

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

/// The first input of each seed that breaks its oracle is told at the end.
fn replay(names: impl Fn(&str) -> bool, inputs: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    let mut broken = Vec::new();
    for (target, oracle) in TARGETS.iter().filter(|(name, _)| names(name)) {
        let seeds = seeds_of(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for path in seeds {
            let holds = |input: &Vec<u8>| catch_unwind(AssertUnwindSafe(|| oracle(input))).is_ok();
            if let Some(input) = inputs(&fs::read(&path).unwrap()).into_iter().find(|input| !holds(input)) {
                broken.push(format!("{target}, {}: {}", path.display(), input.escape_ascii()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The seed, nothing, and `changes` changed forms.
fn all_changed(seed: &[u8], changes: usize) -> Vec<Vec<u8>> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    [seed.to_vec(), Vec::new()].into_iter().chain((0..changes).map(|_| changed(seed, &mut numbers))).collect()
}

/// A seed that is JSON, in lines or as one text, with one part of it other than it was: what few changes of bytes come to.
fn all_reshaped(seed: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = seed.split(|byte| *byte == b'\n').collect();
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
        for value in reshaped(&value) {
            let Ok(text) = canonical::to_bytes(&value) else { continue };
            let mut lines = lines.clone();
            lines[at] = &text;
            all.push(lines.join(&b'\n'));
        }
    }
    let every = all.len().div_ceil(SHAPES_MAX).max(1);
    all.into_iter().step_by(every).collect()
}

/// All values with one change somewhere: a member or an item left out, a member too many, a list in place of an object, null,
/// or a value of another type. JSON inside of a text is changed too.
fn reshaped(value: &Value) -> Vec<Value> {
    let mut all = vec![Value::Null];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let mut fewer = members.clone();
                fewer.remove(name);
                all.push(Value::Object(fewer));
                let with = |member| members.clone().into_iter().chain([(name.clone(), member)]).collect();
                all.extend(reshaped(member).into_iter().map(|member| Value::Object(with(member))));
            }
            let more = members.clone().into_iter().chain([("zz".to_owned(), Value::Null)]);
            all.push(Value::Object(more.collect()));
            all.extend(orders(members.values().cloned().collect()).into_iter().map(Value::Array));
        }
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(at);
                all.push(Value::Array(fewer));
                all.extend(reshaped(&items[at]).into_iter().map(|item| {
                    let mut with = items.clone();
                    with[at] = item;
                    Value::Array(with)
                }));
            }
        }
        Value::String(text) => {
            all.push(Value::from(0));
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                let written = |value: &Value| canonical::to_text(value).ok().map(Value::String);
                all.extend(reshaped(&inner).iter().filter_map(written));
            }
        }
        _ => all.extend([Value::from(""), Value::from(0.5), Value::from(-1)]),
    }
    all
}

/// Lists of these items in every order where there are few; else as they come.
fn orders(items: Vec<Value>) -> Vec<Vec<Value>> {
    if items.len() <= 1 || items.len() > ORDERED {
        return vec![items];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.clone();
        let first = rest.remove(at);
        all.extend(orders(rest).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
    }
    all
}

#[test]
fn seeds_and_what_they_become_hold() {
    replay(|name| !name.starts_with("export"), |seed| all_changed(seed, CHANGES));
}

#[test]
fn exports_and_what_they_become_hold() {
    replay(|name| name.starts_with("export"), |seed| all_changed(seed, CHANGES_OF_EXPORTS));
}

#[test]
fn seeds_of_another_shape_hold() {
    replay(|name| !name.starts_with("export"), all_reshaped);
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
