//! Canonical JSON against vectors from outside: the test data of RFC 8785's authors (`jcs`) and JSONTestSuite.
//!
//! Both paths run: the reader and writer of values with their twin, and the one that never builds a value.
//! `VAULTMESH_VECTORS` names the folder that holds both suites.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vm_core::canonical::{BYTES_MAX, Canonicalizer, check_exact, parse, parse_exact, to_bytes, to_text, twin};
use vm_core::error::CanonicalError;

/// The folder of a suite, or `None` after saying that it did not run.
fn suite(name: &str) -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors"));
    let folder = std::env::var_os("VAULTMESH_VECTORS").map_or_else(default, PathBuf::from);
    let path = folder.join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("conformance: suite {name} did not run: no vectors at {}", path.display());
    None
}

/// Names and bytes of the files in `folder`, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap();
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let named = paths.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        (String::from(name), fs::read(&path).unwrap())
    });
    named.collect()
}

/// The canonical bytes of a text, by all paths, which must agree.
fn canonical(canonicalizer: &mut Canonicalizer, text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let fast = canonicalizer.canonicalize(text, BYTES_MAX).map(<[u8]>::to_vec);
    assert_eq!(fast, twin::canonicalize(text, BYTES_MAX));
    assert_eq!(fast, parse(text, BYTES_MAX).and_then(|value| to_bytes(&value)));
    fast
}

#[test]
fn jcs_pairs_are_byte_exact() {
    let Some(folder) = suite("jcs") else { return };
    let inputs = files(&folder.join("input"));
    assert!(inputs.len() >= 6, "found {} inputs", inputs.len());
    let mut canonicalizer = Canonicalizer::new();
    for (name, input) in inputs {
        let expected = fs::read(folder.join("output").join(&name)).unwrap();
        let value = parse(&input, BYTES_MAX).unwrap();
        let bytes = canonical(&mut canonicalizer, &input).unwrap();
        assert_eq!(canonical(&mut canonicalizer, &expected).as_ref(), Ok(&bytes), "{name}");
        assert_eq!(check_exact(&expected, BYTES_MAX), Ok(()), "{name}");
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected), "{name}");
        assert_eq!(parse_exact(&expected, BYTES_MAX).as_ref(), Ok(&value), "{name}");

        let hex = fs::read_to_string(folder.join("outhex").join(name.replace(".json", ".txt"))).unwrap();
        let found: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hex.split_ascii_whitespace().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn jcs_numbers_are_written_and_read_exactly() {
    let Some(folder) = suite("jcs") else { return };
    let lines = fs::read_to_string(folder.join("es6_first10000.txt")).unwrap();
    assert_eq!(lines.lines().count(), 10_000);
    let mut canonicalizer = Canonicalizer::new();
    for line in lines.lines() {
        let (bits, text) = line.split_once(',').unwrap();
        let double = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        assert_eq!(to_text(&double.into()).as_deref(), Ok(text), "{line}");
        // Every spelling of the double leads to the same text; only the shortest is canonical itself.
        for spelling in [String::from(text), format!("{double:e}"), format!("{double:?}"), format!("{double:.20e}")] {
            let bytes = canonical(&mut canonicalizer, spelling.as_bytes());
            assert_eq!(bytes.as_deref(), Ok(text.as_bytes()), "{line}: {spelling}");
        }
        let read = parse_exact(text.as_bytes(), BYTES_MAX).unwrap();
        assert!(read.as_f64() == Some(double), "{line}");
    }
}

/// Files that JSON demands to be accepted and I-JSON (RFC 7493) refuses: name, code of the refusal, reason.
const DEVIATIONS: [(&str, &str, &str); 2] = [
    (
        "y_object_duplicated_key.json",
        "json-duplicate-key",
        "I-JSON, RFC 7493 section 2.3: readers keep different members",
    ),
    (
        "y_object_duplicated_key_and_value.json",
        "json-duplicate-key",
        "the same: equal values do not excuse a second member",
    ),
];

