//! Texts that look like well-known secrets: the rule set of gitleaks over what would be stored in the clear.
//!
//! `rules/gitleaks.rules` is that project's `gitleaks.toml`, unchanged. Of each rule its keywords, its pattern, the group that holds the
//! secret and the least entropy of it are used. Its lists of what to spare are not: they spare a reader of reports, and here
//! a false alarm costs no more than one value in the clear.

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use vm_core::redact::{KnownSecrets, SecretDetector};

/// SHA-256 of the rule set.
pub const GITLEAKS_SHA256: &str = "e163e53b9e7e8a8511e77271e2b323ed057759542a6d988258afe3a1fa329caf";

/// Most memory that one pattern may take once compiled, in bytes; a test compiles every rule within it.
const PATTERN_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of a member's name that are put before its value.
const KEY_MAX: usize = 128;

static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);

/// [`KnownSecrets`], and a maintained rule set over texts that would be stored in the clear.
///
/// Cost: a text in the clear is searched for 290 keywords at once, and by those patterns that one of its keywords is for. The
/// first one of a process reads the rules (about 2 ms), and the first for a rule compiles its pattern (about 0.5 ms).
#[derive(Clone, Copy, Debug, Default)]
pub struct Detector;

impl SecretDetector for Detector {
    fn is_secret(&self, key: Option<&str>, text: &str) -> bool {
        KnownSecrets.is_secret(key, text)
    }

    fn is_secret_in_clear(&self, key: Option<&str>, text: &str) -> bool {
        self.is_secret(key, text) || (text.len() >= SHORTEST && RULES.find(key, text).is_some())
    }
}

/// Shortest text that a rule can match, in bytes; what is shorter is for the small detector. Names of methods and tools are mostly shorter.
const SHORTEST: usize = 8;

impl Detector {
    /// The name of the rule of the set that takes `text` for a secret, as the value of the member `key` where there is one.
    #[must_use]
    pub fn rule(key: Option<&str>, text: &str) -> Option<&'static str> {
        let rules: &'static Rules = &RULES;
        rules.find(key, text)
    }
}

#[derive(Deserialize)]
struct RuleFile {
    rules: Vec<RuleEntry>,
}

#[derive(Deserialize)]
struct RuleEntry {
    id: String,
    /// None where the rule is about names of files alone.
    regex: Option<String>,
    entropy: Option<f64>,
    #[serde(rename = "secretGroup")]
    group: Option<usize>,
    #[serde(default)]
    keywords: Vec<String>,
}

struct Rules {
    rules: Vec<RuleOf>,
    /// Finds keywords; none where there is no rule.
    keywords: Option<AhoCorasick>,
    /// For each keyword the rule it is for.
    owners: Vec<usize>,
}

struct RuleOf {
    id: String,
    pattern: String,
    entropy: f64,
    group: Option<usize>,
    /// Compiled when first needed; none where it cannot be, which a test rules out.
    compiled: OnceLock<Option<Regex>>,
}

/// Whether `text` is a SHA-256 as everything here writes it.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

impl Rules {
    fn read() -> Self {
        // The file is part of the program, and a test reads it; without it the detector of the core still stands.
        let file = toml::from_str(include_str!("../../rules/gitleaks.rules")).unwrap_or(RuleFile { rules: Vec::new() });
        let (mut rules, mut owners, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for entry in file.rules {
            let Some(pattern) = entry.regex else { continue };
            owners.extend(entry.keywords.iter().map(|_| rules.len()));
            words.extend(entry.keywords);
            let (id, entropy, group) = (entry.id, entry.entropy.unwrap_or(0.0), entry.group);
            rules.push(RuleOf { id, pattern, entropy, group, compiled: OnceLock::new() });
        }
        // The form that is quick to build: most processes look at some dozen texts.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let keywords = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(words).ok();
        Self { rules, keywords, owners }
    }

    fn find(&self, key: Option<&str>, text: &str) -> Option<&str> {
        let Some(key) = key.and_then(|key| key.get(..key.len().min(KEY_MAX))) else { return self.find_in(text) };
        if let Some(rule) = self.find_in(text) {
            return Some(rule);
        }
        // Many rules want to see a name that is given a value. A SHA-256 is no secret: the system's own rows hold them under
        // names like `key`.
        if is_digest(text) { None } else { self.find_in(&format!("{key} = \"{text}\"")) }
    }

    fn find_in(&self, text: &str) -> Option<&str> {
        let keywords = self.keywords.as_ref()?;
        let owner = |found: aho_corasick::Match| self.owners.get(found.pattern().as_usize()).copied();
        let candidates: BTreeSet<usize> = keywords.find_overlapping_iter(text).filter_map(owner).collect();
        let mut candidates = candidates.into_iter().filter_map(|place| self.rules.get(place));
        candidates.find(|rule| rule.matches(text)).map(|rule| rule.id.as_str())
    }
}

impl RuleOf {
    fn compiled(&self) -> Option<&Regex> {
        let compile = || {
            // The rules are written for Go, whose classes of characters are of ASCII.
            RegexBuilder::new(&self.pattern).unicode(false).size_limit(PATTERN_MAX).build().ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }

    fn matches(&self, text: &str) -> bool {
        let secret = |found: &Captures<'_>| {
            let group = self.group.unwrap_or(usize::from(found.len() > 1));
            let secret = found.get(group).or_else(|| found.get(0));
            secret.is_some_and(|secret| self.entropy <= 0.0 || entropy(secret.as_bytes()) > self.entropy)
        };
        self.compiled().is_some_and(|pattern| pattern.captures_iter(text.as_bytes()).any(|found| secret(&found)))
    }
}

/// Shannon entropy of the bytes of a text, in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use vm_core::digest::Sha256Digest;

    use super::*;

    #[test]
    fn the_rule_set_is_the_one_that_is_named_and_every_pattern_compiles() {
        let text = include_str!("../../rules/gitleaks.rules");
        assert_eq!(Sha256Digest::of(text.as_bytes()).to_hex(), GITLEAKS_SHA256);
        let readme = include_str!("../../rules/README.md");
        assert!(readme.contains(GITLEAKS_SHA256));
        let rules = Rules::read();
        assert_eq!((rules.rules.len(), rules.owners.len()), (221, 290));
        // Those that this engine cannot compile would be listed here.
        let none: Vec<&str> =
            rules.rules.iter().filter(|rule| rule.compiled().is_none()).map(|rule| rule.id.as_str()).collect();
        assert_eq!(none, [""; 0]);
    }

    #[test]
    fn what_the_small_detector_misses_is_found_where_it_would_stand_in_the_clear() {
        // Put together here, so that no scanner takes this file for a leak.
        let hook = format!("https://hooks.slack.com/services/{}", "T0Q9Z7X5B/B0P8K6M4N/q7Zr2Lw9XcVb4Nm1Ks8Td3Fg");
        let found = |key, text: &str| Detector.is_secret_in_clear(key, text);
        assert!(found(None, &hook) && !KnownSecrets.is_secret(None, &hook) && !Detector.is_secret(None, &hook));
        assert!(found(Some("heroku_api_key"), "3f8a1c52-9b7d-4e60-a1f4-7c2e9d5b8a36"));
        for plain in ["tools/call", "notifications/initialized", "2025-11-25", "mcp-server-filesystem", "-32601"] {
            assert!(!found(Some("name"), plain), "{plain}");
        }
    }

    #[test]
    fn entropy_is_that_of_shannon() {
        assert!((entropy(b"aaaa")).abs() < 1e-9);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
    }
}
