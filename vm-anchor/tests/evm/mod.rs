//! A real node of Ethereum on loopback: Foundry's anvil, from the package that `xtask/interop/ethereum` pins.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use vm_anchor::ethereum::client::Node;
use vm_anchor::ethereum::{Address, TransactionHash};
use vm_core::instant::Instant;

pub const PATIENCE: Duration = Duration::from_secs(60);
/// What is anchored in the tests.
pub const DATA: &[u8] = b"bundle";
/// A contract that emits bytes 4 to 36 of its calldata twice: as the data of a log, then as the topic of another.
///
/// The first twelve bytes of the code copy the other 21 to memory and return them, which creates the contract.
pub const EMITTER: &str = "0x6015600c60003960156000f36020600460003760206000a060043560006000a100";
/// A contract that reverts whatever it is called with.
pub const REVERTER: &str = "0x6005600c60003960056000f360006000fd";

/// The program, installed once below the target folder, or why it cannot be had.
static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(install);

fn install() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (from, to) = (root.join("xtask/interop/ethereum"), root.join("target/evm-node"));
    let lock = fs::read(from.join("package-lock.json")).map_err(|error| error.to_string())?;
    let stamp = to.join("installed.json");
    // The stamp is written last: a folder without it was left by a run that did not end.
    if fs::read(&stamp).ok().as_ref() != Some(&lock) {
        fs::create_dir_all(&to).map_err(|error| error.to_string())?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), to.join(name)).map_err(|error| error.to_string())?;
        }
        let mut npm = Command::new("npm");
        npm.current_dir(&to).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).stdin(Stdio::null());
        let output = npm.output().map_err(|error| format!("npm: {error}"))?;
        if !output.status.success() {
            return Err(format!("npm: {}", String::from_utf8_lossy(&output.stderr)));
        }
        fs::write(&stamp, &lock).map_err(|error| error.to_string())?;
    }
    let packages = fs::read_dir(to.join("node_modules/@foundry-rs")).map_err(|error| error.to_string())?;
    let programs = packages.filter_map(Result::ok).map(|entry| entry.path().join("bin/anvil"));
    programs.filter(|path| path.is_file()).last().ok_or_else(|| "no anvil for this machine".to_owned())
}

/// Whether there is a node. Says so where there is none.
pub fn has_node(test: &str) -> bool {
    match &*PROGRAM {
        Ok(_) => true,
        Err(error) => {
            eprintln!("ethereum: {test} did not run: {error}");
            false
        }
    }
}

/// A chain that lives as long as this.
pub struct Chain {
    child: Child,
    pub url: String,
    pub node: Node,
    pub account: Address,
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chain {
    /// A chain whose blocks are made as transactions come.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM.as_ref().unwrap())
            .args(["--port", "0", "--accounts", "1"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned)).unwrap();
        // The pipe is read on, so that the node does not wait for it.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{address}/");
        let node = Node::new(&url, PATIENCE).unwrap();
        let mut chain = Self { child, url, node, account: Address::from_bytes([0; 20]) };
        chain.account = chain.ask("eth_accounts", json!([]))[0].as_str().unwrap().parse().unwrap();
        chain
    }

    /// Calls any method; it must succeed.
    pub fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let answer: Value = serde_json::from_str(&self.post(&body)).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The body of the answer, which ends where the node hangs up.
    fn post(&self, body: &str) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }

    /// Sends a transaction with these fields beside `from`.
    pub fn send(&self, fields: Value) -> TransactionHash {
        let mut fields = fields;
        fields["from"] = json!(self.account);
        self.ask("eth_sendTransaction", json!([fields])).as_str().unwrap().parse().unwrap()
    }

    /// Creates a contract.
    pub fn deploy(&self, code: &str) -> Address {
        let hash = self.send(json!({ "data": code }));
        self.node.wait(hash, PATIENCE).unwrap();
        let receipt = self.ask("eth_getTransactionReceipt", json!([hash]));
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }

    /// Makes empty blocks.
    pub fn mine(&self, count: u64) {
        self.ask("anvil_mine", json!([format!("0x{count:x}")]));
    }

    /// Whether a block is made for each transaction.
    pub fn mine_alone(&self, alone: bool) {
        self.ask("evm_setAutomine", json!([alone]));
    }
}

/// The machine's time and an hour more: a chain's clock runs ahead where it mines many blocks.
pub fn soon() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let micros = i64::try_from(since.as_micros()).unwrap();
    Instant::from_micros(micros).unwrap().saturating_add_micros(3_600_000_000)
}
