//! What every side does: the same edits in its own form.

use std::collections::BTreeMap;

use crate::error::Fault;
use crate::workload::{Edit, Written};

/// A library that replicates a map of texts.
pub(crate) trait Peer {
    /// Name and version.
    const NAME: &'static str;
    /// State with all its history.
    type Document;

    /// An actor's empty document.
    fn new(actor: u8) -> Result<Self::Document, Fault>;

    /// Makes one transaction, and gives the bytes that another replica takes it up from.
    fn write(document: &mut Self::Document, edits: &[Edit]) -> Result<Vec<u8>, Fault>;

    /// The whole history in the form that merges fastest.
    fn encode(document: &mut Self::Document) -> Result<Vec<u8>, Fault>;

    /// The whole history in the form that is smallest.
    fn encode_small(document: &mut Self::Document) -> Result<Vec<u8>, Fault> {
        Self::encode(document)
    }

    /// A fresh document of the histories of several actors.
    fn merge(encoded: &[Vec<u8>]) -> Result<Self::Document, Fault>;

    /// Takes up what [`write`](Self::write) gave.
    fn apply(document: &mut Self::Document, bytes: &[u8]) -> Result<(), Fault>;

    /// All keys and the value that each shows.
    fn read(document: &Self::Document) -> Result<BTreeMap<String, String>, Fault>;

    /// Brings `lacking` up to what `having` holds, and counts the bytes of all messages to and fro.
    fn sync(lacking: &mut Self::Document, having: &mut Self::Document) -> Result<usize, Fault>;
}

/// The histories of all actors, each in the form that merges fastest.
pub(crate) fn histories<P: Peer>(written: &Written) -> Result<Vec<Vec<u8>>, Fault> {
    let encode = |(actor, transactions): (u8, &Vec<Vec<Edit>>)| {
        let mut document = P::new(actor)?;
        transactions.iter().try_for_each(|edits| P::write(&mut document, edits).map(drop))?;
        P::encode(&mut document)
    };
    (0..).zip(written.actors()).map(encode).collect()
}

/// A document of all that was written, whose keys and values are shown to be those.
pub(crate) fn merged<P: Peer>(written: &Written) -> Result<P::Document, Fault> {
    let document = P::merge(&histories::<P>(written)?)?;
    written.check(&P::read(&document)?).map_err(|fault| format!("{}: {fault}", P::NAME))?;
    Ok(document)
}
