//! How many secrets are stored in the clear when they are disguised: by place and by disguise, as docs/redaction.md says.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by a panic")]

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use vaultmesh::redaction::Detector;
use vm_core::digest::to_hex;
use vm_core::id::RowId;
use vm_core::record::Table;
use vm_core::redact::{Pattern, Policy, Redactor, Rule, columns};
use vm_core::source::hazmat::CountingEntropy;

const STALE: &str = "docs/redaction.md is stale; run VAULTMESH_WRITE_DOCS=1 cargo test -p vaultmesh --test leaks";
const SEED: u64 = 8;
/// Secrets of each kind.
const EACH: usize = 10;

/// SplitMix64: the same secrets on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }

    fn word(&mut self, letters: &str, len: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..len).map(|_| letters[self.next(letters.len())]).collect()
    }
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const BECH: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// The form of a kind of secrets: letters and numbers of them between fixed pieces.
type Form = (&'static str, &'static [(&'static str, &'static str, usize)]);

/// Twenty kinds, in the lengths that issuers give them. Put together from pieces, so that no scanner takes this file for a leak.
const KINDS: [Form; 20] = [
    ("GitHub token", &[("ghp_", MIXED, 36)]),
    ("GitHub fine-grained token", &[("github_pat_", MIXED, 22), ("_", MIXED, 59)]),
    ("GitLab token", &[("glpat-", MIXED, 20)]),
    ("Slack bot token", &[("xoxb-", "0123456789", 12), ("-", "0123456789", 12), ("-", MIXED, 24)]),
    ("Slack web hook", &[("https://hooks.slack.com/services/T", UPPER, 9), ("/B", UPPER, 9), ("/", MIXED, 24)]),
    ("Stripe key", &[("sk_live_", MIXED, 24)]),
    ("npm token", &[("npm_", MIXED, 36)]),
    ("Google API key", &[("AIza", MIXED, 35)]),
    ("AWS access key id", &[("AKIA", UPPER, 16)]),
    ("SendGrid key", &[("SG.", MIXED, 22), (".", MIXED, 43)]),
    ("DigitalOcean token", &[("dop_v1_", HEX, 64)]),
    ("Shopify token", &[("shpat_", HEX, 32)]),
    ("JSON Web Token", &[("eyJhbGciOiJIUzI1NiJ9.eyJ", MIXED, 40), (".", MIXED, 43)]),
    ("age key", &[("AGE-SECRET-KEY-1", BECH, 58)]),
    ("private key in PEM", &[("-----BEGIN PRIVATE KEY-----\n", MIXED, 64), ("\n-----END PRIVATE KEY-----", "", 0)]),
    ("bearer header", &[("Bearer ", MIXED, 40)]),
    ("address with a password", &[("postgres://admin:", MIXED, 16), ("@db.internal/prod", "", 0)]),
    ("password", &[("", MIXED, 12)]),
    ("passphrase", &[("", LOWER, 5), (" ", LOWER, 6), (" ", LOWER, 5), (" ", LOWER, 7)]),
    ("PIN", &[("", "0123456789", 4)]),
];

