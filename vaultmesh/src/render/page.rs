//! Text for people, safe to print: what was recorded cannot steer the terminal.

use std::fmt::{Display, Write as _};

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// A heading.
    Strong,
    /// Secondary.
    Faint,
    /// Verified.
    Good,
    /// Undecided.
    Unsure,
    /// Contradicted or failed.
    Bad,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\u{1b}[1m",
            Self::Faint => "\u{1b}[2m",
            Self::Good => "\u{1b}[1;32m",
            Self::Unsure => "\u{1b}[1;33m",
            Self::Bad => "\u{1b}[1;31m",
        }
    }
}

/// A page under construction.
pub(crate) struct Page {
    text: String,
    paint: bool,
}

impl Page {
    pub(crate) const fn new(paint: bool) -> Self {
        Self { text: String::new(), paint }
    }

    /// Adds text, made safe.
    pub(crate) fn write(&mut self, style: Style, text: &str) {
        let text = plain(text);
        if self.paint && style != Style::Plain {
            let _ = write!(self.text, "{}{text}\u{1b}[0m", style.code());
        } else {
            self.text.push_str(&text);
        }
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) {
        self.text.push('\n');
    }

    /// Adds a line, made safe.
    pub(crate) fn line(&mut self, text: &str) {
        self.write(Style::Plain, text);
        self.end();
    }

    /// Adds a heading.
    pub(crate) fn heading(&mut self, text: &str) {
        self.write(Style::Strong, text);
        self.end();
    }

    /// Adds a name and its value; further lines of the value are indented.
    pub(crate) fn field(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let mut lines = value.lines();
        self.write(Style::Faint, &format!("  {name:<14}"));
        self.line(&format!(" {}", lines.next().unwrap_or_default()));
        for line in lines {
            self.line(&format!("  {:<14} {line}", ""));
        }
    }

    /// Adds a field if there is a value.
    pub(crate) fn field_if(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// Adds text as it is: files that a command writes to stdout.
    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The page.
    pub(crate) fn text(self) -> String {
        self.text
    }
}

/// `text` with control characters and those that reorder a line written out, so that recorded text cannot move the
/// cursor, change colours or pretend to be another line. A newline is one too; whoever wants lines splits first.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}') {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{9b}c\u{202e}d"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{9b}c\\u{202e}d");
        assert_eq!(plain("Grüße 東京"), "Grüße 東京");
    }

    #[test]
    fn without_paint_there_are_no_escapes() {
        let mut page = Page::new(false);
        page.write(Style::Bad, "no");
        page.end();
        page.field("name", "one\ntwo");
        let text = page.text();
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.ends_with(" one\n                 two\n"), "{text:?}");
    }
}
