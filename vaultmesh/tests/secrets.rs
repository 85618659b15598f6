//! Nothing secret reaches the vault, its exports or an error, by any road; and the owner's key opens it again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail a test by a panic")]

mod canaries;
mod fixture;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use canaries::{Canary, SECRET_NUMBER, Search, assert_clean, base64, canaries};
use fixture::{files, meta_artifact, place, rows, shadow, sources, tool};
use serde_json::{Value, json};
use tempfile::TempDir;
use vaultmesh::error::VaultError;
use vaultmesh::export::{SealExport, export_seal, export_vault};
use vaultmesh::read::Reader;
use vaultmesh::trust::TrustFile;
use vaultmesh::vault::{
    ArtifactInput, CaptureOptions, Common, DeployInput, InputKind, LOCK_TIMEOUT, Place, RecordInput, ShadowInput,
    Sources, ToolInput, Vault,
};
use vm_core::canonical;
use vm_core::digest::{Commitment, Sha256Digest, to_hex};
use vm_core::id::RowId;
use vm_core::record::CellRef;
use vm_core::redact::{Opening, commitments};
use vm_core::source::Entropy;
use vm_core::source::hazmat::CountingEntropy;
use vm_core::verdict::Code;
use vm_ledger::hazmat;
use vm_seal::selection::Selection;

/// What was said to the caller, to be searched too.
#[derive(Default)]
struct Said(String);

impl Said {
    fn debug(&mut self, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{value:?}\n{value:#?}\n");
    }

    fn error(&mut self, error: &VaultError) {
        self.debug(error);
        let mut cause: Option<&dyn Error> = Some(error);
        while let Some(error) = cause {
            self.0 += &format!("{error}\n{error:#}\n");
            cause = error.source();
        }
        self.0 += error.remedy();
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(&mut self, result: Result<T, VaultError>) {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 2, "{}", error.code());
        self.error(&error);
    }
}

struct Stage {
    dir: TempDir,
    place: Place,
    vault: Vault,
    said: Said,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let dir = fixture::folder();
        let place = place(dir.path());
        let vault = Vault::init(&place, sources(seed)).unwrap().vault;
        Self { dir, place, vault, said: Said::default() }
    }

    fn record(&mut self, input: RecordInput) {
        let recorded = self.vault.record(vec![input]).unwrap();
        self.said.debug(&recorded);
        self.said.0 += &serde_json::to_string(&recorded).unwrap();
    }

    fn tools(&mut self, secret: &Canary) {
        let text = &secret.text;
        let key = Common { idempotency_key: Some(text.clone()), ..Common::default() };
        let input = ToolInput {
            input: Some(json!({"x": text, "list": [text, {"y": {text: text}}], "n": SECRET_NUMBER})),
            output: Some(json!({"text": text, "error": {"message": text}, "data": {text: [1]}})),
            meta: Some(json!({"anything": text})),
            common: key,
            ..tool("grep")
        };
        self.record(RecordInput::Tool(input.clone()));
        // A retry, and other input under the same key.
        self.record(RecordInput::Tool(input.clone()));
        let other = ToolInput { output: Some(json!(text)), ..input.clone() };
        self.said.refused(self.vault.record(vec![RecordInput::Tool(other)]));
        for bare in [json!(text), json!([text]), json!({"$sealed": {"alg": "sha256", "digest": text}})] {
            let input =
                ToolInput { input: Some(bare.clone()), output: Some(bare.clone()), meta: Some(bare), ..tool("x") };
            self.record(RecordInput::Tool(input));
        }
        if secret.known {
            let kept = ToolInput {
                tool: text.clone(),
                input: Some(json!({text: 1})),
                output: Some(json!({"error": {"code": text}, "exit_code": text})),
                meta: Some(json!({"client": {"name": text}})),
                ..tool("x")
            };
            self.record(RecordInput::Tool(kept));
        }
    }

