#![doc = include_str!("../README.md")]
//!
//! # Scope
//!
//! In scope: one function a target, which takes any bytes and panics where a promise of the crates is broken; the table
//! of them ([`TARGETS`]).
//!
//! Out of scope: running them. libFuzzer does it with new inputs (`fuzz/fuzz_targets`, `cargo xtask fuzz`), the test
//! `tests/seeds.rs` with the committed seeds and with every one of them cut and changed.

#![allow(clippy::expect_used, clippy::panic, reason = "a fuzz target tells what it found by a panic")]

pub mod anchor;
pub mod autogene;
pub mod canonical;
pub mod capability;
pub mod chains;
pub mod complete;
pub mod crdt;
pub mod envelope;
pub mod ethereum;
pub mod export;
pub mod files;
pub mod gate;
pub mod guardian;
pub mod hash;
pub mod horizon;
mod input;
pub mod keys;
pub mod mcp;
pub mod merkle;
pub mod note;
pub mod privacy;
pub mod proof;
pub mod record;
pub mod redact;
pub mod scroll;
pub mod seal;
pub mod shadow;
pub mod sketch;
pub mod text;
pub mod token;
pub mod witness;

/// A target: its name, that of its seeds, and its oracle.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("add_checkpoint", witness::add_checkpoint),
    ("anchor_record", anchor::anchor_record),
    ("autogene_artifact", autogene::autogene_artifact),
    ("bitcoin_evidence", chains::bitcoin_evidence),
    ("bitcoin_headers", chains::bitcoin_headers),
    ("canonical_json", canonical::canonical_json),
    ("canonical_twin", canonical::canonical_twin),
    ("capability_chain", capability::capability_chain),
    ("checkpoint", note::checkpoint),
    ("checkpoint_fork", witness::checkpoint_fork),
    ("completeness_proof", complete::completeness_proof),
    ("config_toml", files::config_toml),
    ("cose_receipt", proof::cose_receipt),
    ("cosignature", witness::cosignature),
    ("coverage", seal::coverage),
    ("crdt_message", crdt::crdt_message),
    ("crdt_op", crdt::crdt_op),
    ("crdt_pack", crdt::crdt_pack),
    ("crdt_proof", crdt::crdt_proof),
    ("crdt_session", crdt::crdt_session),
    ("disclosure", privacy::disclosure),
    ("entry_bundle", proof::entry_bundle),
    ("envelope", envelope::envelope),
    ("envelope_key", envelope::envelope_key),
    ("erasure_receipt", privacy::erasure_receipt),
    ("ethereum_block", ethereum::ethereum_block),
    ("ethereum_evidence", ethereum::ethereum_evidence),
    ("export_entries", export::export_entries),
    ("export_zip", export::export_zip),
    ("falco_alerts", guardian::falco_alerts),
    ("gate_row", gate::gate_row),
    ("genesis", record::genesis),
    ("guardian_artifact", guardian::guardian_artifact),
    ("horizon_row", horizon::horizon_row),
    ("index", complete::index),
    ("key_change", keys::key_change),
    ("key_history", keys::key_history),
    ("mcp_capture", mcp::mcp_capture),
    ("merkle_consistency", merkle::merkle_consistency),
    ("merkle_inclusion", merkle::merkle_inclusion),
    ("merkle_multi", proof::merkle_multi),
    ("merkle_range", proof::merkle_range),
    ("openings", redact::openings),
    ("ots_proof", chains::ots_proof),
    ("proof_rune", record::proof_rune),
    ("record_input", record::record_input),
    ("redaction", redact::redaction),
    ("redaction_toml", files::redaction_toml),
    ("restraint_proof", horizon::restraint_proof),
    ("rfc3161_certificate", anchor::rfc3161_certificate),
    ("rfc3161_request", anchor::rfc3161_request),
    ("rfc3161_response", anchor::rfc3161_response),
    ("rfc3161_token", anchor::rfc3161_token),
    ("row_leaf", record::row_leaf),
    ("scroll_lines", scroll::scroll_lines),
    ("seal_bundle", seal::seal_bundle),
    ("secret_key", files::secret_key),
    ("selection", seal::selection),
    ("sha256_lanes", hash::sha256_lanes),
    ("shadow_receipt", shadow::shadow_receipt),
    ("signed_note", note::signed_note),
    ("sketch_decoder", sketch::sketch_decoder),
    ("sketch_run", sketch::sketch_run),
    ("small_texts", text::small_texts),
    ("statistics_release", privacy::statistics_release),
    ("stored_proof", proof::stored_proof),
    ("subject_key", privacy::subject_key),
    ("tetragon_events", guardian::tetragon_events),
    ("tile", merkle::tile),
    ("tlog_proof", proof::tlog_proof),
    ("token_rows", token::token_rows),
    ("trust_toml", files::trust_toml),
    ("vkey", note::vkey),
];
