/**
 * The tables of the PostgreSQL store, as migrations that only go forward: the one at index n brings a store from version n to n + 1.
 *
 * A migration that was published is never changed. Texts are encoded (`encodeText`) and compared byte by byte. All names are within the
 * store's own schema, which is the search path while they run.
 */
export const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE definitions (
    name text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    definition text NOT NULL,
    source text,
    paused boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
  );

  CREATE TABLE runs (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of creation
    id text COLLATE "C" NOT NULL UNIQUE,
    pipeline text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    trigger text NOT NULL,
    created_at bigint NOT NULL,
    started_at bigint,
    completed_at bigint,
    full_refresh boolean NOT NULL,
    dry_run boolean NOT NULL,
    rows_extracted bigint NOT NULL,
    rows_filtered bigint NOT NULL,
    rows_loaded bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    stages text NOT NULL,
    error text NOT NULL,
    attempt bigint NOT NULL,
    retry_of text,
    variables text NOT NULL,
    at bigint NOT NULL GENERATED ALWAYS AS (coalesce(started_at, created_at)) STORED
  );
  CREATE INDEX runs_by_time ON runs (at, seq);
  CREATE INDEX runs_by_status ON runs (status, at, seq);
  CREATE INDEX runs_by_pipeline ON runs (pipeline, at, seq);
  CREATE INDEX runs_by_pipeline_status ON runs (pipeline, status, at, seq);

  -- Counting a million runs for each page would cost more than the page. Every change of a run leaves its differences in run_changes, which
  -- locks nothing; now and then they are added up into the two tables of counts. A total is what is in both.
  CREATE TABLE run_counts (
    pipeline text COLLATE "C",
    status text COLLATE "C",
    runs bigint NOT NULL,
    PRIMARY KEY (pipeline, status)
  );
  CREATE TABLE run_days (
    status text COLLATE "C",
    day bigint,
    runs bigint NOT NULL,
    PRIMARY KEY (status, day)
  );
  CREATE TABLE run_changes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    runs bigint NOT NULL
  );
  CREATE FUNCTION count_run() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'UPDATE' AND old.status = new.status AND old.at = new.at THEN RETURN NULL; END IF;
    -- Times are from 1970 on or before it: floor, where / would cut towards zero.
    IF TG_OP <> 'INSERT' THEN
      EXECUTE format('INSERT INTO %I.run_changes (pipeline, status, day, runs) VALUES ($1, $2, $3, -1)', TG_TABLE_SCHEMA)
        USING old.pipeline, old.status, floor(old.at / 86400000.0)::bigint;
    END IF;
    IF TG_OP <> 'DELETE' THEN
      EXECUTE format('INSERT INTO %I.run_changes (pipeline, status, day, runs) VALUES ($1, $2, $3, 1)', TG_TABLE_SCHEMA)
        USING new.pipeline, new.status, floor(new.at / 86400000.0)::bigint;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER count_run AFTER INSERT OR UPDATE OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION count_run();

  CREATE TABLE events (
    seq bigint PRIMARY KEY, -- the order in which they came
    id text COLLATE "C" NOT NULL UNIQUE,
    type text NOT NULL,
    timestamp bigint NOT NULL,
    pipeline text COLLATE "C" NOT NULL,
    run_id text COLLATE "C",
    data text NOT NULL,
    -- The greatest timestamp so far. It grows with seq, which timestamps need not: no event before the first with clock >= t is of t or later.
    clock bigint NOT NULL
  );
  CREATE INDEX events_by_pipeline ON events (pipeline, seq);
  CREATE INDEX events_by_run ON events (run_id, seq);
  CREATE INDEX events_by_clock ON events (clock, seq);
  CREATE INDEX events_by_time ON events (timestamp);

  -- One row. Who appends holds it until the commit, so that events are seen in the order of seq: one that came later never has a smaller one.
  CREATE TABLE event_head (seq bigint NOT NULL, clock bigint NOT NULL);
  INSERT INTO event_head VALUES (0, -9007199254740991);

  CREATE TABLE checkpoints (
    pipeline text COLLATE "C",
    destination text COLLATE "C",
    run_id text NOT NULL,
    epoch bigint NOT NULL,
    batch_id bigint NOT NULL,
    cursors text NOT NULL,
    cursor_versions text NOT NULL,
    fingerprints text NOT NULL,
    state text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (pipeline, destination)
  );

  CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    owner text,
    epoch bigint NOT NULL,
    expires_at bigint NOT NULL
  );
  `,
  `
  CREATE TABLE step_states (
    pipeline text COLLATE "C",
    destination text COLLATE "C",
    key text COLLATE "C",
    version bigint,
    value text NOT NULL,
    PRIMARY KEY (pipeline, destination, key, version)
  );
  CREATE INDEX step_states_by_version ON step_states (pipeline, destination, version);
  `,
  `
  CREATE TABLE entries (
    collection text COLLATE "C",
    key text COLLATE "C",
    value text NOT NULL,
    version bigint NOT NULL,
    expires_at bigint,
    updated_at bigint NOT NULL,
    PRIMARY KEY (collection, key)
  );
  CREATE INDEX entries_by_end ON entries (expires_at) WHERE expires_at IS NOT NULL;
  `,
  `
  ALTER TABLE runs ADD COLUMN logical_time text;

  -- One row. A look at it tells whether any definition changed.
  CREATE TABLE definition_changes (version bigint NOT NULL);
  INSERT INTO definition_changes VALUES (0);
  CREATE FUNCTION count_definitions() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    EXECUTE format('UPDATE %I.definition_changes SET version = version + 1', TG_TABLE_SCHEMA);
    RETURN NULL;
  END $$;
  CREATE TRIGGER count_definitions AFTER INSERT OR UPDATE OR DELETE ON definitions FOR EACH STATEMENT EXECUTE FUNCTION count_definitions();
  `,
]
