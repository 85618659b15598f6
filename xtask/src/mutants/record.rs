//! What came of a run.
//!
//! ```text
//! commit: 0123456789ab
//! tool: cargo-mutants 27.1.0
//! seconds: 812
//!
//! caught vm-core/src/capability.rs:142:9: replace Resource::covers -> bool with true
//! survived vm-core/src/capability/permit.rs:149:9: replace <impl fmt::Debug for Authority<'_>>::fmt -> fmt::Result with Ok(Default::default())
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::group::{Group, Survivor};
use crate::error::Failure;

/// What became of one mutant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fate {
    /// A test failed.
    Caught,
    /// The tests did not end in time.
    Timeout,
    /// It does not compile.
    Unviable,
    /// Every test passed.
    Survived,
}

impl Fate {
    pub(super) const ALL: [Self; 4] = [Self::Caught, Self::Timeout, Self::Unviable, Self::Survived];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Timeout => "timeout",
            Self::Unviable => "unviable",
            Self::Survived => "survived",
        }
    }
}

/// One mutant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Mutant {
    /// `file:line:column: what was changed`.
    name: String,
    pub(super) fate: Fate,
}

impl Mutant {
    /// File, and what was changed in it.
    fn place(&self) -> (&str, &str) {
        let (place, change) = self.name.split_once(": ").unwrap_or((&self.name, ""));
        (place.split(':').next().unwrap_or(place), change)
    }
}

/// Everything about a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) commit: String,
    pub(super) tool: String,
    pub(super) seconds: u64,
    pub(super) mutants: Vec<Mutant>,
}

impl Record {
    /// Reads what cargo-mutants wrote.
    pub(super) fn of_run(commit: &str, seconds: u64, outcomes: &[u8]) -> Result<Self, Failure> {
        let fault = |reason: &str| Failure::Missing(format!("outcomes.json of cargo-mutants: {reason}"));
        let value: Value = serde_json::from_slice(outcomes).map_err(|error| fault(&error.to_string()))?;
        let version = value.get("cargo_mutants_version").and_then(Value::as_str).unwrap_or("unknown");
        let list = value.get("outcomes").and_then(Value::as_array).ok_or_else(|| fault("no outcomes"))?;
        let mut mutants = Vec::new();
        for outcome in list {
            // The run of the tests without a mutant has no such member.
            let Some(mutant) = outcome.get("scenario").and_then(|scenario| scenario.get("Mutant")) else { continue };
            let name = mutant.get("name").and_then(Value::as_str).ok_or_else(|| fault("a mutant has no name"))?;
            let fate = match outcome.get("summary").and_then(Value::as_str) {
                Some("CaughtMutant") => Fate::Caught,
                Some("Timeout") => Fate::Timeout,
                Some("Unviable") => Fate::Unviable,
                Some("MissedMutant") => Fate::Survived,
                other => return Err(fault(&format!("{name} ended as {other:?}"))),
            };
            mutants.push(Mutant { name: name.to_owned(), fate });
        }
        let total = value.get("total_mutants").and_then(Value::as_u64);
        if mutants.is_empty() || total != u64::try_from(mutants.len()).ok() {
            return Err(fault(&format!("{} mutants were tried of {total:?}", mutants.len())));
        }
        mutants.sort_unstable();
        Ok(Self { commit: commit.to_owned(), tool: format!("cargo-mutants {version}"), seconds, mutants })
    }

