//! Rows of other ledgers: which are proven, which are somebody's word, and which contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vm_core::digest::{LeafHash, Sha256Digest};
use vm_core::id::{LedgerId, RowId};
use vm_core::key::{KeyHistory, Note, PublicKey};
use vm_core::record::{StoredRow, Table};
use vm_core::verdict::{Code, Finding, Report};
use vm_core::view::{EvidenceView as _, StoredEntry, Visit};
use vm_crdt::{EquivocationProof, EvidenceItem, EvidenceSet, PayloadKind};
use vm_seal::fork::{CheckpointFork, FORK_MAX};
use vm_seal::witness::{ADD_CHECKPOINT_MAX, AddCheckpoint};

use super::folder::{FILE_MAX, Folder, Name};
use super::log::{Headed, Log};
use super::peer::Peer;
use super::{Mesh, exchange, keys};
use crate::error::{MeshError, VaultError};
use crate::proof::ProofFile;
use crate::read::Reader;
use crate::witness::forked;

/// Why a file is not kept that says nothing which is not known already.
pub(super) const NOTHING_NEW: &str = "nothing-new";

/// What is known of a row that somebody speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignState {
    /// It stands in its ledger's log, as a head says that the pinned key signed, or one that the ledger's root changed it to.
    Proven,
    /// Members say so.
    Unproven,
    /// Members say so, and another row is said or proven to stand there.
    Conflict,
}

/// A row of a ledger, as the mesh has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ForeignRow {
    /// The ledger, which is not this one.
    pub ledger: LedgerId,
    /// What its peer is called; nothing where none is pinned.
    pub peer: Option<String>,
    /// Place in its log.
    pub seq: u64,
    /// Leaf hash.
    pub leaf: LeafHash,
    /// What is known of it.
    pub state: ForeignState,
    /// Table of the row, where the row is here.
    pub table: Option<Table>,
    /// Id of the row, where the row is here.
    pub id: Option<RowId>,
    /// Members who say so, by their keys.
    pub by: Vec<String>,
}

/// That a member is proven to have two histories.
pub(super) fn author_forked(proof: &EquivocationProof) -> Finding {
    Finding::new(Code::AuthorForked, format!("member {}", proof.author()))
        .found(format!("two ops number {}", proof.seq()))
}

/// Says of each ledger how many of its rows are proven.
fn find_unproven(rows: &[ForeignRow], report: &mut Report) {
    for some in rows.chunk_by(|one, other| one.ledger == other.ledger) {
        let Some(first) = some.first() else { continue };
        let count = |state| some.iter().filter(|row| row.state == state).count();
        let (subject, proven) = (format!("rows of {}", first.ledger), count(ForeignState::Proven));
        if proven > 0 {
            report.checked(format!("{proven} {subject}"));
        }
        let unproven = count(ForeignState::Unproven);
        if unproven > 0 {
            let code = if first.peer.is_some() { Code::ForeignRowUnproven } else { Code::NoTrustKey };
            report.find(Finding::new(code, subject).found(format!("{unproven} of {} without proof", some.len())));
        }
    }
}

/// All rows of other ledgers, and what was found about them.
#[derive(Debug)]
pub struct Foreign {
    /// In the order of ledgers and places.
    pub rows: Vec<ForeignRow>,
    /// The verdict.
    pub report: Report,
}

/// A row with its proof, which holds.
#[derive(Clone, Copy, Debug)]
struct Proven {
    table: Table,
    id: Option<RowId>,
}

/// What the files of a mesh prove.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    keys: BTreeMap<LedgerId, KeyHistory>,
    logs: BTreeMap<LedgerId, Log>,
    rows: BTreeMap<EvidenceItem, Proven>,
    forks: BTreeSet<LedgerId>,
}

