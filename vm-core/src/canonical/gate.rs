//! What a value must be before it is written: the same rules that the reader applies to text.
//!
//! A `Value` cannot hold a duplicate key, a lone surrogate or a number that is not finite, so depth and integers are
//! left to check.

use serde_json::Value;

use super::fault::{Fault, check_depth};
use super::number;

/// Checks `value`, around which `depth` arrays and objects are open.
pub(super) fn check(value: &Value, depth: usize) -> Result<(), Box<Fault>> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => number::check(number).map_err(Fault::new),
        Value::Array(items) => {
            check_depth(depth)?;
            items.iter().enumerate().try_for_each(|(index, item)| {
                check(item, depth.saturating_add(1)).map_err(|fault| fault.below(index.to_string()))
            })
        }
        Value::Object(members) => {
            check_depth(depth)?;
            members.iter().try_for_each(|(key, member)| {
                check(member, depth.saturating_add(1)).map_err(|fault| fault.below(key.as_str()))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{DEPTH_MAX, to_bytes};
    use crate::error::CanonicalError;

    #[test]
    fn integers_that_would_be_rounded_are_refused_where_they_stand() {
        let value = json!({ "a/b": [0, { "n": (1_u64 << 53) + 1 }] });
        let pointer = String::from("/a~1b/1/n");
        assert_eq!(to_bytes(&value), Err(CanonicalError::UnsafeInteger { pointer }));
        for value in [json!(u64::MAX), json!(i64::MIN), json!(i64::MAX), json!(-(1_i64 << 53) - 1)] {
            let pointer = String::new();
            assert_eq!(to_bytes(&value), Err(CanonicalError::UnsafeInteger { pointer }), "{value}");
        }
        for value in [json!(1_u64 << 53), json!((1_u64 << 53) + 2), json!(10_000_000_000_000_000_000_u64)] {
            assert_eq!(to_bytes(&value).unwrap(), value.to_string().into_bytes());
        }
    }

    #[test]
    fn depth_is_counted_in_open_containers() {
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(to_bytes(&nested(DEPTH_MAX)).unwrap().len(), 2 * DEPTH_MAX + 1);
        let error = CanonicalError::TooDeep { limit: DEPTH_MAX, pointer: "/0".repeat(DEPTH_MAX) };
        assert_eq!(to_bytes(&nested(DEPTH_MAX + 1)), Err(error));
        let objects = (0..=DEPTH_MAX).fold(Value::Null, |inner, _| json!({ "": inner }));
        let error = CanonicalError::TooDeep { limit: DEPTH_MAX, pointer: "/".repeat(DEPTH_MAX) };
        assert_eq!(to_bytes(&objects), Err(error));
    }
}
