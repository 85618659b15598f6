//! Detection of values that look like secrets. What it misses is still committed unless the policy keeps it.

/// Says whether a text looks like a secret.
pub trait SecretDetector {
    /// Judges `text`, the value of the member `key` where there is one.
    fn is_secret(&self, key: Option<&str>, text: &str) -> bool;
}

/// Well-known token prefixes and member names. Deliberately small: it flags, the allow-list protects.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownSecrets;

/// Prefixes that issuers print in front of their credentials, with the shortest length of the whole.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghs_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk-", 20),
    ("sk_live_", 20),
    ("npm_", 36),
    ("AIza", 35),
    ("eyJ", 40),
    ("AGE-SECRET-KEY-", 40),
    ("-----BEGIN", 27),
    ("Bearer ", 16),
    ("Basic ", 14),
];

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

impl SecretDetector for KnownSecrets {
    fn is_secret(&self, key: Option<&str>, text: &str) -> bool {
        let named = key.is_some_and(|key| {
            let key: String = key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect();
            NAMES.contains(&key.as_str())
        });
        named || PREFIXES.iter().any(|(prefix, len)| holds_token(text, prefix, *len))
    }
}

/// Whether `text` holds `prefix` at the start of a word, followed by enough without white space. A PEM line has
/// blanks of its own, and so do HTTP schemes, so the length counts from the prefix on, blanks in the prefix aside.
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

#[cfg(test)]
mod tests {
    use super::*;

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
