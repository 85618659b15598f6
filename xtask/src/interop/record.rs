//! What came of a run.
//!
//! ```toml
//! commit = "0123456789ab"
//! vaultmesh = "0.1.0"
//!
//! [[client]]
//! name = "scitt-cose"
//! version = "0.5.0"
//!
//! [[check]]
//! client = "scitt-cose"
//! format = "COSE receipt (RFC 9942)"
//! what = "the receipt of a row: its path"
//! command = "python xtask/interop/scitt.py verify row.cose row.entry log.pem $(cat log.origin)"
//! accepted = "accepted: entry 602 of 607 in vaultmesh/…"
//! altered = "row.cose"
//! refused = "refused: receipt signature did not verify: signature did not verify"
//!
//! [[difference]]
//! client = "scitt-cose"
//! what = "the size of the log in the unprotected header of a receipt, which RFC 9942 leaves unsigned"
//! altered = "row.cose"
//! accepted = "accepted: entry 602 of 606 in vaultmesh/…"
//! refused = "error: proof file: COSE receipt: receipt signs a log of 607, its proof is for one of 606 (receipt-size)"
//! ```

use toml::{Table, Value};

use super::check::{Check, Difference};
use super::clients::Version;
use crate::error::Failure;

/// How a client answered one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) client: String,
    pub(super) format: String,
    pub(super) what: String,
    pub(super) command: String,
    /// What it said.
    pub(super) accepted: String,
    /// File in which one bit was altered then.
    pub(super) altered: String,
    /// What it said to that.
    pub(super) refused: String,
}

/// An altered bit that a client accepted and `vaultmesh` refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    pub(super) client: String,
    pub(super) what: String,
    pub(super) altered: String,
    pub(super) accepted: String,
    pub(super) refused: String,
}

/// Everything about a run in which every check held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) commit: String,
    pub(super) vaultmesh: String,
    pub(super) clients: Vec<Version>,
    pub(super) answers: Vec<Answer>,
    pub(super) gaps: Vec<Gap>,
}

impl Gap {
    pub(super) fn of(difference: &Difference, accepted: String, refused: String) -> Self {
        let Difference { client, what, spoilt, .. } = difference;
        let [client, what, altered] = [client, what, &spoilt.file].map(|text| (*text).to_owned());
        Self { client, what, altered, accepted, refused }
    }

    fn is_of(&self, difference: &Difference) -> bool {
        (self.client.as_str(), self.what.as_str()) == (difference.client, difference.what)
    }
}

impl Answer {
    pub(super) fn of(check: &Check, accepted: String, refused: String) -> Self {
        Self {
            client: check.client.to_owned(),
            format: check.format.to_owned(),
            what: check.what.to_owned(),
            command: command(check),
            accepted,
            altered: check.spoilt.file.to_owned(),
            refused,
        }
    }

    /// Whether `vaultmesh` answered, or an example of its crates, about what the client made.
    pub(super) fn is_ours(&self) -> bool {
        ["vaultmesh ", "ethereum "].iter().any(|program| self.command.starts_with(program))
    }

    fn is_of(&self, check: &Check) -> bool {
        let own = [&self.client, &self.format, &self.what, &self.command, &self.altered].map(String::as_str);
        own == [check.client, check.format, check.what, &command(check), check.spoilt.file]
    }
}

/// The command as a shell takes it.
fn command(check: &Check) -> String {
    let input = check.input.map(|name| format!(" < {name}")).unwrap_or_default();
    format!("{}{input}", check.command.join(" "))
}