    /// Joins the shards of one run.
    pub(super) fn merge(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let empty = Self { commit: String::new(), tool: String::new(), seconds: 0, mutants: Vec::new() };
        let mut whole = parts.next().unwrap_or(empty);
        for part in parts {
            whole.seconds += part.seconds;
            whole.mutants.extend(part.mutants);
        }
        whole.mutants.sort_unstable();
        whole
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("commit: {}\ntool: {}\nseconds: {}\n\n", self.commit, self.tool, self.seconds);
        for mutant in &self.mutants {
            let _ = writeln!(text, "{} {}", mutant.fate.word(), mutant.name);
        }
        text
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (head, list) = text.split_once("\n\n").ok_or("no list of mutants")?;
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned).ok_or(format!("no `{name}`"))
        };
        let seconds = field("seconds")?.parse().map_err(|_| "seconds are a number")?;
        let mutants: Result<Vec<Mutant>, String> =
            list.lines().map(|line| read_mutant(line).ok_or(line.to_owned())).collect();
        Ok(Self { commit: field("commit")?, tool: field("tool")?, seconds, mutants: mutants? })
    }

    pub(super) fn count(&self, fate: Fate) -> usize {
        self.mutants.iter().filter(|mutant| mutant.fate == fate).count()
    }

    /// One line about it.
    pub(super) fn told(&self) -> String {
        let counts: Vec<String> =
            Fate::ALL.iter().map(|fate| format!("{} {}", self.count(*fate), fate.word())).collect();
        format!("{} mutants in {} s: {}", self.mutants.len(), self.seconds, counts.join(", "))
    }

    fn survivors(&self) -> BTreeMap<(&str, &str), usize> {
        let mut found = BTreeMap::new();
        for mutant in self.mutants.iter().filter(|mutant| mutant.fate == Fate::Survived) {
            *found.entry(mutant.place()).or_default() += 1;
        }
        found
    }

    /// Survivors that no entry gives a reason for.
    pub(super) fn unlisted(&self, group: &Group, listed: &[Survivor]) -> Vec<String> {
        let allowed = |place: (&str, &str)| {
            let mut of_group = listed.iter().filter(|entry| entry.group == group.name);
            of_group.find(|entry| (entry.file.as_str(), entry.mutant.as_str()) == place).map_or(0, |entry| entry.count)
        };
        let survivors = self.survivors().into_iter().filter(|(place, count)| *count > allowed(*place));
        survivors
            .map(|((file, mutant), count)| format!("survived without a reason ({count}): {file}: {mutant}"))
            .collect()
    }

    /// Survivors without a reason, and reasons without a survivor.
    pub(super) fn complaints(&self, group: &Group, listed: &[Survivor]) -> Vec<String> {
        let mut complaints = self.unlisted(group, listed);
        let survivors = self.survivors();
        for Survivor { file, mutant, count, .. } in listed.iter().filter(|entry| entry.group == group.name) {
            let found = survivors.get(&(file.as_str(), mutant.as_str())).copied().unwrap_or_default();
            if found < *count {
                complaints.push(format!("listed {count} times and survived {found}: {file}: {mutant}"));
            }
        }
        complaints
    }
}

fn read_mutant(line: &str) -> Option<Mutant> {
    let (word, name) = line.split_once(' ')?;
    let fate = Fate::ALL.into_iter().find(|fate| fate.word() == word)?;
    Some(Mutant { name: name.to_owned(), fate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(total: u64) -> String {
        let mutant = |name: &str, summary: &str| {
            format!("{{\"scenario\":{{\"Mutant\":{{\"name\":\"{name}\"}}}},\"summary\":\"{summary}\"}}")
        };
        format!(
            "{{\"cargo_mutants_version\":\"1.2\",\"total_mutants\":{total},\"outcomes\":[{{\"scenario\":\"Baseline\",\"summary\":\"Success\"}},{},{},{}]}}",
            mutant("a.rs:1:2: replace x::y -> u8 with 0", "MissedMutant"),
            mutant("a.rs:7:2: replace x::y -> u8 with 0", "MissedMutant"),
            mutant("a.rs:1:2: replace + with - in z", "CaughtMutant"),
        )
    }

    fn listed(count: usize) -> Survivor {
        let [group, file, mutant] = ["g", "a.rs", "replace x::y -> u8 with 0"].map(str::to_owned);
        Survivor { group, file, mutant, count, reason: String::new() }
    }

    #[test]
    fn a_run_is_read_and_written_back() {
        let record = Record::of_run("c0ffee", 12, outcomes(3).as_bytes()).unwrap();
        assert_eq!(Record::parse(&record.to_text()), Ok(record.clone()));
        assert_eq!(record.told(), "3 mutants in 12 s: 1 caught, 0 timeout, 0 unviable, 2 survived");
        assert_eq!(Record::merge(vec![record.clone(), record]).mutants.len(), 6);
    }

    #[test]
    fn a_run_that_was_cut_short_is_none() {
        assert!(Record::of_run("c0ffee", 12, outcomes(4).as_bytes()).is_err());
        assert!(Record::of_run("c0ffee", 12, b"{\"outcomes\":[],\"total_mutants\":0}").is_err());
        assert!(Record::of_run("c0ffee", 12, outcomes(3).replace("Missed", "Lost").as_bytes()).is_err());
    }

    #[test]
    fn survivors_and_reasons_fit_one_to_one() {
        let record = Record::of_run("c0ffee", 12, outcomes(3).as_bytes()).unwrap();
        let group =
            Group { name: "g".to_owned(), package: String::new(), files: Vec::new(), tests: Vec::new(), only: None };
        assert_eq!(record.complaints(&group, &[listed(2)]), Vec::<String>::new());
        assert_eq!(record.complaints(&group, &[]).len(), 1);
        assert_eq!(record.complaints(&group, &[listed(1)]).len(), 1, "one more survived than was listed");
        assert_eq!(record.complaints(&group, &[listed(3)]).len(), 1, "one of them is caught by now");
        let other = Survivor { mutant: "gone".to_owned(), ..listed(1) };
        assert_eq!(record.complaints(&group, &[listed(2), other.clone()]).len(), 1);
        assert_eq!(record.unlisted(&group, &[listed(2), other]), Vec::<String>::new());
    }
}
