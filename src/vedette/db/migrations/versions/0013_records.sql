-- What we know of services: vulnerabilities, validations, SLO values, deployments, with their history.

CREATE SCHEMA records;

COMMENT ON SCHEMA records IS 'What we know of services: vulnerabilities, validations, SLO values, deployments.';

-- ── whose a namespace is ─────────────────────────────────────────────────────────────────────────

ALTER TABLE fleet.service ADD COLUMN team text CHECK (team <> '' AND length(team) <= 200);

-- A service may live in several namespaces, and a namespace hold several services.
CREATE TABLE fleet.service_namespace (
    service_id integer NOT NULL REFERENCES fleet.service (id) ON DELETE CASCADE,
    namespace_id integer NOT NULL REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    origin text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service_id, namespace_id)
);
CREATE INDEX service_namespace_namespace ON fleet.service_namespace (namespace_id);

-- ── snapshots: opened, filled, closed; nothing of one is seen before it is closed ────────────────

-- token: what its writer shows. cluster_id: the one cluster it may speak of; NULL is any it names.
-- complete: closing it says "this is all there is" of each cluster it named, for its kind.
CREATE TABLE records.snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind <> '' AND length(kind) <= 100),
    cluster_id integer REFERENCES fleet.cluster (id),
    complete boolean NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    expired_at timestamptz,
    CHECK (expires_at > opened_at),
    CHECK (closed_at IS NULL OR expired_at IS NULL)
);
CREATE INDEX snapshot_open ON records.snapshot (expires_at) WHERE closed_at IS NULL AND expired_at IS NULL;
CREATE INDEX snapshot_closed ON records.snapshot (kind, opened_at DESC) WHERE closed_at IS NOT NULL;

-- What was posted into an open snapshot, as it was read: packed nouns, and the document as it came.
CREATE TABLE records.staged (
    snapshot_id bigint NOT NULL REFERENCES records.snapshot (id) ON DELETE CASCADE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    cluster text NOT NULL,
    records bytea NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (snapshot_id, number)
);
-- Packed already: a second packing would cost time for nothing.
ALTER TABLE records.staged
    ALTER COLUMN records SET STORAGE EXTERNAL,
    ALTER COLUMN document SET STORAGE EXTERNAL;

-- The newest closed snapshot of a kind and cluster. opened_at: whoever opened later wins.
CREATE TABLE records.latest (
    kind text NOT NULL,
    cluster_id integer NOT NULL REFERENCES fleet.cluster (id) ON DELETE CASCADE,
    snapshot_id bigint NOT NULL REFERENCES records.snapshot (id) ON DELETE CASCADE,
    opened_at timestamptz NOT NULL,
    PRIMARY KEY (kind, cluster_id)
);
CREATE INDEX latest_snapshot ON records.latest (snapshot_id);

-- ── what is looked at, and where it runs ─────────────────────────────────────────────────────────

CREATE TABLE records.source (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 100)
);

-- An image is its digest, whatever it is called; name and tag are the latest ones.
CREATE TABLE records.subject (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('image', 'host', 'repository', 'file')),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 1000),
    digest text NOT NULL DEFAULT '',
    tag text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX subject_digest ON records.subject (kind, digest) WHERE digest <> '';
CREATE UNIQUE INDEX subject_name ON records.subject (kind, name) WHERE digest = '';
CREATE INDEX subject_called ON records.subject (name, id);

-- Where a subject runs, as a source says: from when to when.
CREATE TABLE records.presence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id smallint NOT NULL REFERENCES records.source (id),
    subject_id integer NOT NULL REFERENCES records.subject (id) ON DELETE CASCADE,
    namespace_id integer NOT NULL REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    pod text NOT NULL DEFAULT '',
    workload text NOT NULL DEFAULT '',
    container text NOT NULL DEFAULT '',
    first_seen_at timestamptz NOT NULL,
    gone_at timestamptz
);
CREATE UNIQUE INDEX presence_open
    ON records.presence (namespace_id, subject_id, source_id, pod, workload, container) WHERE gone_at IS NULL;
