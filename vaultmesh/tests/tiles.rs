//! The log as a directory of tiles: written, added to, read by a foreign client, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Home, files};
use serde_json::Value;
use tlog_tiles::{HashReader as _, Tile, TileHashReader, TileReader};

/// Reads the directory as a foreign client does: by the paths of C2SP, believing no tile before it is authenticated.
struct Foreign(PathBuf);

impl TileReader for Foreign {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // That library writes the height into paths, as its predecessor had them.
        let path = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
        Ok(tiles.iter().map(|tile| fs::read(self.0.join(path(tile))).unwrap_or_default()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// Proves every entry, and that the log goes on from each earlier size, with nothing of ours.
fn check_as_a_stranger(dir: &Path, older: Option<&str>) {
    let note = fs::read_to_string(dir.join("checkpoint")).unwrap();
    let read = |note: &str| {
        let text = &note[..note.find("\n\n").unwrap() + 1];
        tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap()
    };
    let head = read(&note);
    let (reader, (size, root)) = (Foreign(dir.to_owned()), (head.size(), *head.hash()));
    let hashes = TileHashReader::new(size, root, &reader);
    let entries = entries(dir, size);
    for place in 0..size {
        let leaf = hashes.read_hashes(&[tlog_tiles::stored_hash_index(0, place)]).unwrap()[0];
        let proof = tlog_tiles::prove_record(size, place, &hashes).unwrap();
        tlog_tiles::check_record(&proof, size, root, place, leaf).unwrap();
        if let Some(entry) = entries.get(&place) {
            assert_eq!(tlog_tiles::record_hash(entry).0, leaf.0, "{place}");
        }
    }
    if let Some(older) = older {
        let older = read(older);
        let proof = tlog_tiles::prove_tree(size, older.size(), &hashes).unwrap();
        tlog_tiles::check_tree(&proof, size, root, older.size(), *older.hash()).unwrap();
    }
}

/// Entries of the bundles that a log of `size` has, by place, each behind its length in two bytes.
fn entries(dir: &Path, size: u64) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    for bundle in 0..size.div_ceil(256) {
        let width = (size - bundle * 256).min(256);
        let partial = if width == 256 { String::new() } else { format!(".p/{width}") };
        let Ok(bytes) = fs::read(dir.join(format!("tile/entries/{bundle:03}{partial}"))) else { continue };
        let mut rest = bytes.as_slice();
        for place in bundle * 256..bundle * 256 + width {
            let (length, tail) = rest.split_at(2);
            let (entry, tail) = tail.split_at(u16::from_be_bytes([length[0], length[1]]).into());
            found.insert(place, entry.to_vec());
            rest = tail;
        }
        assert!(rest.is_empty());
    }
    found
}

fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(dir).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Records `count` rows in one go.
fn record(home: &Home, count: usize) {
    let line = |n: usize| serde_json::json!({ "tool": "grep", "input": { "n": n } }).to_string() + "\n";
    let lines: String = (0..count).map(line).collect();
    home.run_with(&["record", "tool", "--jsonl", "-"], lines.as_bytes()).expect(0);
}

fn publish(home: &Home, more: &[&str]) -> Value {
    home.json(&[&["head", "--tiles", "log"], more].concat()).expect(0).json()["result"]["tiles"].clone()
}

#[test]
fn a_newcomer_publishes_the_log_and_a_stranger_checks_it() {
    let home = Home::with_vault();
    home.tool("alpha");
    let first = publish(&home, &[]);
    assert_eq!((&first["before"], &first["size"], &first["tiles"]), (&Value::Null, &home.log_size().into(), &1.into()));
    let dir = home.path("log");
    check_as_a_stranger(&dir, None);
    let older = fs::read_to_string(dir.join("checkpoint")).unwrap();
    let before = snapshot(&dir);

    record(&home, 600);
    let second = publish(&home, &["--entries"]);
    assert_eq!((&second["before"], &second["size"]), (&first["size"], &home.log_size().into()));
    assert!(second["too_long"].as_array().unwrap().is_empty());
    check_as_a_stranger(&dir, Some(&older));
    assert_eq!(u64::try_from(entries(&dir, home.log_size()).len()).unwrap(), home.log_size());
    // Whatever was there is there still, but for the checkpoint.
    let after = snapshot(&dir);
    for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with("checkpoint")) {
        assert_eq!(after.get(path), Some(bytes), "{path:?}");
    }
    // A third call finds nothing to do.
    let third = publish(&home, &["--entries"]);
    assert_eq!((&third["tiles"], &third["bundles"]), (&0.into(), &0.into()));
    assert_eq!(snapshot(&dir), after);

    home.write("old-head.txt", older);
    let (key, args) = (home.key(), ["verify-tiles", "log", "--head", "old-head.txt", "--key"]);
    let read = home.json(&[args.as_slice(), &[&key]].concat()).expect(0).json();
    assert_eq!(read["result"]["entries"], home.log_size());
    let said = home.run(&[args.as_slice(), &[&key]].concat()).expect(0).out;
    assert!(said.contains("vaultmesh/") && said.contains("verified"), "{said}");
    let open = home.json(&["verify-tiles", "log"]).expect(3).findings();
    assert_eq!(open, ["no-trust-key", "rollback-not-excluded"]);
}

#[test]
fn two_levels_of_tiles_and_of_partial_tiles_grow() {
    let home = Home::with_vault();
    let dir = home.path("log");
    let mut older: Option<String> = None;
    for rows in [1, 254, 1, 200, 56, 700] {
        record(&home, rows);
        publish(&home, &[]);
        check_as_a_stranger(&dir, older.as_deref());
        older = Some(fs::read_to_string(dir.join("checkpoint")).unwrap());
    }
    let said = home.run(&["head", "--tiles", "log"]).expect(0).out;
    assert!(said.contains("added: 0 tiles, 0 entry bundles"), "{said}");
    assert!(!dir.join("tile/entries").exists());
}

#[test]
fn entries_are_added_later_for_all_of_the_log() {
    let home = Home::with_vault();
    record(&home, 300);
    publish(&home, &[]);
    record(&home, 10);
    let added = publish(&home, &["--entries"]);
    assert_eq!(added["bundles"], 2);
    check_as_a_stranger(&home.path("log"), None);
    home.run(&["head", "--entries"]).expect(2);
}

#[test]
fn a_row_that_no_entry_can_hold_is_named_and_its_bundle_left_out() {
    let home = Home::with_vault();
    let place = home.log_size();
    // Each value becomes a commitment of a hundred bytes.
    let long: serde_json::Map<String, Value> = (0..900).map(|n| (format!("n{n}"), n.into())).collect();
    home.write("long.json", Value::from(long).to_string());
    home.run(&["record", "tool", "grep", "--input", "@long.json"]).expect(0);
    record(&home, 300);
    let written = publish(&home, &["--entries"]);
    assert_eq!(written["too_long"], serde_json::json!([place]));
    assert_eq!(written["bundles"], 1);
    check_as_a_stranger(&home.path("log"), None);
    // A verifier says that it did not see them.
    home.run(&["head", "-o", "head.txt"]).expect(0);
    let found = home.json(&["verify-tiles", "log", "--key", &home.key(), "--head", "head.txt"]).expect(3).findings();
    assert_eq!(found, ["evidence-unreadable"]);
    let said = home.run(&["head", "--tiles", "log", "--entries"]).expect(0).out;
    assert!(said.contains(&format!("row at place {place} is too long")), "{said}");
}

#[test]
fn what_is_no_directory_of_this_log_is_refused_by_name_and_left_alone() {
    let home = Home::with_vault();
    record(&home, 300);
    let refused = |home: &Home, dir: &str, code: &str| {
        let before = home.path(dir).is_dir().then(|| snapshot(&home.path(dir)));
        let json = home.json(&["head", "--tiles", dir]).expect(2).json();
        assert_eq!(json["error"]["code"], code, "{json}");
        assert!(json["error"]["remedy"].as_str().unwrap().ends_with('.'));
        let own = |path: &PathBuf| !path.ends_with(".tlog.lock");
        if let Some(before) = before {
            let after = snapshot(&home.path(dir));
            assert!(
                before.iter().filter(|(path, _)| own(path)).eq(after.iter().filter(|(path, _)| own(path))),
                "{dir}"
            );
        }
    };
    home.write("notes/todo.txt", "x");
    refused(&home, "notes", "tiles-not-a-log");

    publish(&home, &[]);
    let other = Home::with_vault();
    let copy = |to: &str| {
        for path in files(&home.path("log")) {
            home.write(
                &format!("{to}/{}", path.strip_prefix(home.path("log")).unwrap().display()),
                fs::read(path).unwrap(),
            );
        }
    };
    fs::create_dir_all(other.path("log")).unwrap();
    fs::copy(home.path("log/checkpoint"), other.path("log/checkpoint")).unwrap();
    refused(&other, "log", "tiles-other-log");

    copy("spoiled");
    let note = fs::read_to_string(home.path("log/checkpoint")).unwrap();
    let size = home.log_size();
    home.write("spoiled/checkpoint", note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1));
    refused(&home, "spoiled", "tiles-checkpoint");
    home.write("spoiled/checkpoint", "nothing");
    refused(&home, "spoiled", "tiles-checkpoint");

