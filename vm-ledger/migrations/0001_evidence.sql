-- Schema 1: the three tables of evidence, and the record of the migrations that made this file.
-- A key that exists is refused before the insert, because INSERT OR REPLACE passes by DELETE triggers unless the
-- connection asked for recursive triggers. NEW.rowid is -1 unless the statement names one.

CREATE TABLE schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY,
  file TEXT NOT NULL,
  sha256 BLOB NOT NULL
) STRICT;
CREATE TRIGGER schema_migrations_no_update BEFORE UPDATE ON schema_migrations
BEGIN SELECT RAISE(ABORT, 'append-only: schema_migrations'); END;
CREATE TRIGGER schema_migrations_no_delete BEFORE DELETE ON schema_migrations
BEGIN SELECT RAISE(ABORT, 'append-only: schema_migrations'); END;
CREATE TRIGGER schema_migrations_no_replace BEFORE INSERT ON schema_migrations
WHEN EXISTS (SELECT 1 FROM schema_migrations WHERE version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'key exists: schema_migrations'); END;

CREATE TABLE tool_invocations (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  ts TEXT NOT NULL,
  trace_id BLOB NOT NULL CHECK (length(trace_id) = 16),
  tool TEXT NOT NULL,
  phase TEXT NOT NULL,
  status TEXT,
  input_json TEXT,
  output_json TEXT,
  intent_id BLOB,
  duration_us INTEGER,
  meta_json TEXT,
  corrects_id BLOB,
  corrects_leaf BLOB,
  capability_hash BLOB,
  policy_hash BLOB
) STRICT;
CREATE INDEX tool_invocations_trace_id ON tool_invocations (trace_id);
CREATE INDEX tool_invocations_ts ON tool_invocations (ts);
CREATE TRIGGER tool_invocations_no_update BEFORE UPDATE ON tool_invocations
BEGIN SELECT RAISE(ABORT, 'append-only: tool_invocations'); END;
CREATE TRIGGER tool_invocations_no_delete BEFORE DELETE ON tool_invocations
BEGIN SELECT RAISE(ABORT, 'append-only: tool_invocations'); END;
CREATE TRIGGER tool_invocations_no_replace BEFORE INSERT ON tool_invocations
WHEN EXISTS (SELECT 1 FROM tool_invocations WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM tool_invocations WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: tool_invocations'); END;

CREATE TABLE mcp_calls (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  ts TEXT NOT NULL,
  trace_id BLOB NOT NULL CHECK (length(trace_id) = 16),
  connection BLOB NOT NULL,
  ordinal INTEGER,
  direction TEXT NOT NULL,
  kind TEXT NOT NULL,
  rpc_id TEXT,
  method TEXT,
  answers_id BLOB,
  frame_len INTEGER,
  frame_sha256 BLOB,
  frame_commitment BLOB,
  body_json TEXT,
  meta_json TEXT,
  corrects_id BLOB,
  corrects_leaf BLOB,
  capability_hash BLOB,
  policy_hash BLOB
) STRICT;
CREATE INDEX mcp_calls_trace_id ON mcp_calls (trace_id);
CREATE INDEX mcp_calls_ts ON mcp_calls (ts);
CREATE TRIGGER mcp_calls_no_update BEFORE UPDATE ON mcp_calls
BEGIN SELECT RAISE(ABORT, 'append-only: mcp_calls'); END;
CREATE TRIGGER mcp_calls_no_delete BEFORE DELETE ON mcp_calls
BEGIN SELECT RAISE(ABORT, 'append-only: mcp_calls'); END;
CREATE TRIGGER mcp_calls_no_replace BEFORE INSERT ON mcp_calls
WHEN EXISTS (SELECT 1 FROM mcp_calls WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM mcp_calls WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: mcp_calls'); END;

CREATE TABLE proof_artifacts (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  ts TEXT NOT NULL,
  trace_id BLOB NOT NULL CHECK (length(trace_id) = 16),
  kind TEXT NOT NULL,
  path TEXT,
  size INTEGER NOT NULL,
  sha256_hex TEXT NOT NULL,
  blake3_hex TEXT,
  subject_id BLOB,
  meta_json TEXT,
  corrects_id BLOB,
  corrects_leaf BLOB,
  capability_hash BLOB,
  policy_hash BLOB
) STRICT;
CREATE INDEX proof_artifacts_trace_id ON proof_artifacts (trace_id);
CREATE INDEX proof_artifacts_ts ON proof_artifacts (ts);
CREATE INDEX proof_artifacts_kind ON proof_artifacts (kind);
CREATE TRIGGER proof_artifacts_no_update BEFORE UPDATE ON proof_artifacts
BEGIN SELECT RAISE(ABORT, 'append-only: proof_artifacts'); END;
CREATE TRIGGER proof_artifacts_no_delete BEFORE DELETE ON proof_artifacts
BEGIN SELECT RAISE(ABORT, 'append-only: proof_artifacts'); END;
CREATE TRIGGER proof_artifacts_no_replace BEFORE INSERT ON proof_artifacts
WHEN EXISTS (SELECT 1 FROM proof_artifacts WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM proof_artifacts WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: proof_artifacts'); END;
