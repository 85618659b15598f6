//! Indexes, rebuilt from the rows that they cover.

use std::collections::HashSet;

use vm_core::record::{LogEntry, StoredRow};
use vm_core::verdict::{Code, Finding, Report};

use crate::error::IndexError;
use crate::index::{Deck, IndexedRun, Order, Statement};

/// Cards of the rows so far, and the runs that were found to be as stated.
pub(super) struct IndexRules {
    /// None once a row was missing: what is stated over it cannot be rebuilt.
    deck: Option<Deck>,
    good: HashSet<IndexedRun>,
    count: u64,
}

impl IndexRules {
    pub(super) fn new() -> Self {
        Self { deck: Some(Deck::new(0)), good: HashSet::new(), count: 0 }
    }

    /// Takes in the next row of the log. What an index states is held against the rows before it.
    pub(super) fn check(&mut self, entry: &LogEntry, row: &StoredRow, report: &mut Report) {
        let subject = || format!("index at {}", entry.seq);
        match Statement::of_row(row, entry.seq) {
            Ok(None) => {}
            Ok(Some(statement)) => self.rebuild(&statement, &subject(), report),
            Err(error) => {
                let code = match error {
                    IndexError::Lagging { .. } => Code::IndexLagging,
                    IndexError::FormatUnknown { .. } => Code::FormatUnknown,
                    _ => Code::IndexAltered,
                };
                report.find(Finding::new(code, subject()).found(error));
            }
        }
        let follows = |deck: &Deck| deck.run().end().as_u64() == entry.seq;
        let pushed = self.deck.as_mut().filter(|deck| follows(deck)).map(|deck| deck.push(entry, row));
        if !matches!(pushed, Some(Ok(()))) {
            self.lose();
        }
    }

    /// A row could not be looked at.
    pub(super) fn lose(&mut self) {
        self.deck = None;
    }

    pub(super) fn finish(self, report: &mut Report) {
        if self.count > 0 {
            report.checked(format!("indexes: {}, rebuilt from the rows before them", self.count));
        }
    }

    fn rebuild(&mut self, statement: &Statement, subject: &str, report: &mut Report) {
        let Some(deck) = &self.deck else {
            report.find(Finding::new(Code::EvidenceUnreadable, subject).found("rows before it are missing"));
            return;
        };
        self.count += 1;
        for stated in statement.runs() {
            if self.good.contains(stated) {
                continue;
            }
            let Some(sorted) = deck.sort(stated.run()) else {
                report.find(Finding::new(Code::IndexAltered, subject).found("a run of rows that are not before it"));
                return;
            };
            let found = sorted.statement();
            if found == *stated {
                self.good.insert(found);
                continue;
            }
            for order in Order::ALL {
                let (expected, found) = (stated.tree(order), found.tree(order));
                if expected != found {
                    let subject = format!("{subject}, run {} by {order}", stated.run());
                    let shown = |(size, root)| format!("{root} over {size}");
                    report
                        .find(Finding::new(Code::IndexAltered, subject).expected_found(shown(found), shown(expected)));
                }
            }
        }
    }
}