impl Shelf {
    /// Reads and checks all files of keys, heads, rows and forks. What does not hold is found, and proves nothing. Cost: a signature a head, and a path
    /// a row.
    pub(super) fn load(folder: &Folder, peers: &[Peer], report: &mut Report) -> Result<Self, MeshError> {
        let mut shelf = Self::default();
        let mut names = folder.names()?;
        // Keys before the heads that they verify, and those before rows, the smaller first.
        names.sort_by_key(|name| match name {
            Name::Keys(..) => (0, 0),
            Name::Head(_, size, _) => (1, *size),
            Name::Rows(..) | Name::Fork(_) => (2, 0),
        });
        for name in &names {
            let Some(peer) = peers.iter().find(|peer| peer.ledger() == name.ledger()) else { continue };
            let text = name.to_string();
            let bytes = folder.read(&text, FILE_MAX)?.unwrap_or_default();
            match shelf.take(peer, name, &bytes, None) {
                Ok(None) => {}
                Ok(Some(fork)) => report.find(forked(fork.claimed())),
                Err(found) => report.find(keys::finding(&text, found)),
            }
        }
        Ok(shelf)
    }

    /// Takes a file about the log of `peer`. With `wanted`, one that brings nothing of it is refused. Whether a fork came to light.
    pub(super) fn take(
        &mut self,
        peer: &Peer,
        name: &Name,
        bytes: &[u8],
        wanted: Option<&EvidenceSet>,
    ) -> Result<Option<Box<CheckpointFork>>, &'static str> {
        match name {
            Name::Keys(ledger, hash) => {
                let keys = keys::read(peer, *hash, bytes)?;
                let known = self.keys.get(ledger).map_or(0, KeyHistory::changes);
                if keys.changes() > known {
                    self.keys.insert(*ledger, keys);
                } else if wanted.is_some() {
                    return Err(NOTHING_NEW);
                }
                Ok(None)
            }
            Name::Head(ledger, size, root) => {
                if bytes.len() > ADD_CHECKPOINT_MAX {
                    return Err("too-long");
                }
                let request = AddCheckpoint::parse(bytes).map_err(|error| error.code())?;
                let claimed = request.claimed();
                if (claimed.size().as_u64(), claimed.root()) != (*size, *root) {
                    return Err("name");
                }
                let keys = self.keys.get(ledger);
                match self.logs.entry(*ledger).or_default().take(peer, keys, &request)? {
                    Headed::Linked | Headed::Known | Headed::Waiting => Ok(None),
                    Headed::Unlinked => Err("head-unlinked"),
                    Headed::Forked(fork) => {
                        self.forks.insert(*ledger);
                        Ok(Some(fork))
                    }
                }
            }
            Name::Fork(ledger) => {
                if bytes.len() > FORK_MAX {
                    return Err("too-long");
                }
                let fork = CheckpointFork::parse(bytes).map_err(|error| error.code())?;
                keys::check_fork(&fork, peer, self.keys.get(ledger))?;
                let is_new = self.forks.insert(*ledger);
                Ok(is_new.then(|| Box::new(fork)))
            }
            Name::Rows(ledger, hash) => {
                if Sha256Digest::of(bytes) != *hash {
                    return Err("name");
                }
                let rows = self.check_rows(*ledger, peer, bytes)?;
                let brings =
                    |item: &EvidenceItem, set: &EvidenceSet| set.contains(item) && !self.rows.contains_key(item);
                if wanted.is_some_and(|set| !rows.iter().any(|(item, _)| brings(item, set))) {
                    return Err(NOTHING_NEW);
                }
                self.rows.extend(rows);
                Ok(None)
            }
        }
    }

    /// Checks each row of a file: its path leads to a head that is linked.
    fn check_rows(
        &self,
        ledger: LedgerId,
        peer: &Peer,
        bytes: &[u8],
    ) -> Result<Vec<(EvidenceItem, Proven)>, &'static str> {
        let log = self.logs.get(&ledger).ok_or("head-unlinked")?;
        let mut rows = Vec::new();
        let mut signed: Option<Note> = None;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let file = ProofFile::parse(line).map_err(|error| error.code())?;
            let (proof, data) = (file.proof(), file.data().ok_or("row-proof-shape")?);
            let claimed = proof.claimed();
            let (size, root) = (claimed.size().as_u64(), claimed.root());
            if !log.has(size, root) {
                return Err(if log.is_waiting(size, root) { keys::STOLEN } else { "head-unlinked" });
            }
            if signed.as_ref() != Some(proof.note()) {
                let _signer = keys::signed(proof.note(), peer, self.keys.get(&ledger))?;
                signed = Some(proof.note().clone());
            }
            let leaf = LeafHash::of(data);
            proof.verify_path(leaf).map_err(|error| error.code())?;
            let row = StoredRow::parse_leaf_data(data).map_err(|error| error.code())?;
            let item = EvidenceItem { ledger, seq: proof.index().as_u64(), leaf };
            rows.push((item, Proven { table: row.table(), id: row.id().ok() }));
        }
        if rows.is_empty() { Err("no-rows") } else { Ok(rows) }
    }
}

