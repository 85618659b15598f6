//! Power loss: what a traced run wrote is replayed on a model of a disk that is cut off at many moments.

use crate::crash::disk::Fate;
use crate::crash::memory::Memory;
use crate::crash::site::{Site, remove};
use crate::crash::trace::{self, Op};
use crate::crash::traced::Traced;
use crate::crash::{Part, order};
use crate::error::Failure;

/// Moments of one run that are tried before the next run is made.
const CUTS: usize = 60;
/// States in which the run without the syncs of `synchronous=NORMAL` is looked at.
const NORMAL_CUTS: usize = 16;

/// Traces runs and replays power losses of them until the time is up; then shows that the harness can see a loss.
pub(super) fn run(part: &mut Part) -> Result<String, Failure> {
    trace::ensure()?;
    let (mut runs, mut states, mut resumed) = (0_u64, 0_u64, 0_u64);
    let traced = loop {
        let traced = Traced::life(part)?;
        if let Some(complaint) = order::check(&traced.before, &traced.ops)? {
            return Err(traced.site.wrong(&complaint));
        }
        runs += 1;
        let cuts = choose_cuts(&traced.ops, CUTS, part);
        replay(part, &traced, &traced.ops, &cuts, &mut |part, site, memory| {
            site.check(memory, true)?;
            states += 1;
            if memory.is_empty() {
                begin_anew(site)?;
            } else if part.random().one_in(4) {
                go_on(site, memory)?;
                resumed += 1;
            }
            Ok(part.has_time())
        })?;
        if !part.has_time() {
            break traced;
        }
    };
    let normal = check_that_normal_loses(part, &traced)?;
    order::check_itself(&traced.before, &traced.ops)?;
    Ok(format!(
        "{runs} runs, {states} states after power loss, {resumed} of them written on, nothing acknowledged lost; {normal}; \
         files and folders are synced before rows, and a sync left out is seen"
    ))
}

/// Looks at the states that a power loss leaves at each of `cuts`, until `look` says that it was enough.
fn replay(
    part: &mut Part,
    traced: &Traced,
    ops: &[Op],
    cuts: &[usize],
    look: &mut dyn FnMut(&mut Part, &Site, &Memory) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let (mut disk, mut memory) = (traced.before.clone(), Memory::default());
    let dir = part.dir().join("state");
    let mut cuts = cuts.iter().peekable();
    for (place, op) in ops.iter().enumerate() {
        while cuts.next_if(|cut| **cut == place).is_some() {
            let fate = [Fate::Drop, Fate::Keep, Fate::Any, Fate::Any][part.random().place(4)];
            remove(&dir)?;
            disk.write_out(&dir, fate, part.random())?;
            let site = traced.site.at(&dir);
            let more = look(part, &site, &memory).map_err(|failure| {
                Failure::Crash(format!("{failure}; power was lost before change {place}, {op:.200?}, {fate:?}"))
            })?;
            if !more {
                return Ok(());
            }
        }
        disk.apply(op)?;
        if let Op::Told { text } = op {
            memory.hear(text);
        }
    }
    Ok(())
}

/// Any moments, and those right after an answer, when most can be lost.
fn choose_cuts(ops: &[Op], count: usize, part: &mut Part) -> Vec<usize> {
    let told: Vec<usize> = (0..ops.len()).filter(|at| matches!(ops.get(*at), Some(Op::Told { .. }))).collect();
    let random = part.random();
    let mut cuts: Vec<usize> = (0..count)
        .map(|_| match random.one_in(2) {
            true => random.place(ops.len()),
            false => told.get(random.place(told.len())).map_or(0, |at| at + 1 + random.place(3)),
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// Before `init` answered there is a whole vault already, or none yet and `init` works.
fn begin_anew(site: &Site) -> Result<(), Failure> {
    let answer = site.run(&["init"], None)?;
    if answer.code != Some(0) && answer.error() != "folder-not-empty" {
        return Err(site.wrong(&format!("init does not begin anew: {}", answer.told())));
    }
    site.must(&["record", "tool", "grep"], None).map(drop)
}

/// The next writer goes on in what a power loss left.
fn go_on(site: &Site, memory: &Memory) -> Result<(), Failure> {
    let mut memory = memory.clone();
    for args in [&["record", "tool", "grep"][..], &["scroll", "adopt", "planner"], &["seal", "create"]] {
        memory.hear(&site.must(args, None)?.out);
    }
    site.check(&memory, false)
}

/// The same run as `synchronous=NORMAL` would have made it: without the syncs of the WAL, but for those before SQLite
/// moves it into the database. Rows must be lost, or the harness is blind.
fn check_that_normal_loses(part: &mut Part, traced: &Traced) -> Result<String, Failure> {
    let is = |op: Option<&Op>, name: &str| match op {
        Some(Op::Sync { path } | Op::Write { path, .. }) => path.ends_with(name),
        _ => false,
    };
    let mut ops = Vec::new();
    for (place, op) in traced.ops.iter().enumerate() {
        let moves = matches!(traced.ops.get(place + 1), Some(next @ Op::Write { .. }) if is(Some(next), "ledger.db"));
        if !(matches!(op, Op::Sync { .. }) && is(Some(op), "ledger.db-wal")) || moves {
            ops.push(op.clone());
        }
    }
    // Right after answers, when most can be lost.
    let told: Vec<usize> = (1..).zip(&ops).filter(|(_, op)| matches!(op, Op::Told { .. })).map(|(at, _)| at).collect();
    let step = (told.len() / NORMAL_CUTS).max(1);
    let cuts: Vec<usize> = told.into_iter().step_by(step).collect();
    let (mut states, mut losses) = (0_u64, 0_u64);
    replay(part, traced, &ops, &cuts, &mut |_, site, memory| {
        states += 1;
        losses += u64::from(site.check(memory, true).is_err());
        Ok(true)
    })?;
    match losses {
        0 => Err(Failure::Crash(format!(
            "{states} power losses under synchronous=NORMAL lost nothing: the harness is blind"
        ))),
        _ => Ok(format!("with synchronous=NORMAL {losses} of {states} states lose some")),
    }
}
