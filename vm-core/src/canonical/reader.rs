//! From text to value, in one pass (RFC 8259, sections 2 to 9).
//!
//! The reader holds what is left of the text and only ever moves forward; each function takes exactly what its name
//! says. It recurses once a level of nesting, and `DEPTH_MAX` bounds the levels.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::chunk::stop_from;
use super::fault::{Fault, check_depth};
use super::number;
use crate::error::CanonicalError;

/// Boxed, so that a result is hardly larger than its value and frames stay small.
type Read<T> = Result<T, Box<Fault>>;

/// Reads one value, with white space around it and nothing else.
pub(super) fn read(text: &str) -> Read<Value> {
    let mut reader = Reader { length: text.len(), rest: text };
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.rest.is_empty() {
        return Ok(value);
    }
    let offset = reader.offset();
    Err(Fault::new(CanonicalError::TrailingData { offset }))
}

struct Reader<'a> {
    /// Bytes of the whole text.
    length: usize,
    /// What has not been read yet.
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads a value around which `depth` arrays and objects are open.
    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            _ => self.literal(),
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        check_depth(depth)?;
        self.eat('{');
        self.skip_space();
        let mut members = Map::new();
        if self.eat('}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            self.member(&mut members, depth.saturating_add(1))?;
            self.skip_space();
            if self.eat('}') {
                return Ok(Value::Object(members));
            }
            self.demand(',', "a comma or a closing brace")?;
        }
    }

    fn member(&mut self, members: &mut Map<String, Value>, depth: usize) -> Read<()> {
        let key = self.string()?;
        // Keys are compared as they are after unescaping, and before the value is read.
        match members.entry(key) {
            Entry::Occupied(place) => {
                let pointer = String::new();
                Err(Fault::new(CanonicalError::DuplicateKey { pointer }).below(place.key()))
            }
            Entry::Vacant(place) => match self.member_value(depth) {
                Ok(value) => {
                    place.insert(value);
                    Ok(())
                }
                Err(fault) => Err(fault.below(place.key())),
            },
        }
    }

    fn member_value(&mut self, depth: usize) -> Read<Value> {
        self.skip_space();
        self.demand(':', "a colon")?;
        self.skip_space();
        self.value(depth)
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        check_depth(depth)?;
        self.eat('[');
        self.skip_space();
        let mut items = Vec::new();
        if self.eat(']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_space();
            let item = self.value(depth.saturating_add(1));
            items.push(item.map_err(|fault| fault.below(items.len().to_string()))?);
            self.skip_space();
            if self.eat(']') {
                return Ok(Value::Array(items));
            }
            self.demand(',', "a comma or a closing bracket")?;
        }
    }

    fn literal(&mut self) -> Read<Value> {
        let words = [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
        for (word, value) in words {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.expected("a value"))
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.rest;
        self.eat('-');
        // A leading zero stands alone.
        if !self.eat('0') {
            self.digits()?;
        }
        if self.eat('.') {
            self.digits()?;
        }
        if self.eat('e') || self.eat('E') {
            let _sign = self.eat('+') || self.eat('-');
            self.digits()?;
        }
        let (token, _) = start.split_at(start.len() - self.rest.len());
        number::from_token(token).map_err(Fault::new)
    }

    fn digits(&mut self) -> Read<()> {
        if self.take_while(|byte| byte.is_ascii_digit()).is_empty() {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
        self.demand('"', "a quotation mark")?;
        let mut string = String::new();
        loop {
            let plain = stop_from(self.rest.as_bytes(), 0);
            string.push_str(self.take(plain));
            match self.peek() {
                Some(b'"') => {
                    self.eat('"');
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.expected("an escape in place of a control character")),
                None => return Err(self.expected("a closing quotation mark")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.eat('\\');
        let meaning = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return self.unicode_escape(),
        };
        self.take(1);
        Ok(meaning)
    }

    /// Reads `uXXXX`, or `uXXXX\uXXXX` where the first is the upper half of a surrogate pair.
    fn unicode_escape(&mut self) -> Read<char> {
        let first = self.utf16_unit()?;
        if let Some(character) = char::from_u32(u32::from(first)) {
            return Ok(character);
        }
        if self.rest.starts_with("\\u") {
            self.eat('\\');
            let second = self.utf16_unit()?;
            if let Some(Ok(character)) = char::decode_utf16([first, second]).next() {
                return Ok(character);
            }
        }
        let pointer = String::new();
        Err(Fault::new(CanonicalError::LoneSurrogate { pointer }))
    }

    fn utf16_unit(&mut self) -> Read<u16> {
        self.demand('u', "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")?;
        let digits = self.rest.get(..4).unwrap_or_default();
        // The digits are checked first, for Rust would also take a sign.
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && let Ok(unit) = u16::from_str_radix(digits, 16)
        {
            self.take(4);
            return Ok(unit);
        }
        Err(self.expected("four hexadecimal digits"))
    }

    fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Takes the longest run of bytes that pass `test`, which must answer alike for all bytes beyond ASCII.
    fn take_while(&mut self, test: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !test(byte));
        self.take(end.unwrap_or(self.rest.len()))
    }

    /// Takes `count` bytes. Callers end on a character: they stop at the end, or beside an ASCII character.
    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    /// Takes `character` if it comes next, and says whether it did.
    fn eat(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn demand(&mut self, character: char, expected: &'static str) -> Read<()> {
        if self.eat(character) {
            return Ok(());
        }
        Err(self.expected(expected))
    }

    fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    fn expected(&self, expected: &'static str) -> Box<Fault> {
        Fault::new(CanonicalError::Syntax { offset: self.offset(), pointer: String::new(), expected })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{BYTES_MAX, DEPTH_MAX, parse};
    use crate::error::CanonicalError;

    fn refusal(text: &str) -> CanonicalError {
        parse(text.as_bytes(), BYTES_MAX).expect_err(text)
    }

    /// Code and pointer of a refusal; the pointer is `None` where the error has no place for one.
    fn code_at(text: &str) -> (&'static str, Option<String>) {
        let error = refusal(text);
        let code = error.code();
        match error {
            CanonicalError::Syntax { pointer, .. }
            | CanonicalError::DuplicateKey { pointer }
            | CanonicalError::LoneSurrogate { pointer }
            | CanonicalError::NotFinite { pointer }
            | CanonicalError::UnsafeInteger { pointer }
            | CanonicalError::TooDeep { pointer, .. } => (code, Some(pointer)),
            _ => (code, None),
        }
    }

    #[test]
    fn values_of_every_kind_are_read() {
        let text = " {\"a\" : [ ] ,\r\n\t\"b\":{ },\"c\":[true,false,null,-0.5e+1,\"\"], \"\":[[1],2]} ";
        let value = json!({ "a": [], "b": {}, "c": [true, false, null, -5, ""], "": [[1], 2] });
        assert_eq!(parse(text.as_bytes(), BYTES_MAX), Ok(value));
    }

    #[test]
    fn escapes_are_read() {
        let text = r#""\"\\\/\b\f\n\r\t\u0000\u00e9\u00E9\u20aC\uD83D\uDE02\ud83d\ude02é😂""#;
        let value = Value::from("\"\\/\u{8}\u{c}\n\r\t\0éé€😂😂é😂");
        assert_eq!(parse(text.as_bytes(), BYTES_MAX), Ok(value));
    }

    #[test]
    fn duplicate_keys_are_refused_with_their_place() {
        let place = |pointer: &str| ("json-duplicate-key", Some(String::from(pointer)));
        assert_eq!(code_at(r#"{"a":1,"a":1}"#), place("/a"));
        assert_eq!(code_at(r#"{"\u0061":1,"a":2}"#), place("/a"));
        assert_eq!(code_at(r#"{"x":[0,{"a/b~":{"k":1,"":2,"k":3}}]}"#), place("/x/1/a~1b~0/k"));
        assert_eq!(code_at(r#"{"":1,"":2}"#), place("/"));
        assert_eq!(code_at(r#"{"\uD83D\uDE02":1,"😂":2}"#), place("/😂"));
        // The same key in two objects, and keys that only normalisation would make equal, are not duplicates.
        assert!(parse(r#"[{"a":{"a":1}},{"a":1,"é":2,"e\u0301":3}]"#.as_bytes(), BYTES_MAX).is_ok());
    }

    #[test]
    fn lone_surrogates_are_refused_with_their_place() {
        let strings = [
            r"\uD800",
            r"\uDC00",
            r"\uDFFF",
            r"\uDBFFx",
            r"\uD800\uD800",
            r"\uD800\u0061",
            r"\uDC00\uD800",
            r"\uD800\n",
        ];
        for string in strings {
            let place = ("json-lone-surrogate", Some(String::from("/a/0")));
            assert_eq!(code_at(&format!("{{\"a\":[\"{string}\"]}}")), place, "{string}");
            // A key has no pointer of its own before it is read: the object is named.
            let place = ("json-lone-surrogate", Some(String::from("/0")));
            assert_eq!(code_at(&format!("[{{\"{string}\":1}}]")), place, "{string}");
        }
    }

    #[test]
    fn numbers_are_refused_with_their_place() {
        let place = |code, pointer: &str| (code, Some(String::from(pointer)));
        assert_eq!(code_at("[1,[1e400]]"), place("json-not-finite", "/1/0"));
        assert_eq!(code_at(r#"{"a":{"n":9007199254740993}}"#), place("json-unsafe-integer", "/a/n"));
    }

    #[test]
    fn faults_of_grammar_name_offset_and_place() {
        let cases = [
            ("", 0, "", "a value"),
            ("\u{feff}1", 0, "", "a value"),
            ("[1,]", 3, "/1", "a value"),
            ("[1 2]", 3, "", "a comma or a closing bracket"),
            ("{\"a\":tru}", 5, "/a", "a value"),
            ("{\"a\" 1}", 5, "/a", "a colon"),
            ("{\"a\":1,}", 7, "", "a quotation mark"),
            ("{\"a\":1;}", 6, "", "a comma or a closing brace"),
            ("[-]", 2, "/0", "a digit"),
            ("[.5]", 1, "/0", "a value"),
            ("[1.]", 3, "/0", "a digit"),
            ("[1e+]", 4, "/0", "a digit"),
            ("[01]", 2, "", "a comma or a closing bracket"),
            ("\"\n\"", 1, "", "an escape in place of a control character"),
            ("\"abc", 4, "", "a closing quotation mark"),
            ("\"\\u+123\"", 3, "", "four hexadecimal digits"),
            ("\"\\u12é\"", 3, "", "four hexadecimal digits"),
            ("\"\\u12\"", 3, "", "four hexadecimal digits"),
            ("\"\\u", 3, "", "four hexadecimal digits"),
            ("[\u{a0}1]", 1, "/0", "a value"),
        ];
        for (text, offset, pointer, expected) in cases {
            let pointer = String::from(pointer);
            let error = CanonicalError::Syntax { offset, pointer, expected };
            assert_eq!(refusal(text), error, "{text:?}");
        }
        assert_eq!(refusal("\"\\x\"").code(), "json-syntax");
        assert_eq!(refusal("1 2"), CanonicalError::TrailingData { offset: 2 });
        assert_eq!(refusal("01"), CanonicalError::TrailingData { offset: 1 });
    }

    #[test]
    fn every_prefix_of_a_text_is_refused() {
        let text = r#"{"a":[1.5e3,"\u00e9\ud83d\ude02é",{"b":null}],"c":true}"#;
        assert!(parse(text.as_bytes(), BYTES_MAX).is_ok());
        for end in 0..text.len() {
            assert!(parse(&text.as_bytes()[..end], BYTES_MAX).is_err(), "{end}");
        }
    }

    #[test]
    fn depth_is_refused_before_it_is_entered() {
        let deepest = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(deepest.as_bytes(), BYTES_MAX).is_ok());
        // Whatever follows the bracket too many is not looked at: not its end, nor a fault in it.
        for (open, token) in [("[", "/0"), ("{\"k\":", "/k")] {
            for count in [DEPTH_MAX + 1, 100_000] {
                let error = CanonicalError::TooDeep { limit: DEPTH_MAX, pointer: token.repeat(DEPTH_MAX) };
                assert_eq!(refusal(&open.repeat(count)), error);
            }
        }
    }

    /// Each of these would run for hours, or exhaust the memory, were any step of the reader quadratic.
    #[test]
    fn large_inputs_are_read_to_the_end() {
        let members: Vec<String> = (0..1_000_000).map(|index| format!("\"{index}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        let value = parse(text.as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(members.len()));
        let text = format!("{{{},\"7\":0}}", members.join(","));
        let pointer = String::from("/7");
        assert_eq!(refusal(&text), CanonicalError::DuplicateKey { pointer });

        let plain = "x".repeat(15_000_000);
        let value = parse(format!("\"{plain}\"").as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(value, Value::from(plain));
        let escapes = "\\u00e9".repeat(1_000_000);
        let value = parse(format!("\"{escapes}\"").as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(value.as_str().map(str::len), Some(2_000_000));

        let digits = "1".repeat(15_000_000);
        assert_eq!(refusal(&digits).code(), "json-not-finite");
        let value = parse(format!("0.{digits}").as_bytes(), BYTES_MAX).unwrap();
        assert_eq!(value, json!(0.111_111_111_111_111_1));
        assert_eq!(refusal(&" ".repeat(15_000_000)).code(), "json-syntax");
    }

    /// Long keys above a deep fault: the pointer is put together once, not once a level.
    #[test]
    fn a_long_pointer_is_built_once() {
        let key = "k".repeat(100_000);
        let text = format!("{{\"{key}\":").repeat(DEPTH_MAX) + "?";
        let error = CanonicalError::Syntax {
            offset: text.len() - 1,
            pointer: format!("/{key}").repeat(DEPTH_MAX),
            expected: "a value",
        };
        assert_eq!(refusal(&text), error);
    }
}
