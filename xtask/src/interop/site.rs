//! A real vault, what the binary makes of it for foreign clients, and what those make themselves.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::check::{At, Check, Difference, Spoilt};
use super::clients::Clients;
use super::record::{Answer, Gap};
use super::{folder, remove};
use crate::error::Failure;
use crate::run::capture;
use crate::tree::Tree;

/// Rows before the older head, and as many after it: more than one full tile of 256.
const ROWS: usize = 300;
/// Longest excerpt of an answer that is kept, in characters.
const EXCERPT_MAX: usize = 110;
/// Shortest run of hexadecimal digits that is a hash, and differs with every run.
const HASH_LEAST: usize = 32;

/// The folder where everything lies, and the programs that are asked about it.
pub(super) struct Site {
    root: PathBuf,
    dir: PathBuf,
    binary: PathBuf,
    programs: PathBuf,
    packages: PathBuf,
}

impl Site {
    /// Makes the vault, and has each side make what the other checks.
    pub(super) fn make(tree: &Tree, binary: PathBuf, clients: &Clients) -> Result<Self, Failure> {
        let dir = folder(tree).join("site");
        remove(&dir)?;
        fs::create_dir_all(&dir).map_err(Failure::io(&dir))?;
        let example = dir.join("ethereum");
        fs::copy(folder(tree).join("ethereum"), &example).map_err(Failure::io(&example))?;
        let site = Self {
            root: tree.root().to_owned(),
            dir,
            binary,
            programs: clients.programs(),
            packages: clients.packages().to_owned(),
        };
        site.make_ours()?;
        site.make_theirs()?;
        site.make_witnessed()?;
        site.make_openssl_an_authority()?;
        site.make_ethereum()?;
        site.make_proofs()?;
        site.make_second_signatures()?;
        Ok(site)
    }

    fn make_ours(&self) -> Result<(), Failure> {
        self.must(&["vaultmesh", "init"])?;
        self.must(&["cp", "-r", "vault", "forked"])?;
        let lines: String = (0..ROWS).map(|n| format!("{{\"tool\":\"t{n}\",\"output\":{{\"n\":{n}}}}}\n")).collect();
        self.put("lines", lines.as_bytes())?;
        self.must(&["vaultmesh", "record", "tool", "--jsonl", "lines"])?;
        self.must(&["vaultmesh", "head", "-o", "old.head"])?;
        self.must(&["vaultmesh", "witness", "request", "-o", "old.request"])?;
        self.must(&["vaultmesh", "record", "tool", "--jsonl", "lines"])?;
        let row = self.told(&["vaultmesh", "record", "tool", "grep", "--output", "{\"hits\":3}"], "/result/id")?;
        let seal = self.told(&["vaultmesh", "seal", "create"], "/result/seal_id")?;
        self.must(&["vaultmesh", "anchor", "add", &seal, "--local"])?;
        self.must(&["vaultmesh", "head", "--tiles", "log", "--entries"])?;
        self.must(&["vaultmesh", "prove", &row, "-o", "row.tlog-proof", "--entry", "row.entry"])?;
        self.must(&["vaultmesh", "prove", &row, "-o", "row.cose"])?;
        self.must(&["vaultmesh", "seal", "attest", &seal, "--as", "dsse", "-o", "seal.dsse.json"])?;
        self.must(&["vaultmesh", "seal", "attest", &seal, "--as", "sshsig", "-o", "seal.sig"])?;
        self.must(&["vaultmesh", "trust", "key", "-o", "log.vkey"])?;
        self.must(&["vaultmesh", "trust", "key", "--as", "pem", "-o", "log.pem"])?;
        self.must(&["vaultmesh", "trust", "key", "--as", "allowed-signers", "-o", "allowed"])?;
        // The parts of the key that some clients are told alone, and files of the vault under shorter names.
        let key = self.text("log.vkey")?;
        let mut parts = key.trim().splitn(3, '+');
        let (origin, hash) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.put("log.origin", origin.as_bytes())?;
        self.put("log.keyid", format!("{origin}+{hash}").as_bytes())?;
        self.put("seal.id", seal.as_bytes())?;
        let ledger = origin.trim_start_matches("vaultmesh/");
        self.copy(&format!("vault/seals/{seal}.json"), "seal.json")?;
        self.copy(&format!("vault/anchors/{seal}/0.tst"), "seal.tst")?;
        self.copy(&format!("keys/{ledger}/tsa-root.pem"), "root.pem")
    }

