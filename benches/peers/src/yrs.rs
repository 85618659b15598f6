//! yrs.

use std::collections::BTreeMap;

use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Any, Doc, Map, Out, ReadTxn, StateVector, Transact, Update, WriteTxn};

use crate::error::Fault;
use crate::peer::Peer;
use crate::workload::Edit;

/// yrs's document.
pub(crate) struct YrsPeer;

const MAP: &str = "map";

impl Peer for YrsPeer {
    const NAME: &'static str = "yrs 0.28.1";
    type Document = Doc;

    fn new(actor: u8) -> Result<Doc, Fault> {
        Ok(Doc::with_client_id(u64::from(actor) + 1))
    }

    fn write(document: &mut Doc, edits: &[Edit]) -> Result<Vec<u8>, Fault> {
        let mut transaction = document.transact_mut();
        let map = transaction.get_or_insert_map(MAP);
        for (key, value) in edits {
            map.insert(&mut transaction, key.as_str(), value.as_str());
        }
        Ok(transaction.encode_update_v1())
    }

    fn encode(document: &mut Doc) -> Result<Vec<u8>, Fault> {
        Ok(document.transact().encode_state_as_update_v1(&StateVector::default()))
    }

    fn encode_small(document: &mut Doc) -> Result<Vec<u8>, Fault> {
        Ok(document.transact().encode_state_as_update_v2(&StateVector::default()))
    }

    fn merge(encoded: &[Vec<u8>]) -> Result<Doc, Fault> {
        let document = Doc::new();
        // Joining the updates before they are taken up was the fastest of four ways.
        let updates = encoded.iter().map(|bytes| Update::decode_v1(bytes)).collect::<Result<Vec<_>, _>>()?;
        document.transact_mut().apply_update(Update::merge_updates(updates))?;
        Ok(document)
    }

    fn apply(document: &mut Doc, bytes: &[u8]) -> Result<(), Fault> {
        Ok(document.transact_mut().apply_update(Update::decode_v1(bytes)?)?)
    }

    fn read(document: &Doc) -> Result<BTreeMap<String, String>, Fault> {
        let map = document.get_or_insert_map(MAP);
        let transaction = document.transact();
        let entry = |(key, value): (&str, Out)| match value {
            Out::Any(Any::String(text)) => Ok((key.to_owned(), text.to_string())),
            _ => Err("a value that is no text".into()),
        };
        map.iter(&transaction).map(entry).collect()
    }

    fn sync(lacking: &mut Doc, having: &mut Doc) -> Result<usize, Fault> {
        let asked = lacking.transact().state_vector().encode_v1();
        let answer = having.transact().encode_state_as_update_v2(&StateVector::decode_v1(&asked)?);
        lacking.transact_mut().apply_update(Update::decode_v2(&answer)?)?;
        Ok(asked.len() + answer.len())
    }
}
