-- name: advance
-- Rows are locked in one order, or two servers storing for the same agents could wait for each other.
WITH given AS (
    SELECT agent_id, epoch, max(durable_seq) AS durable_seq
    FROM unnest(
        %(agents)b::integer[], %(epochs)b::bigint[], %(durable_seqs)b::bigint[]
    ) AS g (agent_id, epoch, durable_seq)
    GROUP BY agent_id, epoch
),
held AS (
    SELECT s.agent_id, g.durable_seq
    FROM fleet.stream AS s
    JOIN given AS g ON g.agent_id = s.agent_id AND g.epoch = s.epoch
    ORDER BY s.agent_id
    FOR NO KEY UPDATE OF s
)
UPDATE fleet.stream AS s
SET durable_seq = greatest(s.durable_seq, held.durable_seq)
FROM held
WHERE s.agent_id = held.agent_id
RETURNING s.agent_id;

-- name: keep_heartbeats
WITH given AS (
    SELECT *
    FROM unnest(
        %(agents)b::integer[], %(epochs)b::bigint[], %(ats)b::timestamptz[],
        %(offsets)b::double precision[], %(spooled_bytes)b::bigint[],
        %(spooled_reports)b::bigint[], %(dropped_reports)b::bigint[], %(welcomed)b::boolean[]
    ) AS g (
        agent_id, epoch, at, clock_offset_s, spooled_bytes, spooled_reports, dropped_reports,
        welcomed
    )
),
held AS (
    SELECT g.*
    FROM fleet.stream AS s
    JOIN given AS g ON g.agent_id = s.agent_id AND g.epoch = s.epoch
    ORDER BY s.agent_id
    FOR NO KEY UPDATE OF s
)
UPDATE fleet.stream AS s
SET heartbeat_at = held.at,
    clock_offset_s = held.clock_offset_s,
    spooled_bytes = held.spooled_bytes,
    spooled_reports = held.spooled_reports,
    dropped_reports = held.dropped_reports,
    run_confirmed = s.run_confirmed OR held.welcomed
FROM held
WHERE s.agent_id = held.agent_id
RETURNING s.agent_id;

-- name: keep_bundles
-- An agent takes a trust bundle while its stream is open; what it said when it came is old then.
WITH held AS (
    SELECT a.id, g.version
    FROM unnest(%(agents)b::integer[], %(epochs)b::bigint[], %(versions)b::bigint[]) AS g (id, epoch, version)
    JOIN fleet.stream AS s ON s.agent_id = g.id AND s.epoch = g.epoch
    JOIN fleet.agent AS a ON a.id = g.id
    WHERE a.bundle_version <> g.version
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
)
UPDATE fleet.agent AS a
SET bundle_version = held.version
FROM held
WHERE a.id = held.id;

-- name: agent_of_key
-- Locked, so that a revocation comes either before the look at it or after the epoch was taken.
SELECT id, name, kind, revoked_at, destroyed_at, config_revision
FROM fleet.agent
WHERE key_fingerprint = %(key_fingerprint)s
FOR NO KEY UPDATE;

-- name: way_of
-- The collectors it is bound through, the nearest to it first.
SELECT c.id, c.name, c.revoked_at IS NOT NULL OR c.destroyed_at IS NOT NULL AS gone
FROM fleet.way_of(%(agent_id)s) AS way
JOIN fleet.agent AS c ON c.id = way.collector_id
ORDER BY way.step;

-- name: open_row
-- An agent has its row of the stream from enrolment on; this mends one that has not.
INSERT INTO fleet.stream (agent_id)
VALUES (%(agent_id)s)
ON CONFLICT (agent_id) DO NOTHING;

-- name: lock_lineage
SELECT run_id, previous_run_id, run_confirmed
FROM fleet.stream
WHERE agent_id = %(agent_id)s
FOR NO KEY UPDATE;

-- name: take_stream
UPDATE fleet.stream
SET epoch = epoch + 1,
    run_id = %(run_id)s,
    previous_run_id = %(previous_run_id)s,
    run_confirmed = %(run_confirmed)s,
    server = %(server)s,
    address = %(address)s,
    connected_at = %(now)s,
    disconnected_at = NULL,
    heartbeat_at = %(now)s,
    clock_offset_s = %(clock_offset_s)s
WHERE agent_id = %(agent_id)s
RETURNING epoch, durable_seq;

-- name: keep_facts
UPDATE fleet.agent
SET hostname = %(hostname)s,
    os = %(os)s,
    queueloc = %(queueloc)s,
    version = %(version)s,
    pid = %(pid)s,
    started_at = %(started_at)s,
    environment = %(environment)s,
    claims = %(claims)s,
    connectors = %(connectors)s,
    modules = %(modules)s,
    sandbox = %(sandbox)s,
    bundle_version = %(bundle_version)s,
    mode = %(mode)s,
    public_key = coalesce(public_key, %(public_key)s)
WHERE id = %(agent_id)s;

-- name: leave_stream
UPDATE fleet.stream
SET disconnected_at = %(now)s
WHERE agent_id = %(agent_id)s
  AND epoch = %(epoch)s
  AND disconnected_at IS NULL;

-- name: keep_duplicate
INSERT INTO fleet.duplicate (
    agent_id, run_id, hostname, queueloc, address, first_seen_at, last_seen_at
)
VALUES (
    %(agent_id)s, %(run_id)s, %(hostname)s, %(queueloc)s, %(address)s, %(now)s, %(now)s
)
ON CONFLICT (agent_id, run_id) DO UPDATE
SET hostname = EXCLUDED.hostname,
    queueloc = EXCLUDED.queueloc,
    address = EXCLUDED.address,
    last_seen_at = EXCLUDED.last_seen_at,
    attempts = duplicate.attempts + 1
RETURNING attempts;

-- name: forget_oldest_duplicates
-- A run id costs an attacker nothing: keep no more than the latest few of an agent.
DELETE FROM fleet.duplicate
WHERE agent_id = %(agent_id)s
  AND id NOT IN (
      SELECT id
      FROM fleet.duplicate
      WHERE agent_id = %(agent_id)s
      ORDER BY last_seen_at DESC, id DESC
      LIMIT %(keep)s
  );