    fn make_theirs(&self) -> Result<(), Failure> {
        for command in [
            &["python", "xtask/interop/aics.py", "make", "aics"][..],
            &["python", "xtask/interop/scales.py", "make", "scales"],
            &["python", "xtask/interop/scales.py", "prove", "./scales", "7", "scales.tlog-proof", "scales.entry"],
            &["python", "xtask/interop/scales.py", "prove", "./log", "305", "ours.tlog-proof", "ours.entry"],
            &["python", "xtask/interop/bundle.py", "make", "bundle.tlog-proof", "bundle.entry", "bundle.vkey"],
            &["python", "xtask/interop/scitt.py", "make", "scitt.cose", "scitt.entry", "scitt.vkey"],
        ] {
            self.must(command)?;
        }
        Ok(())
    }

    /// The log and its fork as a witness is asked about them, and what their witness and ours cosigned.
    fn make_witnessed(&self) -> Result<(), Failure> {
        let old = self.text("old.head")?;
        let old = old.lines().nth(1).unwrap_or_default();
        self.must(&["vaultmesh", "witness", "request", "--old", old, "-o", "new.request"])?;
        // The same ledger with the same key and another history, one row longer than the older head.
        self.must(&["vaultmesh", "--vault", "forked", "record", "tool", "--jsonl", "lines"])?;
        self.must(&["vaultmesh", "--vault", "forked", "record", "tool", "other"])?;
        self.must(&["vaultmesh", "--vault", "forked", "witness", "request", "--old", old, "-o", "fork.request"])?;
        let driver = ["python", "xtask/interop/witness.py", "cosign", "log.vkey"];
        self.must(&[&driver[..], &["old.request", "new.request", "theirs.line", "theirs.vkey"]].concat())?;
        self.must(&["vaultmesh", "--vault", "peer", "init"])?;
        self.must(&["vaultmesh", "--vault", "peer", "trust", "key", "--as", "witness", "-o", "peer.vkey"])?;
        let cosign = ["vaultmesh", "--vault", "peer", "witness", "cosign"];
        self.must(&[&cosign[..], &["old.request", "--key", "$(cat log.vkey)"]].concat())?;
        self.must(&[&cosign[..], &["new.request", "-o", "peer.line"]].concat())?;
        for (line, witness, head) in
            [("theirs.line", "$(cat theirs.vkey)", "theirs.head"), ("peer.line", "$(cat peer.vkey)", "peer.head")]
        {
            let merge = ["vaultmesh", "head", "--cosignature", line, "--witness", witness, "--head", "new.request"];
            self.must(&[&merge[..], &["-o", head]].concat())?;
        }
        let (key, witness) = (self.text("log.vkey")?, self.text("theirs.vkey")?);
        let witnesses = format!("[witnesses]\nquorum = 1\nkeys = [{:?}]\n", witness.trim());
        let trust = format!("format = \"vm-trust-v0\"\nkey = {:?}\n\n{witnesses}", key.trim());
        self.put("witnessed.toml", trust.as_bytes())
    }

