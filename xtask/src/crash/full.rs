//! A disk that fills up and is freed again: a small file system in memory, in a mount namespace of its own.

use std::fs;
use std::process::Command;

use crate::crash::Part;
use crate::crash::feed;
use crate::crash::memory::Memory;
use crate::crash::site::Site;
use crate::error::Failure;
use crate::run;

/// Size of the file system, as `mount` takes it, and in bytes.
const SIZE: (&str, u64) = ("size=4m", 4 << 20);
/// Rows after which a new vault is begun: those of about half the disk.
const ROWS: usize = 300;
/// Mounts the disk on the first argument and runs the others.
const MOUNT: &str = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" && shift 2 && exec \"$@\"";

/// Runs [`inside`] in a namespace with the small disk.
pub(super) fn run(part: &mut Part) -> Result<String, Failure> {
    let own = std::env::current_exe().map_err(Failure::io("this program"))?;
    let seconds = part.end.saturating_duration_since(std::time::Instant::now()).as_secs();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", SIZE.0]).arg(part.dir()).arg(own);
    command.args(["crash", "--seed", &part.random().next().to_string(), "--seconds", &seconds.to_string(), "--inside"]);
    command.arg(part.dir());
    let output = run::capture(command)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(Failure::Crash(format!("on the small disk: {} {}", text(&output.stdout), text(&output.stderr))))
}

/// Fills the disk to within a few pages, runs a command, frees the disk, and runs it again.
pub(super) fn inside(part: &mut Part) -> Result<String, Failure> {
    let (mut times, mut refused) = (0_u64, 0_u64);
    while part.has_time() {
        let site = Site::init(part.binary(), &part.dir().join("site"))?;
        let mut memory = Memory::default();
        memory.hear(&site.must(&["record", "artifact", "note", "--meta", "{}"], None)?.out);
        site.must(&["mesh", "create"], None)?;
        while part.has_time() && memory.rows() < ROWS {
            refused += u64::from(one(part, &site, &mut memory)?);
            times += 1;
        }
    }
    if refused == 0 {
        return Err(Failure::Crash(format!("the disk was filled {times} times and nobody noticed")));
    }
    Ok(format!(
        "{times} commands on a disk that was almost full, {refused} refused by name; freed, each worked and nothing was lost"
    ))
}

/// One command on a full disk. Tells whether it was refused.
fn one(part: &mut Part, site: &Site, memory: &mut Memory) -> Result<bool, Failure> {
    let random = part.random();
    let input = site.dir().join("in/lines");
    let count = 1 + random.below(40);
    fs::write(&input, feed::lines(count, random)).map_err(Failure::io(&input))?;
    let out = format!("out-{}.vmb", random.next());
    let commands: [&[&str]; 7] = [
        &["record", "tool", "--jsonl", "in/lines"],
        &["record", "tool", "grep"],
        &["record", "artifact", "report", "--file", "in/lines"],
        &["scroll", "append", "planner", "--event", "{\"n\":1}"],
        &["seal", "create"],
        &["export", "-o", &out],
        &["mesh", "put", "/mode", "act"],
    ];
    let args = commands[random.place(commands.len())];
    let free = random.below(100_000);
    let filler = fill(site, free)?;
    let answer = site.run(args, None)?;
    // What cannot be checked on a full disk is undecided; never contradicted.
    let verified = site.run(&["verify"], None)?;
    fs::remove_file(&filler).map_err(Failure::io(&filler))?;
    memory.hear(&answer.out);
    let refused = answer.code == Some(4) && answer.err.contains("error: ") && answer.err.lines().count() >= 2;
    if answer.code != Some(0) && !refused || !matches!(verified.code, Some(3 | 4)) {
        let told = format!("with {free} bytes free: {}, then verify {}", answer.told(), verified.told());
        return Err(site.wrong(&format!("`{}` {told}", args.join(" "))));
    }
    site.check(memory, true)?;
    // An export is no part of the vault, and would fill the disk.
    let _ = fs::remove_file(site.dir().join(&out));
    let mut again = site.run(args, None)?;
    if again.error() == "scroll-unsigned-tail" {
        site.must(&["scroll", "adopt", "planner"], None)?;
        again = site.run(args, None)?;
    }
    if again.code != Some(0) {
        return Err(site.wrong(&format!("`{}` does not go on: {}", args.join(" "), again.told())));
    }
    memory.hear(&again.out);
    let _ = fs::remove_file(site.dir().join(&out));
    site.check(memory, false)?;
    Ok(refused)
}

/// Fills the disk until `free` bytes are left, and gives the file that takes the room.
fn fill(site: &Site, free: u64) -> Result<std::path::PathBuf, Failure> {
    let path = site.dir().join("filler");
    let page = vec![0; 4096];
    let mut file = fs::File::create(&path).map_err(Failure::io(&path))?;
    let mut size = 0;
    while size < SIZE.1 && std::io::Write::write_all(&mut file, &page).is_ok() {
        size += 4096;
    }
    file.set_len(size.saturating_sub(free)).map_err(Failure::io(&path))?;
    Ok(path)
}