    fn mcp(&mut self, secret: &Canary) {
        let text = &secret.text;
        let mut frames = vec![
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "x", "arguments": {"a": text, "deep": {text: [text]}}, "_meta": {"m": text}}})
            .to_string(),
            json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}], "more": {text: 1}}})
                .to_string(),
            json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": text, "data": text}}).to_string(),
            json!({"jsonrpc": "2.0", "method": "notifications/x", "params": {"x": text, "n": SECRET_NUMBER}}).to_string(),
            json!({"jsonrpc": "2.0", "id": 3, "method": "x", "params": [text], "extra": text}).to_string(),
            json!([{"jsonrpc": "2.0", "id": 4, "method": "x", "params": {"x": text}}]).to_string(),
            json!({"jsonrpc": "2.0", "id": 5, "method": "x", "params": {"_meta": {"traceparent": text}}}).to_string(),
            // Neither JSON nor I-JSON.
            format!("no JSON: {text}"),
            format!("{{\"a\":{0},\"a\":{0}}}", serde_json::to_string(text).unwrap()),
            format!("{{{0}:1,{0}:2}}", serde_json::to_string(text).unwrap()),
            format!("{{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":{}}}", serde_json::to_string(text).unwrap()),
            json!({"not": "json-rpc", "x": text}).to_string(),
            json!(text).to_string(),
        ];
        if secret.known {
            frames.extend([
                json!({"jsonrpc": "2.0", "id": text, "method": "x"}).to_string(),
                json!({"jsonrpc": "2.0", "id": text, "result": {"isError": text, "protocolVersion": text}}).to_string(),
                json!({"jsonrpc": "2.0", "id": 8, "method": text, "params": {"name": text, "requestId": text}})
                    .to_string(),
                json!({"jsonrpc": "2.0", "id": 9, "method": "initialize",
                    "params": {text: 1, "clientInfo": {"name": text, "version": text}}})
                .to_string(),
                json!({"jsonrpc": "2.0", "id": 10, "result": {"tools": [{"name": text}], text: 1}}).to_string(),
            ]);
        }
        let line = |frame: &String| json!({"d": "c2s", "m": format!("{frame}\n")}).to_string() + "\n";
        let capture: String = frames.iter().map(line).collect();
        for key in [None, Some(text.clone())] {
            let options = CaptureOptions { idempotency_key: key, trace_id: None };
            let recorded = self.vault.record_capture(&mut capture.as_bytes(), &options).unwrap();
            self.said.debug(&recorded);
            self.said.0 += &serde_json::to_string(&recorded).unwrap();
        }
        let quoted = serde_json::to_string(text).unwrap();
        for bad in [
            format!("{text}\n"),
            format!("{quoted}\n"),
            format!("{{\"d\":{quoted},\"m\":\"x\"}}\n"),
            format!("{{\"d\":\"c2s\",\"m\":\"x\",{quoted}:1}}\n"),
            format!("{{\"d\":\"c2s\",\"m\":[{quoted}]}}\n"),
        ] {
            self.said.refused(self.vault.record_capture(&mut bad.as_bytes(), &CaptureOptions::default()));
        }
    }

    fn artifacts(&mut self, secret: &Canary) {
        let text = &secret.text;
        let common = || Common { idempotency_key: Some(format!("artifact {text}")), ..Common::default() };
        let meta = json!({"x": text, "deep": {text: [text]}, "n": SECRET_NUMBER});
        self.record(RecordInput::Artifact(ArtifactInput { common: common(), ..meta_artifact("report", meta.clone()) }));
        self.record(RecordInput::Artifact(meta_artifact("report", json!(text))));
        let evidence = self.dir.path().join("evidence.txt");
        fs::write(&evidence, "deployed").unwrap();
        let (component, version) = ("console".to_owned(), "1".to_owned());
        let deploy =
            DeployInput { component, version, evidence, sha256: None, chain_ref: None, common: Common::default() };
        self.record(RecordInput::Deploy(deploy.clone()));
        for as_file in [false, true] {
            let common = Common { idempotency_key: Some(format!("rune {as_file} {text}")), ..Common::default() };
            let put = self.vault.put_rune(&meta, as_file, &common).unwrap();
            self.said.debug(&put);
            self.said.debug(&self.vault.put_rune(&json!(text), as_file, &Common::default()).unwrap());
        }
        let events = [json!({"kind": "x", "payload": text, "deep": {text: [SECRET_NUMBER]}}), json!({"event": text})];
        self.said.debug(&self.vault.scroll(&"console".parse().unwrap(), &events, &Common::default()).unwrap());
        if secret.known {
            self.record(RecordInput::Artifact(meta_artifact("report", json!({"name": text, "format": text, text: 1}))));
            let named = self.dir.path().join(text.replace(['/', '\n'], "_"));
            fs::write(&named, "deployed too").unwrap();
            let (component, version, chain_ref) = (text.clone(), text.clone(), Some(text.clone()));
            self.record(RecordInput::Deploy(DeployInput { component, version, chain_ref, evidence: named, ..deploy }));
            let kept = json!({"kind": text, "name": text, "format": text});
            self.said.debug(&self.vault.scroll(&"console".parse().unwrap(), &[kept], &Common::default()).unwrap());
            self.said
                .debug(&self.vault.put_rune(&json!({"format": text, text: 1}), false, &Common::default()).unwrap());
        }
    }

    fn shadows(&mut self, secret: &Canary) {
        let text = &secret.text;
        let held = ShadowInput {
            counterfactual: json!({"would": text}),
            meta: Some(json!({"x": text, "n": SECRET_NUMBER})),
            ..shadow("a reason that may be known")
        };
        self.record(RecordInput::Shadow(held));
        self.record(RecordInput::Shadow(ShadowInput { counterfactual: json!(text), ..shadow("and another") }));
        if secret.known {
            self.record(RecordInput::Shadow(ShadowInput { meta: Some(json!({text: 1})), ..shadow(text) }));
        }
    }

    /// What is wrong, in every place where it can be; nothing of it is repeated.
    fn errors(&mut self, secret: &Canary) {
        let text = &secret.text;
        let quoted = serde_json::to_string(text).unwrap();
        for bad in [
            text.clone(),
            quoted.clone(),
            format!("[{quoted}]"),
            format!("{{\"tool\":[{quoted}]}}"),
            format!("{{\"tool\":\"x\",\"ts\":{quoted}}}"),
            format!("{{\"tool\":\"x\",\"trace_id\":{quoted}}}"),
            format!("{{\"tool\":\"x\",\"corrects\":{quoted}}}"),
            format!("{{\"tool\":\"x\",\"duration_us\":{quoted}}}"),
            format!("{{\"tool\":\"x\",\"idempotency_key\":[{quoted}]}}"),
            format!("{{\"tool\":\"x\",\"input\":{{\"a\":{quoted},\"a\":{quoted}}}}}"),
            format!("{{\"tool\":\"x\",\"input\":{quoted}"),
            format!("{{\"tool\":\"x\",\"input\":{quoted} {quoted}}}"),
            format!("{{\"tool\":\"x\",\"input\":\"\\ud800 {text}\"}}"),
            format!("{{\"tool\":\"x\",\"input\":[{SECRET_NUMBER}111111]}}"),
            format!("{{\"tool\":\"x\",\"sha256\":{quoted}}}"),
        ] {
            let mut lines = [b"\n".as_slice(), bad.replace('\n', " ").as_bytes()].concat();
            lines.push(b'\n');
            self.said.refused(RecordInput::parse(InputKind::Tool, bad.as_bytes()));
            let mut lines = std::io::BufReader::new(lines.as_slice());
            self.said.refused(self.vault.record_jsonl(InputKind::Tool, &mut lines, &mut |_| {}));
        }
        if secret.known {
            // Names of members stand in pointers, so that they can be found; those that look like secrets do not.
            for bad in [
                format!("{{\"tool\":\"x\",{quoted}:1}}"),
                format!("{{\"tool\":\"x\",\"input\":{{{quoted}:1,{quoted}:2}}}}"),
                format!("{{\"tool\":\"x\",\"input\":{{{quoted}:[1e999]}}}}"),
            ] {
                self.said.refused(RecordInput::parse(InputKind::Tool, bad.as_bytes()));
            }
        }
        let record = |vault: &mut Vault, input| vault.record(vec![input]);
        for (phase, status) in [(Some(text.clone()), None), (None, Some(text.clone()))] {
            let input = ToolInput { phase, status, ..tool("x") };
            self.said.refused(record(&mut self.vault, RecordInput::Tool(input)));
        }
        let horizon = ShadowInput { horizon: format!("{text}\u{0}"), ..shadow("x") };
        self.said.refused(record(&mut self.vault, RecordInput::Shadow(horizon)));
        let reason = ShadowInput { counterfactual: json!(text), reason: text.repeat(400), ..shadow("x") };
        self.said.refused(record(&mut self.vault, RecordInput::Shadow(reason)));
        let infinite = ShadowInput { counterfactual: json!(text), entropy_delta: f64::NAN, ..shadow("x") };
        self.said.refused(record(&mut self.vault, RecordInput::Shadow(infinite)));
        let kind = ArtifactInput { kind: format!("{text}!"), ..meta_artifact("x", json!(text)) };
        self.said.refused(record(&mut self.vault, RecordInput::Artifact(kind)));
        let reserved = meta_artifact("vm-ouroboros-seal", json!(text));
        self.said.refused(record(&mut self.vault, RecordInput::Artifact(reserved)));
        let trust = self.dir.path().join("bad-trust.toml");
        fs::write(&trust, format!("format = \"vm-trust-v0\"\nkey = {quoted}\n")).unwrap();
        assert!(TrustFile::load(&trust).is_err());
    }

    fn every_road(&mut self, secrets: &[Canary]) {
        for secret in secrets {
            self.tools(secret);
            self.mcp(secret);
            self.artifacts(secret);
            self.shadows(secret);
            self.errors(secret);
        }
    }

    /// All bytes that anybody but the owner may come to see.
    fn scan(&self, dir: &Path) {
        let found = files(dir);
        assert!(!found.is_empty());
        for file in found {
            assert_clean(&fs::read(&file).unwrap(), &file.display().to_string());
            assert_clean(file.to_string_lossy().as_bytes(), "the name of a file");
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    for canary in canaries() {
        let core = canary.core.as_bytes();
        let text = canary.text.as_bytes();
        for before in 0..3 {
            let around = [&b"abc"[..before], text, b"xyz"].concat();
            for form in [around.clone(), to_hex(&around).into_bytes(), base64(&around, ['+', '/']).into_bytes()] {
                let found = Search::shared().find(&form).map(|(_, of)| of.to_owned());
                assert_eq!(found, Some(canary.text.clone()), "{}", String::from_utf8_lossy(&form));
            }
        }
        assert!(core.len() >= 20, "too short to be looked for: {}", canary.core);
    }
    assert_eq!(base64(b"any carnal pleas", ['+', '/']), "YW55IGNhcm5hbCBwbGVhcw");
    assert!(canaries().len() >= 20);
}

/// One secret of each form: that of this turn.
fn third(turn: usize) -> Vec<Canary> {
    let each = canaries().len() / 3;
    canaries().into_iter().skip(turn * each).take(each).collect()
}

#[test]
fn no_secret_reaches_the_vault_an_export_or_an_error() {
    by_every_road(81, &third(0));
}

#[test]
fn no_second_secret_reaches_the_vault_an_export_or_an_error() {
    by_every_road(88, &third(1));
}

#[test]
fn no_third_secret_reaches_the_vault_an_export_or_an_error() {
    by_every_road(89, &third(2));
}

/// Apart, so that they run beside each other.
fn by_every_road(seed: u64, secrets: &[Canary]) {
    let mut stage = Stage::new(seed);
    stage.every_road(secrets);
    let seal = stage.vault.seal(Selection::everything()).unwrap();
    stage.vault.anchor_local(seal.seal_id).unwrap();
    assert_clean(stage.said.0.as_bytes(), "what was said");
    // While it is open, its write-ahead log beside it.
    let vault = stage.place.vault.clone();
    assert!(fs::metadata(vault.join("ledger.db-wal")).unwrap().len() > 0);
    stage.scan(&vault);
    let exports = stage.dir.path().join("exports");
    fs::create_dir(&exports).unwrap();
    let reader = Reader::open(&stage.place).unwrap();
    export_vault(&reader, &exports.join("vault.vmb")).unwrap();
    export_seal(&reader, seal.seal_id, &SealExport::default(), &exports.join("seal.vmb")).unwrap();
    stage.scan(&exports);
    stage.scan(&stage.place.keys.clone());
    drop(reader);
    hazmat::execute(&vault, "VACUUM").unwrap();
    stage.scan(&vault);
}

#[test]
fn what_looks_like_a_secret_is_committed_and_told() {
    let mut stage = Stage::new(82);
    for secret in canaries().iter().filter(|canary| canary.known) {
        let recorded =
            stage.vault.record(vec![RecordInput::Tool(ToolInput { tool: secret.text.clone(), ..tool("x") })]);
        let recorded = recorded.unwrap();
        assert_eq!(recorded[0].findings.len(), 1, "{}", secret.text);
        assert_eq!(recorded[0].findings[0].code(), Code::SecretFound);
    }
    let plain = stage.vault.record(vec![RecordInput::Tool(tool("grep"))]).unwrap();
    assert!(plain[0].findings.is_empty());
}

/// Every commitment in the vault, with the row or scroll event it is bound to.
fn all_commitments(reader: &Reader, place: &Place) -> Vec<(RowId, String, Commitment)> {
    let mut all = Vec::new();
    let mut take = |id: RowId, column: &str, text: &str| {
        if text.contains("$sealed") {
            let value = canonical::parse(text.as_bytes(), canonical::BYTES_MAX).unwrap();
            let found = commitments(column, &value).unwrap();
            assert!(!found.is_empty());
            all.extend(found.into_iter().map(|(pointer, commitment)| (id, pointer, commitment)));
        }
    };
    for row in rows(reader) {
        let rune = row.row.text("kind") == Some("proof-rune");
        for (column, cell) in row.row.cells() {
            match cell {
                CellRef::Text(text) if rune && column == "meta_json" => {
                    let value: Value = serde_json::from_str(text).unwrap();
                    take(row.entry.row_id, "payload", &value["payload"].to_string());
                }
                CellRef::Text(text) => take(row.entry.row_id, column, text),
                _ => {}
            }
        }
        if let (true, Some(path)) = (rune, row.row.text("path")) {
            let value: Value = serde_json::from_slice(&fs::read(place.vault.join(path)).unwrap()).unwrap();
            take(row.entry.row_id, "payload", &value["payload"].to_string());
        }
    }
    let events = fs::read_to_string(place.vault.join("receipts/console/ENGINE_EVENTS.jsonl")).unwrap();
    for line in events.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        take(value["id"].as_str().unwrap().parse().unwrap(), "event", &value["event"].to_string());
    }
    all
}

