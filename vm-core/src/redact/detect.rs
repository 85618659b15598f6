//! Detection of values that look like secrets. What it misses is still committed unless the policy keeps it.

/// Says whether a text looks like a secret.
pub trait SecretDetector {
    /// Judges `text`, the value of the member `key` where there is one.
    fn is_secret(&self, key: Option<&str>, text: &str) -> bool;

    /// Judges a text that would be stored in the clear. There are fewer of them than there are texts, so that a detector may look closer here:
    /// it must find what [`SecretDetector::is_secret`] finds.
    fn is_secret_in_clear(&self, key: Option<&str>, text: &str) -> bool {
        self.is_secret(key, text)
    }
}

/// Well-known token prefixes and member names. Deliberately small: it flags, the allow-list protects.
///
/// Cost: one look at each byte of the text, at most 36 more for each byte that a prefix is known by.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownSecrets;

/// Where the byte that a prefix is known by stands in it for the first time, the prefix, and the shortest length of the
/// whole.
type Prefix = (usize, &'static str, usize);

/// Prefixes that issuers print in front of their credentials, grouped by a byte that they hold and most texts hold seldom:
/// where it stands, a text is compared with them.
const PREFIXES: &[(u8, &[Prefix])] = &[
    (
        b'_',
        &[
            (3, "ghp_", 36),
            (3, "gho_", 36),
            (3, "ghs_", 36),
            (6, "github_pat_", 40),
            (2, "sk_live_", 20),
            (3, "npm_", 36),
        ],
    ),
    (
        b'-',
        &[
            (5, "glpat-", 20),
            (4, "xoxb-", 20),
            (4, "xoxp-", 20),
            (2, "sk-", 20),
            (3, "AGE-SECRET-KEY-", 40),
            (0, "-----BEGIN", 27),
        ],
    ),
    (b'I', &[(2, "AKIA", 20), (2, "ASIA", 20), (1, "AIza", 35)]),
    (b'J', &[(2, "eyJ", 40)]),
    (b'B', &[(0, "Bearer ", 16), (0, "Basic ", 14)]),
];

/// The shortest length in [`PREFIXES`].
const SHORTEST: usize = 14;

/// Member names whose values are secrets whatever they look like, compared without case, hyphens and underscores.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "clientsecret",
    "apikey",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authorization",
    "privatekey",
    "sessiontoken",
    "cookie",
    "setcookie",
    "credential",
    "credentials",
    "token",
    "pin",
];

/// The longest length in [`NAMES`].
const NAME_MAX: usize = 13;

impl SecretDetector for KnownSecrets {
    fn is_secret(&self, key: Option<&str>, text: &str) -> bool {
        key.is_some_and(is_secret_name) || holds_any(text)
    }
}

fn is_secret_name(key: &str) -> bool {
    let mut plain = [0; NAME_MAX];
    let mut len = 0;
    for byte in key.bytes() {
        match byte {
            b'-' | b'_' => {}
            // Some letters beyond ASCII have a small form within it, the Kelvin sign for one.
            0x80.. => return NAMES.contains(&spelled(key).as_str()),
            _ => match plain.get_mut(len) {
                Some(place) => {
                    *place = byte.to_ascii_lowercase();
                    len += 1;
                }
                // Longer than any of them.
                None => return false,
            },
        }
    }
    plain.get(..len).is_some_and(|plain| NAMES.iter().any(|name| name.as_bytes() == plain))
}

/// A member's name as [`NAMES`] spells them.
fn spelled(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Whether `text` holds any of the tokens.
fn holds_any(text: &str) -> bool {
    if text.len() < SHORTEST {
        return false;
    }
    let (blocks, rest) = text.as_bytes().as_chunks::<32>();
    // A block at a time, without a way out in its midst, so that the compiler compares many bytes at once.
    let marked = |block: &[u8; 32]| block.iter().fold(false, |marked, byte| marked | is_mark(*byte));
    let in_block = |(at, block): (usize, &[u8; 32])| marked(block) && holds_marked(text, 32 * at, block);
    blocks.iter().enumerate().any(in_block) || holds_marked(text, text.len() - rest.len(), rest)
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'I' | b'J' | b'B')
}

/// Whether one of the tokens lies in `text` so that the byte it is known by stands in `block`, which begins at `start`.
fn holds_marked(text: &str, start: usize, block: &[u8]) -> bool {
    let mut marks = block.iter().enumerate().filter(|(_, byte)| is_mark(**byte));
    marks.any(|(at, byte)| {
        let known = PREFIXES.iter().find(|(mark, _)| mark == byte);
        known.is_some_and(|(_, prefixes)| prefixes.iter().any(|known| holds_at(text, start + at, *known)))
    })
}

