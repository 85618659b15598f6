//! Writes the seeds that are made rather than written by hand: `cargo run -p vaultmesh-oracles --example seeds`.
//!
//! All but one thing comes from fixed keys, salts and times. The local authority signs with the machine's random source,
//! so what it signed is kept where it stands, and with it the exports that hold its tokens.

#![allow(clippy::unwrap_used, reason = "it writes seeds or says why not")]

mod control;
mod crdt;
mod privacy;
mod replica;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vaultmesh::export::{SealExport, export_seal, export_vault};
use vaultmesh::keys::NewKeys;
use vaultmesh::read::Reader;
use vaultmesh::redaction::shipped_text;
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{CaptureOptions, Common, Place, RecordInput, ShadowInput, Sources, ToolInput, Vault};
use vaultmesh_oracles::anchor::{NONCE, at, stamped};
use vaultmesh_oracles::capability::ledger;
use vaultmesh_oracles::envelope::{known_envelopes, known_keys};
use vaultmesh_oracles::note::ORIGIN;
use vaultmesh_oracles::proof::{known_receipt, known_tlog_proof};
use vaultmesh_oracles::redact::known_opening;
use vaultmesh_oracles::seal::covered;
use vaultmesh_oracles::witness::{known_cosigned, known_forks, known_request};
use vm_anchor::authority::LocalAuthority;
use vm_anchor::rfc3161::{Request, Response};
use vm_anchor::{AnchorRecord, TrustPolicy, verify_response};
use vm_core::canonical;
use vm_core::capability::{Action, Chain, Engines, Grant, Resource};
use vm_core::digest::{CapabilityHash, LeafHash, RootHash, Sha256Digest};
use vm_core::epoch::Epoch;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;
use vm_core::key::SigningIdentity;
use vm_core::record::{Genesis, RowHeader, Table};
use vm_core::redact::{KnownSecrets, Policy, Redacted};
use vm_core::rune::ProofRune;
use vm_core::source::hazmat::{CountingEntropy, SteppingClock};
use vm_core::view::{EvidenceView as _, RowState, Visit};
use vm_seal::checkpoint::Checkpoint;
use vm_seal::coverage::Claims;
use vm_seal::merkle::{ConsistencyProof, LeafIndex, LeafRun, Tree, TreeSize, prove_multi, prove_range};
use vm_seal::proof::{StoredMultiProof, StoredRangeProof};
use vm_seal::selection::Selection;
use vm_seal::tlog::TlogProof;
use vm_seal::witness::AddCheckpoint;
use vm_shadow::counterfactual::Counterfactual;
use vm_shadow::receipt::{Observation, observe};

fn main() {
    capability();
    notes();
    records();
    redaction();
    shadow();
    anchors();
    files();
    structured();
    captures();
    exports();
    control::all();
    crdt::all();
    replica::all();
    privacy::all();
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes one seed.
fn seed(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder(&format!("../seeds/{target}")).join(name), bytes).unwrap();
}

fn key(seed: u8) -> SigningIdentity {
    SigningIdentity::from_seed(&[seed; 32])
}

fn moved(seconds: i64) -> Instant {
    at().saturating_add_micros(seconds * 1_000_000)
}

fn capability() {
    let grant = |holder: u8, actions: &[Action], engines: Engines, resource: &str, uses| Grant {
        ledger: ledger(),
        holder: key(holder).public(),
        actions: actions.iter().copied().collect(),
        engines,
        epochs: BTreeSet::from([Epoch::Nigredo, Epoch::Albedo]),
        resource: resource.parse::<Resource>().unwrap(),
        not_before: at(),
        expires: moved(1_000),
        uses,
        min_interval_seconds: None,
        nonce: Sha256Digest::of(&[holder]),
    };
    let console = Engines::Only(BTreeSet::from(["console".parse().unwrap(), "guard-1".parse().unwrap()]));
    let one = Chain::root(&key(1), grant(2, &[Action::Record, Action::Seal], Engines::All, "/", None)).unwrap();
    let two = one.narrow(&key(2), grant(3, &[Action::Record, Action::Seal], console.clone(), "/a", Some(9))).unwrap();
    let three = two.narrow(&key(3), grant(4, &[Action::Record], console, "/a/b", Some(3))).unwrap();
    for (name, chain) in [("one", one), ("two", two), ("three", three)] {
        seed("capability_chain", name, chain.to_bytes().unwrap());
    }
}

