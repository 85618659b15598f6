//! Secrets that must not be found anywhere, and the search for them in every form in which they might lie about.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use vm_core::digest::{Sha256Digest, to_hex};

/// Something that must not be found.
pub(crate) struct Canary {
    /// The whole secret, as it is handed in.
    pub(crate) text: String,
    /// The part of it that is searched for; nothing else holds it by chance.
    pub(crate) core: String,
    /// Whether its form gives it away as a secret, so that it is committed even where values are kept.
    pub(crate) known: bool,
}

/// Sixty secrets and more, three of each form. Put together here, so that no scanner takes this file for a leak.
pub(crate) fn canaries() -> Vec<Canary> {
    let mut all = Vec::new();
    for turn in 0..3 {
        let mut add = |known: bool, core: String, text: &str| {
            all.push(Canary { text: text.replace("{}", &core), core, known });
        };
        for (n, form) in KNOWN.iter().enumerate() {
            add(true, body(30 * turn + n), form);
        }
        add(true, format!("AKIACNRY{}Q8VTN4WKX1C", ["X", "Y", "Z"][turn]), "{}");
        for (n, form) in OTHERS.iter().enumerate() {
            add(false, body(30 * turn + 20 + n), form);
        }
        add(false, format!("пароль-{turn}-канарейка-鍵-🔑-41"), "{}");
        add(false, format!("4929 {turn}234 5678 9012 3456"), "card {} 12/27");
    }
    all
}

fn body(n: usize) -> String {
    format!("Cnry{n:02}Zq8vTn4WkX1cR7pL5sD3hJ6gF9bM2nQ0wYtU")
}

/// Forms that give a secret away.
const KNOWN: [&str; 14] = [
    "ghp_{}",
    "gho_{}",
    "github_pat_{}",
    "glpat-{}",
    "xoxb-{}",
    "sk-{}",
    "sk_live_{}",
    "npm_{}",
    "AIza{}",
    "eyJ{}.e30.x",
    "AGE-SECRET-KEY-1{}",
    "Bearer {}",
    "Basic {}==",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
];

/// Forms that look like nothing.
const OTHERS: [&str; 6] = [
    "{}",
    "correct horse {} staple",
    "postgres://admin:{}@db.internal/prod?sslmode=require",
    "with \"quotes\", \\ and\nlines\t{}",
    "{\"nested\":\"{}\"}",
    "MIIEvQIBADANBgkq{}",
];

/// A number that is a secret: the road of values that are no text.
pub(crate) const SECRET_NUMBER: u64 = 8_123_456_789_013;

pub(crate) fn base64(bytes: &[u8], last: [char; 2]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last).collect();
    let mut out = String::new();
    for piece in bytes.chunks(3) {
        let word = piece.iter().chain([&0; 2]).take(3).fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        out.extend((0..=piece.len()).map(|at| letters[word >> (18 - 6 * at) & 63]));
    }
    out
}

pub(crate) fn url_encoded(text: &str, upper: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let hex = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { hex(byte) }).collect()
}

