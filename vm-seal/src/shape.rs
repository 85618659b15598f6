//! Reading JSON objects whole: every member that the format names, and no other.

use core::str::FromStr;

use serde_json::{Map, Value};

use crate::error::ShapeError;

/// Longest foreign member name repeated in an error, in characters.
const NAME_SHOWN_MAX: usize = 64;

/// The members of one object of a known format.
pub(crate) struct Members<'a> {
    object: &'a Map<String, Value>,
    at: &'static str,
}

impl<'a> Members<'a> {
    /// Takes the object at `at`, which must have exactly the members `names`.
    pub(crate) fn of(value: &'a Value, at: &'static str, names: &[&str]) -> Result<Self, ShapeError> {
        let object = value.as_object().ok_or(ShapeError::Member { pointer: at.to_owned() })?;
        if let Some(name) = object.keys().find(|name| !names.contains(&name.as_str())) {
            let name: String = name.chars().take(NAME_SHOWN_MAX).collect();
            return Err(ShapeError::Foreign { pointer: format!("{at}/{name}") });
        }
        match names.iter().find(|name| !object.contains_key(**name)) {
            Some(name) => Err(ShapeError::Missing { pointer: format!("{at}/{name}") }),
            None => Ok(Self { object, at }),
        }
    }

    pub(crate) fn fault(&self, name: &str) -> ShapeError {
        ShapeError::Member { pointer: format!("{}/{name}", self.at) }
    }

    pub(crate) fn value(&self, name: &str) -> Result<&'a Value, ShapeError> {
        self.object.get(name).ok_or_else(|| self.fault(name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, ShapeError> {
        self.value(name)?.as_str().ok_or_else(|| self.fault(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, ShapeError> {
        self.value(name)?.as_u64().ok_or_else(|| self.fault(name))
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], ShapeError> {
        let list = self.value(name)?.as_array().ok_or_else(|| self.fault(name))?;
        Ok(list)
    }

    /// A string that reads as a `T`.
    pub(crate) fn parse<T: FromStr>(&self, name: &str) -> Result<T, ShapeError> {
        self.text(name)?.parse().map_err(|_| self.fault(name))
    }

    /// A string that reads as a `T`, or null.
    pub(crate) fn nullable<T: FromStr>(&self, name: &str) -> Result<Option<T>, ShapeError> {
        if self.value(name)?.is_null() { Ok(None) } else { self.parse(name).map(Some) }
    }

    /// A list of strings that each read as a `T`.
    pub(crate) fn parse_list<T: FromStr>(&self, name: &str) -> Result<Vec<T>, ShapeError> {
        let item = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let items: Option<Vec<T>> = self.list(name)?.iter().map(item).collect();
        items.ok_or_else(|| self.fault(name))
    }

    /// A list of digests in hexadecimal.
    pub(crate) fn digests<T, E>(&self, name: &str, parse: fn(&str) -> Result<T, E>) -> Result<Vec<T>, ShapeError> {
        let item = |value: &Value| value.as_str().and_then(|text| parse(text).ok());
        self.list(name)?.iter().map(item).collect::<Option<_>>().ok_or_else(|| self.fault(name))
    }

    /// A digest in hexadecimal.
    pub(crate) fn digest<T, E>(&self, name: &str, parse: fn(&str) -> Result<T, E>) -> Result<T, ShapeError> {
        parse(self.text(name)?).map_err(|_| self.fault(name))
    }

    /// A string that must be exactly `expected`.
    pub(crate) fn word(&self, name: &str, expected: &str) -> Result<(), ShapeError> {
        if self.text(name)? == expected { Ok(()) } else { Err(self.fault(name)) }
    }
}