CREATE INDEX presence_subject ON records.presence (subject_id) WHERE gone_at IS NULL;
CREATE INDEX presence_gone ON records.presence (gone_at) WHERE gone_at IS NOT NULL;

-- ── what is found ────────────────────────────────────────────────────────────────────────────────

-- key: of all the words that make it what it is; five texts are too long for an index.
CREATE TABLE records.package (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE CHECK (octet_length(key) = 16),
    name text NOT NULL CHECK (name <> ''),
    version text NOT NULL,
    type text NOT NULL,
    purl text NOT NULL,
    path text NOT NULL
);
CREATE INDEX package_name ON records.package (name);

-- key: of name and feed. identity: the one CVE it is about, else its own name; what several scanners find
-- under several names is counted once by it. severity, score, vector: the gravest that anybody gave it.
CREATE TABLE records.advisory (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE CHECK (octet_length(key) = 16),
    text_key bytea NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    feed text NOT NULL,
    identity text NOT NULL CHECK (identity <> ''),
    title text NOT NULL,
    description text NOT NULL,
    links text[] NOT NULL,
    cwes text[] NOT NULL,
    score real,
    vector text NOT NULL,
    published_at timestamptz,
    withdrawn_at timestamptz,
    made_at timestamptz NOT NULL
);
CREATE INDEX advisory_name ON records.advisory (name);
CREATE INDEX advisory_identity ON records.advisory (identity);

-- The words that sources use for how grave something is, and what they mean to us.
CREATE TABLE records.severity_word (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    word text NOT NULL UNIQUE,
    severity smallint NOT NULL CHECK (severity BETWEEN 0 AND 6)
);

-- The other names of an advisory: aliases, and the CVEs it addresses.
CREATE TABLE records.alias (
    name text NOT NULL,
    advisory_id integer NOT NULL REFERENCES records.advisory (id) ON DELETE CASCADE,
    PRIMARY KEY (name, advisory_id)
);
CREATE INDEX alias_advisory ON records.alias (advisory_id);

-- One source's looks at one subject. counts: open findings by severity, from unknown to defcon1.
-- kind: of the documents that tell of it. digest: of what was found, so that the same again costs one row; previous_id: the scan of what the same
-- name held before, whose findings are not new because the image is.
CREATE TABLE records.scan (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id smallint NOT NULL REFERENCES records.source (id),
    subject_id integer NOT NULL REFERENCES records.subject (id) ON DELETE CASCADE,
    previous_id integer REFERENCES records.scan (id) ON DELETE SET NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    digest bytea,
    counts integer[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}' CHECK (cardinality(counts) = 7),
    fixable integer NOT NULL DEFAULT 0,
    scanner_version text NOT NULL DEFAULT '',
    database_version text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT '',
    UNIQUE (subject_id, source_id)
);

