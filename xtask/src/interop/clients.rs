//! The clients: installed at the versions that `xtask/interop/requirements.txt` pins, or named as missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{folder, remove};
use crate::error::Failure;
use crate::run::{self, capture};
use crate::tree::Tree;

/// Oldest Python that every client runs on: aics-tlog and aics-witness demand it.
pub(super) const PYTHON_LEAST: (u32, u32) = (3, 12);
/// Programs tried where none is named.
const PYTHONS: [&str; 4] = ["python3", "python3.14", "python3.13", "python3.12"];
/// Exact versions of the clients and of all that they bring along.
const REQUIREMENTS: &str = "xtask/interop/requirements.txt";
/// The folder of the packages for node, with their exact versions and those of all that they bring along.
const PACKAGES: &str = "xtask/interop/ethereum";
/// Clients that come with the operating system: program, arguments that ask for its version, and its package.
const TOOLS: [(&str, &str, &[&str]); 3] =
    [("openssl", "openssl", &["version"]), ("ssh-keygen", "ssh", &["-V"]), ("node", "node", &["--version"])];

/// A client and its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Version {
    pub(super) client: String,
    pub(super) version: String,
}

/// All clients, ready to run.
pub(super) struct Clients {
    venv: PathBuf,
    packages: PathBuf,
    versions: Vec<Version>,
}

impl Clients {
    /// Installs them below `target/`, or says which one is missing.
    pub(super) fn install(tree: &Tree, python: Option<&Path>) -> Result<Self, Failure> {
        let venv = folder(tree).join("venv");
        let wanted = tree.read(REQUIREMENTS)?;
        let stamp = venv.join("installed.txt");
        // The stamp is written last: a folder without it was left by a run that did not end.
        if std::fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
            let python = find(python)?;
            remove(&venv)?;
            let mut make = Command::new(python);
            make.args(["-m", "venv"]).arg(&venv);
            run::run(make)?;
            let mut pip = Command::new(venv.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
            pip.arg(tree.root().join(REQUIREMENTS));
            let names: Vec<String> = python_pins(tree)?.into_iter().map(|pin| pin.client).collect();
            run::run(pip).map_err(|fault| {
                Failure::Missing(format!("none of {} ran: pip did not install them: {fault}", names.join(", ")))
            })?;
            let mut check = Command::new(venv.join("bin/python"));
            check.args(["-m", "pip", "check"]);
            run::run(check)?;
            std::fs::write(&stamp, &wanted).map_err(Failure::io(&stamp))?;
        }
        let packages = install_packages(tree)?;
        let mut clients = Self { venv, packages, versions: Vec::new() };
        clients.versions = clients.found(tree)?;
        Ok(clients)
    }

    /// Where the clients' programs are.
    pub(super) fn programs(&self) -> PathBuf {
        self.venv.join("bin")
    }

    /// Where the packages for node are.
    pub(super) fn packages(&self) -> &Path {
        &self.packages
    }

    /// Python and the clients, with their versions.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Versions as the programs themselves tell them.
    fn found(&self, tree: &Tree) -> Result<Vec<Version>, Failure> {
        let mut versions = Vec::new();
        for pin in python_pins(tree)? {
            let script = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))";
            let found = said(self.venv.join("bin/python"), &["-c", script, &pin.client])?;
            if found != pin.version {
                return Err(Failure::Missing(format!("{} did not run: {found} is installed", pin.client)));
            }
            versions.push(pin);
        }
        for pin in package_pins(tree)? {
            let manifest = self.packages.join("node_modules").join(&pin.client).join("package.json");
            let text = std::fs::read_to_string(&manifest).map_err(Failure::io(&manifest))?;
            if !text.contains(&format!("\"version\": \"{}\"", pin.version)) {
                return Err(Failure::Missing(format!("{} did not run: another version is installed", pin.client)));
            }
            versions.push(pin);
        }
        let python = said(self.venv.join("bin/python"), &["-c", "import platform; print(platform.python_version())"])?;
        versions.push(Version { client: "python".to_owned(), version: python });
        for (client, program, arguments) in TOOLS {
            let found = said(PathBuf::from(program), arguments)
                .map_err(|fault| Failure::Missing(format!("{client} did not run: {fault}")))?;
            // The program alone: what it was built with and when says nothing of it.
            let version = found.split([',', '(']).next().unwrap_or(&found).trim().to_owned();
            versions.push(Version { client: client.to_owned(), version });
        }
        Ok(versions)
    }
}

