//! What an author does to a document in one op.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Document;
use super::edit::{self, EDITS_MAX, LeafKind};
use super::path::Path;
use super::value::{self, Content, Value, one_form};
use crate::bytes::Bytes;
use crate::error::{PathError, TransactionError};
use crate::payload::{PAYLOAD_MAX, Payload, PayloadKind};

/// Edits that become one op: all or none of them are in the state. Of two edits of one leaf the later one is kept, and increments of one counter are
/// added up.
///
/// An edit takes away what its op has in its past, so that a transaction is only as right as the predecessors of its op: name
/// all that the document was made of.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Whether the leaf is removed, and the content in its one form.
    edits: BTreeMap<Place, (bool, Vec<u8>)>,
}

/// The key of an edit: path, kind, and of an element its value in its one form.
type Place = (Path, LeafKind, Vec<u8>);

impl Transaction {
    /// A transaction without edits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the register at `path`: what was written there before and is in the op's past goes.
    ///
    /// # Errors
    /// [`TransactionError::Value`], [`TransactionError::Path`] for the root.
    pub fn put<'a>(&mut self, path: &Path, value: impl Into<Value<'a>>) -> Result<&mut Self, TransactionError> {
        let value = value.into();
        value::check(value)?;
        self.set(path, LeafKind::Register, &[], false, value.into())
    }

    /// Takes the register at `path` away.
    ///
    /// # Errors
    /// [`TransactionError::Path`] for the root.
    pub fn remove(&mut self, path: &Path) -> Result<&mut Self, TransactionError> {
        self.set(path, LeafKind::Register, &[], true, Content::Removal)
    }

    /// Adds to the counter at `path`; an amount of 0 makes sure that there is one.
    ///
    /// # Errors
    /// [`TransactionError::Overflow`] where the transaction's increments of it do not add up within 64 bits,
    /// [`TransactionError::CounterRemoved`], [`TransactionError::Path`] for the root.
    pub fn increment(&mut self, path: &Path, amount: i64) -> Result<&mut Self, TransactionError> {
        let amount = match self.edits.get(&(path.clone(), LeafKind::Counter, Vec::new())) {
            None => amount,
            Some((_, before)) => match Content::read(&mut Bytes::new(before), value::INTEGER_MAX).map(Content::value) {
                Ok(Some(Value::Integer(before))) => before.checked_add(amount).ok_or(TransactionError::Overflow)?,
                _ => return Err(TransactionError::CounterRemoved),
            },
        };
        self.set(path, LeafKind::Counter, &[], false, Value::Integer(amount).into())
    }

    /// Takes the counter at `path` away, with all increments in the op's past.
    ///
    /// # Errors
    /// [`TransactionError::Path`] for the root.
    pub fn remove_counter(&mut self, path: &Path) -> Result<&mut Self, TransactionError> {
        self.set(path, LeafKind::Counter, &[], true, Content::Removal)
    }

    /// Adds an element to the set at `path`.
    ///
    /// # Errors
    /// [`TransactionError::Value`], [`TransactionError::Path`] for the root.
    pub fn add<'a>(&mut self, path: &Path, element: impl Into<Value<'a>>) -> Result<&mut Self, TransactionError> {
        self.element(path, element.into(), false)
    }

    /// Takes an element out of the set at `path`. Whoever adds it at the same time wins.
    ///
    /// # Errors
    /// [`TransactionError::Value`], [`TransactionError::Path`] for the root.
    pub fn discard<'a>(&mut self, path: &Path, element: impl Into<Value<'a>>) -> Result<&mut Self, TransactionError> {
        self.element(path, element.into(), true)
    }

    /// Takes away every leaf that `document` has at `path` and below it, one edit each. What others put there at the same time
    /// stays, and so do edits of this transaction. Cost: linear in what is there.
    ///
    /// # Errors
    /// None that a document within the limits can cause.
    pub fn remove_tree(&mut self, document: &Document, path: &Path) -> Result<&mut Self, TransactionError> {
        for edit in document.edits_below(path) {
            let key = edit.key();
            let content = if key.kind == LeafKind::Element { edit.content() } else { Content::Removal };
            let place = (Path::from_checked(key.path), key.kind, key.element.to_vec());
            if let Entry::Vacant(vacant) = self.edits.entry(place) {
                vacant.insert((true, one_form(content)));
            }
        }
        Ok(self)
    }

    /// How many edits there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edits.len()
    }

    /// Whether nothing is edited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The payload of an op that does all this. Cost: linear.
    ///
    /// # Errors
    /// [`TransactionError::Empty`], [`TransactionError::TooManyEdits`], [`TransactionError::TooLong`].
    pub fn to_payload(&self) -> Result<Payload, TransactionError> {
        if self.edits.is_empty() {
            return Err(TransactionError::Empty);
        }
        if self.edits.len() > EDITS_MAX {
            return Err(TransactionError::TooManyEdits { limit: EDITS_MAX });
        }
        let mut out = vec![PayloadKind::Edits.byte()];
        for ((path, kind, _), (removed, content)) in &self.edits {
            edit::put_raw(path.as_bytes(), *kind, *removed, content, &mut out);
        }
        if out.len() > PAYLOAD_MAX {
            return Err(TransactionError::TooLong { limit: PAYLOAD_MAX, found: out.len() });
        }
        Ok(Payload::of_checked(PayloadKind::Edits, out))
    }

    fn element(&mut self, path: &Path, value: Value<'_>, removed: bool) -> Result<&mut Self, TransactionError> {
        value::check(value)?;
        let element = one_form(value.into());
        self.set(path, LeafKind::Element, &element, removed, value.into())
    }

    fn set(
        &mut self,
        path: &Path,
        kind: LeafKind,
        element: &[u8],
        removed: bool,
        content: Content<'_>,
    ) -> Result<&mut Self, TransactionError> {
        if path.as_bytes().is_empty() {
            return Err(PathError::Root.into());
        }
        self.edits.insert((path.clone(), kind, element.to_vec()), (removed, one_form(content)));
        Ok(self)
    }
}
