//! Lines of bounded length from a byte stream.

use std::io::{self, BufRead, ErrorKind};

/// What came of reading a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// A line, with its newline unless the stream ended without one.
    Read,
    /// The stream is at its end.
    End,
    /// The line is longer than the limit; what was read of it is lost.
    TooLong,
}

/// Reads the next line into `out`, newline included, never more than `limit` bytes.
pub(crate) fn read_line(from: &mut impl BufRead, out: &mut Vec<u8>, limit: usize) -> io::Result<Line> {
    out.clear();
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(if out.is_empty() { Line::End } else { Line::Read });
        }
        let newline = chunk.iter().position(|byte| *byte == b'\n');
        let taken = newline.map_or(chunk.len(), |at| at + 1);
        if taken > limit - out.len() {
            return Ok(Line::TooLong);
        }
        out.extend(chunk.iter().take(taken));
        from.consume(taken);
        if newline.is_some() {
            return Ok(Line::Read);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8], buffer: usize, limit: usize) -> (Vec<Vec<u8>>, Line) {
        let mut from = BufReader::with_capacity(buffer, text);
        let (mut all, mut line) = (Vec::new(), Vec::new());
        loop {
            match read_line(&mut from, &mut line, limit).unwrap() {
                Line::Read => all.push(line.clone()),
                end => return (all, end),
            }
        }
    }

    #[test]
    fn lines_are_cut_at_newlines_whatever_the_buffer() {
        let text = b"ab\n\ncde\r\nf";
        let expected: Vec<Vec<u8>> = [&b"ab\n"[..], b"\n", b"cde\r\n", b"f"].map(<[u8]>::to_vec).to_vec();
        for buffer in 1..12 {
            assert_eq!(lines(text, buffer, 5), (expected.clone(), Line::End));
            assert_eq!(lines(text, buffer, 4), (expected[..2].to_vec(), Line::TooLong));
        }
        assert_eq!(lines(b"", 4, 0), (Vec::new(), Line::End));
    }
}
