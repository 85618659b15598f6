//! The fast paths give the twin's answers, byte for byte and error for error.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::properties::{soup, spell, value};
use super::*;

/// Both answers to a text, from buffers that are new and from some that are not.
fn same(reused: &mut Canonicalizer, text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let expected = twin::canonicalize(text, BYTES_MAX);
    let shown = || String::from_utf8_lossy(text);
    assert_eq!(reused.canonicalize(text, BYTES_MAX).map(<[u8]>::to_vec), expected, "{}", shown());
    assert_eq!(canonicalize(text, BYTES_MAX), expected, "{}", shown());
    let exact = match &expected {
        Ok(bytes) if bytes == text => Ok(()),
        Ok(_) => Err(CanonicalError::NotCanonical),
        Err(error) => Err(error.clone()),
    };
    assert_eq!(reused.check_exact(text, BYTES_MAX), exact, "{}", shown());
    expected
}

/// The same for many texts; `true` counts those that were accepted.
fn all_same<'text>(texts: impl IntoIterator<Item = &'text [u8]>) -> [usize; 2] {
    let mut reused = Canonicalizer::new();
    let mut counts = [0; 2];
    for text in texts {
        counts[usize::from(same(&mut reused, text).is_ok())] += 1;
    }
    counts
}

/// Every construct, and what the fast path treats apart: order, escapes, repeated names, numbers of each kind.
const SAMPLES: [&str; 12] = [
    r#"{"b": 1.0, "a": "\u00e9", "c": [1e21, true, false, null]}"#,
    r#" { "z" : { "y" : [ ] , "x" : { } } , "a" : [ { "k" : -0 } , [ [ 1.50 , 12e-1 ] ] ] } "#,
    r#"{"name one":1,"name two":2,"name o":{"name one":0},"name":3,"namf":4}"#,
    r#"{"a\n":1,"a\u000b":2,"a":"\/\\\"\b\f\n\r\t","\u0041":"\ud83d\ude02","😂":"\u0001"}"#,
    r#"["😂","é\u00e9","\uFB33","a long string that is longer than some chunks of it, longer than two of them"]"#,
    "{\"\u{fb33}\":1,\"\u{1f602}\":2,\"\u{e000}\":3,\"\u{d7ff}\":4,\"é\":5,\"\":6,\"\\u0000\":7}",
    "[9007199254740991,9007199254740992,9007199254740993,-9007199254740994,100000000000000000000,0.1e-7,5e-324]",
    "{\"b\":{\"d\":0,\"c\":0},\"a\":{\"f\":[{\"h\":0,\"g\":0}],\"e\":0}}",
    r#"{"a":{"b":[1,{"c":2,"c":3}]},"a":[}"#,
    "[0.000001,0.0000001,1.0,100,0.0,-1.20,1E400,0e9,123456789012345.5,1e22,0.1000000000000000055]",
    "\t\r\n \"text\" \t",
    r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read","arguments":{"path":"\/tmp"}}}"#,
];

#[test]
fn every_prefix_is_the_same() {
    for sample in SAMPLES {
        let [_, accepted] = all_same((0..=sample.len()).map(|end| &sample.as_bytes()[..end]));
        assert!(accepted <= 3, "{sample}");
    }
}

#[test]
fn every_byte_changed_is_the_same() {
    let mut reused = Canonicalizer::new();
    for sample in SAMPLES {
        let mut text = sample.as_bytes().to_vec();
        for place in 0..text.len() {
            let kept = text[place];
            for byte in 0..=255 {
                text[place] = byte;
                let _ = same(&mut reused, &text);
            }
            text[place] = kept;
        }
    }
}

#[test]
fn every_byte_left_out_or_doubled_is_the_same() {
    for sample in SAMPLES {
        let texts = (0..sample.len()).flat_map(|place| {
            let (before, after) = sample.as_bytes().split_at(place);
            [[before, &after[1..]].concat(), [before, &after[..1], after].concat()]
        });
        let texts: Vec<Vec<u8>> = texts.collect();
        all_same(texts.iter().map(Vec::as_slice));
    }
}

