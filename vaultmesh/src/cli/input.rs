//! Arguments and files that hold input.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use clap::Args;
use serde_json::Value;
use vaultmesh::error::VaultError;
use vaultmesh::subjects::SubjectName;
use vaultmesh::vault::Common;
use vm_core::canonical;
use vm_core::id::{RowId, TraceId};
use vm_core::instant::Instant;

use super::error::CliError;

/// What every record may say.
#[derive(Args, Debug)]
pub(super) struct CommonArgs {
    /// Chain of work it belongs to [default: a new one]
    #[arg(long, value_name = "ID")]
    trace: Option<TraceId>,
    /// When it happened, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    ts: Option<Instant>,
    /// Row that this one corrects; the corrected row stays
    #[arg(long, value_name = "ROW")]
    corrects: Option<RowId>,
    /// Key under which a retry makes no second row
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Whose values these are; what opens their commitments is kept under a key of that subject, which `erase` destroys
    #[arg(long, value_name = "NAME")]
    data_subject: Option<SubjectName>,
}

impl CommonArgs {
    /// Options that do not go with `--jsonl`, whose lines say these things themselves.
    pub(super) const NAMES: [&'static str; 5] = ["trace", "ts", "corrects", "idempotency_key", "data_subject"];

    pub(super) fn into_common(self) -> Common {
        Common {
            trace_id: self.trace,
            ts: self.ts,
            corrects: self.corrects,
            idempotency_key: self.idempotency_key,
            data_subject: self.data_subject,
        }
    }
}

/// Reads any RFC 3339 time.
pub(super) fn parse_time(text: &str) -> Result<Instant, vm_core::error::InstantError> {
    Instant::parse_lenient(text)
}

/// JSON of an argument: the text itself, `@FILE` for a file's, `@-` for stdin's.
pub(super) fn json(argument: &'static str, text: &str) -> Result<Value, CliError> {
    let bytes = match text.strip_prefix('@') {
        None => text.as_bytes().to_vec(),
        Some(name) => read_whole(Path::new(name))?,
    };
    canonical::parse(&bytes, canonical::BYTES_MAX)
        .map_err(|error| CliError::argument(argument, VaultError::Canonical(error)))
}

/// JSON of an argument that may be absent.
pub(super) fn json_if(argument: &'static str, text: Option<&str>) -> Result<Option<Value>, CliError> {
    text.map(|text| json(argument, text)).transpose()
}

/// Content of a file, or of stdin for `-`: at most one byte more than JSON may have, so that more is seen as too much.
pub(super) fn read_whole(path: &Path) -> Result<Vec<u8>, CliError> {
    read_limited(path, canonical::BYTES_MAX)
}

/// Content of a file, or of stdin for `-`: at most one byte more than `limit`, so that more is seen as too much.
pub(super) fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, CliError> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        open_file(path)?.take(limit).read_to_end(&mut bytes)
    };
    read.map_err(|source| CliError::file(path, source))?;
    Ok(bytes)
}

/// Bytes of a file read at once: some thousand records, which share one sync of the disk.
const FILE_BUFFER: usize = 1024 * 1024;

/// Lines of a file, or of stdin for `-`. A file can be read twice, so that a bad line is seen before any is recorded.
pub(super) struct Lines {
    reader: BufReader<Source>,
    can_rewind: bool,
}

/// Where lines come from.
pub(super) enum Source {
    File(File),
    Stdin(io::Stdin),
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(out),
            Self::Stdin(stdin) => stdin.lock().read(out),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Stdin(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let can_rewind = !is_stdin(path);
        let source = if can_rewind { Source::File(open_file(path)?) } else { Source::Stdin(io::stdin()) };
        Ok(Self { reader: BufReader::with_capacity(FILE_BUFFER, source), can_rewind })
    }

    /// Whether it can be read again from its first line.
    pub(super) const fn can_rewind(&self) -> bool {
        self.can_rewind
    }

    /// Back to the first line, where that is possible.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.reader.rewind()
    }

    pub(super) const fn reader(&mut self) -> &mut BufReader<Source> {
        &mut self.reader
    }
}

/// Opens a regular file for reading. One that is none is refused: a FIFO without a writer would block for good.
fn open_file(path: &Path) -> Result<File, CliError> {
    let meta = std::fs::metadata(path).map_err(|source| CliError::file(path, source))?;
    if !meta.is_file() {
        return Err(CliError::Usage {
            what: format!("{} is not a regular file; use - to read a stream", path.display()),
        });
    }
    File::open(path).map_err(|source| CliError::file(path, source))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_from_the_argument_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, "{\"a\":1}").unwrap();
        let given = json("--input", &format!("@{}", path.display())).unwrap();
        assert_eq!(given, json("--input", "{\"a\":1.0}").unwrap());
        for bad in ["{\"a\":1,\"a\":2}", "NaN", "9007199254740993", "\"\\ud800\"", "@/does/not/exist", "@."] {
            assert_eq!(json("--input", bad).unwrap_err().into_failure().exit_code, 2, "{bad}");
        }
    }
}
