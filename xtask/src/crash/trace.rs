//! What a command did to the files below a folder, as strace saw it.
//!
//! ```text
//! 4711 pwrite64(5<\x2f\x76>, "\x37\x7f", 2, 0) = 2
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::run;

/// Calls that change files, and what is needed to follow them.
const CALLS: &str = "trace=open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,read,write,pwrite64,writev,pwritev,pwritev2,\
sendfile,copy_file_range,fallocate,truncate,ftruncate,fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,\
renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,mmap,io_uring_setup";

/// One change, with paths below the folder that was watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// A file or folder was made where none was.
    Create { path: PathBuf, folder: bool },
    /// Bytes were written; at the end where no place is given.
    Write { path: PathBuf, at: Option<u64>, data: Vec<u8> },
    /// A file was cut or lengthened.
    Truncate { path: PathBuf, len: u64 },
    /// A file's content, or a folder's names, were synced.
    Sync { path: PathBuf },
    /// A name was moved, replacing what was there.
    Rename { from: PathBuf, to: PathBuf },
    /// A second name was given.
    Link { from: PathBuf, to: PathBuf },
    /// A name was taken away.
    Unlink { path: PathBuf },
    /// Something was said on standard output.
    Told { text: String },
}

/// The tracer, writing to `log`.
pub(super) fn strace(log: &Path, rest: &[&str]) -> Vec<String> {
    let mut before = vec!["strace".to_owned(), "-f".to_owned(), "--seccomp-bpf".to_owned(), "-y".to_owned()];
    before.extend(["-xx", "-s", "16777216", "-o"].map(str::to_owned));
    before.push(log.to_string_lossy().into_owned());
    before.extend(rest.iter().map(|part| (*part).to_owned()));
    before
}

/// The tracer of all that [`read`] understands.
pub(super) fn recorder(log: &Path) -> Vec<String> {
    strace(log, &["-e", CALLS])
}

/// Fails where no strace is, or one that may not trace.
pub(super) fn ensure() -> Result<(), Failure> {
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]);
    match run::capture(command) {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Failure::Missing(
            "strace is not there or may not trace, so power loss and I/O errors were not tested; install the package strace".into(),
        )),
    }
}

/// Reads a log of [`recorder`]: what was done to files below `base`, in order, and what was said. Anything that it
/// cannot follow is an error: a change that was missed would make the model lie.
pub(super) fn read(log: &Path, base: &Path) -> Result<Vec<Op>, Failure> {
    let text = std::fs::read(log).map_err(Failure::io(log))?;
    let text = String::from_utf8_lossy(&text);
    let mut reader = Reader { base, ops: Vec::new(), places: BTreeMap::new() };
    for call in calls(&text) {
        reader.take(&call).map_err(|why| {
            let shown: String = call.line.chars().take(300).collect();
            Failure::Crash(format!("the trace cannot be followed, {why}: {shown}"))
        })?;
    }
    Ok(reader.ops)
}

/// One finished call.
pub(super) struct Call {
    line: String,
    pub(super) name: String,
    args: Vec<String>,
    result: i64,
}

impl Call {
    /// Paths that the call names or its descriptors stand for.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.args.iter().filter_map(|arg| path_of(arg))
    }
}

/// All calls of a log in the order in which they came to an end; what a second thread interrupted is put together again.
pub(super) fn calls(text: &str) -> Vec<Call> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, first.to_owned());
        } else if let Some(second) = rest.strip_prefix("<... ") {
            let second = second.split_once("resumed>").map_or("", |(_, second)| second);
            calls.extend(begun.remove(pid).and_then(|first| call(format!("{first}{second}"))));
        } else {
            calls.extend(call(rest.to_owned()));
        }
    }
    calls
}

fn call(line: String) -> Option<Call> {
    // Strings are hexadecimal, so no bracket or comma stands in them.
    let (name, rest) = line.split_once('(')?;
    let (args, result) = rest.rsplit_once(") ")?;
    let result = result.trim_start().strip_prefix("= ")?;
    let result = result.split([' ', '<']).next()?.parse().ok()?;
    let args = args.split(", ").map(str::to_owned).collect();
    Some(Call { name: name.to_owned(), args, result, line })
}