/// Every form in which a secret might lie about.
pub(crate) fn forms(core: &str, whole: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![core.as_bytes().to_vec()];
    let escaped = serde_json::to_string(core).unwrap();
    let ascii = |unit: u16| if unit < 0x80 { String::new() } else { format!("\\u{unit:04x}") };
    forms.push(escaped.trim_matches('"').as_bytes().to_vec());
    let units: String = core.encode_utf16().map(ascii).collect();
    forms.extend((!units.is_empty()).then(|| units.into_bytes()));
    forms.push(core.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.extend([to_hex(core.as_bytes()), to_hex(core.as_bytes()).to_uppercase()].map(String::into_bytes));
    forms.extend([true, false].map(|upper| url_encoded(core, upper).into_bytes()));
    for before in 0..3 {
        let shifted = [vec![0; before], core.as_bytes().to_vec()].concat();
        for last in [['+', '/'], ['-', '_']] {
            // The letters at the ends depend on what is beside the secret.
            let text = base64(&shifted, last);
            forms.push(text.as_bytes()[4..text.len() - 3].to_vec());
        }
    }
    // A bare hash gives a short secret away as well as the secret itself.
    let quoted = serde_json::to_string(whole).unwrap();
    for hashed in [core, whole, &quoted] {
        let digest = Sha256Digest::of(hashed.as_bytes());
        forms.extend([digest.as_bytes().to_vec(), digest.to_hex().into_bytes()]);
    }
    forms
}

/// All forms of all secrets, looked for in one pass.
pub(crate) struct Search {
    finder: AhoCorasick,
    /// Whose form each pattern is.
    owners: Vec<String>,
}

impl Search {
    pub(crate) fn of(forms: impl IntoIterator<Item = (Vec<u8>, String)>) -> Self {
        let (forms, owners): (Vec<_>, Vec<_>) = forms.into_iter().unzip();
        Self { finder: AhoCorasick::new(forms).unwrap(), owners }
    }

    pub(crate) fn shared() -> &'static Self {
        static SEARCH: OnceLock<Search> = OnceLock::new();
        SEARCH.get_or_init(|| {
            let number = [SECRET_NUMBER.to_string().into_bytes(), SECRET_NUMBER.to_be_bytes()[2..].to_vec()];
            let number = number.map(|form| (form, "the secret number".to_owned()));
            let all = canaries().into_iter().flat_map(|canary| {
                let forms = forms(&canary.core, &canary.text).into_iter();
                forms.map(move |form| (form, canary.text.clone()))
            });
            Self::of(all.chain(number))
        })
    }

    /// The first place where one of them stands, and which it is.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<(usize, &str)> {
        self.finder.find(bytes).map(|found| (found.start(), self.owners[found.pattern().as_usize()].as_str()))
    }
}

/// Fails where `bytes` hold a secret, as they stand or inside of what is compressed in them.
#[track_caller]
pub(crate) fn assert_clean(bytes: &[u8], what: &str) {
    let inflated = inflated(bytes);
    let pieces = inflated.iter().map(|(at, piece)| (*at, piece.as_slice()));
    for (at, bytes) in [(0, bytes)].into_iter().chain(pieces) {
        if let Some((found, of)) = Search::shared().find(bytes) {
            let around = &bytes[found.saturating_sub(120)..(found + 120).min(bytes.len())];
            panic!("{what} holds {of} in what begins at {at}: {:?}", String::from_utf8_lossy(around));
        }
    }
}

/// Most bytes that a compressed piece is inflated to.
const INFLATED_MAX: usize = 16 * 1024 * 1024;

/// Everything in `bytes` that reads as gzip, zlib or a deflated member of a zip file, inflated, with its place.
pub(crate) fn inflated(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    let mut take = |at: usize, out: Vec<u8>| {
        if out.len() >= 16 {
            found.push((at, out));
        }
    };
    let raw = |from: usize| inflate(bytes.get(from..).unwrap_or_default(), false);
    for at in 0..bytes.len() {
        match bytes[at..] {
            [0x1f, 0x8b, 8, flags, ..] => {
                take(at, raw(at + 10 + gzip_names(bytes.get(at + 10..).unwrap_or_default(), flags)))
            }
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                take(at, inflate(&bytes[at..], true));
            }
            [b'P', b'K', 3, 4, _, _, _, _, 8, 0, ..] if bytes.len() > at + 30 => {
                let length = |place: usize| usize::from(u16::from_le_bytes([bytes[at + place], bytes[at + place + 1]]));
                take(at, raw(at + 30 + length(26) + length(28)));
            }
            _ => {}
        }
    }
    found
}

/// As much of `bytes` as can be inflated. Most of what begins like something compressed is nothing of the kind, and shows it
/// within a page.
fn inflate(bytes: &[u8], is_zlib: bool) -> Vec<u8> {
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};
    let inflate = |bytes: &[u8], limit| match is_zlib {
        true => decompress_to_vec_zlib_with_limit(bytes, limit),
        false => decompress_to_vec_with_limit(bytes, limit),
    };
    match inflate(&bytes[..bytes.len().min(4_096)], 64 * 1024) {
        Ok(out) => out,
        Err(error) if matches!(error.status, TINFLStatus::Failed | TINFLStatus::BadParam) => {
            // What was readable up to there, less the room behind it.
            let end = error.output.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            error.output[..end].to_vec()
        }
        Err(_) => inflate(bytes, INFLATED_MAX).unwrap_or_else(|error| error.output),
    }
}

/// Length of the name in a gzip header, where its flags say that there is one.
fn gzip_names(rest: &[u8], flags: u8) -> usize {
    if flags & 8 == 0 { 0 } else { rest.iter().position(|byte| *byte == 0).map_or(0, |end| end + 1) }
}
