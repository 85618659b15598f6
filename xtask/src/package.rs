//! Packages: what others would download holds all that it needs, and builds.

use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::{Member, Tree};

/// Files that stand in every package: both licences demand that their text goes along.
const NEEDED: [&str; 5] = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"];
/// Largest package, in bytes, packed. The largest has the bundles that are kept for its tests, and takes two thirds.
const PACKED_MAX: u64 = 3 * 1024 * 1024;

/// `cargo xtask package [--verify]`.
///
/// Without `--verify` the packages are unpacked side by side and checked together against the builds that are already
/// there, which takes seconds; with it cargo builds each from nothing, which takes minutes.
pub(crate) fn run(tree: &Tree, verify: bool) -> Result<(), Failure> {
    let members: Vec<&Member> = tree.members().iter().filter(|member| member.is_published()).collect();
    let mut command = cargo(tree.root(), &["package", "--quiet", "--allow-dirty"]);
    if !verify {
        command.arg("--no-verify");
    }
    for member in &members {
        command.args(["--package", &member.name]);
    }
    run::run(command)?;
    let folder = tree.root().join("target/xtask/package");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(Failure::io(&folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(Failure::io(&folder))?;
    // Cargo takes two ways to one folder for two packages.
    let folder = folder.canonicalize().map_err(Failure::io(&folder))?;
    let mut unpacked = Vec::new();
    for member in &members {
        let path = unpack(tree, member, &folder)?;
        check_files(member, &path)?;
        unpacked.push((member.name.as_str(), path));
    }
    check_together(tree, &folder, &unpacked)?;
    println!("{} packages hold what they need, and build from nothing else", members.len());
    Ok(())
}

fn unpack(tree: &Tree, member: &Member, folder: &Path) -> Result<PathBuf, Failure> {
    let name = format!("{}-{}", member.name, tree.version()?);
    let packed = tree.root().join(format!("target/package/{name}.crate"));
    let size = std::fs::metadata(&packed).map_err(Failure::io(&packed))?.len();
    if size > PACKED_MAX {
        return Err(Failure::Missing(format!("{name} has {size} bytes packed, more than {PACKED_MAX}")));
    }
    let mut command = std::process::Command::new("tar");
    command.arg("-xzf").arg(&packed).arg("-C").arg(folder);
    run::run(command)?;
    println!("{name}: {size} bytes packed");
    Ok(folder.join(name))
}

fn check_files(member: &Member, path: &Path) -> Result<(), Failure> {
    let missing: Vec<&str> = NEEDED.into_iter().filter(|file| !path.join(file).is_file()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Missing(format!("the package of {} lacks {}", member.name, missing.join(", "))))
}

/// Checks the unpacked crates as one workspace, each standing in for the published one, with the builds of this one.
fn check_together(tree: &Tree, folder: &Path, unpacked: &[(&str, PathBuf)]) -> Result<(), Failure> {
    let names = |(_, path): &(&str, PathBuf)| path.file_name().map(|name| format!("{:?}", name.to_string_lossy()));
    let members: Vec<String> = unpacked.iter().filter_map(names).collect();
    let mut manifest =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n", members.join(", "));
    for (name, path) in unpacked {
        manifest.push_str(&format!("{name} = {{ path = {:?} }}\n", path.display().to_string()));
    }
    for (path, text) in [("Cargo.toml", manifest), ("Cargo.lock", tree.read("Cargo.lock")?)] {
        let path = folder.join(path);
        std::fs::write(&path, text).map_err(Failure::io(&path))?;
    }
    run::run(run::beside(tree, folder, &["check", "--quiet", "--offline", "--workspace", "--all-features"])?)
}