struct Reader<'a> {
    base: &'a Path,
    ops: Vec<Op>,
    /// By descriptor: where the next `write` goes, none for the end.
    places: BTreeMap<i64, Option<u64>>,
}

impl Reader<'_> {
    fn take(&mut self, call: &Call) -> Result<(), &'static str> {
        if call.result < 0 {
            return Ok(());
        }
        let arg = |at: usize| call.args.get(at).map_or("", String::as_str);
        let number = |at: usize| arg(at).parse::<u64>().map_err(|_| "a number is missing");
        let written = u64::try_from(call.result).unwrap_or(0);
        match call.name.as_str() {
            "open" => self.open(call, self.below(path_of(arg(0))), arg(1)),
            "openat" => self.open(call, self.at(arg(0), arg(1)), arg(2)),
            "close" | "fcntl" | "sync" | "sync_file_range" => {}
            "lseek" | "read" => self.move_to(call, written),
            "write" | "writev" => return self.write(call, written),
            "pwrite64" => {
                if let Some(path) = self.below(path_of(arg(0))) {
                    let mut data = strings(arg(1));
                    data.truncate(usize::try_from(written).unwrap_or(0));
                    self.ops.push(Op::Write { path, at: Some(number(3)?), data });
                }
            }
            "ftruncate" => {
                let len = number(1)?;
                self.push(self.below(path_of(arg(0))), |path| Op::Truncate { path, len });
            }
            "fsync" | "fdatasync" => self.push(self.below(path_of(arg(0))), |path| Op::Sync { path }),
            "mkdir" => self.push(self.below(path_of(arg(0))), |path| Op::Create { path, folder: true }),
            "mkdirat" => self.push(self.at(arg(0), arg(1)), |path| Op::Create { path, folder: true }),
            "unlink" | "rmdir" => self.push(self.below(path_of(arg(0))), |path| Op::Unlink { path }),
            "unlinkat" => self.push(self.at(arg(0), arg(1)), |path| Op::Unlink { path }),
            "rename" | "link" => self.two(call, self.below(path_of(arg(0))), self.below(path_of(arg(1))))?,
            "renameat" | "renameat2" | "linkat" => {
                self.two(call, self.at(arg(0), arg(1)), self.at(arg(2), arg(3)))?;
            }
            "mmap" if !call.line.contains("MAP_SHARED") || !call.line.contains("PROT_WRITE") => {}
            // The index of the WAL is made anew by whoever opens the database first.
            "mmap" if call.paths().all(|path| path.to_string_lossy().ends_with("-shm")) => {}
            _ if call.paths().any(|path| path.starts_with(self.base)) => return Err("the call is not modelled"),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, call: &Call, path: Option<PathBuf>, flags: &str) {
        self.places.insert(call.result, if flags.contains("O_APPEND") { None } else { Some(0) });
        let Some(path) = path else { return };
        if flags.contains("O_CREAT") {
            self.ops.push(Op::Create { path: path.clone(), folder: false });
        }
        if flags.contains("O_TRUNC") {
            self.ops.push(Op::Truncate { path, len: 0 });
        }
    }

    /// Follows the place of a descriptor: `lseek` answers with it, `read` moves it on.
    fn move_to(&mut self, call: &Call, result: u64) {
        let descriptor = call.args.first().and_then(|arg| descriptor(arg)).unwrap_or(-1);
        if let Some(Some(place)) = self.places.get_mut(&descriptor) {
            *place = if call.name == "lseek" { result } else { *place + result };
        }
    }

    fn write(&mut self, call: &Call, written: u64) -> Result<(), &'static str> {
        let target = call.args.first().map_or("", String::as_str);
        let mut data: Vec<u8> = call.args.iter().skip(1).flat_map(|arg| strings(arg)).collect();
        data.truncate(usize::try_from(written).unwrap_or(0));
        let descriptor = descriptor(target).ok_or("it has no descriptor")?;
        if descriptor == 1 {
            self.ops.push(Op::Told { text: String::from_utf8_lossy(&data).into_owned() });
        } else if let Some(path) = self.below(path_of(target)) {
            let place = self.places.get_mut(&descriptor).ok_or("its descriptor is not known")?;
            self.ops.push(Op::Write { path, at: *place, data });
            *place = place.map(|place| place + written);
        }
        Ok(())
    }

    fn two(&mut self, call: &Call, from: Option<PathBuf>, to: Option<PathBuf>) -> Result<(), &'static str> {
        match (from, to) {
            (None, None) => Ok(()),
            (Some(from), Some(to)) => {
                let link = call.name.starts_with("link");
                self.ops.push(if link { Op::Link { from, to } } else { Op::Rename { from, to } });
                Ok(())
            }
            _ => Err("a name crosses the border of what is watched"),
        }
    }

    fn push(&mut self, path: Option<PathBuf>, op: impl FnOnce(PathBuf) -> Op) {
        self.ops.extend(path.map(op));
    }

    fn at(&self, folder: &str, name: &str) -> Option<PathBuf> {
        let folder = path_of(folder)?;
        self.below(path_of(name).map(|name| folder.join(name)))
    }

    fn below(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        // Commands run in the folder that is watched, so a relative name is one below it.
        self.base.join(path?).strip_prefix(self.base).ok().map(Path::to_path_buf)
    }
}