-- The document that brought what a scan holds, as it came: every field of it, packed.
CREATE TABLE records.document (
    scan_id integer PRIMARY KEY REFERENCES records.scan (id) ON DELETE CASCADE,
    kind text NOT NULL,
    received_at timestamptz NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE records.document ALTER COLUMN body SET STORAGE EXTERNAL;

-- Each look, for ever short: what it changed. Days without change cost a row here and nothing else.
CREATE TABLE records.report (
    at timestamptz NOT NULL,
    scan_id integer NOT NULL,
    opened integer NOT NULL,
    closed integer NOT NULL,
    changed integer NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE records.report_before PARTITION OF records.report FOR VALUES FROM (MINVALUE) TO ('2020-01-01+00');
CREATE INDEX report_scan ON records.report (scan_id, at);

-- A package of a subject that an advisory is about, from when to when. Seen last: the scan's last_at while open.
-- since_at: known since, over the images that came and went under one name. suppressed: why the source does
-- not count it. fixed_in: versions that mend it, parted by ', '.
-- Without foreign keys: a hundred thousand arrive at once, and each key would be looked up again for each row.
CREATE TABLE records.finding (
    scan_id integer NOT NULL,
    package_id integer NOT NULL,
    advisory_id integer NOT NULL,
    severity smallint NOT NULL CHECK (severity BETWEEN 0 AND 6),
    word_id smallint NOT NULL,
    fixed_in text NOT NULL,
    fix_state text NOT NULL,
    suppressed text NOT NULL,
    since_at timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    fixed_at timestamptz,
    CHECK (since_at <= first_seen_at),
    CHECK (fixed_at >= first_seen_at)
);
CREATE UNIQUE INDEX finding_open ON records.finding (scan_id, package_id, advisory_id) WHERE fixed_at IS NULL;
CREATE INDEX finding_advisory ON records.finding (advisory_id, scan_id);
CREATE INDEX finding_fixed ON records.finding (fixed_at) WHERE fixed_at IS NOT NULL;
CREATE INDEX finding_first_seen ON records.finding USING brin (first_seen_at);

-- ── what follows from it: exposure of namespaces, and each day's counts ──────────────────────────

-- A namespace that has just changed; the automation counts it again.
CREATE TABLE records.recount (
    namespace_id integer PRIMARY KEY REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    since timestamptz NOT NULL
);

-- One vulnerability (whatever it is called, in however many packages and images) that runs in a namespace.
CREATE TABLE records.exposure (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id integer NOT NULL REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    identity text NOT NULL,
    severity smallint NOT NULL CHECK (severity BETWEEN 0 AND 6),
    fixable boolean NOT NULL,
    images integer NOT NULL,
    pods integer NOT NULL,
    since_at timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX exposure_open ON records.exposure (namespace_id, identity) WHERE ended_at IS NULL;
CREATE INDEX exposure_identity ON records.exposure (identity) WHERE ended_at IS NULL;
CREATE INDEX exposure_ended ON records.exposure (ended_at) WHERE ended_at IS NOT NULL;

-- What stood at the end of a day, or stands now. scope: of whom: a namespace, cluster, service or team.
CREATE TABLE records.daily (
    day date NOT NULL,
    scope text NOT NULL CHECK (scope IN ('namespace', 'cluster', 'service', 'team')),
    scope_id text NOT NULL,
    severity smallint NOT NULL CHECK (severity BETWEEN 0 AND 6),
    vulnerabilities integer NOT NULL,
    fixable integer NOT NULL,
    exploited integer NOT NULL,
    opened integer NOT NULL,
    closed integer NOT NULL,
    PRIMARY KEY (day, scope, scope_id, severity)
) PARTITION BY RANGE (day);
CREATE TABLE records.daily_before PARTITION OF records.daily FOR VALUES FROM (MINVALUE) TO ('2020-01-01');

-- ── checks of workloads ──────────────────────────────────────────────────────────────────────────

CREATE TABLE records.check_kind (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 253),
    description text NOT NULL DEFAULT '',
    remediation text NOT NULL DEFAULT ''
);

-- namespace_id: NULL for what belongs to the cluster itself (a ClusterRole), or where nobody names one.
CREATE TABLE records.object (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id integer NOT NULL REFERENCES fleet.cluster (id) ON DELETE CASCADE,
    namespace_id integer REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind <> '' AND length(kind) <= 253),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 253),
    UNIQUE NULLS NOT DISTINCT (cluster_id, namespace_id, kind, name)
);
CREATE INDEX object_namespace ON records.object (namespace_id);

-- When a source last said anything of an object: an older look changes nothing of it.
CREATE TABLE records.object_look (
    object_id integer NOT NULL REFERENCES records.object (id) ON DELETE CASCADE,
    source_id smallint NOT NULL REFERENCES records.source (id),
    last_at timestamptz NOT NULL,
    PRIMARY KEY (object_id, source_id)
) WITH (fillfactor = 70);

-- When a source last said everything of a cluster: what it did not name then, an older look does not bring back.
CREATE TABLE records.cluster_look (
    cluster_id integer NOT NULL REFERENCES fleet.cluster (id) ON DELETE CASCADE,
    source_id smallint NOT NULL REFERENCES records.source (id),
    last_at timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, source_id)
);

