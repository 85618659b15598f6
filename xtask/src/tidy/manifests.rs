//! Rules about manifests and about what each crate brings along.

use super::source::{Source, attributes};
use super::{Complaint, House};
use crate::arrows;
use crate::error::Failure;
use crate::tree::{self, Member};

/// Keys of `[package]` that every member takes from the workspace.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// The one crate that may hold unsafe code (docs/adr/0008). It writes the workspace's lints out, as Cargo lets nobody take
/// them and change one.
const UNSAFE_CRATE: &str = "vm-hash";

/// What [`UNSAFE_CRATE`] denies: unsafe code, but where one `#[expect]` says why, and two lints beside the workspace's.
const UNSAFE_LINTS: [(&str, &str); 3] =
    [("rust", "unsafe_code"), ("rust", "unsafe_op_in_unsafe_fn"), ("clippy", "undocumented_unsafe_blocks")];

pub(super) fn manifests(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let workspace = tree::read_toml(&house.tree.root().join("Cargo.toml"))?;
    let lints = workspace.get("workspace").and_then(|table| table.get("lints"));
    Ok(house.tree.members().iter().flat_map(|member| check_manifest(member, lints)).collect())
}

pub(super) fn crate_docs(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let mut complaints = Vec::new();
    for member in house.tree.members() {
        let readme = format!("{}/README.md", member.folder);
        if !house.tree.has(&readme) {
            complaints.push(Complaint::about(readme, "is missing"));
        }
        let roots: Vec<&Source> = ["lib.rs", "main.rs"]
            .iter()
            .filter_map(|name| {
                let path = format!("{}/src/{name}", member.folder);
                house.sources.iter().find(|source| source.path == path)
            })
            .collect();
        complaints.extend(roots.into_iter().filter_map(check_root_docs));
    }
    Ok(complaints)
}

pub(super) fn error_home(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    Ok(house.sources.iter().flat_map(check_error_home).collect())
}