impl Record {
    pub(super) fn to_text(&self) -> Result<String, Failure> {
        let table = |members: &[(&str, &str)]| {
            Value::Table(members.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect())
        };
        let clients: Vec<Value> =
            self.clients.iter().map(|found| table(&[("name", &found.client), ("version", &found.version)])).collect();
        let answer = |answer: &Answer| {
            table(&[
                ("client", &answer.client),
                ("format", &answer.format),
                ("what", &answer.what),
                ("command", &answer.command),
                ("accepted", &answer.accepted),
                ("altered", &answer.altered),
                ("refused", &answer.refused),
            ])
        };
        let answers: Vec<Value> = self.answers.iter().map(answer).collect();
        let gap = |gap: &Gap| {
            table(&[
                ("client", &gap.client),
                ("what", &gap.what),
                ("altered", &gap.altered),
                ("accepted", &gap.accepted),
                ("refused", &gap.refused),
            ])
        };
        let gaps: Vec<Value> = self.gaps.iter().map(gap).collect();
        let mut whole = Table::new();
        whole.insert("commit".to_owned(), self.commit.as_str().into());
        whole.insert("vaultmesh".to_owned(), self.vaultmesh.as_str().into());
        whole.insert("client".to_owned(), clients.into());
        whole.insert("check".to_owned(), answers.into());
        whole.insert("difference".to_owned(), gaps.into());
        toml::to_string(&whole).map_err(|error| Failure::Missing(format!("the record cannot be written: {error}")))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| format!("record of interop: {error}"))?;
        let list = |name: &str| -> Vec<Table> {
            let list = table.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            list.into_iter().filter_map(|entry| entry.as_table().cloned()).collect()
        };
        let client =
            |entry: Table| Ok(Version { client: text_of(&entry, "name")?, version: text_of(&entry, "version")? });
        let answer = |entry: Table| {
            Ok(Answer {
                client: text_of(&entry, "client")?,
                format: text_of(&entry, "format")?,
                what: text_of(&entry, "what")?,
                command: text_of(&entry, "command")?,
                accepted: text_of(&entry, "accepted")?,
                altered: text_of(&entry, "altered")?,
                refused: text_of(&entry, "refused")?,
            })
        };
        let gap = |entry: Table| {
            Ok(Gap {
                client: text_of(&entry, "client")?,
                what: text_of(&entry, "what")?,
                altered: text_of(&entry, "altered")?,
                accepted: text_of(&entry, "accepted")?,
                refused: text_of(&entry, "refused")?,
            })
        };
        Ok(Self {
            commit: text_of(&table, "commit")?,
            vaultmesh: text_of(&table, "vaultmesh")?,
            clients: list("client").into_iter().map(client).collect::<Result<_, String>>()?,
            answers: list("check").into_iter().map(answer).collect::<Result<_, String>>()?,
            gaps: list("difference").into_iter().map(gap).collect::<Result<_, String>>()?,
        })
    }

    /// Version of a client; none where the record does not name it.
    pub(super) fn version(&self, client: &str) -> Option<&str> {
        self.clients.iter().find(|found| found.client == client).map(|found| found.version.as_str())
    }

    /// Checks without an answer, and answers to no check.
    pub(super) fn strangers(&self, checks: &[Check], differences: &[Difference]) -> Vec<String> {
        let missing = checks.iter().filter(|check| !self.answers.iter().any(|answer| answer.is_of(check)));
        let mut complaints: Vec<String> =
            missing.map(|check| format!("no run of {}: {}, {}", check.client, check.format, check.what)).collect();
        let foreign = self.answers.iter().filter(|answer| !checks.iter().any(|check| answer.is_of(check)));
        complaints.extend(foreign.map(|answer| format!("no such check: {}: {}", answer.client, answer.what)));
        let unseen = differences.iter().filter(|known| !self.gaps.iter().any(|gap| gap.is_of(known)));
        complaints.extend(unseen.map(|known| format!("no run of the difference: {}: {}", known.client, known.what)));
        let gone = self.gaps.iter().filter(|gap| !differences.iter().any(|known| gap.is_of(known)));
        complaints.extend(gone.map(|gap| format!("no such difference: {}: {}", gap.client, gap.what)));
        complaints
    }

    /// Clients that are pinned at another version than the one that ran.
    pub(super) fn other_versions(&self, pins: &[Version]) -> Vec<String> {
        let other = pins.iter().filter(|pin| self.version(&pin.client) != Some(pin.version.as_str()));
        other.map(|pin| format!("{} {} is pinned and never ran", pin.client, pin.version)).collect()
    }
}

fn text_of(table: &Table, name: &str) -> Result<String, String> {
    let text = table.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("record of interop: an entry has no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::check::DIFFERENCES;
    use crate::interop::checks::CHECKS;

    fn whole() -> Record {
        let version = |client: &str| Version { client: client.to_owned(), version: "1".to_owned() };
        let answer = |check| Answer::of(check, "yes \"a\"".to_owned(), "no".to_owned());
        let answers = CHECKS.iter().map(answer).collect();
        let gaps = DIFFERENCES.iter().map(|known| Gap::of(known, "yes".to_owned(), "no".to_owned())).collect();
        Record { commit: "c".to_owned(), vaultmesh: "v".to_owned(), clients: vec![version("a")], answers, gaps }
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let record = whole();
        assert_eq!(Record::parse(&record.to_text().unwrap()).unwrap(), record);
        assert!(Record::parse(&record.to_text().unwrap().replace("refused", "ref")).is_err());
    }

    #[test]
    fn every_check_is_answered_and_no_other() {
        let mut record = whole();
        assert_eq!(record.strangers(CHECKS, DIFFERENCES), Vec::<String>::new());
        record.answers[3].command.push('x');
        record.gaps[0].what.push('x');
        assert_eq!(record.strangers(CHECKS, DIFFERENCES).len(), 4);
        let pins = [("a", "1"), ("a", "2"), ("b", "1")]
            .map(|(client, version)| Version { client: client.to_owned(), version: version.to_owned() });
        assert_eq!(record.other_versions(&pins).len(), 2);
    }

    #[test]
    fn no_two_checks_are_the_same_and_each_alters_something() {
        for (at, check) in CHECKS.iter().enumerate() {
            assert!(!check.spoilt.file.is_empty() && !check.what.is_empty() && !check.client.is_empty());
            let same = |other: &Check| (other.client, other.what) == (check.client, check.what);
            assert!(!CHECKS[..at].iter().any(|other| same(other) && other.format == check.format), "{}", check.what);
        }
    }
}
