-- What stands open and where, in what order to mend it, and what of it is decided.

-- namespace_id: NULL is what runs in no namespace that we know of: hosts, and images that were looked at elsewhere.
-- covered_until: a decision or a supplier's statement says until when it need not be mended; -infinity: none does.
ALTER TABLE records.exposure
    ALTER COLUMN namespace_id DROP NOT NULL,
    ADD COLUMN hosts integer NOT NULL DEFAULT 0,
    ADD COLUMN covered_until timestamptz NOT NULL DEFAULT '-infinity';
DROP INDEX records.exposure_open;
CREATE UNIQUE INDEX exposure_open
    ON records.exposure (namespace_id, identity) INCLUDE (covered_until) NULLS NOT DISTINCT WHERE ended_at IS NULL;
CREATE INDEX exposure_first_seen ON records.exposure (first_seen_at);
CREATE INDEX exposure_covered ON records.exposure (covered_until)
    WHERE ended_at IS NULL AND covered_until > '-infinity' AND covered_until < 'infinity';

-- An exposure that became graver, or less so.
CREATE TABLE records.severity_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    namespace_id integer REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    identity text NOT NULL,
    was smallint NOT NULL,
    became smallint NOT NULL
);
CREATE INDEX severity_change_at ON records.severity_change (at);

-- A vulnerability that stands open somewhere, once: what is mended first has the lowest rank (records.rank_of).
-- namespaces, pods, hosts: where it is not covered, if it is not everywhere.
CREATE TABLE records.priority (
    identity text PRIMARY KEY,
    rank smallint NOT NULL,
    severity smallint NOT NULL,
    fixable boolean NOT NULL,
    percentile real NOT NULL,
    is_running boolean NOT NULL,
    namespaces integer NOT NULL,
    pods integer NOT NULL,
    hosts integer NOT NULL,
    since_at timestamptz NOT NULL,
    covered_until timestamptz NOT NULL
);
CREATE INDEX priority_order
    ON records.priority (rank, severity DESC, percentile DESC, fixable DESC, identity);

-- How often anything changed that may concern what runs in no namespace, and how often it had when that was counted
-- last; took_ms: how long counting took, since what takes long is done seldom.
CREATE TABLE records.unplaced (
    what text PRIMARY KEY CHECK (what IN ('scans', 'decisions', 'counted')),
    changes bigint NOT NULL,
    at timestamptz,
    took_ms integer NOT NULL DEFAULT 0
);
INSERT INTO records.unplaced (what, changes) VALUES ('scans', 0), ('decisions', 0), ('counted', -1);

-- What was decided or stated anew: wherever it stands open it is counted again. Nobody waits here for anybody.
CREATE TABLE records.spoken (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL
);

-- components: the pieces of the products it is about; empty is each product as a whole.
-- product_keys, component_keys: the same, as a finding's image and package are looked for (records/vex_rules.py).
ALTER TABLE records.statement
    ADD COLUMN components text[] NOT NULL DEFAULT '{}',
    ADD COLUMN product_keys text[] NOT NULL DEFAULT '{}',
    ADD COLUMN component_keys text[] NOT NULL DEFAULT '{}';

-- A vulnerability that we knew to run entered a catalogue of exploited ones; told once.
CREATE TABLE records.notice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    identity text NOT NULL UNIQUE,
    catalog text NOT NULL,
    added_on date NOT NULL,
    severity smallint NOT NULL,
    namespaces integer NOT NULL,
    images integer NOT NULL,
    handled_at timestamptz
);

CREATE INDEX daily_latest ON records.daily (scope, scope_id, severity, day DESC);
