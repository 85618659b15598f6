-- Schema 2: the Merkle log over all rows, its tiles and checkpoints, and the writer's own books.

-- seq counts from 0; tbl is the number of the table; leaf is the hash of the row under schema.
CREATE TABLE log (
  seq INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 0),
  tbl INTEGER NOT NULL,
  row_id BLOB NOT NULL UNIQUE CHECK (length(row_id) = 16),
  schema INTEGER NOT NULL,
  leaf BLOB NOT NULL CHECK (length(leaf) = 32)
) STRICT;
CREATE TRIGGER log_no_update BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'append-only: log'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'append-only: log'); END;
CREATE TRIGGER log_no_replace BEFORE INSERT ON log
WHEN EXISTS (SELECT 1 FROM log WHERE seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM log WHERE row_id = NEW.row_id)
BEGIN SELECT RAISE(ABORT, 'key exists: log'); END;

-- Full tiles alone: 256 hashes of 32 bytes, and the root over them, which is one hash of the tile above.
CREATE TABLE tiles (
  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
  idx INTEGER NOT NULL CHECK (idx >= 0),
  hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
  root BLOB NOT NULL CHECK (length(root) = 32),
  PRIMARY KEY (level, idx)
) STRICT;
CREATE TRIGGER tiles_no_update BEFORE UPDATE ON tiles
BEGIN SELECT RAISE(ABORT, 'append-only: tiles'); END;
CREATE TRIGGER tiles_no_delete BEFORE DELETE ON tiles
BEGIN SELECT RAISE(ABORT, 'append-only: tiles'); END;
CREATE TRIGGER tiles_no_replace BEFORE INSERT ON tiles
WHEN EXISTS (SELECT 1 FROM tiles WHERE level = NEW.level AND idx = NEW.idx)
  OR EXISTS (SELECT 1 FROM tiles WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: tiles'); END;

-- One signed checkpoint a commit.
CREATE TABLE checkpoints (
  size INTEGER NOT NULL PRIMARY KEY CHECK (size > 0),
  note TEXT NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'append-only: checkpoints'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'append-only: checkpoints'); END;
CREATE TRIGGER checkpoints_no_replace BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'key exists: checkpoints'); END;

-- What opens the commitments of a row, encrypted. Not evidence: rows may be deleted to erase what they open.
CREATE TABLE openings (
  row_id BLOB NOT NULL PRIMARY KEY CHECK (length(row_id) = 16),
  format TEXT NOT NULL,
  suite TEXT NOT NULL,
  key_id BLOB NOT NULL,
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL
) STRICT;
CREATE TRIGGER openings_no_update BEFORE UPDATE ON openings
BEGIN SELECT RAISE(ABORT, 'append-only: openings'); END;
CREATE TRIGGER openings_no_replace BEFORE INSERT ON openings
WHEN EXISTS (SELECT 1 FROM openings WHERE row_id = NEW.row_id)
  OR EXISTS (SELECT 1 FROM openings WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'key exists: openings'); END;

-- Keyed hashes of callers' idempotency keys, the fingerprint of what came with each, and the row it made.
CREATE TABLE idempotency (
  key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
  row_id BLOB NOT NULL CHECK (length(row_id) = 16)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER idempotency_no_update BEFORE UPDATE ON idempotency
BEGIN SELECT RAISE(ABORT, 'append-only: idempotency'); END;
CREATE TRIGGER idempotency_no_delete BEFORE DELETE ON idempotency
BEGIN SELECT RAISE(ABORT, 'append-only: idempotency'); END;
CREATE TRIGGER idempotency_no_replace BEFORE INSERT ON idempotency
WHEN EXISTS (SELECT 1 FROM idempotency WHERE key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'key exists: idempotency'); END;

-- Numbered uses of capabilities, spent once; seq is the first row recorded under the use.
CREATE TABLE permit_uses (
  capability_hash BLOB NOT NULL CHECK (length(capability_hash) = 32),
  use_number INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (capability_hash, use_number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER permit_uses_no_update BEFORE UPDATE ON permit_uses
BEGIN SELECT RAISE(ABORT, 'append-only: permit_uses'); END;
CREATE TRIGGER permit_uses_no_delete BEFORE DELETE ON permit_uses
BEGIN SELECT RAISE(ABORT, 'append-only: permit_uses'); END;
CREATE TRIGGER permit_uses_no_replace BEFORE INSERT ON permit_uses
WHEN EXISTS (SELECT 1 FROM permit_uses WHERE capability_hash = NEW.capability_hash AND use_number = NEW.use_number)
BEGIN SELECT RAISE(ABORT, 'key exists: permit_uses'); END;
