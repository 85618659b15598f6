//! A replica on disk: packs of ops in the order in which they were taken, sealed events, proofs, a sealed state in place of payloads.

use std::collections::BTreeSet;

use vm_crdt::chain::EventFork;
use vm_crdt::equivocation::PROOF_MAX;
use vm_crdt::error::EventError;
use vm_crdt::event::EVENT_MAX;
use vm_crdt::pack::{Unpack, pack};
use vm_crdt::replica::STATE_MAX;
use vm_crdt::{EquivocationProof, OpId, OpIndex, Replica, SealedEvent};

use super::folder::Folder;
use crate::error::MeshError;

/// Length at which a pack is full. One that holds a single op can be longer, by the longest payload.
const PACK: usize = 4 << 20;
/// Longest pack read.
const PACK_MAX: usize = PACK + vm_crdt::sync::MESSAGE_MAX;
/// Packs before they are written anew as few: opening costs a file each.
const PACKS: usize = 64;

/// What of a replica is on disk.
#[derive(Debug, Default)]
pub(super) struct Store {
    packs: Vec<String>,
    /// Ops up to this place are in the packs.
    ops: u32,
    /// Those of them that are there without their payload.
    bare: BTreeSet<OpId>,
    events: usize,
    state: Option<u32>,
}

impl Store {
    /// Fills an empty replica with what was written: ops in the order in which they had been taken, each event as soon as its frontier is
    /// there. Everything is checked as if it came from elsewhere.
    pub(super) fn load(folder: &Folder, mut replica: Replica) -> Result<(Self, Replica), MeshError> {
        let packs = folder.list("ops", ".pack")?;
        let mut log = EventLog::load(folder, &replica)?;
        for name in &packs {
            let bytes = folder.read(name, PACK_MAX)?.unwrap_or_default();
            let ops = Unpack::new(&bytes).map_err(|error| folder.damaged(name, error.code()))?;
            for op in ops {
                let op = op.map_err(|error| folder.damaged(name, error.code()))?;
                log.seal_ready(folder, &mut replica)?;
                let taken = replica.restore(op);
                let _ = taken.map_err(|refusal| folder.damaged(name, refusal.code()))?;
            }
        }
        log.seal_ready(folder, &mut replica)?;
        for name in folder.list("proofs", ".json")? {
            let bytes = folder.read(&name, PROOF_MAX)?.unwrap_or_default();
            let proof = EquivocationProof::parse(&bytes).map_err(|error| folder.damaged(&name, error.code()))?;
            let _ = replica.learn(proof).map_err(|error| folder.damaged(&name, error.code()))?;
        }
        log.learn_fork(folder, &mut replica)?;
        if replica.graph().waiting() > 0 {
            return Err(folder.damaged("ops", "ops-wait"));
        }
        let mut store = Self { packs, events: log.events.len(), ..Self::default() };
        store.note(&replica);
        Ok((store, replica))
    }

    /// Notes that all that is held is on disk.
    fn note(&mut self, replica: &Replica) {
        self.ops = held_from(replica, 0).last().map_or(0, |op| op.as_u32() + 1);
        self.bare = replica.lacks_payloads().copied().collect();
        self.state = replica.base().map(|(number, _)| number);
    }

    /// Writes what is new. What was there stays until what takes its place is durable.
    pub(super) fn save(&mut self, folder: &Folder, replica: &Replica) -> Result<(), MeshError> {
        let graph = replica.graph();
        let events = graph.chain().events();
        for event in events.iter().skip(self.events) {
            folder.write(&event_file(event.body().number), &event.to_bytes())?;
        }
        self.events = events.len();
        if let Some(fork) = graph.chain().fork() {
            for (event, file) in fork.events().iter().zip(FORK_FILES) {
                folder.write(file, &event.to_bytes())?;
            }
        }
        for proof in graph.proofs() {
            let (name, bytes) = (format!("proofs/{}.json", proof.author()), proof.to_bytes());
            if folder.read(&name, PROOF_MAX)?.as_ref() != Some(&bytes) {
                folder.replace(&name, &bytes)?;
            }
        }
        let base = replica.base().filter(|(number, _)| self.state != Some(*number));
        if let Some((number, bytes)) = base {
            folder.write(&format!("state/{number:010}.bin"), bytes)?;
        }
        let filled = self.bare.iter().any(|id| graph.place(id).is_some_and(|op| graph.payload(op).is_some()));
        if base.is_some() || filled || self.packs.len() >= PACKS {
            let before = core::mem::take(&mut self.packs);
            let next = before.last().map_or(0, |name| number_of(name) + 1);
            self.write_packs(folder, replica, 0, next)?;
            before.iter().for_each(|name| folder.remove(name));
            if let Some(older) = self.state.filter(|_| base.is_some()) {
                folder.remove(&format!("state/{older:010}.bin"));
            }
        } else {
            let next = self.packs.last().map_or(0, |name| number_of(name) + 1);
            self.write_packs(folder, replica, self.ops, next)?;
        }
        self.note(replica);
        Ok(())
    }

