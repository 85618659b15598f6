-- Schema 3: proof of restraint, what was considered and not done.

CREATE TABLE shadow_receipts (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  ts TEXT NOT NULL,
  trace_id BLOB NOT NULL CHECK (length(trace_id) = 16),
  horizon_id TEXT NOT NULL,
  counterfactual_hash BLOB NOT NULL,
  entropy_delta REAL NOT NULL,
  reason TEXT NOT NULL,
  observer_key BLOB NOT NULL,
  observer_signature BLOB NOT NULL,
  meta_json TEXT,
  corrects_id BLOB,
  corrects_leaf BLOB,
  capability_hash BLOB,
  policy_hash BLOB
) STRICT;
CREATE INDEX shadow_receipts_trace_id ON shadow_receipts (trace_id);
CREATE INDEX shadow_receipts_ts ON shadow_receipts (ts);
CREATE INDEX shadow_receipts_horizon_id ON shadow_receipts (horizon_id);
CREATE TRIGGER shadow_receipts_no_update BEFORE UPDATE ON shadow_receipts
BEGIN SELECT RAISE(ABORT, 'append-only: shadow_receipts'); END;
CREATE TRIGGER shadow_receipts_no_delete BEFORE DELETE ON shadow_receipts
BEGIN SELECT RAISE(ABORT, 'append-only: shadow_receipts'); END;
CREATE TRIGGER shadow_receipts_no_replace BEFORE INSERT ON shadow_receipts
WHEN EXISTS (SELECT 1 FROM shadow_receipts WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM shadow_receipts WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: shadow_receipts'); END;