impl Mesh {
    /// All rows of other ledgers that members speak of, each with what is proven, and all that contradicts: two rows at one place, a log
    /// with two histories, a member with two. `own` is this vault: what members say of its rows is held to its log.
    ///
    /// # Errors
    /// [`MeshError::Folder`], [`MeshError::Io`]; those of the reader.
    pub fn foreign(&self, own: Option<&Reader>) -> Result<Foreign, VaultError> {
        let mut report = Report::new();
        let shelf = Shelf::load(&self.folder, &self.peers, &mut report)?;
        let by = self.sayers();
        let own_id = own.map(|own| own.view().ledger().map_err(VaultError::View)).transpose()?;
        let mut rows = Vec::new();
        let conflicts: BTreeSet<(LedgerId, u64)> =
            self.replica.evidence().conflicts().iter().map(|conflict| (conflict.ledger, conflict.seq)).collect();
        for item in self.replica.evidence().items().filter(|item| Some(item.ledger) != own_id) {
            let peer = self.peers.iter().find(|peer| peer.ledger() == item.ledger);
            let proven = shelf.rows.get(item);
            rows.push(ForeignRow {
                ledger: item.ledger,
                peer: peer.map(|peer| peer.name().to_owned()),
                seq: item.seq,
                leaf: item.leaf,
                state: match proven {
                    Some(_) => ForeignState::Proven,
                    None if conflicts.contains(&(item.ledger, item.seq)) => ForeignState::Conflict,
                    None => ForeignState::Unproven,
                },
                table: proven.map(|proven| proven.table),
                id: proven.and_then(|proven| proven.id),
                by: by.get(item).into_iter().flatten().map(ToString::to_string).collect(),
            });
        }
        find_unproven(&rows, &mut report);
        self.find_conflicts(&shelf, &mut report);
        if let (Some(own), Some(id)) = (own, own_id) {
            self.check_own(own, id, &mut report)?;
        }
        for proof in self.replica.graph().proofs() {
            report.find(author_forked(proof));
        }
        if let Some(own) = own {
            let last = own.last_merge(self.charter().graph())?;
            self.behind(last.as_ref()).into_iter().for_each(|behind| report.find(behind));
        }
        Ok(Foreign { rows, report })
    }

    /// Who says what, of all ops that have effect.
    fn sayers(&self) -> BTreeMap<EvidenceItem, BTreeSet<PublicKey>> {
        let graph = self.replica.graph();
        let mut by: BTreeMap<EvidenceItem, BTreeSet<PublicKey>> = BTreeMap::new();
        for op in graph.effective() {
            let (Some(head), Some(payload)) = (graph.head(op), graph.payload(op)) else { continue };
            if payload.kind() == PayloadKind::Evidence {
                let mut said = EvidenceSet::default();
                said.apply(payload);
                for item in said.items() {
                    by.entry(*item).or_default().insert(head.head().author);
                }
            }
        }
        by
    }

    fn find_conflicts(&self, shelf: &Shelf, report: &mut Report) {
        for conflict in self.replica.evidence().conflicts() {
            let subject = format!("row {} of {}", conflict.seq, conflict.ledger);
            let item = |leaf: &LeafHash| EvidenceItem { ledger: conflict.ledger, seq: conflict.seq, leaf: *leaf };
            let proven: Vec<&LeafHash> =
                conflict.leaves.iter().filter(|leaf| shelf.rows.contains_key(&item(leaf))).collect();
            let said: Vec<String> = conflict.leaves.iter().map(ToString::to_string).collect();
            let (finding, said) = (Finding::new(Code::ForeignRowConflict, subject), said.join(" and "));
            report.find(match proven.as_slice() {
                [one] => finding.expected_found(one.to_string(), said),
                _ => finding.found(said),
            });
        }
    }

