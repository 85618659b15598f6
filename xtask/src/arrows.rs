//! Who may depend on whom: the drawing of ARCHITECTURE.md as a table. `deny.toml` enforces it, and the self-test in
//! `deny.rs` shows that it does.

/// A crate, and the workspace members that may name it in a manifest, be it for building or for tests.
pub(crate) struct Arrow {
    /// Package name.
    pub(crate) to: &'static str,
    /// Members that may depend on it; `None` where all may.
    pub(crate) from: Option<&'static [&'static str]>,
}

const fn arrow(to: &'static str, from: &'static [&'static str]) -> Arrow {
    Arrow { to, from: Some(from) }
}

const BENCHES: &str = "vaultmesh-benches";
const EXAMPLES: &str = "vaultmesh-examples";
const ORACLES: &str = "vaultmesh-oracles";
const SIMULATE: &str = "vaultmesh-simulate";

/// Members of the workspace, also those still to come.
pub(crate) const MEMBERS: &[Arrow] = &[
    arrow("vm-hash", &["vm-core", BENCHES, ORACLES]),
    Arrow { to: "vm-core", from: None },
    arrow(
        "vm-seal",
        &[
            "vm-ledger",
            "vm-anchor",
            "vm-crdt",
            "vm-shadow",
            "vm-guardian",
            "vm-dee",
            "vaultmesh",
            BENCHES,
            EXAMPLES,
            ORACLES,
        ],
    ),
    arrow("vm-envelope", &["vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vm-ledger", &["vaultmesh", BENCHES, EXAMPLES]),
    arrow("vm-anchor", &["vm-guardian", "vm-dee", "vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vm-crdt", &["vaultmesh", BENCHES, EXAMPLES, ORACLES, SIMULATE]),
    arrow("vm-shadow", &["vm-guardian", "vm-dee", "vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vm-autogene", &["vm-dee", "vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vm-guardian", &["vm-dee", "vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vm-dee", &["vaultmesh", BENCHES, EXAMPLES, ORACLES]),
    arrow("vaultmesh", &[BENCHES, EXAMPLES, ORACLES]),
    arrow(BENCHES, &[]),
    arrow(EXAMPLES, &[]),
    arrow(ORACLES, &[]),
    arrow(SIMULATE, &[]),
    arrow("xtask", &[]),
];

/// Crates of others that only named members may use.
pub(crate) const OUTSIDE: &[Arrow] = &[
    arrow("rusqlite", &["vm-ledger", BENCHES]),
    arrow("rs_merkle", &["vm-seal", BENCHES]),
    arrow("pqcrypto-kyber", &["vm-envelope"]),
    arrow("ureq", &["vm-anchor"]),
];

/// Crates that no member may use, at any version that exists below the bound `deny.toml` gives.
pub(crate) const NEVER: &[&str] =
    &["rsa", "pqcrypto-mlkem", "pqc_kyber", "proc-macro-error2", "serde_jcs", "openssl-sys"];

/// The line of the table for `name`.
pub(crate) fn find(name: &str) -> Option<&'static Arrow> {
    MEMBERS.iter().chain(OUTSIDE).find(|arrow| arrow.to == name)
}

/// Whether member `from` may name `arrow.to` in its manifest.
pub(crate) fn allowed(arrow: &Arrow, from: &str) -> bool {
    arrow.from.is_none_or(|names| names.contains(&from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_crate_once() {
        for (position, arrow) in MEMBERS.iter().chain(OUTSIDE).enumerate() {
            let first = MEMBERS.iter().chain(OUTSIDE).position(|other| other.to == arrow.to);
            assert_eq!(first, Some(position), "{} stands twice", arrow.to);
        }
    }

    #[test]
    fn the_drawing_has_no_cycle() {
        for arrow in MEMBERS {
            for from in arrow.from.unwrap_or_default() {
                let back = find(from).and_then(|line| line.from).unwrap_or_default();
                assert!(!back.contains(&arrow.to), "{} and {from} may depend on each other", arrow.to);
            }
        }
    }

    #[test]
    fn the_ledger_is_closed_to_the_rules() {
        let ledger = find("vm-ledger").unwrap();
        for from in ["vm-core", "vm-seal", "vm-anchor", "vm-shadow", "vm-autogene", "vm-guardian", "vm-dee"] {
            assert!(!allowed(ledger, from), "{from}");
        }
        assert!(allowed(ledger, "vaultmesh"));
    }
}
