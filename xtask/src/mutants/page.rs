//! The page about mutation tests.

use std::fmt::Write as _;

use super::group::{self, Group, Survivor};
use super::read_record;
use super::record::Fate;
use crate::error::Failure;
use crate::tree::Tree;

/// Where the page stands.
pub(crate) const PATH: &str = "docs/mutants.md";

const INTRODUCTION: &str = "# Mutation tests

Code is changed in one place after the other, and each time some test must fail. A mutant that survives shows code that no
test looks at, or a change that changes nothing.

```console
$ cargo xtask mutants                        # every group; hours on two cores
$ cargo xtask mutants capability             # one group
$ cargo xtask mutants --shard 0/4 audit      # a quarter of one: each shard on another machine or evening
```

What is mutated stands in `mutants/groups.toml`, with the tests that must notice. A run clones the commit that is checked out,
runs those tests on each mutant without any outside vectors, and writes list, commit, tool and wall time to
`mutants/GROUP.txt` once all shards of that commit ran. A survivor without a written reason in `mutants/survivors.toml` fails
the run and `cargo xtask tidy`, and so does a reason whose mutant no longer survives. A mutant that makes the tests run for
ever counts as caught; one that does not compile counts for nothing.

A record is as old as its commit: `git diff COMMIT -- FILES` shows what changed since. This page is written by `cargo xtask
docs` from the three.
";

/// The page as it must stand.
pub(crate) fn page(tree: &Tree) -> Result<String, Failure> {
    let (groups, survivors) = (group::read(tree)?, group::survivors(tree)?);
    let mut page = String::from(INTRODUCTION);
    page.push_str(
        "\n## Records\n\n| group | commit | mutants | caught | timeout | unviable | survived | wall time |\n",
    );
    page.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for group in &groups {
        row(tree, group, &mut page)?;
    }
    page.push_str("\n## Survivors, and why\n");
    for group in &groups {
        let of_group: Vec<&Survivor> = survivors.iter().filter(|entry| entry.group == group.name).collect();
        if of_group.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### {}\n\n| file | mutant | reason |\n| --- | --- | --- |\n", group.name);
        for Survivor { file, mutant, count, reason, .. } in of_group {
            let times = if *count > 1 { format!(" ({count} places)") } else { String::new() };
            let _ = writeln!(page, "| `{file}` | `{}`{times} | {} |", cell(mutant), cell(reason));
        }
    }
    Ok(page)
}

fn row(tree: &Tree, group: &Group, page: &mut String) -> Result<(), Failure> {
    match read_record(tree, group)? {
        None => {
            let _ = writeln!(page, "| {} | never ran whole | | | | | | |", group.name);
        }
        Some(record) => {
            let [caught, timeout, unviable, survived] = Fate::ALL.map(|fate| record.count(fate));
            let _ = writeln!(
                page,
                "| {} | `{}` | {} | {caught} | {timeout} | {unviable} | {survived} | {} s |",
                group.name,
                record.commit,
                record.mutants.len(),
                record.seconds,
            );
        }
    }
    Ok(())
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