    fn write_packs(&mut self, folder: &Folder, replica: &Replica, first: u32, mut next: u64) -> Result<(), MeshError> {
        let fresh = held_from(replica, first);
        let mut rest = fresh.as_slice();
        while !rest.is_empty() {
            let (bytes, taken) = pack(replica.graph(), rest, PACK);
            let name = format!("ops/{next:010}.pack");
            folder.write(&name, &bytes)?;
            self.packs.push(name);
            rest = rest.get(taken.max(1)..).unwrap_or_default();
            next += 1;
        }
        Ok(())
    }
}

/// Places of all ops that a replica holds from one on, also of those that do not count: somebody may need them.
fn held_from(replica: &Replica, first: u32) -> Vec<OpIndex> {
    let graph = replica.graph();
    let all = (first..).map(OpIndex::from_u32).map_while(|op| Some((op, graph.head(op)?.id())));
    // What was put away to make room is taken again where it is needed.
    all.filter(|(op, id)| graph.place(id) == Some(*op)).map(|(op, _)| op).collect()
}

fn event_file(number: u32) -> String {
    format!("events/{number:010}.json")
}

const FORK_FILES: [&str; 2] = ["event-fork/first.json", "event-fork/second.json"];

fn number_of(name: &str) -> u64 {
    let digits = name.rsplit('/').next().and_then(|file| file.split('.').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Sealed events that wait to be taken in order.
struct EventLog {
    events: Vec<SealedEvent>,
    state: Option<(u32, Vec<u8>)>,
}

impl EventLog {
    fn load(folder: &Folder, replica: &Replica) -> Result<Self, MeshError> {
        let charter = replica.graph().chain().charter();
        let mut events = Vec::new();
        for name in folder.list("events", ".json")? {
            let bytes = folder.read(&name, EVENT_MAX)?.unwrap_or_default();
            let event = SealedEvent::parse(&bytes, charter).map_err(|error| folder.damaged(&name, error.code()))?;
            if event_file(event.body().number) != name {
                return Err(folder.damaged(&name, "name"));
            }
            events.push(event);
        }
        let state = match folder.list("state", ".bin")?.pop() {
            None => None,
            Some(name) => {
                let number = u32::try_from(number_of(&name)).unwrap_or(u32::MAX);
                Some((number, folder.read(&name, STATE_MAX)?.unwrap_or_default()))
            }
        };
        Ok(Self { events, state })
    }

    /// Seals whatever is next and has its frontier there, and takes up the state as soon as its compaction is sealed.
    fn seal_ready(&mut self, folder: &Folder, replica: &mut Replica) -> Result<(), MeshError> {
        loop {
            let number = replica.graph().chain().number();
            if let Some((_, state)) = self.state.as_ref().filter(|(sealed, _)| *sealed == number)
                && replica.base().is_none()
            {
                let taken = replica.adopt(state.clone());
                taken.map_err(|error| folder.damaged("state", error.code()))?;
            }
            let next = usize::try_from(number).unwrap_or(usize::MAX);
            let Some(event) = self.events.get(next) else { return Ok(()) };
            match replica.seal(event.clone()) {
                // One that waits for its frontier changes nothing when it comes again.
                Ok(_) if replica.graph().chain().events().len() > next => {}
                Ok(_) | Err(EventError::FrontierMissing { .. }) => return Ok(()),
                Err(error) => return Err(folder.damaged(&event_file(event.body().number), error.code())),
            }
        }
    }

    fn learn_fork(&self, folder: &Folder, replica: &mut Replica) -> Result<(), MeshError> {
        let [one, other] = FORK_FILES;
        let (Some(first), Some(second)) = (folder.read(one, EVENT_MAX)?, folder.read(other, EVENT_MAX)?) else {
            return Ok(());
        };
        let charter = replica.graph().chain().charter().clone();
        let parse = |bytes: &[u8]| SealedEvent::parse(bytes, &charter);
        let fork = parse(&first).and_then(|first| EventFork::check(first, parse(&second)?));
        let fork = fork.map_err(|error| folder.damaged(one, error.code()))?;
        let _ = replica.learn_fork(fork).map_err(|error| folder.damaged(one, error.code()))?;
        Ok(())
    }
}