    /// A root, a signer below it, a request over the bundle's file and openssl's response.
    fn make_openssl_an_authority(&self) -> Result<(), Failure> {
        let config = self.root.join("xtask/interop/tsa.cnf");
        fs::copy(&config, self.dir.join("tsa.cnf")).map_err(Failure::io(&config))?;
        self.put("tsa.serial", b"01\n")?;
        for command in [
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 \
             -subj /CN=root -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.csr \
             -subj /CN=authority",
            "openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 30 -extfile tsa.cnf \
             -extensions signer -out tsa.pem",
            "openssl ts -query -data seal.json -sha256 -cert -out query.tsq",
            "openssl ts -reply -config tsa.cnf -queryfile query.tsq -signer tsa.pem -inkey tsa.key -out reply.tsr",
        ] {
            self.must(&command.split(' ').collect::<Vec<_>>())?;
        }
        let root = self.text("ca.pem")?;
        let head = "format = \"vm-trust-v0\"\n\n[[authority]]\nname = \"openssl\"\nindependent = true\naccept = true\n";
        let trust = format!("{head}root = \"\"\"\n{root}\"\"\"\n");
        self.put("reply.toml", trust.as_bytes())
    }

    /// The seal's file anchored on a node, once with our evidence and once with that of the client, which runs the node.
    fn make_ethereum(&self) -> Result<(), Failure> {
        let driver = "xtask/interop/ethereum/ethereum.mjs";
        let ours = ["./ethereum", "make", "URL", "CONTRACT", "seal.json", "seal.eth.json", "eth-trust.json"];
        self.must(&[&["node", driver, "with-node"], ours.as_slice()].concat())?;
        let theirs =
            ["node", driver, "make", "URL", "CONTRACT", "seal.json", "ethereumjs.json", "ethereumjs-trust.json"];
        self.must(&[&["node", driver, "with-node"], theirs.as_slice()].concat()).map(|_| ())
    }

    /// The seal's file in a block: once by a promise to `vaultmesh`, which the client as a calendar keeps, and once by a
    /// proof of the client's own.
    fn make_proofs(&self) -> Result<(), Failure> {
        let binary = self.binary.to_string_lossy();
        self.must(&["python", "xtask/interop/stamps.py", "stamp", &binary, "$(cat seal.id)"])?;
        self.must(&["python", "xtask/interop/stamps.py", "make", "theirs.ots", "seal.json", "theirs"]).map(|_| ())
    }

    /// A head of ours under two keys, and another's log under a second key of a client. Last: the key is a row of ours.
    fn make_second_signatures(&self) -> Result<(), Failure> {
        self.must(&["vaultmesh", "keys", "add", "ml-dsa"])?;
        self.must(&["vaultmesh", "trust", "key", "--as", "ml-dsa", "-o", "second.vkey"])?;
        self.must(&["vaultmesh", "head", "-o", "second.head"])?;
        self.must(&["cp", "-r", "aics", "signed"])?;
        self.must(&["cp", "aics.head", "signed.head"])?;
        let driver = ["python", "xtask/interop/bundle.py", "cosign", "signed.vkey"];
        self.must(&[&driver[..], &["signed/checkpoint", "signed.head"]].concat()).map(|_| ())
    }

    /// Asks a client about what was made, and about the same with one bit altered.
    pub(super) fn ask(&self, check: &Check) -> Result<Answer, Failure> {
        let output = self.run(check.command, check.input)?;
        let said = said(&output);
        let Some(accepted) = excerpt(&said, check.accepts).filter(|_| output.status.success()) else {
            return Err(Failure::Found(format!("does not accept it ({}): {}", output.status, said.trim())));
        };
        let output = self.spoilt(check.spoilt, || self.run(check.command, check.input))?;
        let said = self::said(&output);
        let is_refusal = output.status.code().is_some_and(|code| check.codes.contains(&code));
        let Some(refused) = excerpt(&said, check.refuses).filter(|_| is_refusal) else {
            let text = "with one bit altered it gives no refusal that is known, so it shows nothing";
            return Err(Failure::Found(format!("{text} ({}): {}", output.status, said.trim())));
        };
        Ok(Answer::of(check, accepted, refused))
    }

