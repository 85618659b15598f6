//! What holds for every input: round trip, one text a value, and agreement with `serde_json` where no rule of ours
//! applies.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Number};

use super::{BYTES_MAX, CanonicalError, Value, parse, parse_exact, to_bytes};

/// Keys and strings that try the order, the escapes and the planes; few enough that equal ones meet.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "",
            "a",
            "b",
            "aa",
            "é",
            "e\u{301}",
            "\u{e000}",
            "\u{1f602}",
            "\u{ffff}",
            "\"\\/"
        ])
        .prop_map(String::from),
        any::<String>(),
        "[\\x00-\\x7f]{0,8}",
    ]
}

fn number() -> impl Strategy<Value = Number> {
    let finite = prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        proptest::sample::select(vec![0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 9_007_199_254_740_992.0, 5e-324, f64::MAX]),
        (-1000_i32..1000).prop_map(f64::from),
    ];
    prop_oneof![
        finite.prop_filter_map("finite", Number::from_f64),
        (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Number::from),
    ]
}

/// Values that the gate lets through.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        string().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            btree_map(string(), inner, 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Text that is often JSON and always near it.
pub(super) fn soup() -> impl Strategy<Value = String> {
    let tokens = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\"",
        "\"a\":",
        "\"\\u0061\":",
        "true",
        "false",
        "null",
        "0",
        "1",
        "-",
        "-0",
        "1.0",
        ".",
        "e",
        "E+",
        "1e400",
        "0.1",
        "9007199254740993",
        "100000000000000000000",
        "\\u",
        "\\ud83d",
        "\\ude02",
        "\"\\n\"",
        "\"\\u00e9\"",
        " ",
        "\n",
        "é",
        "\u{feff}",
        "\u{0}",
    ];
    vec(proptest::sample::select(tokens), 0..12).prop_map(|tokens| tokens.concat())
}

/// Spells `value` in one of the many ways that JSON allows; `seed` picks.
pub(super) fn spell(value: &Value, seed: &mut u64, text: &mut String) {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let pick = *seed >> 60;
    text.push_str(["", " ", "\n", "\t\r"][usize::try_from(pick % 4).unwrap()]);
    match value {
        Value::String(string) if pick > 7 => {
            let units = string.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            text.push_str(&format!("\"{}\"", units.collect::<String>()));
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                spell(item, seed, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            let forward: Vec<_> = members.iter().collect();
            let order: Vec<_> = if pick.is_multiple_of(2) { forward } else { forward.into_iter().rev().collect() };
            for (index, (key, member)) in order.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                spell(&Value::from(key.as_str()), seed, text);
                text.push(':');
                spell(member, seed, text);
            }
            text.push('}');
        }
        Value::Number(number) if pick > 7 => text.push_str(&format!("{:e}", number.as_f64().unwrap())),
        other => text.push_str(&other.to_string()),
    }
}

/// Equal as JSON, all numbers taken as doubles: how `serde_json`'s value compares with ours.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs)))
        }
        _ => ours == theirs,
    }
}

/// Holds for all bytes: acceptance and value agree with `serde_json`, except where a rule of ours refuses more.
fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let theirs: Result<Value, _> = serde_json::from_slice(bytes);
    match (parse(bytes, BYTES_MAX), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{ours} {theirs}"),
        (Ok(ours), Err(error)) => prop_assert!(false, "accepted {ours}, but serde_json says: {error}"),
        (Err(CanonicalError::DuplicateKey { .. } | CanonicalError::UnsafeInteger { .. }), _) | (Err(_), Err(_)) => {}
        (Err(error), Ok(theirs)) => prop_assert!(false, "refused {theirs}: {error}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_read_is_read_again(value in value()) {
        // The first trip only brings numbers into their one form.
        let bytes = to_bytes(&value).unwrap();
        let read = parse(&bytes, BYTES_MAX).unwrap();
        prop_assert!(same(&read, &value));
        prop_assert_eq!(&to_bytes(&read).unwrap(), &bytes);
        prop_assert_eq!(parse_exact(&bytes, BYTES_MAX).unwrap(), read);
    }

    #[test]
    fn every_spelling_has_one_canonical_text(value in value(), mut seed: u64) {
        let mut text = String::new();
        spell(&value, &mut seed, &mut text);
        // An integer spelt in digits may be one that must not be: then there is nothing to compare.
        match parse(text.as_bytes(), BYTES_MAX) {
            Ok(read) => prop_assert_eq!(to_bytes(&read).unwrap(), to_bytes(&value).unwrap()),
            Err(error) => prop_assert_eq!(error.code(), "json-unsafe-integer", "{}", text),
        }
    }

    #[test]
    fn different_values_have_different_bytes(first in value(), second in value()) {
        let bytes = [to_bytes(&first).unwrap(), to_bytes(&second).unwrap()];
        prop_assert_eq!(bytes[0] == bytes[1], same(&first, &second));
    }

    #[test]
    fn all_doubles_keep_their_bits(bits: u64) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite() && bits != 1 << 63);
        let bytes = to_bytes(&Value::from(double)).unwrap();
        prop_assert_eq!(parse_exact(&bytes, BYTES_MAX).unwrap().as_f64().unwrap().to_bits(), bits);
    }

    #[test]
    fn integers_are_exact_or_refused(integer: i64, shift in 0_u32..64) {
        let integer = integer >> shift;
        let read = parse(integer.to_string().as_bytes(), BYTES_MAX);
        match to_bytes(&Value::from(integer)) {
            Ok(bytes) => {
                prop_assert_eq!(bytes, integer.to_string().into_bytes());
                prop_assert_eq!(super::integer(&read.unwrap()), Some(integer));
            }
            Err(error) => {
                prop_assert!(integer.unsigned_abs() > 1 << 53);
                prop_assert_eq!(read.unwrap_err(), error);
            }
        }
    }

    #[test]
    fn any_bytes_agree_with_serde_json(bytes: Vec<u8>) {
        agree(&bytes)?;
    }

    #[test]
    fn any_text_near_json_agrees_with_serde_json(text in soup()) {
        agree(text.as_bytes())?;
    }

    #[test]
    fn any_damaged_json_agrees_with_serde_json(value in value(), place: proptest::sample::Index, byte: u8) {
        let mut bytes = to_bytes(&value).unwrap();
        agree(&bytes)?;
        let place = place.index(bytes.len());
        bytes[place] = byte;
        agree(&bytes)?;
        bytes.remove(place);
        agree(&bytes)?;
    }
}