-- How an object stood to a check, from when to when: each change of state is a row.
-- contradicted: one report said both.
CREATE TABLE records.validation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id smallint NOT NULL REFERENCES records.source (id),
    object_id integer NOT NULL REFERENCES records.object (id) ON DELETE CASCADE,
    check_id integer NOT NULL REFERENCES records.check_kind (id),
    passed boolean NOT NULL,
    contradicted boolean NOT NULL DEFAULT false,
    word text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    since_at timestamptz NOT NULL,
    until_at timestamptz,
    CHECK (until_at >= since_at)
);
CREATE UNIQUE INDEX validation_open ON records.validation (object_id, check_id, source_id) WHERE until_at IS NULL;
CREATE INDEX validation_failing ON records.validation (check_id) WHERE until_at IS NULL AND NOT passed;
CREATE INDEX validation_since ON records.validation (since_at DESC, id DESC);
CREATE INDEX validation_ended ON records.validation (until_at) WHERE until_at IS NOT NULL;

-- ── SLO values and objectives ────────────────────────────────────────────────────────────────────

CREATE TABLE records.slo (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 253),
    sli text NOT NULL CHECK (length(sli) <= 100),
    document text NOT NULL CHECK (length(document) <= 253),
    service_id integer NOT NULL REFERENCES fleet.service (id) ON DELETE CASCADE,
    namespace_id integer NOT NULL REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    UNIQUE (service_id, namespace_id, document, sli, name)
);

