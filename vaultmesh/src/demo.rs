//! The demo: the main job on real recorded MCP traffic, then three tamperings on copies that verification must name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use vm_core::key::{Note, NoteKey};
use vm_core::verdict::{Code, Verdict};
use vm_ledger::hazmat;
use vm_seal::selection::Selection;

use crate::error::VaultError;
use crate::export::export_vault;
use crate::read::Reader;
use crate::trust::TrustFile;
use crate::vault::{CaptureOptions, Common, Place, RecordInput, ShadowInput, Sources, Vault};
use crate::verify::{Outside, verify_vault};

/// A session between a public MCP client and a public server, as it crossed the pipe.
const CAPTURE: &[u8] = include_bytes!("../tests/data/mcp/log5.jsonl");

/// One step of the demo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub did: String,
    /// What came of it.
    pub result: String,
}

/// One tampering, and what verification said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tampering {
    /// What was done to the copy.
    pub did: String,
    /// Folder of the copy.
    pub vault: PathBuf,
    /// The answer.
    pub verdict: Verdict,
    /// Exit code of `vaultmesh verify` on it.
    pub exit_code: u8,
    /// The finding that names it.
    pub named: Option<&'static str>,
}

/// What the demo did and left behind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Demo {
    /// The steps of the main job.
    pub steps: Vec<Step>,
    /// Answer for the untouched vault.
    pub verdict: Verdict,
    /// The tamperings.
    pub tamperings: Vec<Tampering>,
    /// Commands to try next.
    pub next: Vec<String>,
}

impl Demo {
    /// Whether everything ended as it must: the vault verified, each tampering contradicted by its own finding.
    #[must_use]
    pub fn is_as_promised(&self) -> bool {
        self.verdict == Verdict::Verified
            && self.tamperings.len() == 3
            && self.tamperings.iter().all(|copy| copy.verdict == Verdict::Contradicted && copy.named.is_some())
    }
}

struct Stage {
    dir: PathBuf,
    place: Place,
    steps: Vec<Step>,
}

/// Runs the demo in `dir`, which must be absent or empty; each finished step goes to `tell`.
///
/// # Errors
/// [`VaultError`].
pub fn run(dir: &Path, tell: &mut dyn FnMut(&Step)) -> Result<Demo, VaultError> {
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(VaultError::NotVacant { path: dir.to_owned() });
    }
    fs::create_dir_all(dir).map_err(|source| VaultError::File { path: dir.to_owned(), source })?;
    let place = Place { vault: dir.join("vault"), keys: dir.join("keys") };
    let mut stage = Stage { dir: dir.to_owned(), place, steps: Vec::new() };
    let (key, swapped) = stage.main_job(tell)?;
    let outside = stage.outside(&key)?;
    let now = vm_core::source::Clock::now(&crate::system::SystemClock);
    let reader = Reader::open(&stage.place)?;
    let verification = verify_vault(&reader, &outside, now)?;
    let answer = format!("{} ({} checks)", verification.verdict, verification.report.checks().len());
    stage.tell(tell, "verify the vault, with trust file, key and head from outside it", answer);
    let exported = export_vault(&reader, &dir.join("vault.vmb"))?;
    drop(reader);
    stage.tell(tell, "export it", format!("vault.vmb, {} rows, {} bytes", exported.rows, exported.size));
    let tamperings = vec![
        stage.tamper("altered-row", "alter one byte of one row", Code::RowAltered, &outside, alter_row)?,
        stage.tamper("cut-tail", "delete the last row and its log entry", Code::TailCut, &outside, cut_tail)?,
        stage.tamper(
            "swapped-bundle",
            "swap the seal bundle for another genuine one",
            Code::ArtifactAltered,
            &outside,
            |vault| {
                fs::copy(vault.join(&swapped.1), vault.join(&swapped.0)).map(drop).map_err(|source| file(vault, source))
            },
        )?,
    ];
    let next = stage.next(&key, &swapped.0);
    Ok(Demo { steps: stage.steps, verdict: verification.verdict, tamperings, next })
}

fn file(path: &Path, source: io::Error) -> VaultError {
    VaultError::File { path: path.to_owned(), source }
}

impl Stage {
    fn tell(&mut self, tell: &mut dyn FnMut(&Step), did: &str, result: String) {
        let step = Step { did: did.to_owned(), result };
        tell(&step);
        self.steps.push(step);
    }

