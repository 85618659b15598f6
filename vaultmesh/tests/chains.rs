//! Seals anchored in blocks: a calendar's promise that is kept, and a transaction, both judged by headers without a node.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod fixture;
#[path = "../../vm-anchor/tests/miner/mod.rs"]
mod miner;

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use fixture::{Copied, Scene, read_request, told};
use miner::{Chain, double_sha256, proof, root, transaction};
use serde_json::Value;
use vm_core::digest::{Sha256Digest, to_hex};

/// Before the seals of these tests.
const TIME: u32 = 1_700_000_000;

/// A calendar on the loopback interface: it gathers what it is sent, and commits to it in a block once it is told to.
#[derive(Clone)]
struct Calendar {
    url: String,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Height of the block that commits to what was sent.
    height: Arc<Mutex<Option<u32>>>,
}

impl Calendar {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calendar = Self { url, sent: Arc::default(), height: Arc::default() };
        let serving = calendar.clone();
        thread::spawn(move || listener.incoming().for_each(|stream| serving.serve(stream.unwrap())));
        calendar
    }

    fn serve(&self, mut stream: TcpStream) {
        let (line, body) = read_request(&mut stream);
        let (status, answer) = match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["POST", "/digest", _] => (200, self.promise(&body)),
            ["GET", path, _] => self.come_of(path.strip_prefix("/timestamp/").unwrap()),
            other => panic!("{other:?}"),
        };
        let head = format!("HTTP/1.1 {status} Answer\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&answer).unwrap();
    }

    /// Takes a message, and promises.
    fn promise(&self, message: &[u8]) -> Vec<u8> {
        self.sent.lock().unwrap().push(message.to_vec());
        let uri = self.url.as_bytes();
        let length = u8::try_from(uri.len()).unwrap();
        [&[0, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e, length + 1, length][..], uri].concat()
    }

    /// All that was sent, in one tree: the messages one after the other, hashed.
    fn root(&self) -> [u8; 32] {
        double_sha256(&self.sent.lock().unwrap().concat())
    }

    fn come_of(&self, message: &str) -> (u16, Vec<u8>) {
        let (sent, height) = (self.sent.lock().unwrap(), *self.height.lock().unwrap());
        let Some(height) = height else { return (404, Vec::new()) };
        let at = sent.iter().position(|one| to_hex(one) == message).unwrap();
        let (before, after) = (sent[..at].concat(), sent[at + 1..].concat());
        let mut answer = Vec::new();
        for (tag, operand) in [(0xf1, before), (0xf0, after)] {
            if !operand.is_empty() {
                answer.extend([tag, u8::try_from(operand.len()).unwrap()]);
                answer.extend(operand);
            }
        }
        let height = u8::try_from(height).unwrap();
        answer.extend([8, 8, 0, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, 1, height]);
        (200, answer)
    }
}

/// A trust file outside the vault that believes this chain by its last block, and nothing else.
fn trust(copy: &Copied<'_>, chain: &Chain) -> String {
    let dir = copy.dir();
    fs::write(dir.join("headers"), chain.bytes()).unwrap();
    let height = chain.headers.len() - 1;
    let mut hash = chain.tip();
    hash.reverse();
    let text = format!(
        "format = \"vm-trust-v0\"\nkey = \"{}\"\nquorum = 1\n\n[[bitcoin]]\nname = \"regtest\"\nnetwork = \"regtest\"\n\
         height = {height}\nhash = \"{}\"\nheaders = \"headers\"\n",
        copy.scene.key,
        to_hex(&hash)
    );
    fs::write(dir.join("trust.toml"), text).unwrap();
    dir.join("trust.toml").to_str().unwrap().to_owned()
}

fn anchors(answer: &Value, seal: &str) -> Vec<[String; 2]> {
    let seals = answer["result"]["seals"].as_array().unwrap();
    let seal = seals.iter().find(|one| one["seal_id"] == *seal).unwrap();
    let word = |anchor: &Value, name: &str| anchor[name].as_str().unwrap_or("-").to_owned();
    seal["anchors"].as_array().unwrap().iter().map(|one| [word(one, "rail"), word(one, "state")]).collect()
}

