-- An action's status in MIG's words: pending waits for signatures, scheduled for its time. MIG looks agents up once;
-- here an action stays in flight for those that come until it expires, so that `completed` says what MIG's says:
-- everybody who was asked has answered.
CREATE OR REPLACE FUNCTION mig.action_status(state text, is_cancelled boolean, sent bigint, done bigint) RETURNS varchar
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN is_cancelled THEN 'cancelled'
    WHEN state = 'proposed' THEN 'pending'
    WHEN state = 'new' THEN 'scheduled'
    WHEN state = 'done' THEN 'completed'
    WHEN state = 'inflight' AND sent > 0 AND sent = done THEN 'completed'
    ELSE state
END;

-- sentctr counts all commands, as in MIG; donectr is those that ended: well, cancelled, failed (refused and lost
-- among them) or in time-out (expired among them). returnedctr: agents that answered.
CREATE OR REPLACE VIEW mig.actions AS
SELECT
    a.id::numeric AS id,
    a.name::varchar(2048) AS name,
    a.target::varchar(2048) AS target,
    a.description::json AS description,
    a.threat::json AS threat,
    a.operations::json AS operations,
    a.valid_from AS validfrom,
    a.expire_after AS expireafter,
    a.started_at AS starttime,
    CASE WHEN a.state = 'inflight' AND c.sent > 0 AND c.sent = c.done THEN a.updated_at ELSE a.finished_at END
        AS finishtime,
    a.updated_at AS lastupdatetime,
    mig.action_status(a.state, a.cancelled_at IS NOT NULL, c.sent, c.done)::varchar(256) AS status,
    c.sent AS sentctr,
    c.returned AS returnedctr,
    c.done AS donectr,
    c.cancelled AS cancelledctr,
    c.failed AS failedctr,
    c.timeout AS timeoutctr,
    (
        SELECT coalesce(json_agg(s.signature ORDER BY s.number, s.investigator_id), '[]')
        FROM actions.signature AS s
        WHERE s.action_id = a.id
    ) AS pgpsignatures,
    a.syntax_version::integer AS syntaxversion
FROM actions.action AS a
CROSS JOIN LATERAL (
    SELECT
        count(*)::integer AS sent,
        (count(*) FILTER (WHERE c.outcome NOT IN ('cancelled', 'expired')))::integer AS returned,
        count(c.outcome)::integer AS done,
        (count(*) FILTER (WHERE c.outcome = 'cancelled'))::integer AS cancelled,
        (count(*) FILTER (WHERE c.outcome IN ('failed', 'refused', 'lost')))::integer AS failed,
        (count(*) FILTER (WHERE c.outcome IN ('timeout', 'expired')))::integer AS timeout
    FROM actions.command AS c
    WHERE c.action_id = a.id
) AS c;

-- Who signed what; whoever proposes an action hands its signatures in with it.
CREATE OR REPLACE VIEW mig.signatures AS
SELECT
    action_id::numeric AS actionid,
    investigator_id::numeric AS investigatorid,
    signature::varchar(4096) AS pgpsignature
FROM actions.signature;

-- How the fleet is now. MIG keeps a row every 87 seconds; ours is of the moment in which one asks.
-- new: enrolled in the last day. disappeared: silent, and heard in the last week. flapping: as MIG counts it,
-- the same as an endpoint of several agents.
CREATE OR REPLACE VIEW mig.agents_stats AS
WITH alive AS (
    SELECT queueloc, version, status, starttime, heartbeattime
    FROM mig.agents
    WHERE destructiontime IS NULL
),
versions AS (
    SELECT status, version, count(*) AS count
    FROM alive
    WHERE status IN ('online', 'idle')
    GROUP BY status, version
),
endpoints AS (
    SELECT
        queueloc,
        bool_or(status = 'online') AS is_online,
        bool_or(status = 'idle') AS is_idle,
        count(*) FILTER (WHERE status IN ('online', 'idle')) AS agents,
        min(starttime) AS starttime,
        max(heartbeattime) AS heartbeattime
    FROM alive
    GROUP BY queueloc
),
of_versions AS (
    SELECT
        coalesce(sum(count) FILTER (WHERE status = 'online'), 0) AS online,
        coalesce(sum(count) FILTER (WHERE status = 'idle'), 0) AS idle,
        coalesce(
            json_agg(json_build_object('version', version, 'count', count) ORDER BY version)
                FILTER (WHERE status = 'online'),
            '[]'
        ) AS online_by_version,
        coalesce(
            json_agg(json_build_object('version', version, 'count', count) ORDER BY version)
                FILTER (WHERE status = 'idle'),
            '[]'
        ) AS idle_by_version
    FROM versions
)
SELECT
    now() AS timestamp,
    max(v.online)::numeric AS online_agents,
    (array_agg(v.online_by_version))[1] AS online_agents_by_version,
    (count(*) FILTER (WHERE e.is_online))::numeric AS online_endpoints,
    max(v.idle)::numeric AS idle_agents,
    (array_agg(v.idle_by_version))[1] AS idle_agents_by_version,
    (count(*) FILTER (WHERE e.is_idle AND NOT e.is_online))::numeric AS idle_endpoints,
    (count(*) FILTER (WHERE e.agents > 0 AND e.starttime > now() - interval '1 day'))::numeric
        AS new_endpoints,
    (count(*) FILTER (WHERE e.agents > 1))::numeric AS multi_agents_endpoints,
    (
        count(*) FILTER (WHERE e.agents = 0 AND e.heartbeattime > now() - interval '7 days')
    )::numeric AS disappeared_endpoints,
    (count(*) FILTER (WHERE e.agents > 1))::numeric AS flapping_endpoints
FROM of_versions AS v
LEFT JOIN endpoints AS e ON true;
