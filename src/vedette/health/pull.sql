-- name: cockroaches
-- The CockroachDB targets meant by a name: a target's own, or else all of that cluster's.
SELECT t.id, t.name
FROM fleet.target t
LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
WHERE t.retired_at IS NULL
  AND t.connector = 'cockroachdb'
  AND (t.name = %(asked)s
       OR (k.name = %(asked)s
           AND NOT EXISTS (
               SELECT
               FROM fleet.target same
               WHERE same.name = %(asked)s
                 AND same.connector = 'cockroachdb'
                 AND same.retired_at IS NULL)))
ORDER BY t.name;

-- name: observers
-- Who has looked at these targets lately: its last report's time, and up to where the client was told.
SELECT o.target_id, o.agent_id, o.at AS until, c.at AS told
FROM health.observation o
LEFT JOIN health.pull_cursor c
       ON c.client = %(client)s
      AND c.asked = %(asked)s
      AND c.target_id = o.target_id
      AND c.agent_id = o.agent_id
      AND c.pulled_at >= %(remembered_since)s
WHERE o.target_id = ANY(%(target_id)s)
  AND o.reported
  AND o.seen_at >= %(remembered_since)s;

-- name: newest_few
-- The time of the last report that no longer belongs to the newest few; none when there are not so many.
SELECT r.at
FROM health.report r
WHERE r.target_id = ANY(%(target_id)s)
  AND r.at > %(since)s
ORDER BY r.at DESC
OFFSET %(few)s
LIMIT 1;

-- name: news
-- Oldest first. The two constants choose the partitions and their blocks; the rest is per observer.
SELECT r.at, r.target_id, r.agent_id, r.state, coalesce(e.name, '') AS error_class,
       r.rtt_s, r.layout_id, r."values"
FROM unnest(%(target_id)s::integer[], %(agent_id)s::integer[], %(since)s::timestamptz[],
            %(until)s::timestamptz[]) AS w (target_id, agent_id, since, until)
JOIN health.report r
  ON r.target_id = w.target_id
 AND r.agent_id = w.agent_id
 AND r.at > w.since
 AND r.at <= w.until
LEFT JOIN health.error_class e ON e.id = r.error_class_id
WHERE r.at > %(oldest)s
  AND r.at <= %(newest)s
ORDER BY r.at, r.target_id, r.agent_id
LIMIT %(limit)s;

-- name: advance
INSERT INTO health.pull_cursor (client, asked, target_id, agent_id, at, pulled_at)
SELECT %(client)s, %(asked)s, m.target_id, m.agent_id, m.at, %(now)s
FROM unnest(%(target_id)s::integer[], %(agent_id)s::integer[], %(at)s::timestamptz[])
     AS m (target_id, agent_id, at)
ON CONFLICT (client, asked, target_id, agent_id) DO UPDATE
SET at = excluded.at,
    pulled_at = excluded.pulled_at;

-- name: touch
UPDATE health.pull_cursor
SET pulled_at = %(now)s
WHERE client = %(client)s
  AND asked = %(asked)s
  AND pulled_at < %(touched_before)s;

-- name: forget
DELETE FROM health.pull_cursor WHERE pulled_at < %(before)s;
