-- The house: who may do what, what there is, how it is. One schema a room.
-- PostgreSQL 15 and Citus accept all of it; unique keys of big tables contain the distribution column.

CREATE SCHEMA access;
CREATE SCHEMA fleet;
CREATE SCHEMA health;
CREATE SCHEMA grafana;

COMMENT ON SCHEMA access IS 'Who may do what: tokens, join tokens, sealed secrets, the authority, the audit log.';
COMMENT ON SCHEMA fleet IS 'What there is: regions, clusters, namespaces, services, components, targets, agents.';
COMMENT ON SCHEMA health IS 'How it is: reports, what we hold of targets and components, transitions.';
COMMENT ON SCHEMA grafana IS 'What dashboards may read: functions and views, a contract; never change shape, add _v2.';

-- ── access ───────────────────────────────────────────────────────────────────────────────────────

-- Values sealed (AES-256-GCM) with the key of VEDETTE_SEAL_KEY_FILE: CA keys, cookie key, token pepper.
CREATE TABLE access.secret (
    name text PRIMARY KEY,
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE access.authority (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    certificate_pem text NOT NULL,
    secret_name text NOT NULL REFERENCES access.secret (name),
    not_after timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE access.token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    digest bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    made_at timestamptz NOT NULL DEFAULT now(),
    made_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
-- A name is free again once its token is revoked.
CREATE UNIQUE INDEX token_name_of_the_living ON access.token (name) WHERE revoked_at IS NULL;

CREATE TABLE access.join_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    agent_name text CHECK (agent_name <> ''),
    tags jsonb NOT NULL DEFAULT '{}',
    made_at timestamptz NOT NULL DEFAULT now(),
    made_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by text
);

-- Append-only: the application role may INSERT and SELECT, nothing else.
CREATE TABLE access.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    source text NOT NULL DEFAULT '',
    action text NOT NULL,
    object text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    request_id text NOT NULL DEFAULT ''
);
CREATE INDEX audit_at ON access.audit (at);

-- ── fleet ────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE fleet.region (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    slug text NOT NULL UNIQUE,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE fleet.cluster (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    slug text NOT NULL UNIQUE,
    region_id integer REFERENCES fleet.region (id),
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE fleet.namespace (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id integer NOT NULL REFERENCES fleet.cluster (id),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 253),
    made_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (cluster_id, name)
);

CREATE TABLE fleet.service (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    slug text NOT NULL UNIQUE,
    category text CHECK (category <> ''),
    made_at timestamptz NOT NULL DEFAULT now()
);

-- A service in a region. `attributes` holds at least category, region and type where they are known.
-- `origin` is the settings file (or API) that declared it and may retire it.
CREATE TABLE fleet.component (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    service_id integer NOT NULL REFERENCES fleet.service (id),
    region_id integer REFERENCES fleet.region (id),
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    type text GENERATED ALWAYS AS (attributes ->> 'type') STORED,
    origin text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    UNIQUE NULLS NOT DISTINCT (service_id, region_id, type)
);

-- A thing a connector probes. `origin` is the settings file (or API) that declared it and may retire it.
CREATE TABLE fleet.target (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    slug text NOT NULL UNIQUE,
    connector text NOT NULL CHECK (connector <> ''),
    cluster_id integer REFERENCES fleet.cluster (id),
    component_id integer REFERENCES fleet.component (id),
    every_ms integer NOT NULL CHECK (every_ms >= 1000),
    timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
    bad_after smallint NOT NULL DEFAULT 3 CHECK (bad_after BETWEEN 1 AND 100),
    good_after smallint NOT NULL DEFAULT 2 CHECK (good_after BETWEEN 1 AND 100),
    agents text[] NOT NULL DEFAULT '{}',
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    origin text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    CHECK (timeout_ms <= every_ms)
);
CREATE INDEX target_component ON fleet.target (component_id);

-- An agent is its key, not its hostname. `tags` are the server's own labels and decide targeting;
-- `claims` are what the agent says of itself and decide nothing.
CREATE TABLE fleet.agent (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    key_fingerprint bytea NOT NULL UNIQUE,
    queueloc text NOT NULL DEFAULT '',
    hostname text NOT NULL DEFAULT '',
    os text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    pid integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    destroyed_at timestamptz,
    environment jsonb NOT NULL DEFAULT '{}',
    tags jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tags) = 'object'),
    claims jsonb NOT NULL DEFAULT '{}',
    connectors text[] NOT NULL DEFAULT '{}',
    certificate_serial text NOT NULL DEFAULT '',
    certificate_not_after timestamptz,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    config_revision bigint NOT NULL DEFAULT 1
);
-- A retired agent's name is free again: a rebuilt machine is a new key, hence a new agent.
CREATE UNIQUE INDEX agent_name_of_the_living ON fleet.agent (name) WHERE destroyed_at IS NULL;
CREATE INDEX agent_queueloc ON fleet.agent (queueloc);

