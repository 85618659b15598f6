//! What was acknowledged, kept outside the vault: the memory that shows a loss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// Everything that commands said they had made durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Id and leaf hash by place in the log.
    rows: BTreeMap<u64, (String, String)>,
    /// Ids of rows whose place was not told.
    ids: BTreeSet<String>,
    /// Files below the vault.
    files: BTreeSet<String>,
    /// Lines by engine.
    scrolls: BTreeMap<String, u64>,
}

impl Memory {
    /// Takes in what a command wrote to standard output. A line without its end, as a kill leaves it, says nothing.
    pub(super) fn hear(&mut self, out: &str) {
        for line in out.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let value: Value = serde_json::from_str(line).unwrap_or_default();
            if value.get("exit_code").and_then(Value::as_u64).unwrap_or(0) == 0 {
                self.take(&value);
            }
        }
    }

    fn take(&mut self, value: &Value) {
        let Some(object) = value.as_object() else { return };
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        if let (Some(seq), Some(id), Some(leaf)) = (number("seq"), text("id"), text("leaf")) {
            self.rows.insert(seq, (id, leaf));
        }
        if let (Some(engine), Some(lines)) = (text("engine"), number("lines")) {
            self.scrolls.insert(engine, lines);
        }
        self.ids.extend(text("row"));
        self.files.extend(text("path"));
        object.values().for_each(|inner| self.take(inner));
    }

    /// Takes over what another memory holds.
    pub(super) fn merge(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.ids.extend(other.ids);
        self.files.extend(other.files);
        self.scrolls.extend(other.scrolls);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.ids.is_empty() && self.files.is_empty() && self.scrolls.is_empty()
    }

    /// Rows whose place is known.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        self.files.iter()
    }

    /// Whether the rows that `list` wrote are contiguous from 0, each once, with all that was acknowledged among them.
    pub(super) fn compare_rows(&self, listed: &str) -> Result<(), String> {
        let (mut found, mut ids, mut count) = (BTreeMap::new(), BTreeSet::new(), 0);
        for line in listed.lines() {
            let row: Value = serde_json::from_str(line).unwrap_or_default();
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(seq) = row.get("seq").and_then(Value::as_u64) {
                found.insert(seq, (text("id"), text("leaf")));
                ids.insert(text("id"));
                count += 1;
            }
        }
        if found.len() != count || ids.len() != count || found.keys().copied().ne((0..).take(count)) {
            return Err(format!("the log of {count} rows is not contiguous"));
        }
        for (seq, row) in &self.rows {
            if found.get(seq) != Some(row) {
                return Err(format!("acknowledged row {row:?} at {seq} is {:?}", found.get(seq)));
            }
        }
        match self.ids.iter().find(|id| !ids.contains(*id)) {
            Some(lost) => Err(format!("acknowledged row {lost} is gone")),
            None => Ok(()),
        }
    }

    /// Whether the signed roots of scrolls below `vault` cover the lines that were acknowledged; that the lines hash to
    /// the roots is for `verify`.
    pub(super) fn compare_scrolls(&self, vault: &Path) -> Result<(), String> {
        for (engine, lines) in &self.scrolls {
            let root = vault.join(format!("receipts/{engine}/ROOT.{engine}.txt"));
            let note = std::fs::read_to_string(root).unwrap_or_default();
            // The second line of a checkpoint is its size.
            let signed = note.lines().nth(1).and_then(|size| size.parse::<u64>().ok());
            if *lines > 0 && signed < Some(*lines) {
                return Err(format!("scroll {engine} had {lines} lines signed and has {signed:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_and_a_gap_are_seen() {
        let row = |seq: u64| format!("{{\"id\":\"i{seq}\",\"leaf\":\"l{seq}\",\"seq\":{seq}}}\n");
        let mut memory = Memory::default();
        memory.hear(&format!("{}{}", row(1), row(2).trim_end()));
        assert_eq!(memory.rows(), 1, "a line without its end says nothing");
        memory.compare_rows(&format!("{}{}", row(1), row(0))).unwrap();
        assert!(memory.compare_rows(&row(0)).unwrap_err().contains("acknowledged row"));
        assert!(memory.compare_rows(&format!("{}{}{}", row(0), row(1), row(3))).unwrap_err().contains("contiguous"));
        assert!(memory.compare_rows(&format!("{}{}{}", row(0), row(1), row(1))).unwrap_err().contains("contiguous"));
        memory.hear("{\"exit_code\":0,\"result\":{\"engine\":\"a\",\"lines\":2,\"path\":\"x\",\"row\":\"i7\"}}\n");
        assert!(memory.compare_rows(&format!("{}{}", row(0), row(1))).unwrap_err().contains("i7"));
        let vault = std::path::Path::new("/nonexistent");
        assert!(memory.compare_scrolls(vault).unwrap_err().contains("scroll a had 2 lines"));
        let mut deaf = Memory::default();
        deaf.hear("{\"exit_code\":4,\"result\":{\"path\":\"x\"}}\n");
        assert!(deaf.is_empty());
    }
}
