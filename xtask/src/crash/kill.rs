//! Writers killed at any moment, many times on one vault.

use std::thread;
use std::time::Duration;

use crate::crash::Part;
use crate::crash::feed::Recorder;
use crate::crash::memory::Memory;
use crate::crash::site::Site;
use crate::error::Failure;

/// Rows after which a new vault is begun, since each check reads them all.
const ROWS: usize = 4_000;
/// Longest life of a writer, in microseconds.
const LIFE: u64 = 120_000;

/// Kills recorders until the time is up. After each: nothing acknowledged is missing, `verify` contradicts nothing, and
/// the next recorder goes on without help.
pub(super) fn run(part: &mut Part) -> Result<String, Failure> {
    let (mut kills, mut rows, mut vaults) = (0_u64, 0, 0_u64);
    while part.has_time() {
        let site = Site::init(part.binary(), &part.dir().join("vault"))?;
        let mut memory = Memory::default();
        while part.has_time() && memory.rows() < ROWS {
            let mut recorder = Recorder::start(&site, &[], u64::MAX, part.random())?;
            thread::sleep(Duration::from_micros(part.random().below(LIFE)));
            recorder.kill();
            let answer = recorder.finish()?;
            if answer.code.is_some() {
                return Err(site.wrong(&format!("a recorder ended by itself: {}", answer.told())));
            }
            memory.hear(&answer.out);
            site.check(&memory, false)?;
            kills += 1;
        }
        rows += memory.rows();
        vaults += 1;
    }
    Ok(format!("{kills} kills on {vaults} vaults, {rows} acknowledged rows, none lost"))
}
