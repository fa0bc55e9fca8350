-- name: horizon
-- What is committed at this moment, for the next `heard`.
SELECT pg_current_snapshot()::text;

-- name: heard
-- The latest report of every observer whose row was written since that snapshot of the transactions, or of
-- every one that ever reported. xmin has 32 of a transaction number's 64 bits; the rest is today's.
-- While a transaction is under way, what was written since it began may come twice: a snapshot lists no
-- subtransactions, and a row that one wrote looks as if it had been there.
WITH horizon AS (
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next
)
SELECT
    held.target_id,
    held.agent_id,
    target.name AS target,
    agent.name AS agent,
    coalesce(component.slug, '') AS component,
    coalesce(cluster.name, '') AS cluster,
    held.at,
    held.look::text AS state,
    coalesce(error_class.name, '') AS error_class,
    held.rtt_s,
    held.layout_id,
    held."values"
FROM health.observation AS held
CROSS JOIN horizon
CROSS JOIN LATERAL (
    SELECT horizon.next / 4294967296 * 4294967296 + held.xmin::text::bigint AS number
) AS written
INNER JOIN fleet.target ON target.id = held.target_id AND target.retired_at IS NULL
INNER JOIN fleet.agent ON agent.id = held.agent_id
LEFT JOIN fleet.component ON component.id = target.component_id
LEFT JOIN fleet.cluster ON cluster.id = target.cluster_id
LEFT JOIN health.error_class ON error_class.id = held.error_class_id
WHERE held.reported
    AND NOT (
        written.number < horizon.next
        AND coalesce(
            written.number < pg_snapshot_xmin(nullif(%(since)s::text, '')::pg_snapshot)::text::bigint,
            false
        )
    );

-- name: kept
-- The newest reports of each stretch, with how many it has. The two constants choose the partitions and
-- their blocks; the rest is per observer.
WITH found AS (
    SELECT
        wanted.place,
        report.at,
        report.state,
        report.error_class_id,
        report.rtt_s,
        report.layout_id,
        report."values",
        count(*) OVER (PARTITION BY wanted.place) AS of,
        row_number() OVER (PARTITION BY wanted.place ORDER BY report.at DESC) AS age
    FROM unnest(
        %(target_id)s::integer[], %(agent_id)s::integer[], %(since)s::timestamptz[],
        %(until)s::timestamptz[]
    ) WITH ORDINALITY AS wanted (target_id, agent_id, since, until, place)
    INNER JOIN health.report
        ON report.target_id = wanted.target_id
        AND report.agent_id = wanted.agent_id
        AND report.at > wanted.since
        AND report.at <= wanted.until
    WHERE report.at > %(oldest)s
        AND report.at <= %(newest)s
)
SELECT
    found.place::integer - 1 AS place,
    found.at,
    found.state,
    coalesce(error_class.name, '') AS error_class,
    found.rtt_s,
    found.layout_id,
    found."values",
    found.of::integer AS of
FROM found
LEFT JOIN health.error_class ON error_class.id = found.error_class_id
WHERE found.age <= %(most)s
ORDER BY found.at, found.place;
