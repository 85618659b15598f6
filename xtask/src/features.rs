//! Features are additive: each crate builds with none, with each alone, and with all.

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{Member, Tree};

/// Checks every crate that others may depend on.
pub(crate) fn check(tree: &Tree) -> Result<(), Failure> {
    for member in tree.members().iter().filter(|member| member.is_published()) {
        for choice in choices(member) {
            let mut command = cargo(tree.root(), &["check", "--quiet", "--package", &member.name]);
            command.args(choice);
            run::run(command)?;
        }
    }
    Ok(())
}

/// Arguments for each choice of features, without those that come to the same.
fn choices(member: &Member) -> Vec<Vec<String>> {
    let table = member.manifest.get("features").and_then(toml::Value::as_table);
    let names: Vec<&String> = table.into_iter().flat_map(toml::Table::keys).filter(|name| *name != "default").collect();
    let none = || vec!["--no-default-features".to_owned()];
    let mut choices = vec![none()];
    if names.len() > 1 {
        choices.extend(names.iter().map(|name| [none(), vec!["--features".to_owned(), (*name).clone()]].concat()));
    }
    if !names.is_empty() {
        choices.push(vec!["--all-features".to_owned()]);
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(features: &str) -> usize {
        let manifest = format!("[features]\n{features}").parse().unwrap();
        choices(&Member { folder: String::new(), name: String::new(), manifest }).len()
    }

    #[test]
    fn none_each_alone_and_all() {
        assert_eq!(count(""), 1);
        assert_eq!(count("default = []\na = []"), 2);
        assert_eq!(count("default = [\"a\"]\na = []\nb = []\nc = [\"b\"]"), 5);
    }
}