    /// Shows that a client accepts an altered bit that is refused here.
    pub(super) fn tell_apart(&self, difference: &Difference) -> Result<Gap, Failure> {
        let ((theirs, yes), (ours, no)) = (difference.theirs, difference.ours);
        self.spoilt(difference.spoilt, || {
            let (their_output, our_output) = (self.run(theirs, None)?, self.run(ours, None)?);
            let (accepted, refused) = (said(&their_output), said(&our_output));
            match (excerpt(&accepted, yes), excerpt_of_line(&refused, no)) {
                (Some(accepted), Some(refused)) if their_output.status.success() && !our_output.status.success() => {
                    Ok(Gap::of(difference, accepted, refused))
                }
                _ => Err(Failure::Found(format!("no such difference: {} / {}", accepted.trim(), refused.trim()))),
            }
        })
    }

    /// Does something while one bit of a file is altered.
    fn spoilt<T>(&self, spoilt: Spoilt, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let path = self.dir.join(spoilt.file);
        let good = fs::read(&path).map_err(Failure::io(&path))?;
        fs::write(&path, spoil(&good, spoilt)?).map_err(Failure::io(&path))?;
        let done = work();
        fs::write(&path, &good).map_err(Failure::io(&path))?;
        done
    }

    /// Runs a command that must succeed.
    fn must(&self, command: &[&str]) -> Result<String, Failure> {
        let output = self.run(command, None)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = format!("{} did not run ({}): {}", command.join(" "), output.status, said(&output).trim());
        Err(Failure::Missing(text))
    }

    /// A value of the binary's result in JSON.
    fn told(&self, command: &[&str], pointer: &str) -> Result<String, Failure> {
        let (program, rest) = command.split_first().map_or(("", &[][..]), |(program, rest)| (*program, rest));
        let text = self.must(&[&[program, "--format", "json"], rest].concat())?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        let found = value.as_ref().and_then(|value| value.pointer(pointer)).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| Failure::Missing(format!("no {pointer} in {text}")))
    }

    fn run(&self, command: &[&str], input: Option<&str>) -> Result<Output, Failure> {
        let (program, arguments) = command.split_first().unwrap_or((&"", &[]));
        let program = match *program {
            "vaultmesh" => self.binary.clone(),
            "ethereum" => self.dir.join(program),
            "python" | "aics-tlog" => self.programs.join(program),
            other => PathBuf::from(other),
        };
        let mut command = Command::new(program);
        for argument in arguments {
            command.arg(self.argument(argument)?);
        }
        command.current_dir(&self.dir).env("HOME", &self.dir).env("LC_ALL", "C.UTF-8");
        command.env("VAULTMESH_VAULT", "vault").env("VAULTMESH_KEYS", "keys").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("ETHEREUM_PACKAGES", &self.packages);
        match input {
            None => capture(with_stdin(command, Stdio::null())),
            Some(name) => {
                let path = self.dir.join(name);
                let file = fs::File::open(&path).map_err(Failure::io(&path))?;
                capture(with_stdin(command, file.into()))
            }
        }
    }

    /// An argument as it is written in the list of checks: a driver by its path in the repository, or a file's content.
    fn argument(&self, argument: &str) -> Result<String, Failure> {
        if let Some(name) = argument.strip_prefix("$(cat ").and_then(|rest| rest.strip_suffix(')')) {
            return Ok(self.text(name)?.trim().to_owned());
        }
        if argument.starts_with("xtask/") {
            return Ok(self.root.join(argument).to_string_lossy().into_owned());
        }
        Ok(argument.to_owned())
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        let path = self.dir.join(name);
        fs::read_to_string(&path).map_err(Failure::io(&path))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let write = |path: &Path| fs::File::create(path)?.write_all(bytes);
        write(&path).map_err(Failure::io(&path))
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        let path = self.dir.join(from);
        fs::copy(&path, self.dir.join(to)).map(|_| ()).map_err(Failure::io(&path))
    }
}

fn with_stdin(mut command: Command, stdin: Stdio) -> Command {
    command.stdin(stdin);
    command
}

/// What a program printed, to either stream.
fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// The line that holds the words, from the last of them on, without what differs with every run.
fn excerpt(said: &str, words: &str) -> Option<String> {
    said.lines().find_map(|line| line.rfind(words).and_then(|at| line.get(at..))).map(plain)
}