    // A tile that is shorter, one that others have read, and one that is new and differs.
    copy("shorter");
    fs::write(home.path("shorter/tile/0/000"), b"short").unwrap();
    refused(&home, "shorter", "tiles-altered");
    copy("differs");
    fs::remove_file(home.path("differs/checkpoint")).unwrap();
    let mut tile = fs::read(home.path("differs/tile/0/000")).unwrap();
    tile[5] ^= 1;
    fs::write(home.path("differs/tile/0/000"), tile).unwrap();
    refused(&home, "differs", "tiles-altered");
}

#[test]
fn an_older_copy_of_the_vault_and_a_fork_of_it_are_told_apart() {
    let home = Home::with_vault();
    record(&home, 3);
    let copy = home.path("copy");
    for path in files(&home.vault()) {
        let to = copy.join(path.strip_prefix(home.vault()).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    let code = |vault: &str| {
        home.json(&["--vault", vault, "head", "--tiles", "log"]).expect(2).json()["error"]["code"].clone()
    };
    record(&home, 2);
    publish(&home, &[]);
    assert_eq!(code("copy"), "tiles-ahead");
    home.run(&["--vault", "copy", "record", "tool", "one", "--input", "{}"]).expect(0);
    home.run(&["--vault", "copy", "record", "tool", "two", "--input", "{}"]).expect(0);
    assert_eq!(code("copy"), "tiles-forked");
}

#[test]
fn a_write_that_was_cut_short_is_taken_up_again() {
    let home = Home::with_vault();
    record(&home, 600);
    publish(&home, &["--entries"]);
    let whole = snapshot(&home.path("log"));
    let paths: Vec<PathBuf> = whole.keys().cloned().collect();
    // Whatever files of a first call are there, and a torn temporary one: the next call ends with the same directory.
    for cut in 0..paths.len() {
        let dir = home.path("cut");
        let _ = fs::remove_dir_all(&dir);
        let kept = paths.iter().filter(|path| !path.ends_with("checkpoint")).skip(cut).step_by(2);
        for path in kept {
            let to = dir.join(path.strip_prefix(home.path("log")).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, &whole[path]).unwrap();
        }
        home.write("cut/.tlog.tmp", "torn");
        home.run(&["head", "--tiles", "cut", "--entries"]).expect(0);
        let found: BTreeMap<PathBuf, Vec<u8>> = snapshot(&dir)
            .into_iter()
            .map(|(path, bytes)| (home.path("log").join(path.strip_prefix(&dir).unwrap()), bytes))
            .filter(|(path, _)| !path.ends_with(".tlog.tmp"))
            .collect();
        assert_eq!(found, whole, "{cut}");
    }
}

#[test]
fn a_second_writer_waits_for_its_turn() {
    let home = Home::with_vault();
    publish(&home, &[]);
    let lock = fs::File::options().write(true).open(home.path("log/.tlog.lock")).unwrap();
    lock.lock().unwrap();
    let json = home.json(&["head", "--tiles", "log"]).expect(4).json();
    assert_eq!(json["error"]["code"], "tiles-busy");
    drop(lock);
    publish(&home, &[]);
}

#[test]
fn a_spoiled_directory_is_found_out() {
    let home = Home::with_vault();
    record(&home, 600);
    publish(&home, &["--entries"]);
    home.run(&["head", "-o", "head.txt"]).expect(0);
    let key = home.key();
    let verify = || home.json(&["verify-tiles", "log", "--key", &key, "--head", "head.txt"]);
    verify().expect(0);
    for path in files(&home.path("log")) {
        let good = fs::read(&path).unwrap();
        if good.is_empty() {
            continue;
        }
        let mut bad = good.clone();
        let at = good.len() / 2;
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let code = verify().code;
        assert!(code == 1 || code == 2, "{path:?}: {code}");
        fs::write(&path, good).unwrap();
    }
    verify().expect(0);
    home.json(&["verify-tiles", "keys", "--key", &key]).expect(2);
    home.json(&["verify-tiles", "nowhere", "--key", &key]).expect(2);
}