-- What changes with every batch and heartbeat, apart from the wide row, so that updates stay small.
-- Whoever holds `epoch` owns the stream: a newer stream takes a higher one and the older finds out.
CREATE TABLE fleet.stream (
    agent_id integer PRIMARY KEY REFERENCES fleet.agent (id) ON DELETE CASCADE,
    epoch bigint NOT NULL DEFAULT 0,
    durable_seq bigint NOT NULL DEFAULT 0 CHECK (durable_seq >= 0),
    run_id uuid,
    previous_run_id uuid,
    run_confirmed boolean NOT NULL DEFAULT false,
    server text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    connected_at timestamptz,
    disconnected_at timestamptz,
    heartbeat_at timestamptz,
    clock_offset_s double precision NOT NULL DEFAULT 0,
    spooled_bytes bigint NOT NULL DEFAULT 0,
    spooled_reports bigint NOT NULL DEFAULT 0,
    dropped_reports bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Two machines with one key (a cloned VM): both shown, never merged.
CREATE TABLE fleet.duplicate (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    run_id uuid NOT NULL,
    hostname text NOT NULL,
    queueloc text NOT NULL,
    address text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    attempts bigint NOT NULL DEFAULT 1,
    UNIQUE (agent_id, run_id)
);

-- Which agent probes which target: worked out from target.agents whenever either side changes.
CREATE TABLE fleet.assignment (
    target_id integer NOT NULL REFERENCES fleet.target (id) ON DELETE CASCADE,
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target_id, agent_id)
);
CREATE INDEX assignment_agent ON fleet.assignment (agent_id);

-- ── health ───────────────────────────────────────────────────────────────────────────────────────

-- The order of the words is their gravity: max() of states is the worst of them.
CREATE TYPE health.state AS ENUM ('up', 'unknown', 'initialising', 'draining', 'degraded', 'down');

CREATE TABLE health.error_class (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 64)
);

-- What the values of a report are called: one row for each different list, kept for ever.
CREATE TABLE health.layout (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    connector text NOT NULL,
    names text[] NOT NULL,
    entities text[] NOT NULL,
    units text[] NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    CHECK (cardinality(names) = cardinality(entities) AND cardinality(names) = cardinality(units))
);

CREATE TABLE health.measurement (
    connector text NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    help text NOT NULL,
    PRIMARY KEY (connector, name)
);

-- A row a report, its values in the order of its layout: the sample is nearly free, the row is the cost.
-- Column order is packing order, and no column is ever NULL, so that all rows of one layout have one length:
-- rtt_s NaN = no answer came, error_class_id 0 = none. `state` is the ordinal of health.state.
-- BRIN only: one btree would halve ingest; a closed day gets its btree (health.close_day).
CREATE TABLE health.report (
    at timestamptz NOT NULL,
    target_id integer NOT NULL,
    agent_id integer NOT NULL,
    layout_id integer NOT NULL,
    rtt_s real NOT NULL,
    state smallint NOT NULL,
    error_class_id smallint NOT NULL,
    "values" double precision[] NOT NULL
) PARTITION BY RANGE (at);
ALTER TABLE health.report ALTER COLUMN "values" SET STORAGE MAIN;
CREATE INDEX report_at ON health.report USING brin (at) WITH (pages_per_range = 32);