#[test]
fn the_owners_key_opens_every_commitment_and_nobody_elses_does() {
    let mut stage = Stage::new(83);
    let secrets = third(0);
    stage.every_road(&secrets);
    let reader = Reader::open(&stage.place).unwrap();
    let key = stage.vault.keys().openings().unwrap();
    let other = Stage::new(84).vault.keys().openings().unwrap();
    let mut opened: BTreeMap<RowId, Vec<Opening>> = BTreeMap::new();
    let mut revealed = BTreeSet::new();
    let all = all_commitments(&reader, &stage.place);
    assert!(all.len() > 1_000, "{}", all.len());
    for (id, pointer, commitment) in &all {
        let openings = opened.entry(*id).or_insert_with(|| reader.view().openings(&key, *id).unwrap());
        let opening = openings.iter().find(|opening| opening.pointer() == pointer);
        let opening = opening.unwrap_or_else(|| panic!("nothing opens {pointer} of {id}"));
        let value = opening.value().unwrap();
        assert!(opening.opens(*id, commitment, value), "{pointer} of {id}");
        assert!(!opening.opens(*id, commitment, &json!("another")), "{pointer} of {id}");
        assert!(!opening.opens(RowId::from_bytes([1; 16]), commitment, value), "{pointer} of {id}");
        revealed.insert(value.to_string());
    }
    for id in opened.keys().take(5) {
        assert!(reader.view().openings(&other, *id).is_err(), "another key opens {id}");
    }
    // What was handed in comes out again: text, and numbers.
    for canary in secrets {
        assert!(revealed.contains(&json!(canary.text).to_string()), "{}", canary.text);
    }
    assert!(revealed.contains(&SECRET_NUMBER.to_string()));
}

