//! loro.

use std::collections::BTreeMap;

use loro::{ExportMode, LoroDoc, LoroValue, VersionVector};

use crate::error::Fault;
use crate::peer::Peer;
use crate::workload::Edit;

/// loro's document.
pub(crate) struct LoroPeer;

const MAP: &str = "map";

impl Peer for LoroPeer {
    const NAME: &'static str = "loro 1.17.1";
    type Document = LoroDoc;

    fn new(actor: u8) -> Result<LoroDoc, Fault> {
        let document = LoroDoc::new();
        document.set_peer_id(u64::from(actor) + 1)?;
        Ok(document)
    }

    fn write(document: &mut LoroDoc, edits: &[Edit]) -> Result<Vec<u8>, Fault> {
        let before = document.oplog_vv();
        let map = document.get_map(MAP);
        for (key, value) in edits {
            map.insert(key, value.as_str())?;
        }
        document.commit();
        Ok(document.export(ExportMode::updates(&before))?)
    }

    fn encode(document: &mut LoroDoc) -> Result<Vec<u8>, Fault> {
        Ok(document.export(ExportMode::all_updates())?)
    }

    fn encode_small(document: &mut LoroDoc) -> Result<Vec<u8>, Fault> {
        let updates = document.export(ExportMode::all_updates())?;
        let snapshot = document.export(ExportMode::Snapshot)?;
        Ok(if snapshot.len() < updates.len() { snapshot } else { updates })
    }

    fn merge(encoded: &[Vec<u8>]) -> Result<LoroDoc, Fault> {
        let document = LoroDoc::new();
        // One after the other was faster than `import_batch`, of updates as of snapshots.
        for bytes in encoded {
            document.import(bytes)?;
        }
        Ok(document)
    }

    fn apply(document: &mut LoroDoc, bytes: &[u8]) -> Result<(), Fault> {
        document.import(bytes)?;
        Ok(())
    }

    fn read(document: &LoroDoc) -> Result<BTreeMap<String, String>, Fault> {
        let LoroValue::Map(map) = document.get_map(MAP).get_value() else { return Err("no map is there".into()) };
        let entry = |(key, value): (&String, &LoroValue)| match value {
            LoroValue::String(text) => Ok((key.clone(), text.to_string())),
            _ => Err("a value that is no text".into()),
        };
        map.iter().map(entry).collect()
    }

    fn sync(lacking: &mut LoroDoc, having: &mut LoroDoc) -> Result<usize, Fault> {
        let asked = lacking.oplog_vv().encode();
        let answer = having.export(ExportMode::updates(&VersionVector::decode(&asked)?))?;
        lacking.import(&answer)?;
        Ok(asked.len() + answer.len())
    }
}