fn notes() {
    let root = LeafHash::of(b"a").to_root();
    for (name, size, root) in [("one", 1, root), ("large", u64::MAX, root), ("empty", 0, RootHash::empty())] {
        let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(size), root).unwrap();
        seed("checkpoint", name, checkpoint.to_text());
    }
}

fn records() {
    let dir = tempfile::tempdir().unwrap();
    let place = scene(dir.path());
    let reader = Reader::open(&place).unwrap();
    let mut rows = Vec::new();
    let visit = &mut |_, state| {
        if let RowState::Present(row) = state {
            rows.push(row);
        }
        Ok(Visit::Continue)
    };
    reader.view().visit_log(0, u64::MAX, visit).unwrap();
    let mut kinds = BTreeSet::new();
    for row in rows {
        let word = row.text("kind").or_else(|| row.text("phase")).unwrap_or("shadow").to_owned();
        if kinds.insert((row.table(), word.clone())) {
            seed("row_leaf", &format!("{}-{word}", row.table()), row.leaf_data().unwrap());
        }
    }
    let genesis = Genesis::new(key(1).public(), key(2).public(), Sha256Digest::of(b"nonce")).to_value();
    seed("genesis", "genesis", canonical::to_bytes(&genesis).unwrap());
    for (name, root) in [("root", Some(RootHash::empty())), ("no_root", None)] {
        let payload = Redacted::system(&json!({"any": ["json", 1]})).unwrap();
        let rune = ProofRune::new(payload, CapabilityHash::from_bytes([2; 32]), root, Epoch::Albedo, at());
        seed("proof_rune", name, rune.to_bytes().unwrap());
    }
    let id = "01900000-0000-7000-8000-0000000000ff";
    let inputs = [
        json!({"tool": "grep", "status": "ok", "phase": "outcome", "intent": id, "trace_id": id, "ts": "2026-01-02T03:04:05Z",
            "input": {"pattern": "x"}, "output": {"exit_code": 0}, "duration_us": 12, "idempotency_key": "hunter2hunter2"}),
        json!({"kind": "report", "meta": {"n": 1}, "subject": id, "corrects": id, "path": "reports/own.txt"}),
        json!({"component": "api", "version": "1.2", "evidence": "/tmp/e", "sha256": "0".repeat(64), "chain_ref": "chain:1"}),
        json!({"horizon": "deploy/api", "counterfactual": {"would": "deploy"}, "entropy_delta": 0.25, "reason": "no leave"}),
    ];
    for (kind, input) in (0_u8..).zip(inputs) {
        let bytes = [&[kind], serde_json::to_vec(&input).unwrap().as_slice()].concat();
        seed("record_input", &format!("kind-{kind}"), bytes);
    }
    seed("record_input", "wrong-type", b"\0{\"tool\":\"x\",\"duration_us\":\"hunter2hunter2\"}");
}

fn redaction() {
    seed("openings", "one", canonical::to_bytes(&serde_json::to_value([known_opening()]).unwrap()).unwrap());
    seed("openings", "none", "[]");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "rm", "arguments": {"path": "/srv", "pin": 1234, "token": "ghp_0123456789abcdefghijABCDEFGHIJ456789"}}});
    let inputs = [
        ("tool", [0, 0], json!({"exit_code": 0, "error": {"code": 1.0, "a/b": [true, null, "~"]}})),
        ("call", [1, 3], call),
        ("forged", [2, 0], json!({"a": {"$sealed": {"alg": "sha256", "digest": "0".repeat(64)}}})),
        ("deploy", [2, 1], json!({"format": "vm-deploy-v0", "component": "api", "version": "1", "chain_ref": "x"})),
        ("shadow", [3, 0], json!({"note": "x"})),
    ];
    for (name, picks, value) in inputs {
        seed("redaction", name, [&picks[..], &serde_json::to_vec(&value).unwrap()].concat());
    }
}