/// A frame that holds a PIN and nothing else that is unknown.
fn frame(pin: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "unlock", "arguments": {"pin": pin}}})
        .to_string()
        + "\n"
}

/// Every hash that somebody who has the vault alone could try a value with.
fn guesses(pin: &Value, ids: &[RowId]) -> Vec<Sha256Digest> {
    let mut texts = vec![
        pin.to_string(),
        json!({"pin": pin}).to_string(),
        json!({"would": {"pin": pin}}).to_string(),
        frame(pin),
        frame(pin).trim_end().to_owned(),
        json!({"format": "vm-commitment-v0", "value": pin}).to_string(),
    ];
    texts.extend(pin.as_str().map(str::to_owned));
    for id in ids {
        for salt in [String::new(), "0".repeat(64), to_hex(id.as_bytes())] {
            for pointer in
                ["/input_json/pin", "/meta_json/pin", "/body_json/params/arguments/pin", "/counterfactual_hash"]
            {
                let object = json!({
                    "format": "vm-commitment-v0", "pointer": pointer, "row": id, "salt": salt, "value": pin,
                });
                texts.push(String::from_utf8(canonical::to_bytes(&object).unwrap()).unwrap());
            }
        }
    }
    texts.iter().map(|text| Sha256Digest::of(text.as_bytes())).collect()
}

