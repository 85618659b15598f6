//! Rules about the written pages.

use std::collections::BTreeMap;

use super::source::Source;
use super::{Complaint, House};
use crate::docs;
use crate::error::Failure;

const TOP_LEVEL: [&str; 7] =
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE"];

pub(super) fn top_level(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let mut complaints: Vec<Complaint> = TOP_LEVEL
        .iter()
        .filter(|page| !house.tree.has(page))
        .map(|page| Complaint::about(*page, "is missing"))
        .collect();
    if house.tree.has("README.md") {
        let readme = house.tree.read("README.md")?;
        let folders = house.tree.members().iter().map(|member| member.folder.as_str());
        complaints.extend(unlisted(&readme, folders));
    }
    Ok(complaints)
}

pub(super) fn generated(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let mut complaints = Vec::new();
    for (path, wanted) in docs::generated(house.tree)? {
        let found = if house.tree.has(path) { house.tree.read(path)? } else { String::new() };
        if found != wanted {
            complaints.push(Complaint::about(path, "is stale; run `cargo xtask docs`"));
        }
    }
    Ok(complaints)
}

pub(super) fn mutants(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let complaints = crate::mutants::standing_complaints(house.tree)?;
    Ok(complaints.into_iter().map(|text| Complaint::about("mutants/survivors.toml", text)).collect())
}

pub(super) fn interop(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let complaints = crate::interop::standing_complaints(house.tree)?;
    Ok(complaints.into_iter().map(|text| Complaint::about("xtask/interop/record.toml", text)).collect())
}

pub(super) fn formats(house: &House<'_>) -> Result<Vec<Complaint>, Failure> {
    let mut pages = String::new();
    for path in house.tree.files("docs/spec", &[".md"])? {
        pages.push_str(&house.tree.read(&path)?);
    }
    let mut formats = BTreeMap::new();
    for source in &house.sources {
        for (format, line) in named_formats(source) {
            formats.entry(format).or_insert_with(|| (source.path.clone(), line));
        }
    }
    let missing = formats.into_iter().filter(|(format, _)| !pages.contains(format.as_str()));
    Ok(missing
        .map(|(format, (path, line))| Complaint::at(&path, line, format!("format `{format}` has no page in docs/spec")))
        .collect())
}

fn unlisted<'a>(readme: &str, folders: impl Iterator<Item = &'a str>) -> Vec<Complaint> {
    folders
        .filter(|folder| {
            let names = [format!("`{folder}`"), format!("`{folder}/"), format!("]({folder}")];
            !names.iter().any(|name| readme.contains(name))
        })
        .map(|folder| Complaint::about("README.md", format!("does not list `{folder}`")))
        .collect()
}

/// String literals outside tests that name a stored format: `vm-`, words, `-v` and a number.
fn named_formats(source: &Source) -> Vec<(String, usize)> {
    let product = source.path.starts_with("vm-") || source.path.starts_with("vaultmesh/");
    if !product || source.is_test() {
        return Vec::new();
    }
    let literals = source.tokens.iter().filter(|(_, line)| !source.in_test(*line));
    literals.filter_map(|(token, line)| Some((format_name(token)?, *line))).collect()
}

fn format_name(token: &str) -> Option<String> {
    let text = token.strip_prefix('"')?.strip_suffix('"')?;
    let (words, version) = text.strip_prefix("vm-")?.rsplit_once("-v")?;
    let plain = !words.is_empty() && words.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (plain && !version.is_empty() && version.chars().all(|c| c.is_ascii_digit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_the_readme_forgets_is_named() {
        let readme = "| `vm-core` | types |\n[vm-seal](vm-seal/README.md)\n";
        let found = unlisted(readme, ["vm-core", "vm-seal", "vm-anchor"].into_iter());
        assert_eq!(found, [Complaint::about("README.md", "does not list `vm-anchor`")]);
    }

    #[test]
    fn formats_are_read_from_literals_outside_tests() {
        let text = "const A: &str = \"vm-row-v0\";\n/// Not vm-doc-v0.\nconst B: &str = \"vm-row\";\n\
                    #[cfg(test)]\nmod tests { const C: &str = \"vm-odd-v9\"; }";
        let found = named_formats(&Source::parse("vm-core/src/a.rs", text).unwrap());
        assert_eq!(found, [("vm-row-v0".to_owned(), 1)]);
    }
}
