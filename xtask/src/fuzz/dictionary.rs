//! Dictionaries: words that a fuzzer would take long to find by itself.

use std::path::PathBuf;

use crate::error::Failure;
use crate::tree::{self, Tree};

/// Joins the dictionaries of `target` into one file, which is all libFuzzer takes: that of its own name, and those that
/// `fuzz/Cargo.toml` names. None where there are none.
pub(super) fn of(tree: &Tree, target: &str) -> Result<Option<PathBuf>, Failure> {
    let mut text = String::new();
    for path in paths(tree, target)? {
        let dictionary = tree.read(&path)?;
        if let Some(line) = dictionary.lines().find(|line| !is_entry(line)) {
            return Err(Failure::Missing(format!("{path}: libFuzzer reads no such line: {line}")));
        }
        text.push_str(&dictionary);
    }
    if text.is_empty() {
        return Ok(None);
    }
    let folder = tree.root().join("fuzz/target/dict");
    std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
    let joined = folder.join(format!("{target}.dict"));
    std::fs::write(&joined, text).map_err(Failure::io(&joined))?;
    Ok(Some(joined))
}

fn paths(tree: &Tree, target: &str) -> Result<Vec<String>, Failure> {
    let manifest = tree::read_toml(&tree.root().join("fuzz/Cargo.toml"))?;
    let package = manifest.get("package").and_then(|table| table.get("metadata"));
    let named = package.and_then(|table| table.get("dictionaries")?.get(target)?.as_array());
    let path = |name: &str| format!("fuzz/dict/{name}.dict");
    let mut paths: Vec<String> = named.into_iter().flatten().filter_map(toml::Value::as_str).map(path).collect();
    let own = path(target);
    if tree.has(&own) && !paths.contains(&own) {
        paths.push(own);
    }
    Ok(paths)
}

/// An empty line, a comment, or a quoted word in which only `\\`, `\"` and `\xNN` are escapes.
fn is_entry(line: &str) -> bool {
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let Some(mut word) = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    if word.is_empty() {
        return false;
    }
    while let Some(first) = word.chars().next() {
        let length = match first {
            '"' => return false,
            '\\' if word.starts_with("\\\\") || word.starts_with("\\\"") => 2,
            '\\' if word.starts_with("\\x") && word.get(2..4).is_some_and(is_hex) => 4,
            '\\' => return false,
            plain => plain.len_utf8(),
        };
        word = word.get(length..).unwrap_or_default();
    }
    true
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_libfuzzer_reads() {
        for good in ["", "# words", r#""a""#, r#""\x0a\\n\"""#, "\"é\""] {
            assert!(is_entry(good), "{good}");
        }
        for bad in ["a", r#""""#, r#""\n""#, r#""\x0""#, r#""a"b""#, r#""\"#, "\"a\" "] {
            assert!(!is_entry(bad), "{bad}");
        }
    }

    #[test]
    fn every_dictionary_can_be_read_and_is_used() {
        let tree = Tree::open().unwrap();
        let mut used: Vec<String> = Vec::new();
        for target in super::super::targets(&tree).unwrap() {
            for path in paths(&tree, &target).unwrap() {
                assert!(tree.read(&path).unwrap().lines().all(is_entry), "{path}");
                used.push(path);
            }
        }
        let unused: Vec<String> =
            tree.files("fuzz/dict", &[".dict"]).unwrap().into_iter().filter(|path| !used.contains(path)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