/// The number of a descriptor, as in `5<\x2f\x76>`.
fn descriptor(arg: &str) -> Option<i64> {
    arg.split('<').next()?.parse().ok()
}

/// The path that an argument names: a string, or a descriptor's. A file that has no name any more is none.
fn path_of(arg: &str) -> Option<PathBuf> {
    if arg.ends_with("(deleted)") {
        return None;
    }
    let hex = match arg.split_once('<') {
        Some((_, rest)) => rest.split('>').next()?,
        None => arg.strip_prefix('"')?.split('"').next()?,
    };
    let bytes = unhex(hex);
    Some(PathBuf::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Content of all strings in an argument.
fn strings(arg: &str) -> Vec<u8> {
    arg.split('"').skip(1).step_by(2).flat_map(unhex).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits.filter_map(|pair| pair.get(..2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    #[test]
    fn calls_become_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (base, a, ab) = (hex("/v"), hex("/v/a"), hex("ab"));
        let log = format!(
            "7 openat(AT_FDCWD<{base}>, \"{a}\", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 3<{a}>\n\
             7 write(3<{a}>, \"{ab}\", 2) = 2\n\
             8 openat(AT_FDCWD<{base}>, \"{a}\", O_RDONLY <unfinished ...>\n\
             7 write(3<{a}>, \"{ab}\", 2) = 1\n\
             8 <... openat resumed>) = 4<{a}>\n\
             7 pwrite64(3<{a}>, \"{ab}\", 2, 4096) = 2\n\
             7 fsync(3<{a}>) = 0\n\
             7 fsync(3<{a}>) = -1 EIO (Input/output error) (INJECTED)\n\
             7 renameat(5<{base}>, \"{b}\", 5<{base}>, \"{c}\") = 0\n\
             7 write(1<{pipe}>, \"{ab}\", 2) = 2\n\
             7 unlink(\"{a}\") = 0\n\
             7 +++ exited with 0 +++\n",
            b = hex("b"),
            c = hex("c"),
            pipe = hex("pipe:[1]"),
        );
        let path = dir.path().join("log");
        std::fs::write(&path, &log).unwrap();
        let at = |name: &str| PathBuf::from(name);
        let write = |at_: u64, data: &[u8]| Op::Write { path: at("a"), at: Some(at_), data: data.to_vec() };
        let expected = vec![
            Op::Create { path: at("a"), folder: false },
            write(0, b"ab"),
            write(2, b"a"),
            write(4096, b"ab"),
            Op::Sync { path: at("a") },
            Op::Rename { from: at("b"), to: at("c") },
            Op::Told { text: "ab".to_owned() },
            Op::Unlink { path: at("a") },
        ];
        assert_eq!(read(&path, Path::new("/v")).unwrap(), expected);
        std::fs::write(&path, format!("7 fallocate(3<{a}>, 0, 0, 9) = 0\n")).unwrap();
        assert!(read(&path, Path::new("/v")).is_err(), "what is not modelled is told");
    }
}