fn shadow() {
    let described = Counterfactual::new(json!({"tool": "delete_directory", "path": "/srv/data"})).unwrap();
    let meta = json!({"note": "x"});
    let header =
        RowHeader { id: RowId::from_bytes([7; 16]), ts: at(), trace_id: TraceId::from_bytes([8; 16]), corrects: None };
    let observation = Observation {
        header,
        ledger: ledger(),
        horizon_id: &"deploy/api".parse().unwrap(),
        counterfactual: &described,
        entropy_delta: 0.25,
        reason: "error budget spent",
        meta: Some(&meta),
    };
    let mut entropy = CountingEntropy::new(3);
    let draft = observe(&observation, &key(5), &Policy::builtin(), &KnownSecrets, &mut entropy).unwrap();
    let row = draft.complete(Some(CapabilityHash::from_bytes([2; 32]))).unwrap();
    seed("shadow_receipt", "signed", row.leaf_data().unwrap());
    seed("shadow_receipt", "described", described.as_json());
}

/// What the local authority signs is random, so it is made once.
fn anchors() {
    let request = Request::new(&stamped(), &NONCE).unwrap();
    seed("rfc3161_request", "nonce", request.to_der());
    seed("rfc3161_request", "policy", request.with_policy("1.2.3.4.1".parse().unwrap()).to_der());
    let fixtures = folder("fixtures");
    if fixtures.join("authority.pkcs8").exists() {
        return;
    }
    let authority = LocalAuthority::generate("fuzz", moved(-1_000)).unwrap();
    fs::write(fixtures.join("authority.pkcs8"), authority.key_pkcs8().as_slice()).unwrap();
    fs::write(fixtures.join("authority.der"), authority.certificate_der()).unwrap();
    let request = Request::new(&stamped(), &NONCE).unwrap().to_der();
    let granted = authority.respond(&request, at()).unwrap();
    let token = Response::parse(&granted).unwrap().token().unwrap().to_vec();
    let policy = TrustPolicy::new(vec![authority.trusted().unwrap()]).unwrap();
    let anchor = verify_response(&granted, &stamped(), Some(&NONCE), &policy, at()).1.unwrap();
    let id = "01900000-0000-7000-8000-0000000000ff".parse().unwrap();
    seed("anchor_record", "embedded", AnchorRecord::embedded(id, &anchor, &token).unwrap().to_bytes().unwrap());
    let in_file = AnchorRecord::in_file(id, &anchor, &token, "anchors/x/0.tst").unwrap();
    seed("anchor_record", "in_file", in_file.to_bytes().unwrap());
    seed("rfc3161_token", "token", &token);
    seed("rfc3161_response", "granted", &granted);
    seed("rfc3161_response", "rejected", authority.respond(b"no request", at()).unwrap());
    seed("rfc3161_certificate", "root.der", authority.root_der());
    seed("rfc3161_certificate", "root.pem", authority.root().to_pem());
    seed("rfc3161_certificate", "signer.der", authority.certificate_der());
    let trust = TrustFile::new(None, vec![authority.trusted().unwrap()]);
    seed("trust_toml", "authority", trust.to_text().unwrap());
}

fn files() {
    let config = "format = \"vm-config-v0\"\nlock_timeout_seconds = 7\n\n\
        [[tsa]]\nname = \"one\"\nurl = \"http://tsa.example:80/tsr\"\nroot = \"trust/one.pem\"\nindependent = true\n\n\
        [[tsa]]\nname = \"two\"\nurl = \"https://two.example\"\nroot_pem = \"-----BEGIN CERTIFICATE-----\\n\"\n";
    seed("config_toml", "whole", config);
    seed("config_toml", "secret", "format = \"vm-config-v0\"\nlock_timeout_seconds = \"hunter2hunter2\"\n");
    seed("redaction_toml", "http", shipped_text("http").unwrap());
    seed("redaction_toml", "builtin", canonical::to_bytes(&Policy::builtin().to_value()).unwrap());
    seed("trust_toml", "key", TrustFile::new(None, Vec::new()).to_text().unwrap());
    seed("trust_toml", "secret", "format = \"vm-trust-v0\"\nkey = \"hunter2hunter2\"\n");
    let dir = tempfile::tempdir().unwrap();
    let store = vaultmesh::keys::KeyStore::new(dir.path(), ledger());
    store.save(&NewKeys::generate(&mut CountingEntropy::new(1))).unwrap();
    for role in ["log", "root", "openings"] {
        seed("secret_key", role, fs::read(store.dir().join(format!("{role}.key"))).unwrap());
    }
    for (name, envelope) in ["one", "two"].into_iter().zip(known_envelopes()) {
        seed("envelope", name, envelope);
    }
    for (kind, text) in ["public", "secret", "locked"].into_iter().zip(known_keys()) {
        seed("envelope_key", kind, text);
    }
    texts();
}