    /// Init, record, restrain, seal, anchor. Gives the ledger's key, and the paths of two seal bundles.
    fn main_job(&mut self, tell: &mut dyn FnMut(&Step)) -> Result<(NoteKey, (String, String)), VaultError> {
        let made = Vault::init(&self.place, Sources::system()?)?;
        let (mut vault, key) = (made.vault, made.note_key);
        self.tell(tell, "init: keys, genesis, a token for the operator", format!("ledger {}", made.ledger));

        let options = CaptureOptions::default();
        let captured = vault.record_capture(&mut &CAPTURE[..], &options)?;
        let result = format!(
            "{} frames in {} rows, {} calls without answer",
            captured.frames, captured.rows, captured.unanswered
        );
        self.tell(tell, "record a captured MCP session", result);

        let shadow = ShadowInput {
            horizon: "demo/cleanup".to_owned(),
            counterfactual: json!({"tool": "delete_directory", "path": "/srv/data"}),
            entropy_delta: 0.25,
            reason: "the path lies outside the task".to_owned(),
            meta: None,
            common: Common { trace_id: Some(captured.trace), ..Common::default() },
        };
        let receipt = vault.record(vec![RecordInput::Shadow(shadow)])?;
        let id = receipt.first().map_or_else(String::new, |row| row.id.to_string());
        self.tell(tell, "record what was held back (a shadow receipt)", format!("row {id}"));

        let engine = "console".parse().map_err(VaultError::Id)?;
        let scroll = vault.scroll(&engine, &[json!({"kind": "session-recorded"})], &Common::default())?;
        self.tell(tell, "append to the console scroll", format!("{} lines under a signed root", scroll.size));

        let first = vault.seal(Selection::traces([captured.trace], &vm_core::record::Table::ALL)?)?;
        let sealed = vault.seal(Selection::everything())?;
        self.tell(tell, "seal everything recorded", format!("{} rows, digest {}", sealed.leaves, sealed.digest));

        for seal in [&first, &sealed] {
            let anchored = vault.anchor_local(seal.seal_id)?;
            if seal.seal_id == sealed.seal_id {
                self.tell(
                    tell,
                    "anchor the seal with the local timestamp authority",
                    format!("token of {}", anchored.gen_time.map_or_else(String::new, |at| at.to_string())),
                );
            }
        }
        write(&self.dir.join("trust.toml"), vault.trust_file()?.to_text()?.as_bytes())?;
        drop(vault);
        let head = Reader::open(&self.place)?.head()?;
        write(&self.dir.join("head.txt"), head.to_string().as_bytes())?;
        Ok((key, (sealed.path.to_string(), first.path.to_string())))
    }

    fn outside(&self, key: &NoteKey) -> Result<Outside, VaultError> {
        let path = self.dir.join("head.txt");
        let head = fs::read(&path).map_err(|source| file(&path, source))?;
        Ok(Outside {
            key: Some(key.clone()),
            head: Some(Note::parse(&head).map_err(VaultError::Note)?),
            trust: Some(TrustFile::load(&self.dir.join("trust.toml"))?),
            ..Outside::default()
        })
    }

    fn tamper(
        &self,
        name: &str,
        did: &str,
        expected: Code,
        outside: &Outside,
        change: impl Fn(&Path) -> Result<(), VaultError>,
    ) -> Result<Tampering, VaultError> {
        let vault = self.dir.join("tampered").join(name);
        copy_folder(&self.place.vault, &vault).map_err(|source| file(&vault, source))?;
        change(&vault)?;
        let place = Place { vault: vault.clone(), keys: self.place.keys.clone() };
        let now = vm_core::source::Clock::now(&crate::system::SystemClock);
        let verification = verify_vault(&Reader::open(&place)?, outside, now)?;
        let named = verification.report.has(expected).then_some(expected.as_str());
        let exit_code = verification.verdict.exit_code();
        Ok(Tampering { did: did.to_owned(), vault, verdict: verification.verdict, exit_code, named })
    }

    fn next(&self, key: &NoteKey, bundle: &str) -> Vec<String> {
        let dir = self.dir.display();
        let vault = self.place.vault.display();
        vec![
            format!("vaultmesh --vault {vault} verify --trust {dir}/trust.toml --key {key} --head {dir}/head.txt"),
            format!("vaultmesh --vault {vault} list --limit 5"),
            format!("vaultmesh --vault {vault} query tools/call --limit 5"),
            format!(
                "vaultmesh verify-bundle {dir}/vault.vmb --trust {dir}/trust.toml --key {key} --head {dir}/head.txt"
            ),
            format!(
                "openssl ts -verify -data {vault}/{bundle} -in {vault}/anchors/{}/0.tst -token_in -CAfile {dir}/keys/{}/tsa-root.pem",
                bundle.trim_start_matches("seals/").trim_end_matches(".json"),
                key.name().trim_start_matches("vaultmesh/"),
            ),
            format!(
                "vaultmesh --vault {dir}/tampered/altered-row verify --trust {dir}/trust.toml --key {key} --head {dir}/head.txt"
            ),
        ]
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    fs::write(path, bytes).map_err(|source| file(path, source))
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Changes one character of one recorded message, past the triggers.
fn alter_row(vault: &Path) -> Result<(), VaultError> {
    hazmat::execute(
        vault,
        "UPDATE mcp_calls SET method = 'tools/cal1' \
         WHERE id = (SELECT id FROM mcp_calls WHERE method = 'tools/call' ORDER BY id LIMIT 1)",
    )?;
    Ok(())
}

fn cut_tail(vault: &Path) -> Result<(), VaultError> {
    hazmat::execute(
        vault,
        "DELETE FROM proof_artifacts WHERE id = (SELECT row_id FROM log ORDER BY seq DESC LIMIT 1); \
         DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)",
    )?;
    Ok(())
}
