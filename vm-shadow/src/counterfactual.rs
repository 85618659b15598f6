//! Counterfactuals: descriptions of paths that were not taken, and the salted commitments that stand for them.
//!
//! `counterfactual_hash` is a commitment of `vm_core::redact` in the column's name, so that a short description
//! cannot be guessed from it and it cannot be moved to another row:
//!
//! ```text
//! SHA-256 over canonical {"format":"vm-commitment-v0","pointer":"/counterfactual_hash","row":...,"salt":...,"value":...}
//! ```

use core::fmt;

use serde_json::Value;
use vm_core::canonical;
use vm_core::digest::Commitment;
use vm_core::error::CanonicalError;
use vm_core::id::RowId;
use vm_core::redact::{Opening, Redactor};

/// Column that holds the commitment, as a pointer.
pub const COUNTERFACTUAL_POINTER: &str = "/counterfactual_hash";
/// Longest description in bytes of canonical JSON. It is kept whole in one opening; a plan or a patch has room, a
/// larger thing belongs in an artifact that the description names by its hash.
pub const COUNTERFACTUAL_MAX: usize = 1024 * 1024;

/// Description of a path that was considered and not taken: any JSON. It is private until it is opened, so it is
/// not printed.
#[derive(Clone)]
pub struct Counterfactual {
    value: Value,
    json: String,
}

impl Counterfactual {
    /// Takes a description.
    ///
    /// # Errors
    /// [`CanonicalError`] where it has no canonical form, or one longer than [`COUNTERFACTUAL_MAX`].
    pub fn new(value: Value) -> Result<Self, CanonicalError> {
        let json = canonical::to_text(&value)?;
        if json.len() > COUNTERFACTUAL_MAX {
            return Err(CanonicalError::TooLong { limit: COUNTERFACTUAL_MAX, found: json.len() });
        }
        Ok(Self { value, json })
    }

    /// Reads a description from JSON text of at most [`COUNTERFACTUAL_MAX`] bytes.
    ///
    /// # Errors
    /// [`CanonicalError`] where it is not I-JSON, or too long.
    pub fn parse(text: &[u8]) -> Result<Self, CanonicalError> {
        Self::new(canonical::parse(text, COUNTERFACTUAL_MAX)?)
    }

    /// The description.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The description as canonical JSON, which is what is committed to.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Commits to the description in the row that `redactor` works on. The opening, salt and value, goes with the
    /// row's other openings.
    ///
    /// # Errors
    /// [`CanonicalError`] never in practice: the description has a canonical form.
    pub fn commit(&self, redactor: &mut Redactor<'_>) -> Result<Commitment, CanonicalError> {
        redactor.commit(COUNTERFACTUAL_POINTER, &self.value)
    }

    /// Whether `opening` shows that `commitment`, the `counterfactual_hash` of row `row`, stands for this description.
    #[must_use]
    pub fn opens(&self, row: RowId, commitment: &Commitment, opening: &Opening) -> bool {
        opening.pointer() == COUNTERFACTUAL_POINTER && opening.opens(row, commitment, &self.value)
    }
}

impl PartialEq for Counterfactual {
    /// Two descriptions are the same if their canonical forms are.
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for Counterfactual {}

impl fmt::Debug for Counterfactual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counterfactual(..)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vm_core::record::Table;
    use vm_core::redact::{KnownSecrets, Policy, Redaction};
    use vm_core::source::hazmat::CountingEntropy;

    use super::*;

    const ROW: RowId = RowId::from_bytes([1; 16]);

    fn committed(pointer: &str, value: &Value) -> (Commitment, Redaction) {
        let (policy, mut entropy) = (Policy::builtin(), CountingEntropy::new(7));
        let mut redactor = Redactor::new(&policy, &KnownSecrets, &mut entropy, Table::ShadowReceipts, "", ROW);
        let commitment = redactor.commit(pointer, value).unwrap();
        (commitment, redactor.finish())
    }

    #[test]
    fn only_the_description_in_its_own_row_and_column_opens() {
        let described = Counterfactual::parse(br#"{"would":"deploy", "to":["prod"]}"#).unwrap();
        let (commitment, redaction) = committed(COUNTERFACTUAL_POINTER, described.value());
        let opening = &redaction.openings()[0];
        assert!(described.opens(ROW, &commitment, opening));
        assert!(!described.opens(RowId::from_bytes([2; 16]), &commitment, opening));
        for other in [json!({"to":["prod"],"would":"drop"}), json!(null), json!({})] {
            let other = Counterfactual::new(other).unwrap();
            assert!(!other.opens(ROW, &commitment, opening), "{}", other.as_json());
        }
        let (elsewhere, redaction) = committed("/reason", described.value());
        assert!(!described.opens(ROW, &elsewhere, &redaction.openings()[0]));
    }

    #[test]
    fn spelling_makes_no_difference() {
        let one = Counterfactual::parse(br#"{ "b": 1.0, "a": "\u00e9" }"#).unwrap();
        let other = Counterfactual::new(json!({"a":"é","b":1})).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.as_json(), r#"{"a":"é","b":1}"#);
        let (commitment, redaction) = committed(COUNTERFACTUAL_POINTER, one.value());
        assert!(other.opens(ROW, &commitment, &redaction.openings()[0]));
    }

    #[test]
    fn what_has_no_canonical_form_or_is_too_long_is_refused() {
        assert!(Counterfactual::parse(br#"{"a":1,"a":2}"#).is_err());
        assert!(Counterfactual::new(json!(9_007_199_254_740_993_u64)).is_err());
        let fits = COUNTERFACTUAL_MAX - 2;
        assert!(Counterfactual::new(json!("x".repeat(fits))).is_ok());
        let refused = Counterfactual::new(json!("x".repeat(fits + 1)));
        assert!(matches!(refused, Err(CanonicalError::TooLong { .. })));
    }

    #[test]
    fn it_is_not_printed() {
        let described = Counterfactual::new(json!("hush")).unwrap();
        assert!(!format!("{described:?}").contains("hush"));
    }
}
