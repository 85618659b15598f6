//! What each client is asked.

/// One question to one client: asked twice, about what was made and about the same with one bit altered.
pub(super) struct Check {
    /// Whose program answers, or whose product is looked at where `vaultmesh` answers.
    pub(super) client: &'static str,
    pub(super) format: &'static str,
    pub(super) what: &'static str,
    /// The command, run in the folder of the site. `$(cat FILE)` stands for the content of a file.
    pub(super) command: &'static [&'static str],
    /// File that is its standard input.
    pub(super) input: Option<&'static str>,
    /// Words that say yes.
    pub(super) accepts: &'static str,
    /// Where one bit is altered.
    pub(super) spoilt: Spoilt,
    /// Words that say no, and the exit codes that go with them.
    pub(super) refuses: &'static str,
    pub(super) codes: &'static [i32],
}

/// A bit of a file.
#[derive(Clone, Copy)]
pub(super) struct Spoilt {
    pub(super) file: &'static str,
    pub(super) at: At,
}

/// Which bit.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// The lowest bit of this byte, counted from the end.
    End(usize),
    /// The lowest bit of this byte.
    Byte(usize),
    /// The lowest bit of the first letter or digit behind these words that stays one: base64 and JSON keep their form,
    /// so that it is not for its form that it is refused.
    Behind(&'static str),
    /// The same in this line, counted from 0.
    Line(usize),
    /// The lowest bit of the byte behind these.
    After(&'static [u8]),
}

/// One altered bit that a client accepts and `vaultmesh` refuses. Each run shows both, so that no page says it of a
/// client that has learned better.
pub(super) struct Difference {
    pub(super) client: &'static str,
    pub(super) what: &'static str,
    pub(super) spoilt: Spoilt,
    /// The client's command, and words that say yes.
    pub(super) theirs: (&'static [&'static str], &'static str),
    /// Ours, and words that say no.
    pub(super) ours: (&'static [&'static str], &'static str),
}

pub(super) const DIFFERENCES: &[Difference] = &[Difference {
    client: "scitt-cose",
    what: "the size of the log in the unprotected header of a receipt, which RFC 9942 leaves unsigned",
    // An array of three whose first is a number of two bytes: the size of a log of 512 to 767 entries.
    spoilt: Spoilt { file: "row.cose", at: At::After(&[0x83, 0x19, 0x02]) },
    theirs: (
        &["python", "xtask/interop/scitt.py", "verify", "row.cose", "row.entry", "log.pem", "$(cat log.origin)"],
        "accepted:",
    ),
    ours: (
        &["vaultmesh", "verify-proof", "row.cose", "--entry", "row.entry", "--key", "$(cat log.vkey)"],
        "receipt-size",
    ),
}];
