//! Recording JSON lines: one thread reads them and appends the rows, another parses and redacts.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use vm_core::canonical;
use vm_core::record::RowDraft;

use crate::error::VaultError;
use crate::line::{self, Line};
use crate::vault::drafter::Drafter;
use crate::vault::input::{InputKind, RecordInput};
use crate::vault::pipeline::{self, Piece};
use crate::vault::record::Recorded;
use crate::vault::{Moments, Vault};

/// Rows recorded in one transaction when a file is read. Large enough that the sync of the disk is shared by many,
/// small enough that memory stays bounded and progress is seen.
pub(super) const BATCH: usize = 500;
/// Bytes of lines from which on a batch ends: a few batches of that length are in memory at once, each with the rows
/// that come of it.
pub(super) const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Longest line of a JSONL file, in bytes: the longest JSON text accepted, and its newline.
pub const LINE_MAX: usize = canonical::BYTES_MAX + 1;

/// Lines that are recorded in one transaction.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// Each line's number, from 1, and its place in the text.
    places: Vec<(u64, Range<usize>)>,
    /// What kept the next line from being read.
    fault: Option<VaultError>,
}

impl Lines {
    /// Reads the next batch. It ends where the buffer does, so that what a slow stream says is durable before the next
    /// wait for it. None at the end.
    fn read<R: Read>(from: &mut BufReader<R>, line: &mut Vec<u8>, number: &mut u64) -> Option<Piece<Self>> {
        let mut lines = Self::default();
        loop {
            let flush = match read_line(from, line, *number + 1) {
                Ok(true) => {
                    *number += 1;
                    if !line.iter().all(u8::is_ascii_whitespace) {
                        let start = lines.text.len();
                        lines.text.extend_from_slice(line);
                        lines.places.push((*number, start..lines.text.len()));
                    }
                    from.buffer().is_empty()
                }
                Ok(false) if lines.places.is_empty() => return None,
                Ok(false) => true,
                Err(fault) => {
                    lines.fault = Some(fault);
                    return Some(Piece { input: lines, flush: true });
                }
            };
            let full = lines.places.len() == BATCH || lines.text.len() >= BATCH_BYTES;
            if full || flush && !lines.places.is_empty() {
                return Some(Piece { input: lines, flush });
            }
        }
    }

    /// Parses each line in turn and does with it what is to be done; then tells the fault.
    fn each(
        self,
        kind: InputKind,
        act: &mut dyn FnMut(RecordInput) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        for (number, place) in self.places {
            let text = self.text.get(place).unwrap_or_default();
            let done = RecordInput::parse(kind, text).and_then(&mut *act);
            done.map_err(|source| VaultError::Line { line: number, source: Box::new(source) })?;
        }
        self.fault.map_or(Ok(()), Err)
    }
}

/// Rows of one transaction, and when they are appended.
pub(super) type Batch = (Vec<RowDraft>, Moments);

impl Drafter<'_> {
    fn batch(&mut self, kind: InputKind, lines: Lines) -> Result<Batch, VaultError> {
        let mut drafts = Vec::with_capacity(lines.places.len());
        lines.each(kind, &mut |input| {
            drafts.push(self.draft(input)?);
            Ok(())
        })?;
        Ok((drafts, self.moments()))
    }
}

impl Vault {
    /// Records each line of a JSONL stream, in bounded memory; `progress` hears of each batch. A batch ends where the
    /// buffer does, so that what a slow stream says is durable before the next wait for it. A bad line ends the run: the
    /// batches before it stand, its own batch does not.
    ///
    /// Cost: while rows are appended, the next ones are parsed and redacted on a thread of their own.
    ///
    /// # Errors
    /// [`VaultError::Line`] or [`VaultError::LineTooLong`] with the number of the line.
    pub fn record_jsonl<R: Read>(
        &mut self,
        kind: InputKind,
        lines: &mut BufReader<R>,
        progress: &mut dyn FnMut(&[Recorded]),
    ) -> Result<u64, VaultError> {
        let (mut drafter, mut appender) = self.split();
        let (mut line, mut number, mut total) = (Vec::new(), 0, 0);
        let read = || Lines::read(lines, &mut line, &mut number);
        let write = |(drafts, moments): Batch| {
            let recorded = appender.append(drafts, moments)?;
            total += u64::try_from(recorded.len()).unwrap_or(u64::MAX);
            progress(&recorded);
            Ok(())
        };
        pipeline::run(read, vec![|lines| drafter.batch(kind, lines)], write)?;
        Ok(total)
    }
}

/// Reads each line of a JSONL stream and records none.
///
/// # Errors
/// As [`Vault::record_jsonl`], for the first line that cannot be a record.
pub fn check_jsonl<R: Read>(kind: InputKind, lines: &mut BufReader<R>) -> Result<(), VaultError> {
    let (mut line, mut number) = (Vec::new(), 0);
    let read = || Lines::read(lines, &mut line, &mut number).map(|piece| Piece { flush: false, ..piece });
    let check = |lines: Lines| lines.each(kind, &mut |_| Ok(()));
    pipeline::run(read, vec![check; pipeline::workers()], |()| Ok(()))
}

/// Reads one line, the `number`th, into `line`, its newline included; false at the end.
///
/// # Errors
/// [`VaultError::LineTooLong`] beyond [`LINE_MAX`], or [`VaultError::File`].
pub fn read_line(mut input: &mut dyn BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, VaultError> {
    let fault = |source| VaultError::File { path: Path::new("input").to_owned(), source };
    match line::read_line(&mut input, line, LINE_MAX).map_err(fault)? {
        Line::Read => Ok(true),
        Line::End => Ok(false),
        Line::TooLong => Err(VaultError::LineTooLong { line: number, limit: LINE_MAX }),
    }
}