fn texts() {
    let texts = [
        "01900000-0000-7000-8000-0000000000ff",
        "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "01900000-0000-7000-8000-0000000000ff",
        "guard-1",
        "2026-01-02T03:04:05.000006Z",
        "2026-01-02T03:04:05.5+02:00",
        "receipts/console/ROOT.console.txt",
        "/mcp_calls/a-b.c_d",
        "albedo",
        "shadow_receipts",
        "report.v1",
        "deploy/api:2026",
        "1.3.6.1.5.5.7.3.8",
    ];
    for (kind, text) in (0_u8..).zip(texts) {
        seed("small_texts", &format!("kind-{kind:02}"), [&[kind], text.as_bytes()].concat());
    }
    let public = key(1).public().to_string();
    let others =
        [public.clone(), key(1).sign(b"x").to_string(), "0".repeat(64), ledger().to_string(), "00ff".to_owned()];
    for (kind, text) in (13_u8..).zip(others) {
        seed("small_texts", &format!("kind-{kind:02}"), [&[kind], text.as_bytes()].concat());
    }
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (name, kind, text) in [
        ("way", 18, "c2s"),
        ("kind", 18, "no_answer"),
        ("trace", 19, traceparent),
        ("url", 19, "http://tsa.example:80/tsr"),
    ] {
        seed("small_texts", name, [&[kind], text.as_bytes()].concat());
    }
}

/// Inputs that are read as numbers: a true proof, and one of each edit.
fn structured() {
    let big = |number: u16| number.to_be_bytes();
    for (name, size, index, tail) in [
        ("true", 776_u16, 300_u16, vec![0]),
        ("replaced", 255, 7, vec![1, 0, 0, 1, 0, 9, 0]),
        ("flipped", 511, 510, vec![1, 0, 1, 0, 1, 77]),
        ("cut", 512, 0, vec![1, 0, 0, 0, 2]),
        ("other_size", 700, 600, vec![0, 1, 2, 188, 0, 0, 0]),
    ] {
        let bytes = [&[1][..], &big(size), &big(index), &tail].concat();
        seed("merkle_inclusion", name, &bytes);
        seed("merkle_consistency", name, &bytes[1..]);
    }
    let far = [&[255][..], &u64::MAX.to_be_bytes()[..], &u64::MAX.to_be_bytes(), &[7; 64]].concat();
    seed("merkle_inclusion", "far", far);
    let tile = |level: u8, width: u16, hashes: usize| {
        let node = [&[1][..], &1_u64.to_be_bytes(), &70_000_u64.to_be_bytes()].concat();
        [&[level][..], &0_u64.to_be_bytes(), &big(width), &node, &vec![7; hashes * 32]].concat()
    };
    seed("tile", "part", tile(0, 5, 5));
    seed("tile", "short", tile(1, 5, 4));
    seed("tile", "above", tile(7, 2, 2));
    seed("merkle_multi", "three", [&big(700)[..], &[2], &big(3), &big(99), &big(698), &[0, 0]].concat());
    seed(
        "merkle_multi",
        "all_wrong",
        [&big(8)[..], &[1], &big(5), &big(2), &[255, 1, 0, 0, 1, 0, 9, 1, 0, 3]].concat(),
    );
    seed("merkle_range", "middle", [&big(700)[..], &big(3), &big(99), &[0, 0]].concat());
    seed("merkle_range", "short", [&big(64)[..], &big(0), &big(63), &[0, 0, 0, 0, 1]].concat());
    seed("merkle_range", "cut", [&big(512)[..], &big(100), &big(300), &[1, 0, 0, 0, 2]].concat());
    stored();
    let lines = b"\x07\x02{\"a\":1}\n{\"b\":[2]}\n{\"b\": 2}\n\ntorn";
    seed("scroll_lines", "faulty", lines);
    seed("scroll_lines", "sound", b"\x00\x03{\"a\":1}\n{}\n{\"b\":2}\n");
}