    /// Holds what members say of this vault's rows to its log.
    fn check_own(&self, own: &Reader, id: LedgerId, report: &mut Report) -> Result<(), VaultError> {
        let size = own.view().size().map_err(VaultError::View)?;
        let items: Vec<&EvidenceItem> = self.replica.evidence().items().filter(|item| item.ledger == id).collect();
        let mut leaves: BTreeMap<u64, LeafHash> = BTreeMap::new();
        for run in items.chunk_by(|one, other| other.seq - one.seq <= 1) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let mut visit = |entry, _| {
                if let StoredEntry::Entry(entry) = entry {
                    leaves.insert(entry.seq, entry.leaf);
                }
                Ok(Visit::Continue)
            };
            let (from, to) = (first.seq.min(size), last.seq.saturating_add(1).min(size));
            own.view().visit_log(from, to, &mut visit).map_err(VaultError::View)?;
        }
        let mut held = 0_usize;
        for item in items {
            let leaf = leaves.get(&item.seq);
            if leaf == Some(&item.leaf) {
                held += 1;
                continue;
            }
            let expected = leaf.map_or_else(|| format!("{size} rows"), ToString::to_string);
            let finding = Finding::new(Code::ForeignRowConflict, format!("row {} of this ledger", item.seq));
            report.find(finding.expected_found(expected, item.leaf.to_string()));
        }
        if held > 0 {
            report.checked(format!("{held} rows of this ledger"));
        }
        Ok(())
    }

    /// Takes a file that came, and tells of a fork that it shows. A mailbox keeps what has a name and fits; a vault what holds, and is about a ledger
    /// whose key it pinned.
    pub(super) fn take_file(
        &self,
        shelf: &mut Shelf,
        name: &Name,
        bytes: &[u8],
    ) -> Result<Option<Finding>, exchange::Unkept> {
        if self.is_mailbox() {
            return match self.folder.write(&name.to_string(), bytes) {
                // Somebody put another one there: whoever reads it will see that it does not hold.
                Err(MeshError::Folder(vm_ledger::FileError::Exists { .. })) => Err(exchange::Unkept::Refused("exists")),
                other => Ok(other.map(|()| None)?),
            };
        }
        let peer = self.peers.iter().find(|peer| peer.ledger() == name.ledger());
        let peer = peer.ok_or(exchange::Unkept::Refused("not-pinned"))?;
        let fork = shelf.take(peer, name, bytes, Some(self.replica.evidence())).map_err(exchange::Unkept::Refused)?;
        match (fork, name) {
            (None, Name::Fork(_)) => Ok(None),
            (None, Name::Keys(..)) => {
                self.folder.write(&name.to_string(), bytes)?;
                // What the keys before it let in is judged again.
                *shelf = self.shelf()?;
                Ok(None)
            }
            (None, _) => Ok(self.folder.write(&name.to_string(), bytes).map(|()| None)?),
            (Some(fork), Name::Fork(_)) => {
                self.folder.write(&name.to_string(), bytes)?;
                Ok(Some(forked(fork.claimed())))
            }
            (Some(fork), _) => {
                let proof = fork.to_bytes().map_err(|error| exchange::Unkept::Refused(error.code()))?;
                let name = Name::Fork(name.ledger());
                if self.folder.read(&name.to_string(), FORK_MAX)?.is_none() {
                    self.folder.write(&name.to_string(), &proof)?;
                }
                Err(exchange::Unkept::Forked(forked(fork.claimed())))
            }
        }
    }

    pub(super) fn shelf(&self) -> Result<Shelf, MeshError> {
        Shelf::load(&self.folder, &self.peers, &mut Report::new())
    }
}
