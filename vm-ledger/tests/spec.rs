//! The samples in the format pages are what the code writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::path::Path;

use common::{Fixture, Maker, log_key, now, permit};
use serde_json::json;
use vm_core::capability::act;
use vm_core::epoch::Epoch;
use vm_core::redact::Redacted;
use vm_ledger::{Patience, ScrollEvent, ScrollWriter};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_shown(name: &str, sample: &str) {
    assert!(page(name).contains(sample), "{name} does not show:\n{sample}");
}

#[test]
fn the_scroll_page_shows_a_scroll() {
    let fixture = Fixture::new();
    let (signer, mut maker) = (log_key(), Maker::new(21));
    let engine = "console".parse().unwrap();
    let mut writer =
        ScrollWriter::new(fixture.ledger.files(), fixture.id(), engine, &signer, Patience::default()).unwrap();
    let permit = permit::<act::Record>(fixture.id());
    let mut event = |value| ScrollEvent { id: maker.header().id, event: Redacted::system(&value).unwrap() };
    let events = [event(json!({"op": "start"})), event(json!({"op": "stop", "code": 0}))];
    writer.append(&permit, &events, maker.trace, Epoch::Nigredo, now()).unwrap();
    for name in ["ENGINE_EVENTS.jsonl", "ROOT.console.txt"] {
        let sample = std::fs::read_to_string(fixture.path().join("receipts/console").join(name)).unwrap();
        assert_shown("scroll.md", &sample);
    }
}

#[test]
fn the_tile_page_shows_a_tile() {
    use vm_core::digest::LeafHash;
    use vm_seal::merkle::tile::{Tile, TileAt};
    let hashes: Vec<_> = (0..256_u64).map(|n| LeafHash::of(&n.to_be_bytes()).to_root()).collect();
    let tile = Tile::from_hashes(TileAt::new(0, 0, 256).unwrap(), hashes).unwrap();
    let hex = vm_core::digest::to_hex(&tile.to_bytes());
    assert_shown("tile.md", &format!("hashes  {}\n        {}\n", &hex[..64], &hex[64..128]));
    assert_shown("tile.md", &format!("        {}\n", &hex[hex.len() - 64..]));
    assert_shown("tile.md", &format!("root    {}\n", tile.root().unwrap()));
}

#[test]
fn the_ledger_page_shows_every_migration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3);
    for file in files {
        let hash = vm_core::digest::Sha256Digest::of(&std::fs::read(&file).unwrap());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_shown("ledger.md", &format!("| `{name}` | `{hash}` |"));
    }
}