fn stored() {
    let mut tree = Tree::new();
    (0..8_u8).for_each(|entry| tree.append(LeafHash::of(&[entry])));
    let (size, indices) = (TreeSize::new(8), [2, 5].map(LeafIndex::new));
    let proof = prove_multi(&tree, &indices, size).unwrap();
    seed("stored_proof", "multi", StoredMultiProof::new(indices.to_vec(), size, proof).unwrap().to_bytes().unwrap());
    let run = LeafRun::new(LeafIndex::new(3), LeafIndex::new(5)).unwrap();
    let proof = prove_range(&tree, run, size).unwrap();
    seed("stored_proof", "range", StoredRangeProof::new(run, size, proof).unwrap().to_bytes().unwrap());
    let known = known_tlog_proof();
    seed("tlog_proof", "extra", known.to_string());
    let bare = TlogProof::new(known.index(), known.path().clone(), known.note().clone(), None).unwrap();
    seed("tlog_proof", "bare", bare.to_string());
    receipts();
    witnesses();
    completeness();
    coverage();
    seed("entry_bundle", "three", b"\x02\0\x05hello\0\0\0\x03abc");
    seed("entry_bundle", "cut", b"\x01\0\x05hello\0\x05hell");
}

/// What a witness is asked and answers, and a fork that shows at one size and one that shows later.
fn witnesses() {
    let request = known_request();
    seed("add_checkpoint", "grown", request.to_string());
    let none = ConsistencyProof::from_hashes(Vec::new()).unwrap();
    seed(
        "add_checkpoint",
        "first",
        AddCheckpoint::new(TreeSize::ZERO, none, request.note().clone()).unwrap().to_string(),
    );
    seed("cosignature", "cosigned", known_cosigned().to_string());
    let [same, later] = known_forks();
    seed("checkpoint_fork", "same", same.to_bytes().unwrap());
    seed("checkpoint_fork", "later", later.to_bytes().unwrap());
}

/// The receipt that was signed, and one of another log: two leaves, and nothing in its header but what must be there.
fn receipts() {
    seed("cose_receipt", "signed", known_receipt().to_bytes().unwrap());
    let head =
        [&[0xd2, 0x84, 0x51][..], &[0xa3, 1, 0x27, 0x0f, 0xa1, 1, 0x67], b"a.b/log", &[0x19, 1, 0x8b, 1]].concat();
    let proof =
        [&[0xa1, 0x19, 1, 0x8c, 0xa1, 0x20, 0x81, 0x58, 0x26, 0x83, 2, 0, 0x81, 0x58, 0x20][..], &[7; 32]].concat();
    let tail = [&[0xf6, 0x58, 0x40][..], &[9; 64]].concat();
    seed("cose_receipt", "foreign", [head, proof, tail].concat());
}

/// A statement without claims, and one with some.
fn coverage() {
    let claims = Claims { log_size: 12, unsigned_lines: [("console".parse().unwrap(), 2)].into() };
    seed("coverage", "bare", covered(&Claims::default()));
    seed("coverage", "claims", covered(&claims));
}

/// Proofs, the index they rest on, their questions and their cards, as another program made them.
fn completeness() {
    let vectors: Value = serde_json::from_str(vaultmesh_oracles::complete::VECTORS).unwrap();
    let bytes = |value: &Value| canonical::to_bytes(value).unwrap();
    for (at, vector) in vectors["proofs"].as_array().unwrap().iter().enumerate() {
        let proof = &vector["proof"];
        seed("completeness_proof", &format!("proof-{at}"), bytes(proof));
        let mut bare = proof.clone();
        bare["entries"] = Value::Null;
        seed("completeness_proof", &format!("bare-{at}"), bytes(&bare));
        seed("index", &format!("query-{at}"), bytes(&proof["query"]));
    }
    let proof = &vectors["proofs"][0]["proof"];
    let row: Value = serde_json::from_str(proof["tail"]["rows"][0].as_str().unwrap()).unwrap();
    seed("index", "statement", row["row"]["meta_json"].as_str().unwrap());
    let card = vectors["proofs"][0]["cards"][0].as_str().unwrap();
    seed("index", "card", vm_core::digest::from_hex(card).unwrap());
}