/// Installs what the lock file names, without running what a package would run, or says that it is missing.
fn install_packages(tree: &Tree) -> Result<PathBuf, Failure> {
    let to = folder(tree).join("packages");
    let lock = tree.read(&format!("{PACKAGES}/package-lock.json"))?;
    let stamp = to.join("installed.json");
    if std::fs::read_to_string(&stamp).ok().as_deref() == Some(&lock) {
        return Ok(to);
    }
    remove(&to)?;
    std::fs::create_dir_all(&to).map_err(Failure::io(&to))?;
    for name in ["package.json", "package-lock.json"] {
        let path = to.join(name);
        std::fs::write(&path, tree.read(&format!("{PACKAGES}/{name}"))?).map_err(Failure::io(&path))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&to).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).stdin(Stdio::null());
    run::run(npm).map_err(|fault| {
        Failure::Missing(format!("none of {PACKAGES}/package.json ran: npm did not install them: {fault}"))
    })?;
    std::fs::write(&stamp, &lock).map_err(Failure::io(&stamp))?;
    Ok(to)
}

/// What is pinned.
pub(super) fn pins(tree: &Tree) -> Result<Vec<Version>, Failure> {
    Ok([python_pins(tree)?, package_pins(tree)?].concat())
}

/// What is pinned for node.
fn package_pins(tree: &Tree) -> Result<Vec<Version>, Failure> {
    let path = format!("{PACKAGES}/package.json");
    let manifest: Option<Value> = serde_json::from_str(&tree.read(&path)?).ok();
    let pinned = manifest.as_ref().and_then(|manifest| manifest.get("dependencies")).and_then(Value::as_object);
    let pinned = pinned.ok_or_else(|| Failure::Missing(format!("{path} pins nothing")))?;
    let one = |(client, version): (&String, &Value)| {
        let version = version.as_str().filter(|version| version.starts_with(|first: char| first.is_ascii_digit()));
        let missing = || Failure::Missing(format!("{path}: {client} has no exact version"));
        Ok(Version { client: client.clone(), version: version.ok_or_else(missing)?.to_owned() })
    };
    pinned.iter().map(one).collect()
}

/// What the requirements pin.
fn python_pins(tree: &Tree) -> Result<Vec<Version>, Failure> {
    tree.read(REQUIREMENTS)?.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(pin).collect()
}

fn pin(line: &str) -> Result<Version, Failure> {
    let (client, version) =
        line.split_once("==").ok_or_else(|| Failure::Missing(format!("{REQUIREMENTS}: `{line}` pins no version")))?;
    Ok(Version { client: client.to_owned(), version: version.to_owned() })
}

/// A Python that is new enough.
fn find(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let tried: Vec<PathBuf> = given.map_or_else(|| PYTHONS.map(PathBuf::from).to_vec(), |path| vec![path.to_owned()]);
    for program in &tried {
        let script = "import sys; print(*sys.version_info[:2])";
        let Ok(found) = said(program.clone(), &["-c", script]) else { continue };
        let mut numbers = found.split(' ').filter_map(|number| number.parse::<u32>().ok());
        if let (Some(major), Some(minor)) = (numbers.next(), numbers.next())
            && (major, minor) >= PYTHON_LEAST
        {
            return Ok(program.clone());
        }
    }
    let (major, minor) = PYTHON_LEAST;
    Err(Failure::Missing(format!(
        "no client ran: Python {major}.{minor} or newer is needed; name one with --python (tried {tried:?})"
    )))
}

/// First line that a program prints, to whichever stream; it must succeed.
fn said(program: PathBuf, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let shown = run::shown(&command);
    let output = capture(command)?;
    let text = String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout });
    if !output.status.success() {
        return Err(Failure::Command { command: shown, status: output.status.to_string() });
    }
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_pins_nothing_is_refused() {
        assert_eq!(pin("a==1.2").unwrap(), Version { client: "a".to_owned(), version: "1.2".to_owned() });
        assert!(pin("a>=1.2").is_err());
    }
}