fn check_manifest(member: &Member, workspace_lints: Option<&toml::Value>) -> Vec<Complaint> {
    let path = format!("{}/Cargo.toml", member.folder);
    let mut complaints = Vec::new();
    let mut complain = |text: String| complaints.push(Complaint::about(path.clone(), text));
    let inherits = |table: Option<&toml::Value>| {
        table.and_then(|table| table.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    let lints = member.manifest.get("lints");
    if member.name == UNSAFE_CRATE {
        if workspace_lints.cloned().map(with_unsafe_denied).as_ref() != lints {
            complain("has other lints than the workspace's with unsafe code denied, not forbidden".to_owned());
        }
    } else if !inherits(lints) {
        complain("has no `[lints] workspace = true`".to_owned());
    }
    let package = member.manifest.get("package");
    for key in INHERITED {
        if !inherits(package.and_then(|package| package.get(key))) {
            complain(format!("has no `{key}.workspace = true`"));
        }
    }
    let description = package.and_then(|package| package.get("description")).and_then(toml::Value::as_str);
    if description.is_none_or(|text| text.len() < 20) {
        complain("has no description that says what the crate is".to_owned());
    }
    if arrows::find(&member.name).is_none() {
        complain(format!("`{}` has no line in xtask/src/arrows.rs, so nothing says who may depend on it", member.name));
    }
    complaints
}

/// The lints of the workspace as [`UNSAFE_CRATE`] must have them.
fn with_unsafe_denied(mut lints: toml::Value) -> toml::Value {
    for (tool, name) in UNSAFE_LINTS {
        if let Some(table) = lints.get_mut(tool).and_then(toml::Value::as_table_mut) {
            table.insert(name.to_owned(), "deny".into());
        }
    }
    lints
}

fn check_root_docs(source: &Source) -> Option<Complaint> {
    let documented = source.file.attrs.iter().any(|attribute| attribute.path().is_ident("doc"));
    (!documented).then(|| Complaint::about(source.path.clone(), "has no docs: say what is in scope and what is not"))
}

fn check_error_home(source: &Source) -> Vec<Complaint> {
    let home = source.path.split('/').any(|part| matches!(part, "error.rs" | "error"));
    if home || source.is_test() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for item in &source.file.items {
        let (syn::Item::Enum(syn::ItemEnum { ident, .. }) | syn::Item::Struct(syn::ItemStruct { ident, .. })) = item
        else {
            continue;
        };
        let line = ident.span().start().line;
        if attributes(item).iter().any(derives_error) && !source.in_test(line) {
            complaints.push(Complaint::at(&source.path, line, format!("`{ident}` is an error type outside error.rs")));
        }
    }
    complaints
}

fn derives_error(attribute: &syn::Attribute) -> bool {
    let mut found = false;
    if attribute.path().is_ident("derive") {
        // A derive list that does not parse is the compiler's to refuse.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|segment| segment.ident == "Error");
            Ok(())
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [package]
        name = "vm-core"
        description = "Types of the evidence ledger; no I/O."
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        [lints]
        workspace = true
    "#;

    fn complaints(manifest: &str, name: &str) -> usize {
        let manifest = manifest.parse().unwrap();
        let lints = LINTS.parse::<toml::Table>().unwrap().into();
        check_manifest(&Member { folder: "x".to_owned(), name: name.to_owned(), manifest }, Some(&lints)).len()
    }

    const LINTS: &str = "rust = { unsafe_code = \"forbid\", a = \"warn\" }\nclippy = { b = \"warn\" }";

    #[test]
    fn one_crate_alone_may_deny_where_others_forbid() {
        let own = |rust: &str| {
            let lints = format!(
                "[lints]\nrust = {{ {rust} unsafe_op_in_unsafe_fn = \"deny\" }}\nclippy = {{ b = \"warn\", undocumented_unsafe_blocks = \"deny\" }}"
            );
            GOOD.replace("[lints]\n        workspace = true", &lints)
        };
        let good = own("unsafe_code = \"deny\", a = \"warn\",");
        assert_eq!(complaints(&good, UNSAFE_CRATE), 0);
        assert_eq!(complaints(&good, "vm-core"), 1);
        assert_eq!(complaints(&own("unsafe_code = \"allow\", a = \"warn\","), UNSAFE_CRATE), 1);
        assert_eq!(complaints(&own("unsafe_code = \"deny\","), UNSAFE_CRATE), 1, "a lint of the workspace left out");
        assert_eq!(complaints(GOOD, UNSAFE_CRATE), 1, "what forbids cannot hold it");
    }

    #[test]
    fn a_manifest_without_a_line_it_needs_is_refused() {
        assert_eq!(complaints(GOOD, "vm-core"), 0);
        assert_eq!(complaints(GOOD, "vm-unknown"), 1);
        for line in GOOD.lines().filter(|line| line.contains("workspace = true") || line.contains("description")) {
            assert_eq!(complaints(&GOOD.replace(line, ""), "vm-core"), 1, "{line}");
        }
        assert_eq!(
            complaints(&GOOD.replace("[lints]\n        workspace = true", "[lints]\n workspace = false"), "vm-core"),
            1
        );
    }

    #[test]
    fn a_root_module_needs_docs() {
        let check = |text: &str| check_root_docs(&Source::parse("x/src/lib.rs", text).unwrap()).is_none();
        assert!(check("//! Says it.\nfn a() {}"));
        assert!(check("#![doc = include_str!(\"../README.md\")]"));
        assert!(!check("// no\n#![allow(dead_code)]"));
    }

    #[test]
    fn error_types_stand_in_their_file() {
        let text = "#[derive(Debug, thiserror::Error)]\npub enum E { #[error(\"a\")] A }";
        let check = |path: &str| check_error_home(&Source::parse(path, text).unwrap()).len();
        assert_eq!(check("x/src/lib.rs"), 1);
        assert_eq!(check("x/src/error.rs"), 0);
        assert_eq!(check("x/src/error/seal.rs"), 0);
        assert_eq!(check("x/tests/a.rs"), 0);
    }
}
