//! Roots of scrolls by keys that the ledger had before.

use vm_core::error::NoteError;
use vm_core::key::{KeyHistory, KeySpan, NoteKey};
use vm_seal::error::CheckpointError;

use super::{ScrollWriter, root_fault};
use crate::error::ScrollError;

impl ScrollWriter<'_> {
    /// The same writer for a scroll whose root may still be by a log key that the ledger had before. One that was declared stolen
    /// counts only where `to_adopt` says that whoever calls this vouches for the scroll as it is.
    ///
    /// # Errors
    /// As [`ScrollWriter::new`].
    pub fn following(self, keys: &KeyHistory, to_adopt: bool) -> Result<Self, ScrollError> {
        let counts = |span: &KeySpan| to_adopt || span.trusted.is_none();
        let spans = keys.spans().filter(|span| counts(span) && span.key != self.key.public());
        let named = spans.map(|span| NoteKey::new(self.ledger.scroll_origin(&self.engine), span.key));
        let named = named.collect::<Result<Vec<NoteKey>, _>>();
        let fault = |error| root_fault(&self.engine, CheckpointError::Note(NoteError::Key(error)));
        Ok(Self { before: named.map_err(fault)?, ..self })
    }
}
