-- Samples that others push: remote write and OTLP.

-- The server's own stand-in for whoever pushes: it is no machine, and `*` does not mean it.
ALTER TABLE fleet.agent DROP CONSTRAINT agent_kind_check;
ALTER TABLE fleet.agent ADD CONSTRAINT agent_kind_check CHECK (kind IN ('agent', 'collector', 'intake'));

-- What was pushed to a target; forgotten a day after its last sample, or when its sender says it ended.
CREATE TABLE health.intake_series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id integer NOT NULL REFERENCES fleet.target (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> ''),
    entity text NOT NULL,
    unit text NOT NULL,
    help text NOT NULL,
    last_at timestamptz NOT NULL,
    UNIQUE (target_id, name, entity)
);
CREATE INDEX intake_series_last ON health.intake_series (last_at);

-- What was pushed and is not yet part of a report: a row a request, its samples as three columns one
-- after the other: series (i32), at (i64, µs since 1970 UTC), value (f64), little-endian.
CREATE TABLE health.intake_push (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    samples bytea NOT NULL CHECK (octet_length(samples) = count * 20)
);
-- Read once and dropped: not worth packing.
ALTER TABLE health.intake_push ALTER COLUMN samples SET STORAGE EXTERNAL;