/// The whole line that holds the words.
fn excerpt_of_line(said: &str, words: &str) -> Option<String> {
    said.lines().find(|line| line.contains(words)).map(plain)
}

fn plain(line: &str) -> String {
    let plain = without_hashes(line);
    let cut: String = plain.chars().take(EXCERPT_MAX).collect();
    if cut.len() < plain.len() { format!("{}…", cut.trim_end()) } else { cut.trim_end().to_owned() }
}

/// The text with an ellipsis for each hash, id and base64 of one: whatever is at least 32 letters and digits long.
fn without_hashes(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '-' | '/');
    let (mut plain, mut run) = (String::new(), String::new());
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            run.push(c);
            continue;
        }
        match run.strip_prefix("vaultmesh/") {
            Some(ledger) if ledger.len() >= HASH_LEAST => plain.push_str("vaultmesh/…"),
            _ => plain.push_str(if run.len() >= HASH_LEAST { "…" } else { &run }),
        }
        run.clear();
        plain.push(c);
    }
    plain.trim_end().to_owned()
}

/// The file with one bit altered.
fn spoil(good: &[u8], spoilt: Spoilt) -> Result<Vec<u8>, Failure> {
    let fault = || Failure::Missing(format!("{} has no such place to alter", spoilt.file));
    let at = match spoilt.at {
        At::Byte(at) => at,
        At::End(from) => good.len().checked_sub(from).ok_or_else(fault)?,
        At::Behind(words) => {
            let found = good.windows(words.len()).position(|window| window == words.as_bytes());
            letter(good, found.ok_or_else(fault)? + words.len()).ok_or_else(fault)?
        }
        At::After(bytes) => {
            let found = good.windows(bytes.len()).position(|window| window == bytes);
            found.ok_or_else(fault)? + bytes.len()
        }
        At::Line(number) => {
            let start = good.split_inclusive(|byte| *byte == b'\n').take(number).map(<[u8]>::len).sum();
            letter(good, start).ok_or_else(fault)?
        }
    };
    let mut bad = good.to_vec();
    *bad.get_mut(at).ok_or_else(fault)? ^= 1;
    Ok(bad)
}

/// The first letter or digit from here on that is still one with its lowest bit altered.
fn letter(bytes: &[u8], from: usize) -> Option<usize> {
    let stays = |byte: &u8| byte.is_ascii_alphanumeric() && (byte ^ 1).is_ascii_alphanumeric();
    bytes.get(from..)?.iter().position(stays).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_altered_and_the_form_stays() {
        let good = b"one\ntwo: /zB=\n";
        let spoilt = |at| spoil(good, Spoilt { file: "x", at });
        for (at, place) in
            [(At::Byte(2), 2), (At::End(1), 13), (At::Behind("two: "), 11), (At::Line(1), 4), (At::After(b"/z"), 11)]
        {
            let bad = spoilt(at).unwrap();
            let differ: Vec<usize> = (0..good.len()).filter(|at| good[*at] != bad[*at]).collect();
            assert_eq!(differ, [place]);
            assert_eq!((good[place] ^ bad[place]).count_ones(), 1);
        }
        for at in [At::Byte(14), At::End(15), At::Behind("three"), At::After(b"three"), At::Line(9)] {
            assert!(spoilt(at).is_err());
        }
    }

    #[test]
    fn what_differs_with_every_run_is_left_out() {
        let hash = "0f".repeat(32);
        assert_eq!(excerpt(&format!("a\nlog says no: {hash}, 7\n"), "says").unwrap(), "says no: …, 7");
        assert_eq!(excerpt(&format!("a: {}", "b, ".repeat(100)), "a:").unwrap().chars().count(), EXCERPT_MAX + 1);
        let id = "01a22505-460b-75e3-a2c4-0637b568b4bf";
        assert_eq!(excerpt(&format!("of seal {id} in vaultmesh/{hash}"), "of").unwrap(), "of seal … in vaultmesh/…");
        assert_eq!(excerpt("yes", "no"), None);
    }
}