/// What somebody who has the vault alone can try: every PIN, in every row, with every salt that stands in the vault.
struct Thief {
    /// Every 32 bytes of the vault, as they stand and where they are hexadecimal.
    windows: HashSet<[u8; 32]>,
    /// What might be a salt: whatever is written as 64 hexadecimal digits, nought, and nothing.
    salts: BTreeSet<String>,
}

impl Thief {
    fn of(vault: &Path) -> Self {
        let (mut windows, mut salts) = (HashSet::new(), BTreeSet::from([String::new(), "0".repeat(64)]));
        for file in files(vault) {
            let bytes = fs::read(file).unwrap();
            windows.extend(bytes.windows(32).filter_map(|part| <[u8; 32]>::try_from(part).ok()));
            for part in bytes.windows(64).filter(|part| part.iter().all(u8::is_ascii_hexdigit)) {
                let hex = String::from_utf8_lossy(part).into_owned();
                let read = vm_core::digest::from_hex(&hex).ok().and_then(|hex| <[u8; 32]>::try_from(hex).ok());
                windows.extend(read);
                salts.extend(read.map(|_| hex));
            }
        }
        Self { windows, salts }
    }

    /// The PIN that a commitment at `pointer` of row `id` gives away.
    fn find(&self, id: RowId, pointer: &str) -> Option<Value> {
        let found = |salt: &String, value: &Value| {
            // The canonical form, written by hand: it is hashed some million times.
            let text = format!(
                r#"{{"format":"vm-commitment-v0","pointer":"{pointer}","row":"{id}","salt":"{salt}","value":{value}}}"#
            );
            self.windows.contains(Sha256Digest::of(text.as_bytes()).as_bytes())
        };
        let guesses = (0..10_000).flat_map(|guess| [json!(guess), json!(format!("{guess:04}"))]);
        guesses.into_iter().find(|value| self.salts.iter().any(|salt| found(salt, value)))
    }
}

