//! A graph of a million ops, loaded from packs by a process that holds nothing else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use vm_crdt::Payload;
use vm_crdt::graph::Graph;
use vm_crdt::id::OpIndex;
use vm_crdt::pack::pack;

use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Reach, Row, Times};
use crate::ours;
use crate::workload::{self, ACTORS, Edit};

const PATH_EDITS: &str = "graph and state of 1,000,000 ops of one edit each, loaded from packs, processor time an op";
const PATH_VOUCHES: &str = "graph of 1,000,000 ops that carry nothing, loaded from packs, processor time an op";
const PATH_EDITS_MEMORY: &str = "the same with edits, resident memory an op";
const PATH_VOUCHES_MEMORY: &str = "the same without, resident memory an op";
const CHECK: &str = "one strict check of an Ed25519 signature";
const BOUND: &str = "a bound, no peer";
/// First argument of the process that loads.
pub(crate) const CHILD: &str = "--load";
/// Ops of the graph; a hundredth where figures are not to be quoted.
const OPS: u32 = 1_000_000;
/// Each author joins what all others have after so many ops of its own.
const JOIN: u32 = 100;
/// Bare checks after each pack.
const CHECKS: usize = 200;
/// Ops of one pack.
const PACK: usize = 10_000;

/// Time and memory an op, with edits and without.
///
/// # Errors
/// [`PeerError`] where the process that loads fails.
pub(crate) fn rows(effort: &Effort) -> Result<Vec<Row>, PeerError> {
    let ops = if effort.rounds < Effort::FULL.rounds { OPS / 100 } else { OPS };
    let rows = || -> Result<_, Fault> {
        let (edits, vouches) = (load(ops, true)?, load(ops, false)?);
        let time = |path, loaded: &Loaded| Row::new(path, CHECK, loaded.times, Reach::AtMost(1.5));
        let memory = |path, loaded: &Loaded, bound| {
            let bytes = Times { ours: loaded.memory, other: bound };
            Row::new(path, BOUND, bytes, Reach::AtMost(1.0)).in_bytes()
        };
        Ok(vec![
            time(PATH_EDITS, &edits),
            memory(PATH_EDITS_MEMORY, &edits, 1_024.0),
            time(PATH_VOUCHES, &vouches),
            memory(PATH_VOUCHES_MEMORY, &vouches, 512.0),
        ])
    };
    rows().map_err(PeerError::side(PATH_EDITS))
}

/// What an op took.
struct Loaded {
    /// Nanoseconds on the processor: a run of minutes is interrupted, which is nobody's cost.
    times: Times,
    /// Bytes.
    memory: f64,
}

/// Writes packs to a file, and has another process load them.
fn load(ops: u32, has_edits: bool) -> Result<Loaded, Fault> {
    let path = std::env::temp_dir().join(format!("vaultmesh-peers-{}.packs", std::process::id()));
    write(&path, ops, has_edits)?;
    let output = Command::new(std::env::current_exe()?).arg(CHILD).arg(&path).output();
    fs::remove_file(&path)?;
    let output = output?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut figures = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || -> Result<f64, Fault> { Ok(figures.next().ok_or("a figure is missing")??) };
    let (ours, other, memory) = (next()? / f64::from(ops), next()?, next()? / f64::from(ops));
    Ok(Loaded { times: Times { ours, other }, memory })
}

/// Packs of ops by three authors, who join each other's now and then.
fn write(path: &Path, ops: u32, has_edits: bool) -> Result<(), Fault> {
    let authors: Vec<_> = (0..ACTORS).map(ours::key).collect();
    let mut graphs = (0..ACTORS).map(|_| ours::replica().map(empty)).collect::<Result<Vec<Graph>, Fault>>()?;
    let mut all = empty(ours::replica()?);
    for at in 0..ops {
        let turn = usize::try_from(at)? % authors.len();
        let payload = if has_edits { ours::payload(&more_at(at))? } else { Payload::vouch() };
        let (graph, author) = graphs.get_mut(turn).zip(authors.get(turn)).ok_or("nobody's turn")?;
        let (op, _) = graph.write(payload, author)?;
        let _ = all.insert(op)?;
        // Each joins in another round than the others.
        let (own, shift) = (at / u32::from(ACTORS), u32::try_from(turn)? * JOIN / u32::from(ACTORS));
        if (own + shift).is_multiple_of(JOIN) {
            let heads: Vec<_> = graph.heads().copied().collect();
            for index in all.beyond(&heads) {
                let (head, payload) = all.head(index).cloned().zip(all.payload(index).cloned()).ok_or("no op")?;
                let _ = graph.insert(vm_crdt::SignedOp::join(head, payload)?)?;
            }
        }
    }
    let mut file = fs::File::create(path)?;
    let ops: Vec<OpIndex> = all.counting().collect();
    for ops in ops.chunks(PACK) {
        let (bytes, _) = pack(&all, ops, usize::MAX);
        file.write_all(&u64::try_from(bytes.len())?.to_be_bytes())?;
        file.write_all(&bytes)?;
    }
    Ok(())
}

fn empty(replica: vm_crdt::Replica) -> Graph {
    Graph::new(replica.graph().chain().charter().clone(), vm_crdt::graph::Limits::default())
}

fn more_at(at: u32) -> Vec<Edit> {
    vec![workload::edit(ACTORS, u64::from(at))]
}

/// Loads packs, and prints nanoseconds of all, of one bare check, and bytes of memory.
///
/// # Errors
/// What reading fails with.
pub(crate) fn child(path: &str) -> Result<(), Fault> {
    let mut file = fs::File::open(path)?;
    let before = resident()?;
    let mut replica = ours::replica()?;
    let (mut loading, mut checking, mut checks) = (0, 0, 0);
    let mut length = [0; 8];
    while file.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; usize::try_from(u64::from_be_bytes(length))?];
        file.read_exact(&mut bytes)?;
        let begun = on_processor()?;
        ours::take(&mut replica, &[bytes])?;
        loading += on_processor()? - begun;
        // Checks in between, so that what else the machine does strikes both.
        let begun = on_processor()?;
        let tips: Vec<OpIndex> = replica.graph().tips().collect();
        for index in tips.iter().copied().cycle().take(CHECKS) {
            let signed = replica.graph().head(index).ok_or("no op")?;
            let message = [b"vm-op-v0 signature\n", signed.id().as_bytes().as_slice()].concat();
            signed.head().author.verify(&message, signed.signature())?;
            checks += 1;
        }
        checking += on_processor()? - begun;
    }
    let used = resident()?.saturating_sub(before);
    println!("{loading} {} {used}", checking / checks.max(1));
    drop(replica);
    Ok(())
}

/// Nanoseconds that this thread has run.
fn on_processor() -> Result<u64, Fault> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no figures")?.parse()?)
}

/// Resident memory of this process, in bytes.
fn resident() -> Result<u64, Fault> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1_024)
}
