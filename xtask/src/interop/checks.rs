//! Every question, asked in this order.

use super::check::{At, Check, Spoilt};

/// Every question. The drivers say `accepted:` and `refused:` for clients that are libraries.
pub(super) const CHECKS: &[Check] = &[
    Check {
        client: "aics-tlog",
        format: "checkpoint",
        what: "the signed checkpoint",
        command: &["aics-tlog", "verify-checkpoint", "--note", "log/checkpoint", "--vkey-file", "log.vkey"],
        accepts: "\"ok\": true",
        spoilt: Spoilt { file: "log/checkpoint", at: At::Line(2) },
        refuses: "\"error\": ",
        ..driver()
    },
    Check {
        client: "aics-tlog",
        format: "tlog-tiles",
        what: "every tile and entry of the directory",
        command: &["python", "xtask/interop/aics.py", "audit", "log", "log.vkey"],
        spoilt: Spoilt { file: "log/tile/0/000", at: At::Byte(4000) },
        ..driver()
    },
    Check {
        client: "aics-tlog",
        format: "tlog-tiles",
        what: "the log began as an older head says",
        command: &[
            "aics-tlog",
            "verify-consistency",
            "--old-checkpoint",
            "old.head",
            "--tiles",
            "log",
            "--vkey-file",
            "log.vkey",
        ],
        accepts: "\"ok\": true",
        spoilt: Spoilt { file: "log/tile/0/001", at: At::Byte(1600) },
        refuses: "\"error\": ",
        ..driver()
    },
    Check {
        client: "aics-witness",
        format: "tlog-witness",
        what: "a checkpoint, and one that grew out of it",
        command: &["python", "xtask/interop/witness.py", "grown", "log.vkey", "old.request", "new.request"],
        spoilt: Spoilt { file: "new.request", at: At::Line(1) },
        refuses: "refused: 422",
        ..driver()
    },
    Check {
        client: "aics-witness",
        format: "tlog-witness",
        what: "a fork that the log's own key signed: refused as one",
        command: &["python", "xtask/interop/witness.py", "fork", "log.vkey", "old.request", "fork.request"],
        accepts: "accepted: 422 to the fork",
        spoilt: Spoilt { file: "fork.request", at: At::Behind("\n\nvaultmesh/") },
        refuses: "refused: 404",
        ..driver()
    },
    Check {
        client: "aics-tlog",
        format: "cosignature/v1",
        what: "a head that another vault cosigned",
        command: &["python", "xtask/interop/witness.py", "cosigned", "peer.head", "log.vkey", "peer.vkey"],
        spoilt: Spoilt { file: "peer.head", at: At::End(20) },
        ..driver()
    },
    Check {
        client: "tlog-scales",
        format: "checkpoint",
        what: "the signed checkpoint, and the root that the tiles give",
        command: &["python", "xtask/interop/scales.py", "root", "log", "log.vkey"],
        spoilt: Spoilt { file: "log/checkpoint", at: At::Behind("\u{2014} vaultmesh/") },
        ..driver()
    },
    Check {
        client: "tlog-scales",
        format: "tlog-tiles",
        what: "an inclusion proof of every entry",
        command: &["python", "xtask/interop/scales.py", "verify", "log", "log.vkey"],
        spoilt: Spoilt { file: "log/tile/entries/001", at: At::Byte(2000) },
        ..driver()
    },
    Check {
        client: "tlog-scales",
        format: "tlog-tiles",
        what: "the log began as an older head says",
        command: &["python", "xtask/interop/scales.py", "grown", "log", "log.vkey", "old.head"],
        spoilt: Spoilt { file: "old.head", at: At::Line(2) },
        ..driver()
    },
    Check {
        client: "proofbundle",
        format: ".tlog-proof",
        what: "the proof of a row",
        command: &["python", "xtask/interop/bundle.py", "verify", "row.tlog-proof", "row.entry", "log.vkey"],
        spoilt: Spoilt { file: "row.tlog-proof", at: At::Line(3) },
        ..driver()
    },
    Check {
        client: "proofbundle",
        format: ".tlog-proof",
        what: "the row that the proof is of",
        command: &["python", "xtask/interop/bundle.py", "verify", "row.tlog-proof", "row.entry", "log.vkey"],
        spoilt: Spoilt { file: "row.entry", at: At::Behind("\"tool\":\"") },
        ..driver()
    },
    Check {
        client: "proofbundle",
        format: "ML-DSA-44 cosignature",
        what: "the second signature of a head",
        command: &["python", "xtask/interop/bundle.py", "cosigned", "second.head", "second.vkey"],
        spoilt: Spoilt { file: "second.head", at: At::Behind(NO_TIME) },
        ..driver()
    },
    Check {
        client: "scitt-cose",
        format: "COSE receipt (RFC 9942)",
        what: "the receipt of a row: its signature",
        command: &[
            "python",
            "xtask/interop/scitt.py",
            "verify",
            "row.cose",
            "row.entry",
            "log.pem",
            "$(cat log.origin)",
        ],
        spoilt: Spoilt { file: "row.cose", at: At::End(1) },
        ..driver()
    },
    Check {
        client: "scitt-cose",
        format: "COSE receipt (RFC 9942)",
        what: "the receipt of a row: its path",
        command: &[
            "python",
            "xtask/interop/scitt.py",
            "verify",
            "row.cose",
            "row.entry",
            "log.pem",
            "$(cat log.origin)",
        ],
        spoilt: Spoilt { file: "row.cose", at: At::End(80) },
        ..driver()
    },
    Check {
        client: "securesystemslib",
        format: "DSSE with in-toto",
        what: "the envelope, and that it is about the bundle's file",
        command: &[
            "python",
            "xtask/interop/dsse.py",
            "verify",
            "seal.dsse.json",
            "seal.json",
            "log.pem",
            "$(cat log.keyid)",
        ],
        spoilt: Spoilt { file: "seal.dsse.json", at: At::Behind("\"payload\":\"eyJfdHlwZSI6Imh0dHBz") },
        ..driver()
    },
    Check {
        client: "securesystemslib",
        format: "DSSE with in-toto",
        what: "the bundle's file, by its hash in the statement",
        command: &[
            "python",
            "xtask/interop/dsse.py",
            "verify",
            "seal.dsse.json",
            "seal.json",
            "log.pem",
            "$(cat log.keyid)",
        ],
        spoilt: Spoilt { file: "seal.json", at: At::Behind("\"set_root\":\"") },
        ..driver()
    },
    Check {
        client: "in-toto-attestation",
        format: "DSSE with in-toto",
        what: "the statement in the envelope, by the framework's own types",
        command: &["python", "xtask/interop/intoto.py", "verify", "seal.dsse.json", "seal.json"],
        spoilt: Spoilt { file: "seal.dsse.json", at: At::Behind("\"payload\":\"eyJfdHlwZSI6Imh0dHBz") },
        ..driver()
    },
    Check {
        client: "ssh-keygen",
        format: "SSHSIG",
        what: "the signature over the bundle's file",
        command: &[
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            "allowed",
            "-I",
            "$(cat log.origin)",
            "-n",
            "vaultmesh-seal",
            "-s",
            "seal.sig",
        ],
        input: Some("seal.json"),
        accepts: "Good \"vaultmesh-seal\" signature",
        spoilt: Spoilt { file: "seal.json", at: At::Behind("\"set_root\":\"") },
        refuses: "Signature verification failed: incorrect signature",
        codes: &[255],
    },
    Check {
        client: "openssl",
        format: "RFC 3161",
        what: "the token over the bundle's file",
        command: &[
            "openssl",
            "ts",
            "-verify",
            "-data",
            "seal.json",
            "-in",
            "seal.tst",
            "-token_in",
            "-CAfile",
            "root.pem",
        ],
        accepts: "Verification: OK",
        spoilt: Spoilt { file: "seal.tst", at: At::End(1) },
        refuses: "Verification: FAILED",
        ..driver()
    },
    Check {
        client: "rfc3161-client",
        format: "RFC 3161",
        what: "the token over the bundle's file",
        command: &["python", "xtask/interop/timestamp.py", "verify", "seal.tst", "seal.json", "root.pem"],
        spoilt: Spoilt { file: "seal.tst", at: At::End(1) },
        ..driver()
    },
    Check {
        client: "@ethereumjs/mpt",
        format: "Ethereum evidence",
        what: "the transaction, its receipt, and the blocks up to the pinned one",
        command: ETHEREUM,
        spoilt: Spoilt { file: "seal.eth.json", at: At::Behind("\"receipt_proof\":[\"0xf") },
        ..driver()
    },
    Check {
        client: "@ethereumjs/mpt",
        format: "Ethereum evidence",
        what: "the bundle's file, by its hash in the calldata",
        command: ETHEREUM,
        spoilt: Spoilt { file: "seal.json", at: At::Behind("\"set_root\":\"") },
        ..driver()
    },
    Check {
        client: "opentimestamps",
        format: "OpenTimestamps proof",
        what: "a calendar's promise over the bundle's file, written again byte for byte",
        command: &[
            "python",
            "xtask/interop/stamps.py",
            "promise",
            "pending.ots",
            "seal.json",
            "$(cat calendar.url)",
            "$(cat calendar.sent)",
        ],
        spoilt: Spoilt { file: "pending.ots", at: At::Byte(NONCE) },
        ..driver()
    },
    Check {
        client: "opentimestamps",
        format: "OpenTimestamps proof",
        what: "the completed proof, by the Merkle root of the block that is believed",
        command: STAMPED,
        spoilt: Spoilt { file: "seal.ots", at: At::Byte(NONCE) },
        ..driver()
    },
    Check {
        client: "opentimestamps",
        format: "OpenTimestamps proof",
        what: "the bundle's file, by its hash in the proof",
        command: STAMPED,
        spoilt: Spoilt { file: "seal.json", at: At::Behind("\"set_root\":\"") },
        ..driver()
    },
    Check {
        client: "aics-tlog",
        format: "tlog-tiles",
        what: "its own directory of 600 entries, written in two steps",
        command: &["vaultmesh", "verify-tiles", "aics", "--key", "$(cat aics.vkey)", "--head", "aics.head"],
        spoilt: Spoilt { file: "aics/tile/0/001", at: At::Byte(77) },
        refuses: "tile-altered",
        ..ours()
    },
    Check {
        client: "aics-witness",
        format: "cosignature/v1",
        what: "its own cosignature of the head, one of one witness",
        command: &["vaultmesh", "verify-tiles", "log", "--trust", "witnessed.toml", "--head", "theirs.head"],
        spoilt: Spoilt { file: "theirs.head", at: At::End(20) },
        refuses: "cosignature-invalid",
        ..ours()
    },
    Check {
        client: "tlog-scales",
        format: "tlog-tiles",
        what: "its own directory of 600 entries, written in two steps",
        command: &["vaultmesh", "verify-tiles", "scales", "--key", "$(cat scales.vkey)", "--head", "scales.head"],
        spoilt: Spoilt { file: "scales/tile/entries/000", at: At::Byte(77) },
        refuses: "log-altered",
        ..ours()
    },
    Check {
        client: "tlog-scales",
        format: ".tlog-proof",
        what: "its own proof from its own directory",
        command: &[
            "vaultmesh",
            "verify-proof",
            "scales.tlog-proof",
            "--entry",
            "scales.entry",
            "--key",
            "$(cat scales.vkey)",
        ],
        spoilt: Spoilt { file: "scales.entry", at: At::Byte(3) },
        refuses: "root-mismatch",
        ..ours()
    },
    Check {
        client: "tlog-scales",
        format: ".tlog-proof",
        what: "its own proof from the directory that vaultmesh wrote",
        command: &["vaultmesh", "verify-proof", "ours.tlog-proof", "--entry", "ours.entry", "--key", "$(cat log.vkey)"],
        spoilt: Spoilt { file: "ours.tlog-proof", at: At::Line(2) },
        refuses: "root-mismatch",
        ..ours()
    },
    Check {
        client: "proofbundle",
        format: ".tlog-proof",
        what: "its own proof of a log of its own",
        command: &[
            "vaultmesh",
            "verify-proof",
            "bundle.tlog-proof",
            "--entry",
            "bundle.entry",
            "--key",
            "$(cat bundle.vkey)",
        ],
        spoilt: Spoilt { file: "bundle.tlog-proof", at: At::Line(2) },
        refuses: "root-mismatch",
        ..ours()
    },
    Check {
        client: "proofbundle",
        format: "ML-DSA-44 cosignature",
        what: "its own second signature of a foreign log's checkpoint and head",
        command: &[
            "vaultmesh",
            "verify-tiles",
            "signed",
            "--key",
            "$(cat aics.vkey)",
            "--pq-key",
            "$(cat signed.vkey)",
            "--head",
            "signed.head",
        ],
        spoilt: Spoilt { file: "signed/checkpoint", at: At::Behind(NO_TIME) },
        refuses: "pq-signature-invalid",
        ..ours()
    },
    Check {
        client: "scitt-cose",
        format: "COSE receipt (RFC 9942)",
        what: "its own receipt of a log of its own",
        command: &["vaultmesh", "verify-proof", "scitt.cose", "--entry", "scitt.entry", "--key", "$(cat scitt.vkey)"],
        spoilt: Spoilt { file: "scitt.cose", at: At::End(70) },
        refuses: "root-mismatch",
        ..ours()
    },
    Check {
        client: "openssl",
        format: "RFC 3161",
        what: "its own response, as an authority",
        command: &["vaultmesh", "anchor", "add", "$(cat seal.id)", "--token", "reply.tsr", "--trust", "reply.toml"],
        accepts: "anchored rfc3161 by openssl",
        spoilt: Spoilt { file: "reply.tsr", at: At::End(1) },
        refuses: "the token does not hold",
        codes: &[2],
        ..ours()
    },
    Check {
        client: "@ethereumjs/mpt",
        format: "Ethereum evidence",
        what: "its own evidence of an event, from its own tries",
        command: &["ethereum", "verify", "ethereumjs.json", "seal.json", "ethereumjs-trust.json"],
        spoilt: Spoilt { file: "ethereumjs.json", at: At::Behind("\"proof\":[\"0xf") },
        refuses: "transaction-proof",
        ..ours()
    },
    Check {
        client: "opentimestamps",
        format: "OpenTimestamps proof",
        what: "its own proof, with a promise beside a block of a chain of its own",
        command: &[
            "vaultmesh",
            "anchor",
            "inspect",
            "theirs.ots",
            "--data",
            "seal.json",
            "--trust",
            "theirs.toml",
            "--format",
            "json",
        ],
        accepts: "\"verdict\": \"verified\"",
        spoilt: Spoilt { file: "theirs.ots", at: At::Byte(NONCE) },
        refuses: "merkle-root-mismatch",
        ..ours()
    },
];

/// A completed proof, checked by a client.
const STAMPED: &[&str] = &["python", "xtask/interop/stamps.py", "block", "seal.ots", "seal.json", "calendar.headers"];

/// What stands before a second signature: it says no time, and eight zero bytes are at least ten letters of base64.
const NO_TIME: &str = "AAAAAAAAAA";

/// Where the nonce begins in a proof whose first step appends it: behind magic, version, hash, digest, tag and length.
const NONCE: usize = 31 + 1 + 1 + 32 + 1 + 1;

/// Evidence on Ethereum, checked by a client.
const ETHEREUM: &[&str] =
    &["node", "xtask/interop/ethereum/ethereum.mjs", "verify", "seal.eth.json", "seal.json", "eth-trust.json"];

/// A client that is asked through its driver.
const fn driver() -> Check {
    Check {
        client: "",
        format: "",
        what: "",
        command: &[],
        input: None,
        accepts: "accepted:",
        spoilt: Spoilt { file: "", at: At::End(1) },
        refuses: "refused:",
        codes: &[1],
    }
}

/// A client's product that `vaultmesh` is asked about; each names the finding that says no.
const fn ours() -> Check {
    Check { accepts: "verified:", ..driver() }
}
