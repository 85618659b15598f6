//! Captured MCP traffic: one JSON object a line, `d` the direction, `m` the exact frame.
//!
//! ```text
//! {"d":"c2s","m":"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n"}
//! {"d":"s2c","m":"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}\n"}
//! ```
//!
//! The frame is any text, its line end included; it need not be JSON. The format is written down in
//! `docs/spec/mcp-capture.md`.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::error::Category;
use vm_core::record::Direction;

use super::FRAME_MAX;
use super::error::CaptureError;
use crate::line::{Line, read_line};

/// Longest line read, in bytes: a frame of the longest length with each byte written as an escape of six characters,
/// and room for the rest of the line.
pub const LINE_MAX: usize = 6 * FRAME_MAX + 1024;

/// A frame as it crossed the boundary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CapturedFrame {
    direction: Direction,
    frame: String,
}

impl CapturedFrame {
    /// A frame that went in `direction`.
    pub fn new(direction: Direction, frame: impl Into<String>) -> Self {
        Self { direction, frame: frame.into() }
    }

    /// Which way it went.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The exact frame, its line end included.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.frame.as_bytes()
    }
}

/// Frames of a capture, in order, read as they are asked for; one line is held in memory. After an error it ends.
#[derive(Debug)]
pub struct Capture<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl<R: BufRead> Capture<R> {
    /// Reads a capture from `source`.
    pub const fn new(source: R) -> Self {
        Self { source, line: Vec::new(), number: 0, ended: false }
    }

    fn read(&mut self) -> Result<Option<CapturedFrame>, CaptureError> {
        self.number = self.number.saturating_add(1);
        let line = self.number;
        match read_line(&mut self.source, &mut self.line, LINE_MAX) {
            Ok(Line::Read) => parse(&self.line, line).map(Some),
            Ok(Line::End) => Ok(None),
            Ok(Line::TooLong) => Err(CaptureError::LineTooLong { line, limit: LINE_MAX }),
            Err(source) => Err(CaptureError::Read { line, source }),
        }
    }
}

impl<R: BufRead> Iterator for Capture<R> {
    type Item = Result<CapturedFrame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// serde refuses a member twice, a foreign or a missing one; no tree is built of a line, however it is nested.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape<'a> {
    #[serde(borrow)]
    d: Cow<'a, str>,
    #[serde(borrow)]
    m: Cow<'a, str>,
}

fn parse(bytes: &[u8], line: u64) -> Result<CapturedFrame, CaptureError> {
    // serde would also take an array of the two values.
    let first = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|at| bytes.get(at) == Some(&b'[')) {
        return Err(CaptureError::Shape { line, column: 1 });
    }
    // serde's own words may quote the line, so its place alone is told.
    let shape: Shape<'_> = serde_json::from_slice(bytes).map_err(|fault| {
        let column = fault.column();
        match fault.classify() {
            Category::Data => CaptureError::Shape { line, column },
            Category::Io | Category::Syntax | Category::Eof => CaptureError::Json { line, column },
        }
    })?;
    let direction = shape.d.parse().map_err(|_| CaptureError::Direction { line })?;
    if shape.m.len() > FRAME_MAX {
        return Err(CaptureError::FrameTooLong { line, limit: FRAME_MAX, found: shape.m.len() });
    }
    Ok(CapturedFrame { direction, frame: shape.m.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &[u8]) -> (usize, Option<(&'static str, String)>) {
        let (mut read, mut fault) = (0, None);
        for frame in Capture::new(text) {
            match frame {
                Ok(_) => read += 1,
                Err(error) => fault = Some((error.code(), error.to_string())),
            }
        }
        (read, fault)
    }

    #[test]
    fn frames_are_exact() {
        let text = "{\"d\":\"c2s\",\"m\":\"{\\\"a\\\": 1}\\r\\n\"}\n {\"m\":\"\\u0000 no JSON \\ud83d\\ude02\", \"d\":\"s2c\"}";
        let frames: Vec<_> = Capture::new(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(
            frames,
            [
                CapturedFrame::new(Direction::ClientToServer, "{\"a\": 1}\r\n"),
                CapturedFrame::new(Direction::ServerToClient, "\0 no JSON \u{1f602}"),
            ]
        );
        assert_eq!(codes(b""), (0, None));
    }

    #[test]
    fn faults_are_named_with_their_line_and_end_the_capture() {
        let good = r#"{"d":"c2s","m":"x"}"#;
        for (bad, code) in [
            (r#"{"d":"up","m":"x"}"#, "capture-direction"),
            (r#"{"d":"c2s","m":"x","t":1}"#, "capture-shape"),
            (r#"{"d":"c2s"}"#, "capture-shape"),
            (r#"{"d":"c2s","m":"x","m":"y"}"#, "capture-shape"),
            (r#"{"d":"c2s","m":{"a":1}}"#, "capture-shape"),
            (r#"{"d":1,"m":"x"}"#, "capture-shape"),
            (r#" ["c2s","x"]"#, "capture-shape"),
            ("7", "capture-shape"),
            ("", "capture-json"),
            (r#"{"d":"c2s","m":"x"} {}"#, "capture-json"),
            (r#"{"d":"c2s","m":"\ud800"}"#, "capture-json"),
            (r#"{"d":"c2s","m":"x""#, "capture-json"),
        ] {
            let (read, fault) = codes(format!("{good}\n{bad}\n{good}\n").as_bytes());
            let (found, text) = fault.unwrap();
            assert_eq!((read, found), (1, code), "{bad}");
            assert!(text.contains("line 2"), "{text}");
        }
        assert_eq!(codes(b"{\"d\":\"c2s\",\"m\":\"\xff\"}").1.unwrap().0, "capture-json");
    }

    #[test]
    fn faults_do_not_quote_the_line() {
        for bad in [r#"{"d":"c2s","hunter2":"x"}"#, r#"{"d":"hunter2","m":"x"}"#, r#"{"d":"c2s","m":hunter2}"#] {
            let (_, text) = codes(bad.as_bytes()).1.unwrap();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn long_lines_and_frames_are_refused_by_name() {
        let long = vec![b' '; LINE_MAX + 1];
        assert_eq!(codes(&long).1.unwrap().0, "capture-line-too-long");
        let mut frame = br#"{"d":"c2s","m":""#.to_vec();
        frame.resize(frame.len() + FRAME_MAX + 1, b'x');
        frame.extend(br#""}"#);
        assert_eq!(codes(&frame).1.unwrap().0, "frame-too-long");
    }
}