/// Entropy that gives the right ids, and salts that are none.
struct NoSalt(CountingEntropy);

impl Entropy for NoSalt {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
        if bytes.len() == 32 {
            bytes.fill(0);
        }
    }
}

#[test]
fn no_salt_in_the_vault_leads_to_a_pin_and_without_salts_it_is_found() {
    const POINTER: &str = "/input_json/pin";
    for (is_salted, pin) in [(true, json!("4711")), (false, json!("4711")), (false, json!(4711))] {
        let Stage { dir: _dir, place, vault, .. } = Stage::new(86);
        drop(vault);
        let own = if is_salted {
            sources(87)
        } else {
            Sources { entropy: Box::new(NoSalt(CountingEntropy::new(87))), ..sources(87) }
        };
        let mut vault = Vault::open(&place, own, LOCK_TIMEOUT).unwrap();
        let input = ToolInput { input: Some(json!({ "pin": pin })), ..tool("unlock") };
        let id = vault.record(vec![RecordInput::Tool(input)]).unwrap()[0].id;
        let thief = Thief::of(&place.vault);
        assert!(thief.salts.len() > 10, "nothing was tried");
        assert_eq!(thief.find(id, POINTER), (!is_salted).then_some(pin), "salted: {is_salted}");
    }
}

#[test]
fn a_pin_is_not_found_by_trying_all_of_them_with_the_vault_alone() {
    for pin in [json!("4711"), json!(4711)] {
        let mut stage = Stage::new(85);
        let input = ToolInput {
            input: Some(json!({"pin": pin})),
            common: Common { idempotency_key: Some("4711".to_owned()), ..Common::default() },
            ..tool("unlock")
        };
        stage.record(RecordInput::Tool(input));
        stage.record(RecordInput::Artifact(meta_artifact("report", json!({"pin": pin}))));
        stage.record(RecordInput::Shadow(ShadowInput { counterfactual: pin.clone(), ..shadow("no leave") }));
        stage.vault.put_rune(&json!({"pin": pin}), true, &Common::default()).unwrap();
        stage.vault.scroll(&"console".parse().unwrap(), &[json!({"pin": pin})], &Common::default()).unwrap();
        let line = json!({"d": "c2s", "m": frame(&pin)}).to_string() + "\n";
        let options = CaptureOptions { idempotency_key: Some("4711".to_owned()), trace_id: None };
        stage.vault.record_capture(&mut line.as_bytes(), &options).unwrap();
        let reader = Reader::open(&stage.place).unwrap();
        let found = rows(&reader);
        let ids: Vec<RowId> = found.iter().rev().take(4).map(|row| row.entry.row_id).collect();

        // Every 32 bytes of the vault, as they stand and where they are hexadecimal.
        let mut windows = HashSet::new();
        for file in files(&stage.place.vault) {
            let bytes = fs::read(file).unwrap();
            windows.extend(bytes.windows(32).filter_map(|part| <[u8; 32]>::try_from(part).ok()));
            for part in bytes.windows(64).filter(|part| part.iter().all(u8::is_ascii_hexdigit)) {
                let hex = vm_core::digest::from_hex(&String::from_utf8_lossy(part));
                windows.extend(hex.ok().and_then(|hex| <[u8; 32]>::try_from(hex).ok()));
            }
        }
        let known = found[1].entry.leaf;
        assert!(windows.contains(known.as_bytes()), "the search finds nothing");
        for guess in 0..10_000 {
            for pin in [json!(guess), json!(format!("{guess:04}"))] {
                let hit = guesses(&pin, &ids[..1]).into_iter().find(|digest| windows.contains(digest.as_bytes()));
                assert_eq!(hit, None, "{pin} gives itself away");
            }
        }
        for digest in guesses(&pin, &ids) {
            assert!(!windows.contains(digest.as_bytes()));
        }
        // With the key the one PIN is found, and no other opens the commitment.
        let key = stage.vault.keys().openings().unwrap();
        let tool = found.iter().find(|row| row.row.text("tool") == Some("unlock")).unwrap();
        let value = serde_json::from_str(tool.row.text("input_json").unwrap()).unwrap();
        let (pointer, commitment) = commitments("input_json", &value).unwrap().remove(0);
        let openings = reader.view().openings(&key, tool.entry.row_id).unwrap();
        let opening = openings.iter().find(|opening| opening.pointer() == pointer).unwrap();
        let opens = |guess: &Value| opening.opens(tool.entry.row_id, &commitment, guess);
        let opening_guesses: Vec<Value> = (0..10_000)
            .flat_map(|guess| [json!(guess), json!(format!("{guess:04}"))])
            .filter(|guess| opens(guess))
            .collect();
        assert_eq!(opening_guesses, [pin]);
    }
}