#[test]
fn a_calendars_promise_is_completed_and_judged_by_headers() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let calendar = Calendar::new();
    let added = copy.ran(0, &["anchor", "add", &seal, "--ots", &calendar.url, "--ots", &calendar.url]);
    let outcomes: Vec<_> = added["result"]["anchors"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["pending", "pending"]);
    let bundle = copy.path(scene.seals[1].path.as_str());
    let digest = Sha256Digest::of(&fs::read(&bundle).unwrap());
    assert!(
        calendar.sent.lock().unwrap().iter().all(|sent| sent != digest.as_bytes()),
        "the calendar learnt the digest"
    );
    // A chain that knows nothing of it yet: the promise is open.
    let mut chain = Chain::new(TIME);
    chain.push_empty(3);
    let path = trust(&copy, &chain);
    let answer = copy.ran(3, &["anchor", "verify", &seal, "--trust", &path]);
    assert_eq!(anchors(&answer, &seal)[1..], [["opentimestamps", "pending"], ["opentimestamps", "pending"]]);
    assert!(told(&answer).contains(&"anchor-pending".to_owned()), "{answer}");
    // Nobody but who is named is asked.
    let open = copy.ran(3, &["anchor", "upgrade", &seal]);
    assert_eq!(open["result"]["proofs"][0]["foreign"], serde_json::json!([calendar.url]));
    let open = copy.ran(3, &["anchor", "upgrade", &seal, "--ots", &calendar.url]);
    assert_eq!(open["result"]["proofs"][1]["pending"], serde_json::json!([calendar.url]));
    let height = chain.push(calendar.root());
    *calendar.height.lock().unwrap() = Some(height);
    chain.push_empty(6);
    let path = trust(&copy, &chain);
    let done = copy.ran(0, &["anchor", "upgrade", &seal, "--ots", &calendar.url, "--trust", &path]);
    assert_eq!(done["result"]["proofs"].as_array().unwrap().len(), 2);
    assert_eq!(copy.ran(0, &["anchor", "upgrade", &seal])["result"]["proofs"], serde_json::json!([]));
    // The block's time lies before the seal of this test: that is told, and it does not count.
    let answer = copy.ran(1, &["anchor", "verify", &seal, "--trust", &path]);
    assert!(told(&answer).contains(&"anchor-backdated".to_owned()), "{answer}");
}

