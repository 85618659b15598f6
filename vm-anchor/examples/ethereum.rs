//! Anchors a file on Ethereum with a node, and judges the evidence without one.
//!
//! ```text
//! ethereum make URL CONTRACT FILE EVIDENCE TRUST    has the node send, waits, writes evidence and trust in its newest block
//! ethereum verify EVIDENCE FILE TRUST               says what the evidence proves of the file
//! ```

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vm_anchor::ethereum::client::{At, Node, TIMEOUT};
use vm_anchor::ethereum::{Carrier, EthereumTrust, verify_ethereum};
use vm_core::digest::Sha256Digest;
use vm_core::instant::Instant;

/// How long it waits for a block: five slots of the main chain.
const DEADLINE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["make", url, contract, file, evidence, trust] => make(url, contract, file, evidence, trust),
        ["verify", evidence, file, trust] => verify(evidence, file, trust),
        _ => Err("ethereum make URL CONTRACT FILE EVIDENCE TRUST, or ethereum verify EVIDENCE FILE TRUST".into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

fn make(url: &str, contract: &str, file: &str, evidence: &str, trust: &str) -> Result<ExitCode, Box<dyn Error>> {
    let node = Node::new(url, TIMEOUT)?;
    let sent = node.send(&Sha256Digest::of(&fs::read(file)?), contract.parse()?, None)?;
    node.wait(sent, DEADLINE)?;
    // This node is believed, since who runs this runs it; who does not pins a block that others agree on.
    let believed = EthereumTrust::new("node", node.chain_id()?)?.pin(vec![node.block(At::Latest)?])?;
    fs::write(evidence, node.evidence(sent, Carrier::Calldata, Some(&believed))?.to_bytes()?)?;
    fs::write(trust, serde_json::to_vec(&believed)?)?;
    println!("anchored by {sent}");
    Ok(ExitCode::SUCCESS)
}

fn verify(evidence: &str, file: &str, trust: &str) -> Result<ExitCode, Box<dyn Error>> {
    let trust: EthereumTrust = serde_json::from_slice(&fs::read(trust)?)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Instant::from_micros(i64::try_from(since.as_micros())?)?;
    let digest = Sha256Digest::of(&fs::read(file)?);
    let (report, attested) = verify_ethereum(&fs::read(evidence)?, &digest, Some(&trust), now);
    for finding in report.findings() {
        println!("{}: {}", finding.code(), finding.found_value().unwrap_or_default());
    }
    match attested {
        Some(attested) => println!("verified: in block {} at {}", attested.number(), attested.time()),
        None => println!("{}", report.verdict()),
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}
