//! Orders: the ways in which a run is sorted, and what it is sorted by.

use core::fmt;

use vm_core::digest::{DIGEST_LEN, LeafHash, Sha256Digest, to_hex};
use vm_core::record::{CellRef, StoredRow, Table};

use super::{CARD_LEN, Card};
use crate::error::CardError;

/// First line of what a term hashes.
const TERM_FORMAT: &str = "vm-term-v0";
/// Table, time and id: where a card's trace begins.
const TIME_KEY: usize = 25;
/// Trace and place: where a card's leaf hash begins.
const TRACE_KEY: usize = 49;
/// Where a card's place begins.
const PLACE: usize = 41;
/// Length of the longest key: term and place.
const KEY_LEN: usize = 40;

/// A way to sort rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Order {
    /// By table, time and id.
    Time,
    /// By trace and place.
    Trace,
    /// By what rows refer to, and place.
    Term,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 3] = [Self::Time, Self::Trace, Self::Term];

    /// Its name in an index row.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Trace => "trace",
            Self::Term => "term",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What entries of one order are sorted by, compared as bytes. Shorter keys end in zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// The least key that begins with `bytes`, of which the first forty count.
    #[must_use]
    pub fn least(bytes: &[u8]) -> Self {
        let mut key = [0; KEY_LEN];
        key.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        Self(key)
    }

    /// The least key beyond all that begin with `bytes`; none where they are all ones.
    #[must_use]
    pub fn beyond(bytes: &[u8]) -> Option<Self> {
        let last = bytes.iter().rposition(|byte| *byte < u8::MAX)?;
        let mut next = bytes.get(..=last)?.to_vec();
        next.last_mut().into_iter().for_each(|byte| *byte += 1);
        Some(Self::least(&next))
    }
}

macro_rules! term_columns {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        /// A column by which a row refers to something.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum TermColumn { $($(#[$doc])* $variant,)* }

        impl TermColumn {
            /// All such columns, by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

term_columns! {
    /// The request that an MCP answer answers.
    Answers "answers_id"
    /// The row that this one corrects.
    Corrects "corrects_id"
    /// The decision horizon of a shadow receipt.
    Horizon "horizon_id"
    /// The intent that an outcome completes.
    Intent "intent_id"
    /// The row that an artifact is about.
    Subject "subject_id"
}

impl TermColumn {
    /// The column of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|column| column.as_str() == name)
    }

    /// Columns of a table that give its rows terms.
    #[must_use]
    pub const fn of(table: Table) -> &'static [Self] {
        match table {
            Table::ToolInvocations => &[Self::Intent, Self::Corrects],
            Table::McpCalls => &[Self::Answers, Self::Corrects],
            Table::ProofArtifacts => &[Self::Subject, Self::Corrects],
            Table::ShadowReceipts => &[Self::Horizon, Self::Corrects],
        }
    }

    /// The value of this column in a row, as leaf data has it; none where it is null.
    #[must_use]
    pub fn value_in(self, row: &StoredRow) -> Option<String> {
        match row.cell(self.as_str())? {
            CellRef::Text(text) => Some(text.to_owned()),
            CellRef::Blob(bytes) => Some(to_hex(bytes)),
            _ => None,
        }
    }
}

/// What a row refers to: SHA-256 over format, column and value, a line each but for the last newline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Term([u8; DIGEST_LEN]);

impl Term {
    /// The term of a value of a column, the value as leaf data has it.
    #[must_use]
    pub fn new(column: TermColumn, value: &str) -> Self {
        let text = [TERM_FORMAT, column.as_str(), value].join("\n");
        Self(*Sha256Digest::of(text.as_bytes()).as_bytes())
    }

    /// Terms of a row.
    pub fn of(row: &StoredRow) -> impl Iterator<Item = Self> {
        let columns = TermColumn::of(row.table()).iter();
        columns.filter_map(|column| column.value_in(row).map(|value| Self::new(*column, &value)))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DIGEST_LEN] {
        &self.0
    }
}

/// Leaf data of a sorted tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    term: Option<Term>,
    card: [u8; CARD_LEN],
}

impl Entry {
    /// The entry of a card by time or by trace, or with `term` under that term.
    #[must_use]
    pub fn new(term: Option<Term>, card: &Card) -> Self {
        Self { term, card: card.to_bytes() }
    }

    pub(super) const fn of_bytes(term: Option<Term>, card: [u8; CARD_LEN]) -> Self {
        Self { term, card }
    }

    /// Reads leaf data of `order`.
    ///
    /// # Errors
    /// [`CardError`] where it is of another length, or its card is none.
    pub fn parse(order: Order, data: &[u8]) -> Result<(Self, Card), CardError> {
        let wrong = CardError::Length { found: data.len() };
        let (term, card) = match order {
            Order::Time | Order::Trace => (None, data),
            Order::Term => {
                let (term, card) = data.split_first_chunk().ok_or_else(|| wrong.clone())?;
                (Some(Term(*term)), card)
            }
        };
        let bytes: [u8; CARD_LEN] = card.try_into().map_err(|_| wrong)?;
        let card = Card::from_bytes(&bytes)?;
        Ok((Self { term, card: bytes }, card))
    }

    /// What it is sorted by.
    #[must_use]
    pub fn key(&self, order: Order) -> Key {
        let of = |from: usize, to: usize| self.card.get(from..to).unwrap_or_default();
        match (order, self.term) {
            (Order::Time, _) => Key::least(of(0, TIME_KEY)),
            (Order::Trace, _) => Key::least(of(TIME_KEY, TRACE_KEY)),
            (Order::Term, term) => {
                let term = term.map_or([0; DIGEST_LEN], |term| term.0);
                Key::least(&[&term, of(PLACE, TRACE_KEY)].concat())
            }
        }
    }

    /// The leaf data.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        match &self.term {
            None => self.card.to_vec(),
            Some(term) => [term.0.as_slice(), &self.card].concat(),
        }
    }

    /// The leaf hash.
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        LeafHash::of(&self.to_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_next_begins() {
        for (prefix, beyond) in [
            (&[1][..], Some(&[2][..])),
            (&[1, 0xff], Some(&[2])),
            (&[0xfe, 0xff, 0xff], Some(&[0xff])),
            (&[0xff, 0xff], None),
            (&[], None),
        ] {
            assert_eq!(Key::beyond(prefix), beyond.map(Key::least), "{prefix:?}");
        }
        assert!(Key::least(&[1, 0xff, 0xff]) < Key::beyond(&[1]).unwrap());
    }

    #[test]
    fn a_term_is_the_hash_of_three_lines() {
        let expected = Sha256Digest::of(b"vm-term-v0\nhorizon_id\ncleanup");
        assert_eq!(Term::new(TermColumn::Horizon, "cleanup").as_bytes(), expected.as_bytes());
    }

    #[test]
    fn every_column_that_refers_is_one_of_its_table() {
        use vm_core::record::SCHEMA;
        for table in Table::ALL {
            let columns = table.columns(SCHEMA).unwrap();
            for column in TermColumn::ALL {
                let is_there = columns.iter().any(|other| other.name == column.as_str());
                assert_eq!(is_there, TermColumn::of(table).contains(column), "{table} {column:?}");
            }
        }
        assert_eq!(TermColumn::parse("horizon_id"), Some(TermColumn::Horizon));
        assert_eq!(TermColumn::parse("tool"), None);
    }
}
