//! The page about foreign clients.

use std::fmt::Write as _;

use super::RECORD;
use super::record::{Answer, Gap, Record};
use crate::error::Failure;
use crate::tree::Tree;

/// Where the page stands.
pub(crate) const PATH: &str = "docs/interop.md";

const INTRODUCTION: &str = "# Foreign clients

What the ledger says is not to be believed because its own program says so. Each format that others read is checked here
by clients that share no code with this workspace, and what those clients make is checked by `vaultmesh`.

```console
$ cargo xtask interop                        # writes the record and this page
$ cargo xtask interop --python python3.12    # with this Python, 3.12 or newer
$ cargo xtask interop --dry                  # writes nothing, and tries work in progress
```

It makes a vault with the real binary, records 601 rows, seals, anchors with the local authority and publishes; installs
the clients at the versions that `xtask/interop/requirements.txt` and `xtask/interop/ethereum` pin; anchors the seal on a
node of Ethereum (Foundry's anvil) and with a calendar of python-opentimestamps too; and asks each client twice: about what was made, and about the same with one bit altered, which it must refuse. A client that does not install, does not come to an
answer, or accepts the altered bit fails the run and is named; nothing is skipped. Clients that are libraries are asked
by the drivers in `xtask/interop`, which exit with 2 where a client failed without refusing.

Of the clients aics-tlog and aics-witness alone demand Python 3.12. The commands run in the folder of that run, `target/interop/site`,
where all files stay; `ethereum` there is the example of vm-anchor. This page is written from `xtask/interop/record.toml`, the last complete run; `cargo xtask tidy`
fails where a check or a version is not in it.
";

const BOUNDS: &str = "
## What this does not show

- No client checks that a seal leaves nothing out, or what a row means: these formats have no words for it.
  `docs/verify.py` does, written from the specifications alone.
- `vaultmesh` reads no DSSE envelope and no SSH signature; what they say stands in the bundle, which it reads.
- rfc3161-client has OpenSSL check the token's signature, as its refusal says, so of the two clients of RFC 3161 only
  the checks around the signature are independent of each other.
- proofbundle, aics-tlog, aics-witness, tlog-scales and scitt-cose are young and their authors few. They agree with us and with each
  other; none of them is an authority.
";

/// The page as it must stand.
pub(crate) fn page(tree: &Tree) -> Result<String, Failure> {
    Ok(of(&Record::parse(&tree.read(RECORD)?).map_err(Failure::Missing)?))
}

/// The page about this run.
pub(super) fn of(record: &Record) -> String {
    let mut page = String::from(INTRODUCTION);
    let python = record.version("python").unwrap_or("unknown");
    let (commit, version) = (&record.commit, &record.vaultmesh);
    let _ = writeln!(page, "\nLast run: commit `{commit}`, vaultmesh {version}, Python {python}.");
    page.push_str("\n## What vaultmesh made, checked by others\n");
    table(record, |answer| !answer.is_ours(), &mut page);
    page.push_str("\n## What others made, checked by vaultmesh\n");
    table(record, Answer::is_ours, &mut page);
    differences(record, &mut page);
    page.push_str(BOUNDS);
    page
}

fn table(record: &Record, wanted: impl Fn(&Answer) -> bool, page: &mut String) {
    page.push_str("\n| client | version | format | checked | command | result | one bit altered in | result then |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for answer in record.answers.iter().filter(|answer| wanted(answer)) {
        let Answer { client, format, what, command, accepted, altered, refused } = answer;
        let version =
            record.version(client).unwrap_or("unknown").trim_start_matches("OpenSSL ").trim_start_matches("OpenSSH_");
        let _ = writeln!(
            page,
            "| {client} | {version} | {format} | {} | `{}` | {} | `{altered}` | {} |",
            cell(what),
            cell(command),
            cell(accepted),
            cell(refused),
        );
    }
}

fn differences(record: &Record, page: &mut String) {
    page.push_str(
        "\n## Altered bits that others accept\n\n\
         Refused by `vaultmesh`, and no fault of the client, which follows its specification. Each run shows both answers.\n\n| client | version | one bit altered in | of | the client | vaultmesh |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for Gap { client, what, altered, accepted, refused } in &record.gaps {
        let version = record.version(client).unwrap_or("unknown");
        let (what, accepted, refused) = (cell(what), cell(accepted), cell(refused));
        let _ = writeln!(page, "| {client} | {version} | `{altered}` | {what} | {accepted} | {refused} |");
    }
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