#[test]
fn promises_and_transactions_anchor_what_was_sealed_before_them() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let bundle: Value = serde_json::from_slice(&fs::read(copy.path(scene.seals[1].path.as_str())).unwrap()).unwrap();
    let sealed_at: vm_core::instant::Instant = bundle["sealed_at"].as_str().unwrap().parse().unwrap();
    let sealed_at = sealed_at.as_seconds();
    let calendar = Calendar::new();
    copy.ran(0, &["anchor", "add", &seal, "--ots", &calendar.url]);
    let payload = copy.ran(0, &["anchor", "payload", &seal]);
    let script = vm_core::digest::from_hex(payload["result"]["script"].as_str().unwrap()).unwrap();
    let tx = transaction(&[&[0x51], &script], true);
    let id = double_sha256(&transaction(&[&[0x51], &script], false));
    let mut chain = Chain::new(u32::try_from(sealed_at).unwrap());
    chain.push_empty(15);
    let leaves = [[1; 32], id, [3; 32]];
    let promised = chain.push(calendar.root());
    let carried = chain.push(root(&leaves));
    *calendar.height.lock().unwrap() = Some(promised);
    chain.push_empty(6);
    let path = trust(&copy, &chain);
    let file = |name: &str, bytes: &[u8]| {
        fs::write(copy.dir().join(name), to_hex(bytes)).unwrap();
        copy.dir().join(name).to_str().unwrap().to_owned()
    };
    let header = &chain.headers[usize::try_from(carried).unwrap()];
    let (tx, proof) = (file("tx.hex", &tx), file("proof.hex", &proof(header, &leaves, &[1])));
    let packed = copy.dir().join("seal.btc").to_str().unwrap().to_owned();
    let height = carried.to_string();
    copy.ran(0, &["anchor", "pack", "--height", &height, "--transaction", &tx, "--proof", &proof, "-o", &packed]);
    let added = copy.ran(0, &["anchor", "add", &seal, "--btc", &packed, "--trust", &path]);
    assert_eq!(added["result"]["anchors"][0]["authority"], "regtest", "{added}");
    copy.ran(0, &["anchor", "upgrade", &seal, "--ots", &calendar.url, "--trust", &path]);
    let answer = copy.ran(0, &["anchor", "verify", &seal, "--trust", &path]);
    // The local authority is not named, and not needed; the first proof was completed by another.
    let states = anchors(&answer, &seal);
    let expected = [
        ["rfc3161", "undecided"],
        ["opentimestamps", "pending"],
        ["bitcoin", "verified"],
        ["opentimestamps", "verified"],
    ];
    assert_eq!(states, expected);
    let seals = answer["result"]["seals"].as_array().unwrap();
    let until = seals[0]["interval"]["not_after"].as_str().unwrap();
    let block = vm_core::instant::Instant::from_micros((sealed_at + 16 * 600 + 7_200) * 1_000_000).unwrap();
    assert_eq!(until, block.to_string(), "two hours after the earlier block");
    // Two roads to one chain are one authority.
    let text = fs::read_to_string(&path).unwrap().replace("quorum = 1", "quorum = 2");
    fs::write(&path, text).unwrap();
    assert_eq!(copy.ran(2, &["anchor", "verify", &seal, "--trust", &path])["error"]["code"], "policy-quorum");
    // In an export each is judged by its name, and a verifier without headers decides nothing.
    let path = trust(&copy, &chain);
    let export = copy.dir().join("seal.vmb").to_str().unwrap().to_owned();
    copy.ran(0, &["export", &seal, "--output", &export]);
    // Scrolls are no part of it, which leaves the answer undecided by that alone.
    let answer = copy.ran(3, &["verify-bundle", &export, "--trust", &path]);
    assert_eq!(anchors(&answer, &seal), expected);
    assert_eq!(told(&answer), ["evidence-unreadable"; 2]);
    let key = scene.key.to_string();
    let answer = copy.ran(3, &["verify-bundle", &export, "--key", &key]);
    assert!(told(&answer).contains(&"no-trust-root".to_owned()), "{answer}");
    // Headers of another chain are refused with the trust file.
    let mut other = Chain::new(TIME);
    other.push_empty(23);
    fs::write(copy.dir().join("headers"), other.bytes()).unwrap();
    assert_eq!(copy.ran(2, &["anchor", "verify", &seal, "--trust", &path])["error"]["code"], "bitcoin-trust-pinned");
    fs::write(copy.dir().join("headers"), &other.bytes()[1..]).unwrap();
    assert_eq!(copy.ran(2, &["anchor", "verify", &seal, "--trust", &path])["error"]["code"], "headers-length");
    fs::remove_file(copy.dir().join("headers")).unwrap();
    assert_eq!(copy.ran(2, &["anchor", "verify", &seal, "--trust", &path])["error"]["code"], "trust-file");
}

#[test]
fn proofs_are_judged_outside_any_vault() {
    let scene = Scene::shared();
    let copy = scene.copy();
    let seal = scene.seals[1].seal_id.to_string();
    let calendar = Calendar::new();
    let added = copy.ran(0, &["anchor", "add", &seal, "--ots", &calendar.url]);
    let proof = copy.path(added["result"]["anchors"][0]["path"].as_str().unwrap());
    let (proof, bundle) = (proof.to_str().unwrap(), copy.path(scene.seals[1].path.as_str()));
    let bundle = bundle.to_str().unwrap();
    let answer = copy.ran(3, &["anchor", "inspect", proof, "--data", bundle]);
    assert_eq!(
        (told(&answer), &answer["result"]["rail"]),
        (vec!["anchor-pending".to_owned()], &"opentimestamps".into())
    );
    let answer = copy.ran(1, &["anchor", "inspect", proof, "--data", proof]);
    assert_eq!(told(&answer), ["anchor-invalid"]);
    assert_eq!(told(&copy.ran(3, &["anchor", "inspect", proof])), ["anchor-pending", "evidence-unreadable"]);
    assert_eq!(told(&copy.ran(3, &["anchor", "inspect", bundle])), ["format-unknown"]);
}
