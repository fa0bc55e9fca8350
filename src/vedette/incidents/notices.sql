-- name: listed
-- What was told, the newest first; waiting: how many recipients are still to be told.
SELECT
    n.id,
    (SELECT count(*) FROM incidents.recipient AS r WHERE r.told_to < n.id) AS waiting
FROM incidents.notice AS n
WHERE n.is_told AND (%(before)s::bigint IS NULL OR n.id < %(before)s)
ORDER BY n.id DESC
LIMIT %(limit)s

-- name: following
-- What comes after this one, in its order, whether it is told or not.
SELECT id, at, is_told
FROM incidents.notice
WHERE id > %(after)s
ORDER BY id
LIMIT %(limit)s

-- name: notices
-- Notices with what they need of their incidents; places: whom it affects, or did, of what everyone may know.
SELECT
    n.id,
    n.at,
    n.incident_id,
    n.change,
    n.is_first,
    n.is_postmortem,
    i.kind,
    i.title,
    i.impact,
    i.status,
    i.starts_at,
    i.ends_at,
    i.is_open,
    i.made_at AS begun_at,
    CASE WHEN n.is_first THEN i.description ELSE '' END AS description,
    CASE WHEN n.is_postmortem THEN i.postmortem ELSE '' END AS postmortem,
    coalesce(p.places, '{}') AS places
FROM incidents.notice AS n
JOIN incidents.incident AS i ON i.id = n.incident_id
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT s.name || coalesce(' (' || c.type || ')', '') || coalesce(' in ' || r.name, '')) AS places
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE a.incident_id = n.incident_id AND (a.left_at IS NULL OR NOT i.is_open) AND c.is_public
) AS p ON true
WHERE n.is_told AND n.id = ANY (%(ids)s)
ORDER BY n.id

-- name: said
-- What each of them brought, in the order in which it was said. The first of an incident brings all there is.
SELECT n.id AS notice_id, u.at, u.status, u.text
FROM incidents.notice AS n
JOIN incidents.update AS u ON u.incident_id = n.incident_id
WHERE n.id = ANY (%(ids)s) AND NOT u.internal AND u.status <> 'description'
  AND u.id > n.said_from AND u.id <= n.said_to AND (n.is_first OR u.made_at = n.at)
ORDER BY n.id, u.at, u.id

-- name: enlist
-- Whoever is named for the first time is told from now on.
INSERT INTO incidents.recipient (address, told_to, since)
SELECT wanted.address, (SELECT coalesce(max(id), 0) FROM incidents.outbox), %(now)s
FROM unnest(%(addresses)s::text[]) AS wanted (address)
WHERE NOT EXISTS (SELECT 1 FROM incidents.recipient AS r WHERE r.address = wanted.address)
ON CONFLICT (address) DO NOTHING

-- name: due
-- Whoever waits for something, the one that is furthest behind; NULL: nobody, or not yet. Those who took nothing
-- the last time come after all others, whom waiting for them would hold up.
SELECT r.address, r.told_to, r.attempts
FROM incidents.recipient AS r
WHERE r.address = ANY (%(addresses)s)
  AND coalesce(r.next_at, '-infinity') <= %(now)s
  AND r.told_to < (SELECT max(id) FROM incidents.outbox)
ORDER BY r.attempts > 0, r.told_to, r.address
LIMIT 1

-- name: passed
-- There is nothing to tell up to this one; error: '' or why it is told no more.
UPDATE incidents.recipient
SET told_to = %(told_to)s,
    attempts = 0,
    next_at = NULL,
    last_error = coalesce(nullif(%(error)s, ''), last_error)
WHERE address = %(address)s

-- name: sent
UPDATE incidents.recipient
SET told_to = %(told_to)s, attempts = 0, next_at = NULL, last_error = '', sent = sent + 1, sent_at = %(now)s
WHERE address = %(address)s

-- name: failed
UPDATE incidents.recipient
SET attempts = attempts + 1, next_at = %(next_at)s, last_error = %(error)s
WHERE address = %(address)s

-- name: recipients
SELECT
    r.address, r.since, r.sent, r.sent_at, r.attempts, r.next_at, r.last_error,
    (SELECT count(*) FROM incidents.notice AS n WHERE n.is_told AND n.id > r.told_to) AS waiting
FROM incidents.recipient AS r
ORDER BY r.address
