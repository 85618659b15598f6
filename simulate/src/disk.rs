//! What a replica has written durably: packs of ops, sealed events, proofs, and a sealed state in place of payloads.

use vm_crdt::error::{EventError, StateError};
use vm_crdt::pack::{Unpack, pack};
use vm_crdt::{EquivocationProof, Graph, OpIndex, Replica, SealedEvent};

/// Longest pack that is written, in bytes. Short, so that a disk holds several.
const PACK: usize = 8 * 1024;

/// One replica's disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    packs: Vec<Vec<u8>>,
    /// How many ops the packs hold, in the order of their places.
    ops: u32,
    events: Vec<Vec<u8>>,
    proofs: Vec<Vec<u8>>,
    /// A sealed state, and the number of its compaction.
    state: Option<(u32, Vec<u8>)>,
    /// Whether what it makes has everything that its ops carried, or a sealed state in its place.
    is_whole: bool,
}

/// Places of all ops that a graph holds from one on, also of those that do not count.
pub(crate) fn held_from(graph: &Graph, first: u32) -> Vec<OpIndex> {
    (first..).map(OpIndex::from_u32).take_while(|op| graph.head(*op).is_some()).collect()
}

impl Disk {
    /// Writes what is new.
    pub(crate) fn write(&mut self, replica: &Replica) {
        let graph = replica.graph();
        let fresh = held_from(graph, self.ops);
        let mut rest = fresh.as_slice();
        while !rest.is_empty() {
            let (bytes, taken) = pack(graph, rest, PACK);
            self.packs.push(bytes);
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.ops += u32::try_from(fresh.len()).unwrap_or(0);
        let known = graph.chain().events();
        self.events.extend(known.iter().skip(self.events.len()).map(SealedEvent::to_bytes));
        // One that came from a peer in place of payloads that this one never had.
        if let Some((number, bytes)) = replica.base()
            && self.state.as_ref().is_none_or(|(kept, _)| *kept != number)
        {
            self.state = Some((number, bytes.to_vec()));
        }
        self.is_whole = replica.is_whole();
        self.proofs = graph.proofs().map(EquivocationProof::to_bytes).collect();
    }

    /// Writes everything anew after a compaction: ops below it without their payloads, and the state in their place.
    pub(crate) fn compact(&mut self, replica: &Replica) {
        *self = Self { state: replica.base().map(|(number, bytes)| (number, bytes.to_vec())), ..Self::default() };
        self.write(replica);
    }

    /// Whether nothing that was sealed so far is lost as long as this disk is there.
    pub(crate) fn is_enough(&self, events: usize) -> bool {
        self.is_whole && self.events.len() == events
    }

    /// Fills an empty replica with what was written: ops in the order in which they had been taken, each event as soon as its frontier is there.
    ///
    /// # Errors
    /// A text that says what of a replica's own disk it does not take.
    pub(crate) fn read(&self, mut replica: Replica) -> Result<Replica, String> {
        let charter = replica.graph().chain().charter().clone();
        let events: Result<Vec<SealedEvent>, EventError> =
            self.events.iter().map(|bytes| SealedEvent::parse(bytes, &charter)).collect();
        let events = events.map_err(|error| format!("event: {}", error.code()))?;
        for bytes in &self.packs {
            let ops = Unpack::new(bytes).map_err(|error| format!("pack: {}", error.code()))?;
            for op in ops {
                let op = op.map_err(|error| format!("op: {}", error.code()))?;
                self.seal_ready(&mut replica, &events)?;
                let id = *op.signed().id();
                replica.restore(op).map(|_| ()).map_err(|refusal| format!("own op: {}", refusal.code()))?;
                if replica.graph().place(&id).is_none() {
                    return Err("own op waits".to_owned());
                }
            }
        }
        self.seal_ready(&mut replica, &events)?;
        for bytes in &self.proofs {
            let proof = EquivocationProof::parse(bytes).map_err(|error| format!("proof: {}", error.code()))?;
            replica.learn(proof).map(|_| ()).map_err(|error| format!("proof: {}", error.code()))?;
        }
        Ok(replica)
    }

    /// Seals whatever is next and has its frontier there, and takes up the state as soon as its compaction is sealed.
    fn seal_ready(&self, replica: &mut Replica, events: &[SealedEvent]) -> Result<(), String> {
        loop {
            let number = replica.graph().chain().number();
            if let Some((_, state)) = self.state.as_ref().filter(|(sealed, _)| *sealed == number)
                && replica.base().is_none()
            {
                let taken = replica.adopt(state.clone());
                taken.map_err(|error: StateError| format!("state: {}", error.code()))?;
            }
            let next = usize::try_from(number).unwrap_or(usize::MAX);
            let Some(event) = events.get(next) else { return Ok(()) };
            match replica.seal(event.clone()) {
                // One that waits for its frontier changes nothing when it comes again.
                Ok(_) if replica.graph().chain().events().len() > next => {}
                Ok(_) | Err(EventError::FrontierMissing { .. }) => return Ok(()),
                Err(error) => return Err(format!("own event: {}", error.code())),
            }
        }
    }
}