fn captures() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vaultmesh/tests/data/mcp");
    for name in ["log1", "lr-auto"] {
        let text = fs::read_to_string(recorded.join(format!("{name}.jsonl"))).unwrap();
        let short: String =
            text.lines().filter(|line| line.len() < 1_200).take(6).map(|line| format!("{line}\n")).collect();
        seed("mcp_capture", name, short);
    }
    seed("mcp_capture", "cut", cut_capture());
}

/// A call without an answer, one answered twice, a batch, a frame that is no JSON, and one with a member twice.
fn cut_capture() -> String {
    let frames = [
        ("c2s", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n"),
        ("s2c", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}\n"),
        ("c2s", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"rm\"}}\n"),
        (
            "s2c",
            "[{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}]\n",
        ),
        ("s2c", "not JSON at all\n"),
        ("s2c", "{\"jsonrpc\":\"2.0\",\"a\":1,\"a\":2}\n"),
    ];
    frames.iter().map(|(way, frame)| format!("{}\n", json!({"d": way, "m": frame}))).collect()
}

fn sources() -> Sources {
    Sources {
        clock: Box::new(SteppingClock::new(at())),
        entropy: Box::new(CountingEntropy::new(11)),
        nonces: Box::new(CountingEntropy::new(12)),
        command: "seeds".to_owned(),
    }
}

/// A small vault with a row in every table.
fn scene(dir: &Path) -> Place {
    let place = Place { vault: dir.join("vault"), keys: dir.join("keys") };
    fill(&mut Vault::init(&place, sources()).unwrap().vault);
    place
}

fn fill(vault: &mut Vault) -> TraceId {
    let trace = vault.mint_trace();
    let common = Common { trace_id: Some(trace), ..Common::default() };
    let grep = ToolInput { input: Some(json!({"pattern": "x"})), common: common.clone(), ..ToolInput::named("grep") };
    let held = ShadowInput {
        horizon: "fuzz/cleanup".to_owned(),
        counterfactual: json!({"path": "/srv/data"}),
        entropy_delta: 0.25,
        reason: "no leave".to_owned(),
        meta: None,
        common: common.clone(),
    };
    vault.record(vec![RecordInput::Tool(grep), RecordInput::Shadow(held)]).unwrap();
    vault.record_capture(&mut cut_capture().as_bytes(), &CaptureOptions::default()).unwrap();
    vault.scroll(&"console".parse().unwrap(), &[json!({"kind": "opened"})], &common).unwrap();
    vault.put_rune(&json!({"format": "filed-v0", "n": 2}), true, &common).unwrap();
    trace
}

/// Exports hold tokens of a local authority, so they are made once.
fn exports() {
    let seeds = folder("../seeds/export_zip");
    if !seeds.join("vault.vmb").exists() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { vault: dir.path().join("vault"), keys: dir.path().join("keys") };
        let mut vault = Vault::init(&place, sources()).unwrap().vault;
        let trace = fill(&mut vault);
        let some = vault.seal(Selection::traces([trace], &Table::ALL).unwrap()).unwrap();
        let all = vault.seal(Selection::everything()).unwrap();
        for seal in [&some, &all] {
            vault.anchor_local(seal.seal_id).unwrap();
        }
        fs::write(folder("fixtures").join("export-trust.toml"), vault.trust_file().unwrap().to_text().unwrap())
            .unwrap();
        drop(vault);
        let reader = Reader::open(&place).unwrap();
        fs::write(folder("fixtures").join("export-head.txt"), reader.head().unwrap().to_string()).unwrap();
        export_vault(&reader, &seeds.join("vault.vmb")).unwrap();
        export_seal(&reader, some.seal_id, &SealExport::default(), &seeds.join("seal.vmb")).unwrap();
    }
    // One change in each of the first entries of both exports; the rest is for the fuzzer.
    for (name, export) in [("seal", 0_u8), ("vault", 15)] {
        for entry in 0_u8..8 {
            seed("export_entries", &format!("{name}-{entry}"), [export, 0, entry, 0, 20, 1, b'x']);
        }
    }
}
