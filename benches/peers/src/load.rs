//! A graph of a million ops, loaded from packs by a process that holds nothing else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use vm_crdt::Payload;
use vm_crdt::graph::Graph;
use vm_crdt::id::OpIndex;
use vm_crdt::pack::pack;

use crate::error::{Fault, PeerError};
use crate::harness::{Effort, Reach, Row, Times};
use crate::ours;
use crate::workload::{self, ACTORS, Edit};

const PATH_EDITS: &str = "graph and state of 1,000,000 ops of one edit each, loaded from packs, time an op";
const PATH_VOUCHES: &str = "graph of 1,000,000 ops that carry nothing, loaded from packs, time an op";
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
/// Ops of one pack.
const PACK: usize = 10_000;

/// Time and memory an op, with edits and without.
///
/// # Errors
/// [`PeerError`] where the process that loads fails.
pub(crate) fn rows(effort: &Effort) -> Result<Vec<Row>, PeerError> {
    let ops = if effort.rounds < Effort::FULL.rounds { OPS / 100 } else { OPS };
    let rows = || -> Result<_, Fault> {
        let check = check()?;
        let (edits, edits_memory) = load(ops, true)?;
        let (vouches, vouches_memory) = load(ops, false)?;
        let time = |path, ours| Row::new(path, CHECK, Times { ours, other: check }, Reach::AtMost(1.5));
        let memory = |path, ours, other| Row::new(path, BOUND, Times { ours, other }, Reach::AtMost(1.0)).in_bytes();
        Ok(vec![
            time(PATH_EDITS, edits),
            memory(PATH_EDITS_MEMORY, edits_memory, 1_024.0),
            time(PATH_VOUCHES, vouches),
            memory(PATH_VOUCHES_MEMORY, vouches_memory, 512.0),
        ])
    };
    rows().map_err(PeerError::side(PATH_EDITS))
}

/// Writes packs to a file, has another process load them, and gives nanoseconds and bytes an op.
fn load(ops: u32, has_edits: bool) -> Result<(f64, f64), Fault> {
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
    Ok((next()? / f64::from(ops), next()? / f64::from(ops)))
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

/// Loads packs and prints nanoseconds and bytes of memory.
///
/// # Errors
/// What reading fails with.
pub(crate) fn child(path: &str) -> Result<(), Fault> {
    let mut file = fs::File::open(path)?;
    let before = resident()?;
    let mut replica = ours::replica()?;
    let mut time = Duration::ZERO;
    let mut length = [0; 8];
    while file.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; usize::try_from(u64::from_be_bytes(length))?];
        file.read_exact(&mut bytes)?;
        let begun = Instant::now();
        ours::take(&mut replica, &[bytes])?;
        time += begun.elapsed();
    }
    let used = resident()?.saturating_sub(before);
    println!("{} {used}", time.as_nanos());
    drop(replica);
    Ok(())
}

/// Resident memory of this process, in bytes.
fn resident() -> Result<u64, Fault> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1_024)
}

/// Nanoseconds of one strict check, median of many.
fn check() -> Result<f64, Fault> {
    let author = ours::key(0);
    let mut times = Vec::new();
    for at in 0..1_001_u32 {
        let message = [b"vm-op-v0 signature\n".as_slice(), &[0; 28], &at.to_be_bytes()].concat();
        let signature = author.sign(&message);
        let begun = Instant::now();
        author.public().verify(&message, &signature)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(500).ok_or("no times")?.as_secs_f64() * 1e9)
}