/// All texts of a few characters that numbers are made of: grammar, forms and rounding alike.
#[test]
fn every_short_number_is_the_same() {
    let letters = b"-+.e019";
    let mut texts = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..6 {
        let until = texts.len();
        for at in from..until {
            let shorter = texts[at].clone();
            texts.extend(letters.iter().map(|letter| [shorter.as_slice(), &[*letter]].concat()));
        }
        from = until;
    }
    let [refused, accepted] = all_same(texts.iter().map(Vec::as_slice));
    assert!(accepted > 4_000 && refused > 100_000, "{accepted} {refused}");
}

#[test]
fn every_utf16_unit_is_the_same() {
    let mut reused = Canonicalizer::new();
    for unit in 0..=u16::MAX {
        let _ = same(&mut reused, format!("\"\\u{unit:04x}\"").as_bytes());
        if unit % 61 == 0 || unit >> 11 == 0x1b {
            let _ =
                same(&mut reused, format!("[\"\\u{unit:04X}\\uDC00\", {{\"\\ud8ff\\u{unit:04x}\": 0}}]").as_bytes());
        }
    }
}

#[test]
fn of_two_faults_the_first_is_told() {
    let mut reused = Canonicalizer::new();
    for (text, code) in [
        (r#"{"a":1,"a":?}"#, "json-duplicate-key"),
        (r#"{"a":1,"b":?,"a":2}"#, "json-syntax"),
        (r#"{"a":1,"a""#, "json-duplicate-key"),
        (r#"{"a":1,"a" "#, "json-duplicate-key"),
        (r#"{"a":1,"a"#, "json-syntax"),
        (r#"{"a":1,"a":1"#, "json-duplicate-key"),
        (r#"{"a":1,"a":{"b":1,"b":1}}"#, "json-duplicate-key"),
        (r#"{"a":{"b":1,"b":2},"a":1}"#, "json-duplicate-key"),
        (r#"{"x":1,"a":[{"y":{"b":1,"b":2,"y":[}]}],"x":1}"#, "json-duplicate-key"),
        (r#"{"c":1,"b":1,"b":2,"a":1,"c":2,"a":3}"#, "json-duplicate-key"),
        (r#"[1,{"a":"\ud800"},9007199254740993]"#, "json-lone-surrogate"),
        (r#"[1e400,"#, "json-not-finite"),
        ("[\"\\ud800\\u12\"", "json-syntax"),
        ("\u{feff}[", "json-syntax"),
        ("[] []", "json-trailing-data"),
    ] {
        assert_eq!(same(&mut reused, text.as_bytes()).unwrap_err().code(), code, "{text}");
    }
    let deep = [r#"{"a":1,"a":"#, &"[".repeat(200)].concat();
    assert_eq!(same(&mut reused, deep.as_bytes()).unwrap_err().code(), "json-duplicate-key");
    assert_eq!(same(&mut reused, b"\xff{\"a\":1,\"a\":1}").unwrap_err().code(), "json-not-utf8");
}

#[test]
fn depth_is_the_same() {
    let mut reused = Canonicalizer::new();
    for (open, close) in [("[", "]"), ("{\"k\":", "}"), ("[{\"b\":0,\"a\":", "}]")] {
        for count in [DEPTH_MAX / 2, DEPTH_MAX / 2 + 1, DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 1000] {
            let text = open.repeat(count) + "0" + &close.repeat(count);
            let _ = same(&mut reused, text.as_bytes());
            let _ = same(&mut reused, open.repeat(count).as_bytes());
            let _ = same(&mut reused, (open.repeat(count) + close).as_bytes());
        }
    }
    for text in ["{}", "[]", "[{}]", "{\"a\":[]}"] {
        let text = "[".repeat(DEPTH_MAX - 1) + text + &"]".repeat(DEPTH_MAX - 1);
        let _ = same(&mut reused, text.as_bytes());
    }
}

#[test]
fn lengths_are_refused_as_the_twin_refuses_them() {
    for limit in 0..6 {
        let text = b"[1,2]";
        assert_eq!(canonicalize(text, limit), twin::canonicalize(text, limit));
        assert_eq!(check_exact(text, limit), parse_exact(text, limit).map(drop));
    }
}

/// Names that agree in their first bytes, in many orders, and objects inside objects that are put in order.
#[test]
fn large_objects_are_put_in_order() {
    let mut reused = Canonicalizer::new();
    for count in [1_u32, 2, 3, 20, 21, 33, 500] {
        for stride in [1, 7, 11, 13] {
            let name = |index: u32| (index * stride) % count;
            let member = |index| {
                let number = name(index);
                let tail = ["", "é", "\u{e000}", "\u{1f602}", "\\n"][usize::try_from(number % 5).unwrap()];
                format!("\"shared beginning {}{tail}\": {{\"b\": {number}.0, \"a\": \"{}\"}}", number % 10, number / 10)
            };
            let members: Vec<String> = (0..count).map(member).collect();
            let _ = same(&mut reused, format!("{{{}}}", members.join(", ")).as_bytes());
            let members: Vec<String> = (0..count).map(|index| format!("\"{}\":[]", name(index))).collect();
            let _ = same(&mut reused, format!("{{{}}}", members.join(",")).as_bytes());
        }
    }
}

#[test]
fn a_canonical_text_is_handed_back() {
    let mut canonicalizer = Canonicalizer::new();
    for text in [
        r#"{"a":[1,{"b":"\n","c":0.5}],"d":"text"}"#,
        // Members are in order among themselves, whatever those around them are called.
        r#"{"d":{"a":1,"b":{}},"e":[{"a":0},{"a":0,"z":0}],"f":"the end"}"#,
        r#"{"":0,"longer":1,"longer than eight":"the end"}"#,
        "[0,-1,123456789012345,9007199254740992,-0.25,1234.5678]",
    ] {
        let found = canonicalizer.canonicalize(text.as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(found.as_ptr(), text.as_ptr(), "{text}");
    }
}

/// What the buffers hold is told, and for a usual text it is little more than the text.
#[test]
fn memory_is_that_of_the_buffers() {
    let mut canonicalizer = Canonicalizer::new();
    let text = format!("[ \"{}\"]", "x".repeat(10_000));
    let _ = canonicalizer.canonicalize(text.as_bytes(), BYTES_MAX).unwrap();
    assert!((10_000..2 * text.len()).contains(&canonicalizer.capacity()), "{}", canonicalizer.capacity());
    // A name, a comma and 16 bytes for each of the members; nothing is put in order.
    let members: Vec<String> = (0..1_000).map(|index| format!("\"{index:04}\":0")).collect();
    let mut canonicalizer = Canonicalizer::new();
    let _ = canonicalizer.canonicalize(format!("{{{}}}", members.join(",")).as_bytes(), BYTES_MAX).unwrap();
    assert!((16_000..40_000).contains(&canonicalizer.capacity()), "{}", canonicalizer.capacity());
}

/// The worst texts there are for each buffer, and how many bytes a byte they take.
#[test]
fn memory_is_bounded_by_the_length_of_the_text() {
    let count = 50_000;
    let names = |value: &'static str| (0..count).map(move |index| format!("\"{:x}\":{value}", count - index));
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let object = |members: Vec<String>| format!("{{{}}}", members.join(","));
    for text in [
        list(vec!["1e20".into(); count]),
        list(vec!["{\"\":1e20}".into(); count]),
        list(vec!["\"\\u0001\"".into(); count]),
        object(names("0").collect()),
        object(names("1e20").collect()),
        object(names("{\"b\":1e20,\"a\":0}").collect()),
        "[".repeat(DEPTH_MAX) + &object(names("1e20").collect()) + &"]".repeat(DEPTH_MAX),
    ] {
        let mut canonicalizer = Canonicalizer::new();
        let _ = canonicalizer.canonicalize(text.as_bytes(), BYTES_MAX);
        let held = canonicalizer.capacity();
        let bound = Canonicalizer::BYTES_A_BYTE * text.len() + 16 * 1024;
        assert!(held <= bound, "{held} for {}: {:.40}", text.len(), text);
    }
}

/// Values that the gate may refuse, too.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        value(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

#[test]
fn values_are_written_as_the_twin_writes_them() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "b": [], "a": [inner] }));
    for value in [nested(DEPTH_MAX / 2), nested(DEPTH_MAX / 2 + 1), nested(200), json!([u64::MAX]), json!(i64::MIN)] {
        assert_eq!(to_bytes(&value), twin::to_bytes(&value));
    }
    let mut out = b"kept".to_vec();
    assert!(write_value(&json!(["gone", u64::MAX]), &mut out).is_err());
    assert_eq!(out, b"kept");
    write_value(&json!(["more"]), &mut out).unwrap();
    assert_eq!(out, br#"kept["more"]"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_value_is_written_as_the_twin_writes_it(value in any_value()) {
        prop_assert_eq!(to_bytes(&value), twin::to_bytes(&value));
    }

    #[test]
    fn any_bytes_are_the_same(bytes: Vec<u8>) {
        all_same([bytes.as_slice()]);
    }

    #[test]
    fn any_text_near_json_is_the_same(text in soup()) {
        all_same([text.as_bytes()]);
    }

    #[test]
    fn any_spelling_is_the_same_and_so_is_its_damage(
        value in value(),
        mut seed: u64,
        place: proptest::sample::Index,
        byte: u8,
    ) {
        let mut text = String::new();
        spell(&value, &mut seed, &mut text);
        let mut bytes = text.into_bytes();
        let mut reused = Canonicalizer::new();
        let _ = same(&mut reused, &bytes);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = same(&mut reused, &bytes);
        bytes.truncate(place);
        let _ = same(&mut reused, &bytes);
    }

    /// More digits, points and exponents than the fast way takes, on both sides of each of its limits.
    #[test]
    fn any_number_is_the_same(
        sign in "-?",
        integer in "(0|[1-9][0-9]{0,18}|[1-9]0{0,22})",
        fraction in "(\\.[0-9]{1,18}|\\.0{1,9}[0-9]{1,9})?",
        exponent in "([eE][-+]?[0-9]{1,3}|e[-+]?0?[0-2][0-9])?",
    ) {
        all_same([format!("{sign}{integer}{fraction}{exponent}").as_bytes()]);
    }

    #[test]
    fn any_double_is_the_same(bits: u64, precision in 0_usize..20) {
        let double = f64::from_bits(bits);
        let texts = [format!("{double:?}"), format!("{double:.precision$e}"), format!("[{double:e}]")];
        all_same(texts.iter().map(String::as_bytes));
    }

    /// Names in any order, some of them repeated, some of them escaped.
    #[test]
    fn any_object_is_the_same(
        names in vec(("[ab\\u{7}é\u{e000}\u{1f602}\"\\\\]{0,10}", any::<bool>()), 0..12),
        space in "[ \n]{0,2}",
    ) {
        let member = |(name, escaped): &(String, bool)| {
            let plain = serde_json::to_string(name).unwrap();
            let units = name.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            let name = if *escaped { format!("\"{}\"", units.collect::<String>()) } else { plain };
            format!("{name}:{space}{{\"b\":1,{space}\"a\":2}}")
        };
        let members: Vec<String> = names.iter().map(member).collect();
        all_same([format!("{{{}}}", members.join(",")).as_bytes()]);
    }
}
