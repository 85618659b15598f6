//! What a client makes of nodes that answer badly, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use vm_anchor::ethereum::client::{At, Node, NodeError};
use vm_anchor::ethereum::{Address, Carrier, TransactionHash};
use vm_core::digest::Sha256Digest;

const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "0123456789abcdef-key";
const MAINNET: &str = include_str!("data/ethereum/mainnet-2000004.json");

/// Reads one HTTP request and returns its body.
fn read_request(stream: &mut TcpStream) -> Value {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
            if body.len() >= length.trim().parse().unwrap() {
                let start = bytes.len() - body.len();
                return serde_json::from_slice(&bytes[start..]).unwrap();
            }
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn result(value: Value) -> Vec<u8> {
    http("200 OK", "", &json!({ "jsonrpc": "2.0", "id": 1, "result": value }).to_string())
}

fn fault(code: i64, message: &str) -> Vec<u8> {
    let error = json!({ "code": code, "message": message });
    http("200 OK", "", &json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string())
}

/// A node that gives these answers in turn; the methods that it was asked.
fn serve(answers: Vec<Vec<u8>>) -> (Node, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v3/{KEY}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut methods, mut answers) = (Vec::new(), VecDeque::from(answers));
        while let Some(answer) = answers.pop_front() {
            let (mut stream, _) = listener.accept().unwrap();
            methods.push(read_request(&mut stream)["method"].as_str().unwrap().to_owned());
            // The client may hang up before it has read all of a wrong answer.
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Both);
        }
        methods
    });
    (Node::new(&url, PATIENCE).unwrap(), thread)
}

fn fails(answers: Vec<Vec<u8>>, ask: impl Fn(&Node) -> Result<(), NodeError>) -> NodeError {
    let (node, thread) = serve(answers);
    let error = ask(&node).unwrap_err();
    thread.join().unwrap();
    let shown = format!("{error} {error:?} {node:?}");
    assert!(!shown.contains(KEY), "{shown}");
    error
}

#[test]
fn bad_answers_have_names() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n400\r\n".to_vec();
    let endless = "x".repeat(9 * 1024 * 1024);
    for (code, answer) in [
        ("node-refused", http("503 Busy", "retry-after: 7\r\n", "")),
        ("node-refused", http("302 Found", "location: http://127.0.0.1:9/\r\n", "")),
        ("node-refused", http("401 No", "", "{\"error\":\"key\"}")),
        ("node-malformed", http("200 OK", "", "")),
        ("node-malformed", http("200 OK", "", "<html>")),
        ("node-malformed", result(json!(31_337))),
        ("node-malformed", result(json!("31337"))),
        ("node-malformed", result(json!("0x10000000000000000"))),
        ("node-absent", result(Value::Null)),
        ("node-absent", http("200 OK", "", "{}")),
        ("node-fault", fault(-32_000, "over quota")),
        ("node-too-long", http("200 OK", "", &endless)),
        ("node-unreachable", chunked),
        ("node-unreachable", Vec::new()),
    ] {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(80)]).into_owned();
        let error = fails(vec![answer], |node| node.chain_id().map(drop));
        assert_eq!(error.code(), code, "{shown}: {error:?}");
    }
    let busy = fails(vec![http("429 Slow", "retry-after: 7\r\n", "")], |node| node.chain_id().map(drop));
    assert!(matches!(busy, NodeError::Refused { status: 429, retry_after: Some(7) }));
}