/// Whether `text` holds `prefix` at the start of a word, the byte `offset` of it at `place`, followed by enough without
/// white space. A PEM line has blanks of its own, and so do HTTP schemes, so the length counts from the prefix on,
/// blanks in the prefix aside.
fn holds_at(text: &str, place: usize, (offset, prefix, len): Prefix) -> bool {
    let Some(start) = place.checked_sub(offset) else { return false };
    // Nearly all that is looked at differs here already.
    if text.as_bytes().get(start) != prefix.as_bytes().first() {
        return false;
    }
    let Some((before, from)) = text.split_at_checked(start) else { return false };
    let Some(rest) = from.strip_prefix(prefix) else { return false };
    if from.len() < len || before.chars().next_back().is_some_and(char::is_alphanumeric) {
        return false;
    }
    let ends = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    let mut word = rest.char_indices().take_while(|(at, _)| prefix.len() + at < len);
    prefix.starts_with('-') || !word.any(|(_, c)| ends(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found, said in the plainest way.
    fn readable(key: Option<&str>, text: &str) -> bool {
        let named = key.is_some_and(|key| NAMES.contains(&spelled(key).as_str()));
        named || PREFIXES.iter().flat_map(|(_, known)| *known).any(|(_, prefix, len)| holds_token(text, prefix, *len))
    }

    fn holds_token(text: &str, prefix: &str, len: usize) -> bool {
        text.match_indices(prefix).any(|(at, _)| {
            let starts = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            if prefix.starts_with('-') {
                return starts && text.len() - at >= len;
            }
            let rest = &text[at + prefix.len()..];
            let word = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '\'').unwrap_or(rest.len());
            starts && prefix.len() + word >= len
        })
    }

    /// Texts made of pieces of tokens, what may stand around them, and what ends them.
    fn text() -> impl Strategy<Value = String> {
        let prefixes: Vec<String> =
            PREFIXES.iter().flat_map(|(_, known)| *known).map(|(_, prefix, _)| (*prefix).to_owned()).collect();
        let piece = prop_oneof![
            3 => prop::sample::select(prefixes),
            2 => "[A-Za-z0-9_-]{0,40}",
            1 => prop::sample::select(vec![" ", "\"", "'", "\u{a0}", "\n", "é", "-", "sk", "AK", "\u{2028}", "x"])
                .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn name() -> impl Strategy<Value = String> {
        let known = prop::sample::select(NAMES.to_vec()).prop_flat_map(|name| {
            let letter = |c: char| {
                let forms = [c.to_string(), c.to_uppercase().to_string(), format!("{c}-"), format!("_{c}"), "K".into()];
                prop::sample::select(forms.to_vec())
            };
            name.chars().map(letter).collect::<Vec<_>>().prop_map(|letters| letters.concat())
        });
        prop_oneof![known, "[A-Za-z_-]{0,30}", any::<String>()]
    }

    proptest! {
        #[test]
        fn the_fast_detector_is_the_readable_one(text in prop_oneof![text(), any::<String>()], key in name()) {
            let key = Some(key.as_str());
            prop_assert_eq!(KnownSecrets.is_secret(None, &text), readable(None, &text));
            prop_assert_eq!(KnownSecrets.is_secret(key, &text), readable(key, &text));
        }
    }

    #[test]
    fn every_token_is_found_wherever_it_stands() {
        for (mark, (offset, prefix, len)) in PREFIXES.iter().flat_map(|(mark, known)| known.iter().map(|k| (*mark, *k)))
        {
            let first = prefix.bytes().position(|byte| byte == mark);
            assert!(first == Some(offset) && len >= SHORTEST, "{prefix}");
            let token = format!("{prefix}{}", "a".repeat(len - prefix.len()));
            for before in 0..70 {
                let text = format!("{}{token}", " ".repeat(before));
                assert!(KnownSecrets.is_secret(None, &text), "{text}");
                assert!(!KnownSecrets.is_secret(None, &text[..text.len() - 1]), "{text}");
                assert!(!KnownSecrets.is_secret(None, &format!("a{token}")) || prefix.starts_with('-'), "{text}");
            }
        }
        assert!(NAMES.iter().all(|name| name.len() <= NAME_MAX));
        for name in ["TO\u{212a}EN", "passwd", "re-fresh_TOKEN__", "Authorization-", "_-_pin"] {
            assert!(KnownSecrets.is_secret(Some(name), ""), "{name}");
        }
    }

    #[test]
    fn known_forms_are_found_and_plain_words_are_not() {
        let detector = KnownSecrets;
        for secret in [
            "AKIAIOSFODNN7EXAMPLE",
            "curl -H 'Authorization: Bearer abcdefghijklmnop' x",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA",
            "see ghp_0123456789abcdefghijABCDEFGHIJ012345.",
        ] {
            assert!(detector.is_secret(None, secret), "{secret}");
        }
        for plain in ["tools/call", "task-list", "Bearer of news", "sk-1", "basic", "eyJ", "the BEGIN line"] {
            assert!(!detector.is_secret(None, plain), "{plain}");
        }
        assert!(detector.is_secret(Some("API_key"), "x"));
        assert!(!detector.is_secret(Some("progressToken2"), "x"));
    }
}
