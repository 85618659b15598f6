//! Whether the public interfaces changed as their versions say.

use std::process::Command;

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

/// Installed where no cargo-semver-checks is.
const CARGO_SEMVER_CHECKS: &str = "0.51.0";

/// `cargo xtask semver [--baseline REVISION] [--allow-no-tag]`.
///
/// Compares with the last tag `v*` that the present commit descends from. Without one there is nothing to compare with,
/// which is undecided and no pass, unless that is allowed.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let (baseline, allowed) = parse(arguments)?;
    let Some(baseline) = baseline.map_or_else(|| last_tag(tree), |given| Ok(Some(given)))? else {
        let text = "semver: undecided: no tag `v*`, so there is no release to compare with";
        if allowed {
            println!("{text}");
            return Ok(());
        }
        return Err(Failure::Undecided(text.to_owned()));
    };
    run::ensure_installed(tree.root(), "semver-checks", CARGO_SEMVER_CHECKS)?;
    let mut command = cargo(tree.root(), &["semver-checks", "--baseline-rev", &baseline, "--all-features"]);
    let mut compared = 0;
    for member in tree.members().iter().filter(|member| member.is_published()) {
        if stood_at(tree, &baseline, &member.folder)? {
            command.args(["--package", &member.name]);
            compared += 1;
        } else {
            println!("{} is new since {baseline}", member.name);
        }
    }
    if compared == 0 {
        return Err(Failure::Undecided(format!("semver: undecided: {baseline} holds none of the crates")));
    }
    run::run(command)
}

fn git(tree: &Tree, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(tree.root()).args(arguments);
    command
}

fn last_tag(tree: &Tree) -> Result<Option<String>, Failure> {
    let output = run::capture(git(tree, &["describe", "--tags", "--abbrev=0", "--match", "v*"]))?;
    let tag = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((output.status.success() && !tag.is_empty()).then_some(tag))
}

fn stood_at(tree: &Tree, revision: &str, folder: &str) -> Result<bool, Failure> {
    let object = format!("{revision}:{folder}/Cargo.toml");
    Ok(run::capture(git(tree, &["cat-file", "-e", &object]))?.status.success())
}

fn parse(arguments: &[String]) -> Result<(Option<String>, bool), Failure> {
    let (mut baseline, mut allowed) = (None, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--allow-no-tag" => allowed = true,
            "--baseline" => {
                let revision = rest.next().ok_or_else(|| Failure::Usage("--baseline needs a revision".to_owned()))?;
                baseline = Some(revision.clone());
            }
            other => return Err(Failure::Usage(format!("`semver` takes no argument `{other}`"))),
        }
    }
    Ok((baseline, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_strictly() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), (None, false));
        assert_eq!(parse("--baseline HEAD~1 --allow-no-tag").unwrap(), (Some("HEAD~1".to_owned()), true));
        assert!(parse("--baseline").is_err());
        assert!(parse("HEAD~1").is_err());
    }
}
