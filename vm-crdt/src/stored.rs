//! Canonical bytes of this crate's own records.

use serde::Serialize;
use vm_core::canonical;

/// Canonical bytes of a record that holds nothing but objects of fixed names, lists, strings and integers below 2^53.
#[expect(
    clippy::expect_used,
    reason = "such records always have a canonical form: no key is no string, no number is out of range, none is deep"
)]
pub(crate) fn to_bytes<T: Serialize>(record: &T) -> Vec<u8> {
    let value = serde_json::to_value(record).expect("a record of strings, integers and lists is a JSON value");
    canonical::to_bytes(&value).expect("a value of strings, short integers and lists has a canonical form")
}