#[test]
fn a_key_in_the_url_is_repeated_by_nobody() {
    let leak = fails(vec![fault(-32_000, &format!("bad key {KEY}"))], |node| node.chain_id().map(drop));
    assert!(matches!(leak, NodeError::Fault { code: -32_000, .. }));
    for url in ["", "ftp://host/", "file:///etc/passwd", "ws://user:hunter2@127.0.0.1/", "http://user:hunter2@[/"] {
        let error = Node::new(url, PATIENCE).and_then(|node| node.chain_id()).unwrap_err();
        assert_eq!(error.code(), "node-url", "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Node::new(&format!("http://{gone}/{KEY}"), PATIENCE).unwrap().chain_id().unwrap_err();
    assert_eq!(error.code(), "node-unreachable");
    let mut chain: Option<&dyn std::error::Error> = Some(&error);
    while let Some(one) = chain {
        assert!(!one.to_string().contains(KEY), "{one}");
        chain = one.source();
    }
}

#[test]
fn silence_ends_with_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let error = Node::new(&url, Duration::from_millis(300)).unwrap().chain_id().unwrap_err();
    assert_eq!(error.code(), "node-unreachable");
}

#[test]
fn nothing_is_sent_without_an_account() {
    let (digest, to) = (Sha256Digest::of(b"bundle"), Address::from_bytes([1; 20]));
    let error = fails(vec![result(json!([]))], |node| node.send(&digest, to, None).map(drop));
    assert_eq!(error.code(), "node-no-account");
    let error = fails(vec![fault(-32_000, "account is locked")], |node| node.send(&digest, to, Some(to)).map(drop));
    assert_eq!(error.to_string(), "node refused eth_sendTransaction with code -32000: account is locked");
}

#[test]
fn what_is_pending_stays_so_until_the_deadline() {
    let unknown = TransactionHash::from_bytes([9; 32]);
    let (node, thread) = serve(vec![result(Value::Null)]);
    assert_eq!(node.wait(unknown, Duration::ZERO).unwrap_err().code(), "node-pending");
    thread.join().unwrap();
    let (node, thread) = serve(vec![result(Value::Null), result(Value::Null), fault(-1, "gone")]);
    assert_eq!(node.wait(unknown, PATIENCE).unwrap_err().code(), "node-fault", "it was looked at again");
    assert_eq!(thread.join().unwrap().len(), 3);
}

/// What a node says of block 2,000,004 of the main chain, with one thing changed in each case.
#[test]
fn a_node_that_lies_is_not_believed() {
    let block: Value = serde_json::from_str(MAINNET).unwrap();
    let sent: TransactionHash = block["transactions"][1]["hash"].as_str().unwrap().parse().unwrap();
    let place = json!({ "blockHash": block["hash"], "transactionIndex": "0x1" });
    let told = |change: &dyn Fn(&mut Value, &mut Value)| {
        let (mut block, mut place) = (block.clone(), place.clone());
        change(&mut block, &mut place);
        vec![result(json!("0x1")), result(place), result(block)]
    };
    let ask = |node: &Node| node.evidence(sent, Carrier::Calldata, None).map(drop);
    for (code, answers) in [
        ("node-header-form", told(&|block, _| block["timestamp"] = json!("0x57a111b1"))),
        ("node-header-form", told(&|block, _| block["baseFeePerGas"] = json!("0x1"))),
        ("node-header-form", told(&|block, _| block["hash"] = json!(format!("0x{}", "11".repeat(32))))),
        ("node-malformed", told(&|block, _| block["stateRoot"] = json!("0x00"))),
        ("node-malformed", told(&|block, _| block["transactions"][0]["type"] = json!("0x7e"))),
        ("node-misplaced", told(&|_, place| place["transactionIndex"] = json!("0x0"))),
        ("node-misplaced", told(&|_, place| place["transactionIndex"] = json!("0xffffffffffffffff"))),
        ("node-misplaced", told(&|_, place| place["blockHash"] = json!(format!("0x{}", "11".repeat(32))))),
        ("node-misplaced", told(&|block, _| block["transactions"][1]["value"] = json!("0x0"))),
        ("node-absent", vec![result(json!("0x1")), result(place.clone()), result(Value::Null)]),
    ] {
        let error = fails(answers, ask);
        assert_eq!(error.code(), code, "{error:?}");
    }
    // Its header holds, but one of its transactions is another, or its receipts are missing or none of its own.
    let mut other = told(&|block, _| block["transactions"][0]["value"] = json!("0x1"));
    other.push(result(json!([])));
    let error = fails(other, ask);
    assert!(
        matches!(&error, NodeError::Block { source } if source.code() == "ethereum-block-transactions"),
        "{error:?}"
    );
    let receipt = json!({
        "type": "0x0", "status": "0x1", "cumulativeGasUsed": "0x5208", "logs": [],
        "logsBloom": format!("0x{}", "00".repeat(256)),
    });
    let mut forged = told(&|_, _| {});
    forged.push(result(json!(vec![receipt.clone(); 4])));
    let error = fails(forged, ask);
    assert!(matches!(&error, NodeError::Block { source } if source.code() == "ethereum-block-receipts"), "{error:?}");
    // A node without receipts of whole blocks is asked for each.
    let mut single = told(&|_, _| {});
    single.push(fault(-32_601, "the method does not exist"));
    single.extend(vec![result(receipt); 4]);
    let (node, thread) = serve(single);
    assert_eq!(node.evidence(sent, Carrier::Calldata, None).unwrap_err().code(), "node-block");
    let methods = thread.join().unwrap();
    assert_eq!(methods[3], "eth_getBlockReceipts");
    assert_eq!(methods[4..], vec!["eth_getTransactionReceipt"; 4]);
}

#[test]
fn blocks_to_pin_are_checked_too() {
    let block: Value = serde_json::from_str(include_str!("data/ethereum/goerli-8705029.json")).unwrap();
    let (node, thread) = serve(vec![result(block.clone())]);
    let pinned = node.block(At::Finalized).unwrap();
    assert_eq!((pinned.number(), pinned.hash().to_string()), (8_705_029, block["hash"].as_str().unwrap().to_owned()));
    assert_eq!(thread.join().unwrap(), ["eth_getBlockByNumber"]);
    let error = fails(vec![result(block.clone())], |node| node.block(At::Number(7)).map(drop));
    assert_eq!(error.code(), "node-misplaced");
    let mut forged = block;
    forged["number"] = json!("0x1");
    let error = fails(vec![result(forged)], |node| node.block(At::Latest).map(drop));
    assert_eq!(error.code(), "node-header-form");
}
