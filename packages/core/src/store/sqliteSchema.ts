/**
 * The tables of the SQLite store, as migrations that only go forward: the one at index n brings a store from version n to n + 1.
 *
 * A migration that was published is never changed. Every row carries a checksum over its values, because SQLite itself does not notice
 * when the disk turns one byte of a cursor into another.
 */
export const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE definitions (
    name TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    definition TEXT NOT NULL,
    source TEXT,
    paused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE runs (
    seq INTEGER PRIMARY KEY, -- the order of creation
    id TEXT NOT NULL UNIQUE,
    pipeline TEXT NOT NULL,
    revision INTEGER NOT NULL,
    status TEXT NOT NULL,
    trigger TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    full_refresh INTEGER NOT NULL,
    dry_run INTEGER NOT NULL,
    rows_extracted INTEGER NOT NULL,
    rows_filtered INTEGER NOT NULL,
    rows_loaded INTEGER NOT NULL,
    rows_rejected INTEGER NOT NULL,
    stages TEXT NOT NULL,
    error TEXT,
    attempt INTEGER NOT NULL,
    retry_of TEXT,
    variables TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    at INTEGER GENERATED ALWAYS AS (coalesce(started_at, created_at)) VIRTUAL
  ) STRICT;
  -- Lists of several states are merged from one scan each, so these two serve every filter.
  CREATE INDEX runs_by_pipeline ON runs (pipeline, status, at);
  CREATE INDEX runs_by_status ON runs (status, at);

  -- Counting a million runs for each page would cost more than the page. Counts of a span are those of its days and of two scans at its ends.
  CREATE TABLE run_counts (
    pipeline TEXT NOT NULL,
    status TEXT NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (pipeline, status)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE run_days (
    status TEXT NOT NULL,
    day INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (status, day)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER runs_created AFTER INSERT ON runs BEGIN
    INSERT INTO run_counts VALUES (new.pipeline, new.status, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
    INSERT INTO run_days VALUES (new.status, new.at / 86400000, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER runs_moved AFTER UPDATE OF status, created_at, started_at ON runs WHEN old.status <> new.status OR old.at <> new.at BEGIN
    UPDATE run_counts SET runs = runs - 1 WHERE pipeline = old.pipeline AND status = old.status;
    UPDATE run_days SET runs = runs - 1 WHERE status = old.status AND day = old.at / 86400000;
    INSERT INTO run_counts VALUES (new.pipeline, new.status, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
    INSERT INTO run_days VALUES (new.status, new.at / 86400000, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER runs_deleted AFTER DELETE ON runs BEGIN
    UPDATE run_counts SET runs = runs - 1 WHERE pipeline = old.pipeline AND status = old.status;
    UPDATE run_days SET runs = runs - 1 WHERE status = old.status AND day = old.at / 86400000;
  END;

  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, -- the order in which they came
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    pipeline TEXT NOT NULL,
    run_id TEXT,
    data TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    -- The greatest timestamp so far. It grows with seq, which timestamps need not: no event before the first with clock >= t is of t or later.
    clock INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX events_by_pipeline ON events (pipeline);
  CREATE INDEX events_by_run ON events (run_id);
  CREATE INDEX events_by_clock ON events (clock);
  CREATE INDEX events_by_time ON events (timestamp);

  CREATE TABLE checkpoints (
    pipeline TEXT NOT NULL,
    destination TEXT NOT NULL,
    run_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    cursors TEXT NOT NULL,
    cursor_versions TEXT NOT NULL,
    fingerprints TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (pipeline, destination)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT,
    epoch INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  PRAGMA application_id = ${0x44_4c_54_41}; -- DLTA
  `,
  `
  CREATE TABLE step_states (
    pipeline TEXT NOT NULL,
    destination TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (pipeline, destination, key, version)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX step_states_by_version ON step_states (pipeline, destination, version);
  `,
  `
  CREATE TABLE entries (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    updated_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_by_end ON entries (expires_at) WHERE expires_at IS NOT NULL;
  `,
  `
  ALTER TABLE runs ADD COLUMN logical_time TEXT;

  -- One row. A look at it tells whether any definition changed.
  CREATE TABLE definition_changes (version INTEGER NOT NULL) STRICT;
  INSERT INTO definition_changes VALUES (0);
  CREATE TRIGGER definitions_created AFTER INSERT ON definitions BEGIN UPDATE definition_changes SET version = version + 1; END;
  CREATE TRIGGER definitions_changed AFTER UPDATE ON definitions BEGIN UPDATE definition_changes SET version = version + 1; END;
  CREATE TRIGGER definitions_deleted AFTER DELETE ON definitions BEGIN UPDATE definition_changes SET version = version + 1; END;
  `,
  // A span rarely begins with a day, and a part of a day may hold a hundred thousand runs. Most pages are of runs in any state.
  `
  CREATE TABLE run_quarters (
    status TEXT NOT NULL,
    quarter INTEGER NOT NULL, -- of an hour
    runs INTEGER NOT NULL,
    PRIMARY KEY (status, quarter)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX runs_of_pipeline ON runs (pipeline, at);
  CREATE INDEX runs_by_time ON runs (at);
  INSERT INTO run_quarters SELECT status, at / 900000, count(*) FROM runs GROUP BY 1, 2;
  CREATE TRIGGER runs_created_quarter AFTER INSERT ON runs BEGIN
    INSERT INTO run_quarters VALUES (new.status, new.at / 900000, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER runs_moved_quarter AFTER UPDATE OF status, created_at, started_at ON runs WHEN old.status <> new.status OR old.at <> new.at BEGIN
    UPDATE run_quarters SET runs = runs - 1 WHERE status = old.status AND quarter = old.at / 900000;
    INSERT INTO run_quarters VALUES (new.status, new.at / 900000, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER runs_deleted_quarter AFTER DELETE ON runs BEGIN
    UPDATE run_quarters SET runs = runs - 1 WHERE status = old.status AND quarter = old.at / 900000;
  END;
  `,
]

/** "DLTA", in the header of the file: tells a store from some other SQLite database. */
export const APPLICATION_ID = 0x44_4c_54_41