-- The latest of one target as one agent sees it, and what we hold of it. The row is made when the agent is
-- told to look (health/expect.py), so that one who never reports is silent too; `reported` tells them apart.
-- assigned turns false when the agent is told to look no more: what it still has spooled is welcome, its vote is not.
-- silent_since: the deadman's word; while it stands this observer sees nothing, whatever `state` says.
CREATE TABLE health.observation (
    target_id integer NOT NULL REFERENCES fleet.target (id) ON DELETE CASCADE,
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    state health.state NOT NULL,
    since timestamptz NOT NULL,
    dissent smallint NOT NULL DEFAULT 0,
    worse boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    look health.state NOT NULL,
    error_class_id smallint NOT NULL DEFAULT 0,
    message text NOT NULL DEFAULT '',
    facts jsonb NOT NULL DEFAULT '{}',
    rtt_s real NOT NULL DEFAULT 'NaN',
    layout_id integer NOT NULL DEFAULT 0,
    "values" double precision[] NOT NULL DEFAULT '{}',
    silent_since timestamptz,
    reported boolean NOT NULL DEFAULT false,
    assigned boolean NOT NULL DEFAULT true,
    PRIMARY KEY (target_id, agent_id)
) WITH (fillfactor = 50);
-- Few are silent; the hot update never touches this column, so it stays a heap-only one.
CREATE INDEX observation_silent ON health.observation (agent_id) WHERE silent_since IS NOT NULL;

CREATE TABLE health.target_state (
    target_id integer PRIMARY KEY REFERENCES fleet.target (id) ON DELETE CASCADE,
    state health.state NOT NULL,
    since timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    error_class text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

CREATE TABLE health.component_state (
    component_id integer PRIMARY KEY REFERENCES fleet.component (id) ON DELETE CASCADE,
    state health.state NOT NULL,
    since timestamptz NOT NULL,
    reason text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

-- A change of state is a row: the history, the event list of the page, the work queue of the automation.
-- `at` is when it became true (the reports' time), `recorded_at` when we knew.
CREATE TABLE health.transition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id integer REFERENCES fleet.target (id) ON DELETE CASCADE,
    component_id integer REFERENCES fleet.component (id) ON DELETE CASCADE,
    was health.state,
    now health.state NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL DEFAULT '',
    error_class text NOT NULL DEFAULT '',
    handled_at timestamptz,
    CHECK (num_nonnulls(target_id, component_id) = 1),
    CHECK (was IS DISTINCT FROM now)
);
CREATE INDEX transition_component ON health.transition (component_id, at) WHERE component_id IS NOT NULL;
CREATE INDEX transition_target ON health.transition (target_id, at) WHERE target_id IS NOT NULL;
CREATE INDEX transition_unhandled ON health.transition (id) WHERE handled_at IS NULL AND component_id IS NOT NULL;

-- Seconds a component spent in each state on each UTC day that is over; today is worked out live.
CREATE TABLE health.component_day (
    component_id integer NOT NULL REFERENCES fleet.component (id) ON DELETE CASCADE,
    day date NOT NULL,
    seconds_up real NOT NULL DEFAULT 0,
    seconds_unknown real NOT NULL DEFAULT 0,
    seconds_initialising real NOT NULL DEFAULT 0,
    seconds_draining real NOT NULL DEFAULT 0,
    seconds_degraded real NOT NULL DEFAULT 0,
    seconds_down real NOT NULL DEFAULT 0,
    PRIMARY KEY (component_id, day)
);

-- Reports that will never come, and why.
CREATE TABLE health.gap (
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    reports bigint NOT NULL CHECK (reports >= 0),
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    reason text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent_id, seq)
);

-- One row: when the deadman last ran, and since when it has run without a pause. A pause of ours is
-- not silence of theirs: silence counts from `up_since` at the earliest.
CREATE TABLE health.deadman (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    ran_at timestamptz NOT NULL,
    up_since timestamptz NOT NULL
);

-- Every loop of every server: runs, failures, last success, lag.
CREATE TABLE health.loop (
    server text NOT NULL,
    name text NOT NULL,
    runs bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    last_error text NOT NULL DEFAULT '',
    PRIMARY KEY (server, name)
);
