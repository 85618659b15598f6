//! The machine-readable form, the same for every command, on success and on failure.
//!
//! ```json
//! {"command":"verify","exit_code":3,"verdict":"undecided","checks":["log"],"findings":[{"code":"no-trust-key"}],"result":{}}
//! {"command":"show","exit_code":2,"findings":[],"error":{"code":"not-found","message":"no row 0190","remedy":"..."}}
//! ```

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use vm_core::verdict::{Finding, Verdict};

use super::{Failure, Format};

/// One result or failure.
#[derive(Serialize)]
pub(super) struct Envelope<'a> {
    pub(super) command: &'a str,
    pub(super) exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) checks: &'a [String],
    pub(super) findings: &'a [Finding],
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) findings_dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a Failure>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Envelope<'_> {
    pub(super) fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Human => Ok(()),
            Format::Jsonl => line(self, out),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                out.write_all(b"\n")
            }
            Format::Yaml => out.write_all(yaml(self)?.as_bytes()),
        }
    }
}

/// Writes one compact JSON line.
pub(super) fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// YAML with every text quoted: hexadecimal digits alone can otherwise be read as a number.
fn yaml(value: &impl Serialize) -> io::Result<String> {
    let options = serde_saphyr::ser_options! { quote_all: true };
    serde_saphyr::to_string_with_options(value, options).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_quotes_what_could_be_read_as_something_else() {
        let value =
            json!({ "hex": "12345678e1", "no": "no", "null": "null", "lines": "a\nb: c\n", "n": 3, "list": [] });
        let text = yaml(&value).unwrap();
        for part in ["'12345678e1'", "'no'", "\"a\\nb: c\\n\""] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