/// Files that JSON leaves open: name, code of the refusal or `accepted`, reason.
const OPEN: [(&str, &str, &str); 35] = [
    ("i_number_double_huge_neg_exp.json", "accepted", ZERO),
    ("i_number_huge_exp.json", "json-not-finite", INF),
    ("i_number_neg_int_huge_exp.json", "json-not-finite", INF),
    ("i_number_pos_double_huge_exp.json", "json-not-finite", INF),
    ("i_number_real_neg_overflow.json", "json-not-finite", INF),
    ("i_number_real_pos_overflow.json", "json-not-finite", INF),
    ("i_number_real_underflow.json", "accepted", ZERO),
    ("i_number_too_big_neg_int.json", "json-unsafe-integer", DIGITS),
    ("i_number_too_big_pos_int.json", "accepted", SAME),
    ("i_number_very_big_negative_int.json", "json-unsafe-integer", DIGITS),
    ("i_object_key_lone_2nd_surrogate.json", "json-lone-surrogate", LONE),
    ("i_string_1st_surrogate_but_2nd_missing.json", "json-lone-surrogate", LONE),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", "json-lone-surrogate", LONE),
    ("i_string_UTF-16LE_with_BOM.json", "json-not-utf8", UTF8),
    ("i_string_UTF-8_invalid_sequence.json", "json-not-utf8", UTF8),
    ("i_string_UTF8_surrogate_U+D800.json", "json-not-utf8", UTF8),
    ("i_string_incomplete_surrogate_and_escape_valid.json", "json-lone-surrogate", LONE),
    ("i_string_incomplete_surrogate_pair.json", "json-lone-surrogate", LONE),
    ("i_string_incomplete_surrogates_escape_valid.json", "json-lone-surrogate", LONE),
    ("i_string_invalid_lonely_surrogate.json", "json-lone-surrogate", LONE),
    ("i_string_invalid_surrogate.json", "json-lone-surrogate", LONE),
    ("i_string_invalid_utf-8.json", "json-not-utf8", UTF8),
    ("i_string_inverted_surrogates_U+1D11E.json", "json-lone-surrogate", LONE),
    ("i_string_iso_latin_1.json", "json-not-utf8", UTF8),
    ("i_string_lone_second_surrogate.json", "json-lone-surrogate", LONE),
    ("i_string_lone_utf8_continuation_byte.json", "json-not-utf8", UTF8),
    ("i_string_not_in_unicode_range.json", "json-not-utf8", UTF8),
    ("i_string_overlong_sequence_2_bytes.json", "json-not-utf8", UTF8),
    ("i_string_overlong_sequence_6_bytes.json", "json-not-utf8", UTF8),
    ("i_string_overlong_sequence_6_bytes_null.json", "json-not-utf8", UTF8),
    ("i_string_truncated-utf-8.json", "json-not-utf8", UTF8),
    ("i_string_utf16BE_no_BOM.json", "json-not-utf8", UTF8),
    ("i_string_utf16LE_no_BOM.json", "json-not-utf8", UTF8),
    ("i_structure_500_nested_arrays.json", "json-too-deep", DEPTH),
    ("i_structure_UTF-8_BOM_empty_object.json", "json-syntax", BOM),
];

const ZERO: &str = "a token with an exponent asks for the nearest double, and that is zero";
const INF: &str = "I-JSON, RFC 7493 section 2.2: beyond the range of a double";
const DIGITS: &str = "the nearest double is written with other digits";
const SAME: &str = "10^20 is a double that is written with the same digits";
const LONE: &str = "I-JSON, RFC 7493 section 2.1: half of a surrogate pair is no character";
const UTF8: &str = "RFC 8259 section 8.1: JSON is exchanged in UTF-8";
const DEPTH: &str = "500 levels are more than the 128 that are read";
const BOM: &str = "RFC 8259 section 8.1 forbids writing one, and two spellings of one text serve nobody";

/// `accepted`, or the code of the refusal. What is accepted must survive the round trip.
fn outcome(canonicalizer: &mut Canonicalizer, bytes: &[u8]) -> &'static str {
    match canonical(canonicalizer, bytes) {
        Ok(canonical) => {
            assert_eq!(parse_exact(&canonical, BYTES_MAX), parse(bytes, BYTES_MAX));
            "accepted"
        }
        Err(error) => error.code(),
    }
}

#[test]
fn jsontestsuite_has_the_written_outcomes() {
    let Some(folder) = suite("jsontestsuite") else { return };
    let files = files(&folder.join("test_parsing"));
    assert!(files.len() >= 318, "found {} files", files.len());
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    let mut canonicalizer = Canonicalizer::new();
    for (name, bytes) in &files {
        let found = outcome(&mut canonicalizer, bytes);
        let deviation = DEVIATIONS.iter().find(|(file, ..)| file == name);
        let open = OPEN.iter().find(|(file, ..)| file == name);
        let right = match name.split_once('_') {
            Some(("y", _)) => found == deviation.map_or("accepted", |(_, code, _)| code),
            Some(("n", _)) => found != "accepted",
            Some(("i", _)) => open.is_some_and(|(_, expected, _)| found == *expected),
            _ => false,
        };
        // An entry for a file of another class is as stale as one for no file at all.
        if name.starts_with("y_") {
            used.extend(deviation.map(|(file, ..)| *file));
        } else if name.starts_with("i_") {
            used.extend(open.map(|(file, ..)| *file));
        }
        if !right {
            faults.push(format!("{name}: {found}"));
        }
    }
    let listed = DEVIATIONS.iter().map(|(file, ..)| *file).chain(OPEN.iter().map(|(file, ..)| *file));
    faults.extend(listed.filter(|file| !used.contains(file)).map(|file| format!("{file}: listed, but stale")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