-- Both in per cent; kept for years.
CREATE TABLE records.slo_value (
    slo_id integer NOT NULL REFERENCES records.slo (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    value double precision NOT NULL CHECK (value NOT IN ('NaN', 'Infinity', '-Infinity')),
    target double precision NOT NULL CHECK (target NOT IN ('NaN', 'Infinity', '-Infinity')),
    snapshot_id bigint,
    PRIMARY KEY (slo_id, at)
);
CREATE INDEX slo_value_at ON records.slo_value (at DESC, slo_id DESC);
CREATE INDEX slo_value_snapshot ON records.slo_value (snapshot_id);

-- An objective as OpenSLO or Sloth defines it. window_s: 0 where a calendar says the period: calendar_count of its
-- units, beginning at starts_at by the clocks of zone ('' is as the calendar's do). component_id: whose availability,
-- as we saw it ourselves, is its indicator.
CREATE TABLE records.objective (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_id integer NOT NULL REFERENCES fleet.service (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 500),
    document text NOT NULL,
    source text NOT NULL,
    target double precision NOT NULL CHECK (target > 0 AND target < 100),
    window_s integer NOT NULL CHECK (window_s >= 0),
    calendar text NOT NULL DEFAULT '' CHECK (
        calendar IN ('', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year')),
    calendar_count integer NOT NULL DEFAULT 1 CHECK (calendar_count > 0),
    starts_at text NOT NULL DEFAULT '',
    zone text NOT NULL DEFAULT '',
    budgeting text NOT NULL DEFAULT 'occurrences',
    sli text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    definition jsonb NOT NULL DEFAULT '{}',
    labels jsonb NOT NULL DEFAULT '{}',
    component_id integer REFERENCES fleet.component (id) ON DELETE SET NULL,
    made_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    retired_at timestamptz,
    UNIQUE (service_id, name),
    CHECK (retired_at >= made_at),
    CHECK ((window_s = 0) = (calendar <> ''))
);

-- ── deployments ──────────────────────────────────────────────────────────────────────────────────

CREATE TABLE records.deployment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app text NOT NULL CHECK (app <> '' AND length(app) <= 256),
    environment text NOT NULL CHECK (environment <> '' AND length(environment) <= 256),
    pipeline text NOT NULL CHECK (length(pipeline) <= 256),
    reason text NOT NULL CHECK (length(reason) <= 2000),
    finished_at timestamptz NOT NULL,
    service_id integer REFERENCES fleet.service (id) ON DELETE SET NULL,
    made_at timestamptz NOT NULL
);
-- Four texts are too long for an index.
CREATE UNIQUE INDEX deployment_once
    ON records.deployment (md5(app || md5(environment) || md5(pipeline) || md5(reason)));
CREATE INDEX deployment_latest ON records.deployment (app, environment, finished_at DESC);
CREATE INDEX deployment_finished ON records.deployment (finished_at DESC, id DESC);
CREATE INDEX deployment_service ON records.deployment (service_id, finished_at DESC);

-- lead_s: seconds from the commit to the deployment; negative where clocks disagree. reverts: it takes another back,
-- so that its lead says nothing of how fast work goes out.
CREATE TABLE records.commit (
    deployment_id bigint NOT NULL REFERENCES records.deployment (id) ON DELETE CASCADE,
    revision text NOT NULL CHECK (revision ~ '^[a-f0-9]{40}$'),
    repository text NOT NULL CHECK (length(repository) <= 500),
    at timestamptz NOT NULL,
    lead_s bigint NOT NULL,
    reverts boolean NOT NULL DEFAULT false,
    PRIMARY KEY (deployment_id, revision, repository)
);
CREATE INDEX commit_revision ON records.commit (revision);

-- A deployment that may have caused an incident: proposed by us, decided by a person.
CREATE TABLE records.cause (
    incident_id integer NOT NULL REFERENCES incidents.incident (id) ON DELETE CASCADE,
    deployment_id bigint NOT NULL REFERENCES records.deployment (id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'confirmed', 'rejected')),
    proposed_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    PRIMARY KEY (incident_id, deployment_id),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX cause_deployment ON records.cause (deployment_id);
-- An incident has one cause, when it is confirmed.
CREATE UNIQUE INDEX cause_confirmed ON records.cause (incident_id) WHERE state = 'confirmed';

-- ── what others know of advisories, joined when they are read ────────────────────────────────────

-- What was loaded last: "not listed" differs from "not loaded".
CREATE TABLE records.feed (
    name text PRIMARY KEY,
    version text NOT NULL,
    released_at timestamptz,
    loaded_at timestamptz NOT NULL,
    loaded_by text NOT NULL,
    entries integer NOT NULL
);

CREATE TABLE records.kev (
    catalog text NOT NULL,
    cve text NOT NULL,
    added_on date NOT NULL,
    due_on date,
    ransomware boolean NOT NULL,
    vendor text NOT NULL,
    product text NOT NULL,
    title text NOT NULL,
    action text NOT NULL,
    notes text NOT NULL,
    first_loaded_at timestamptz NOT NULL,
    PRIMARY KEY (cve, catalog)
);

CREATE TABLE records.epss (
    cve text PRIMARY KEY,
    score real NOT NULL CHECK (score BETWEEN 0 AND 1),
    percentile real NOT NULL CHECK (percentile BETWEEN 0 AND 1)
);

-- VEX: what a supplier states. products: purls, digests, names; empty is every product.
CREATE TABLE records.statement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document text NOT NULL,
    source text NOT NULL,
    author text NOT NULL,
    names text[] NOT NULL CHECK (cardinality(names) > 0),
    products text[] NOT NULL,
    status text NOT NULL CHECK (status IN ('not_affected', 'affected', 'fixed', 'under_investigation')),
    justification text NOT NULL,
    impact text NOT NULL,
    action text NOT NULL,
    at timestamptz NOT NULL,
    loaded_at timestamptz NOT NULL
);
CREATE INDEX statement_names ON records.statement USING gin (names);
CREATE INDEX statement_document ON records.statement (document);

-- What we decided ourselves. Where: everywhere, a service, a namespace, or an image's name.
CREATE TABLE records.triage (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL CHECK (identity <> ''),
    package text NOT NULL DEFAULT '',
    service_id integer REFERENCES fleet.service (id) ON DELETE CASCADE,
    namespace_id integer REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    image text NOT NULL DEFAULT '',
    decision text NOT NULL CHECK (decision IN ('accepted', 'false_positive', 'not_affected', 'affected', 'under_investigation')),
    justification text NOT NULL DEFAULT '',
    reason text NOT NULL CHECK (reason <> '' AND length(reason) <= 10000),
    until timestamptz,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    ended_at timestamptz,
    ended_by text,
    -- Accepting a risk has an end.
    CHECK (decision <> 'accepted' OR until IS NOT NULL),
    CHECK (until > made_at)
);
CREATE INDEX triage_identity ON records.triage (identity) WHERE ended_at IS NULL;
