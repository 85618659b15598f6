//! The page docs/spec/envelope.md shows what this code makes.

use vm_core::digest::{LeafHash, to_hex};
use vm_core::id::LedgerId;
use vm_core::source::hazmat::CountingEntropy;
use vm_envelope::{
    Context, Cost, KEY_FILE_MAX, KeyFile, LANES_MAX, LockedKey, MEMORY_KIB_MAX, PASSES_MAX, PASSPHRASE_MAX,
    PLAINTEXT_MAX, SecretKey, Suite, seal,
};

const PAGE: &str = include_str!("../../docs/spec/envelope.md");

/// Lengths of the fields in the sample, in their order; the second recipient's stand twice.
const FIELDS: [(&str, usize); 13] = [
    ("format", 15),
    ("suite", 1),
    ("ledger", 32),
    ("purpose", 5),
    ("recipients", 1),
    ("key id", 32),
    ("encapsulated", 1120),
    ("wrapped", 48),
    ("key id", 32),
    ("encapsulated", 1120),
    ("wrapped", 48),
    ("length", 8),
    ("binding", 32),
];

#[test]
fn the_sample_is_an_envelope_of_these_inputs() {
    let keys = [1, 2].map(|seed| SecretKey::generate(&mut CountingEntropy::new(seed)).public().clone());
    let context = Context::new(LedgerId::from_genesis(LeafHash::of(b"genesis")), "test").unwrap();
    let bytes = seal(b"content", &context, &keys, &mut CountingEntropy::new(99)).unwrap();
    let mut lines = PAGE.split("```text\n").nth(1).unwrap().lines();
    let mut rest = bytes.as_slice();
    for (name, length) in FIELDS {
        let (field, after) = rest.split_at(length);
        rest = after;
        let line = lines.next().unwrap();
        let shown = line.strip_prefix(&format!("{name:<13} ")).unwrap_or_else(|| panic!("{name}: {line}"));
        if length == 1120 {
            let ends = format!("{} ... {}", to_hex(&field[..16]), to_hex(&field[length - 16..]));
            assert!(shown.starts_with(&ends), "{line}");
        } else {
            assert_eq!(shown.split(' ').next(), Some(to_hex(field).as_str()), "{line}");
        }
    }
    assert_eq!(lines.next(), Some(format!("{:<13} {}", "content", to_hex(rest)).as_str()));
}

#[test]
fn the_key_files_are_of_these_inputs() {
    let key = SecretKey::generate(&mut CountingEntropy::new(1));
    let least = Cost::new(8, 1, 1).unwrap();
    let locked = LockedKey::lock(&key, b"correct horse", least, &mut CountingEntropy::new(2)).unwrap();
    let public = KeyFile::Public(key.public().clone()).format();
    let (start, end) = (public.find("public ").unwrap() + 39, public.len() - 33);
    assert!(PAGE.contains(&format!("{}...{}", &public[..start], &public[end..])));
    for file in [KeyFile::Secret(key), KeyFile::Locked(locked)] {
        assert!(PAGE.contains(file.format().as_str()));
    }
}

#[test]
fn numbers_of_the_page_are_those_of_the_code() {
    for suite in Suite::ALL {
        assert!(PAGE.contains(&format!("| {} | `{suite}` |", suite.number())));
    }
    let with_comma = |number: u32| format!("{},{:03}", number / 1000, number % 1000);
    let told = [
        format!("at most 67,108,864 ({} MiB)", PLAINTEXT_MAX >> 20),
        format!(
            "above {} KiB, passes but 1 to {PASSES_MAX}, and lanes but 1 to {LANES_MAX}",
            with_comma(MEMORY_KIB_MAX)
        ),
        format!("{} KiB, three passes and four lanes", with_comma(Cost::RECOMMENDED.memory_kib())),
        format!("1 to {} bytes", with_comma(u32::try_from(PASSPHRASE_MAX).unwrap())),
        format!("more than {} bytes", with_comma(u32::try_from(KEY_FILE_MAX).unwrap())),
    ];
    for words in told {
        assert!(PAGE.contains(&words), "{words}");
    }
    assert_eq!(PLAINTEXT_MAX, 67_108_864);
}