fn secrets() -> Vec<String> {
    let mut seeded = Seeded(SEED);
    let mut all = Vec::new();
    for (_, form) in KINDS {
        for _ in 0..EACH {
            all.push(
                form.iter().map(|(fixed, letters, len)| format!("{fixed}{}", seeded.word(letters, *len))).collect(),
            );
        }
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut out = String::new();
    for piece in bytes.chunks(3) {
        let word = piece.iter().chain([&0; 2]).take(3).fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        out.extend((0..=piece.len()).map(|at| letters[word >> (18 - 6 * at) & 63]));
        out.extend(std::iter::repeat_n('=', 3 - piece.len()));
    }
    out
}

/// Letters that look like others.
fn homoglyphs(text: &str) -> String {
    let twin = |c: char| {
        "aАeеoоpрcсxхAАBВEЕKКMМHНOОPРCСTТXХ"
            .chars()
            .collect::<Vec<_>>()
            .chunks(2)
            .find(|pair| pair[0] == c)
            .map_or(c, |pair| pair[1])
    };
    text.chars().map(|c| if c == 'a' { 'а' } else { twin(c) }).collect()
}

/// What is stored in place of a secret, by its disguise. Several values are all needed to have it.
type Disguise = (&'static str, fn(&str) -> Value);

const DISGUISES: [Disguise; 13] = [
    ("none", |text| json!({ "a": text })),
    ("within a sentence", |text| json!({ "a": format!("it said that {text} is no longer good.") })),
    ("in the text of an error", |text| json!({ "error": { "message": format!("401 for {text}: not allowed") } })),
    ("under a telling name", |text| json!({ "password": text })),
    ("under a name that is spelt otherwise", |text| json!({ "passw0rd_2": text })),
    ("base64", |text| json!({ "a": base64(text.as_bytes()) })),
    ("hexadecimal", |text| json!({ "a": to_hex(text.as_bytes()) })),
    ("URL-encoded", |text| json!({ "a": text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>() })),
    ("split over two fields", |text| {
        let half = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
        json!({ "a": text[..half], "b": text[half..] })
    }),
    ("homoglyphs", |text| json!({ "a": homoglyphs(text) })),
    ("reversed", |text| json!({ "a": text.chars().rev().collect::<String>() })),
    ("upper case", |text| json!({ "a": text.to_uppercase() })),
    ("lower case", |text| json!({ "a": text.to_lowercase() })),
];

fn everything() -> Policy {
    let rule = |table: Table| {
        let keep = columns(table).iter().map(|column| Pattern::new(format!("/{}", column.name))).collect();
        Rule { table, name: None, keep, shape: Vec::new() }
    };
    Policy::named("everything", 1, Table::ALL.into_iter().map(rule).collect()).unwrap()
}

fn redacted(policy: &Policy, table: Table, name: &str, column: &str, value: &Value) -> String {
    let mut entropy = CountingEntropy::new(1);
    let mut redactor = Redactor::new(policy, &Detector, &mut entropy, table, name, RowId::from_bytes([1; 16]));
    redactor.json(column, value).unwrap().as_json().to_owned()
}

/// Whether everything of `value` that is a text is stored as it is.
fn is_leaked(stored: &str, value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().all(|value| is_leaked(stored, value)),
        // A PIN of digits may stand in a digest by chance, but not between quotes.
        text => stored.contains(&text.to_string()),
    }
}

/// Per cent of the secrets that are stored in the clear: in arguments and results under the policy that ships, in a file
/// name that it keeps, and anywhere under one that keeps everything.
fn line((name, disguise): &Disguise) -> String {
    let (builtin, everything, all) = (Policy::builtin(), everything(), secrets());
    let mut leaked = [0; 3];
    for secret in &all {
        let value = disguise(secret);
        let call = json!({ "method": "tools/call", "params": { "name": "x", "arguments": value } });
        let input = redacted(&builtin, Table::ToolInvocations, "x", "input_json", &value);
        let output = redacted(&builtin, Table::ToolInvocations, "x", "output_json", &value);
        let body = redacted(&builtin, Table::McpCalls, "tools/call", "body_json", &call);
        leaked[0] += usize::from([input, output, body].iter().any(|stored| is_leaked(stored, &value)));
        let texts: Vec<&Value> = match value.as_object().unwrap().values().next().unwrap() {
            Value::Object(error) => error.values().collect(),
            _ => value.as_object().unwrap().values().collect(),
        };
        let named =
            texts.iter().map(|text| text.as_str().unwrap().replace('/', "_")).map(|name| json!({ "evidence": name }));
        let kept =
            |meta: Value| is_leaked(&redacted(&builtin, Table::ProofArtifacts, "deploy", "meta_json", &meta), &meta);
        leaked[1] += usize::from(named.into_iter().all(kept));
        let input = redacted(&everything, Table::ToolInvocations, "x", "input_json", &value);
        leaked[2] += usize::from(is_leaked(&input, &value));
    }
    let share = |count: usize| count * 100 / all.len();
    format!("| {name} | {} | {} | {} |", share(leaked[0]), share(leaked[1]), share(leaked[2]))
}

fn table() -> String {
    let mut table = format!(
        "{} secrets of {} kinds, seed {SEED}; per cent that is stored in the clear.\n\n| disguise | argument, result or error | name of a deployment's file | under a policy that keeps everything |\n| --- | --- | --- | --- |\n",
        KINDS.len() * EACH,
        KINDS.len(),
    );
    for disguise in &DISGUISES {
        writeln!(table, "{}", line(disguise)).unwrap();
    }
    // Which kinds the detectors see at all.
    let everything = everything();
    let all = secrets();
    let missed: Vec<String> = (KINDS.iter().zip(all.chunks(EACH)))
        .map(|((kind, _), secrets)| {
            let seen = |secret: &&String| {
                let value = json!({ "a": secret });
                !is_leaked(&redacted(&everything, Table::ToolInvocations, "x", "input_json", &value), &value)
            };
            (kind, secrets.iter().filter(seen).count())
        })
        .filter(|(_, seen)| *seen < EACH)
        .map(|(kind, seen)| format!("{kind} ({seen} of {EACH})"))
        .collect();
    writeln!(
        table,
        "\nUndisguised and under no telling name, the detectors see all of each kind but: {}.",
        missed.join(", ")
    )
    .unwrap();
    table
}

#[test]
fn the_page_says_what_leaks() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/redaction.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- leaks -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- /leaks -->").unwrap();
    let table = table();
    if std::env::var_os("VAULTMESH_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}<!-- leaks -->\n{table}<!-- /leaks -->{after}")).unwrap();
    } else {
        assert_eq!(written, table, "{STALE}");
    }
    // What is not listed is never in the clear, however it is disguised.
    for line in table.lines().filter(|line| DISGUISES.iter().any(|(name, _)| line.starts_with(&format!("| {name} |"))))
    {
        assert_eq!(line.split('|').nth(2).unwrap().trim(), "0", "{line}");
    }
}
