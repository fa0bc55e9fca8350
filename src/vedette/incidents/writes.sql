-- name: hold
-- The book is written by one hand at a time; held until the transaction ends.
SELECT pg_advisory_xact_lock(%(number)s)

-- name: insert
INSERT INTO incidents.incident (
    kind, title, description, impact, status, origin, system, starts_at, ends_at,
    published_at, publish_at, series_id, occurrence_at, made_at, made_by, changed_at)
VALUES (
    %(kind)s, %(title)s, %(description)s, %(impact)s, %(status)s, %(origin)s, %(system)s,
    %(starts_at)s, %(ends_at)s, %(published_at)s, %(publish_at)s, %(series_id)s, %(occurrence_at)s,
    %(now)s, %(by)s, %(now)s)
RETURNING id

-- name: insert_gravity
-- From `since` on it is as grave as that; what was said of later times is withdrawn.
WITH withdrawn AS (
    DELETE FROM incidents.gravity
    WHERE incident_id = %(incident_id)s AND since > %(since)s::timestamptz
)
INSERT INTO incidents.gravity (incident_id, since, impact)
VALUES (%(incident_id)s, %(since)s, %(impact)s)
ON CONFLICT (incident_id, since) DO UPDATE SET impact = excluded.impact

-- name: insert_updates
-- What a machine says that names a private component, or leads to what is told of such alone, is for operators alone.
INSERT INTO incidents.update (incident_id, at, status, text, internal, made_at, made_by)
SELECT
    said.incident_id, %(at)s, %(status)s, said.text,
    %(internal)s OR (
        (%(status)s = 'SYSTEM' OR starts_with(said.by, 'automation:'))
        AND (
            EXISTS (
                SELECT FROM fleet.component AS c
                JOIN fleet.service AS s ON s.id = c.service_id
                LEFT JOIN fleet.region AS r ON r.id = c.region_id
                WHERE NOT c.is_public
                  AND strpos(said.text, s.name) > 0 AND strpos(said.text, coalesce(r.name, '')) > 0)
            OR EXISTS (
                SELECT FROM incidents.hidden() AS h
                WHERE strpos(said.text, '(/incidents/' || h.id || ')') > 0))),
    %(now)s, said.by
FROM unnest(%(incidents)s::integer[], %(texts)s::text[], %(authors)s::text[])
    WITH ORDINALITY AS said (incident_id, text, by, nth)
ORDER BY said.nth
RETURNING id

-- name: join
-- Who is in it already stays as it is. passing: who has left it again by now.
INSERT INTO incidents.affected (incident_id, component_id, joined_at, left_at)
SELECT wanted.incident_id, wanted.component_id, %(at)s::timestamptz, CASE WHEN wanted.passing THEN %(at)s::timestamptz END
FROM unnest(%(incidents)s::integer[], %(components)s::integer[], %(passing)s::boolean[])
    WITH ORDINALITY AS wanted (incident_id, component_id, passing, nth)
ORDER BY wanted.nth
ON CONFLICT (incident_id, component_id) WHERE left_at IS NULL DO NOTHING

-- name: leave
UPDATE incidents.affected AS a
SET left_at = greatest(%(at)s, a.joined_at)
FROM unnest(%(incidents)s::integer[], %(components)s::integer[]) AS gone (incident_id, component_id)
WHERE a.incident_id = gone.incident_id AND a.component_id = gone.component_id AND a.left_at IS NULL

-- name: change
-- NULL leaves a column as it is; `reopen` takes the end away, `taken` makes it a person's for good. Who waited
-- for `hold` comes with an older `now` than whoever held it: an end that lies before the start is the start.
UPDATE incidents.incident
SET title = coalesce(%(title)s, title),
    description = coalesce(%(description)s, description),
    impact = coalesce(%(impact)s, impact),
    status = coalesce(%(status)s, status),
    starts_at = coalesce(%(starts_at)s, starts_at),
    ends_at = CASE
        WHEN %(reopen)s THEN NULL
        WHEN %(ends_at)s::timestamptz IS NULL THEN ends_at
        ELSE greatest(%(ends_at)s, coalesce(%(starts_at)s, starts_at))
    END,
    published_at = coalesce(%(published_at)s, published_at),
    publish_at = CASE WHEN %(published_at)s::timestamptz IS NULL THEN coalesce(%(publish_at)s, publish_at) END,
    revised_at = coalesce(%(revised_at)s, revised_at),
    merged_into = coalesce(%(merged_into)s, merged_into),
    postmortem = coalesce(%(postmortem)s, postmortem),
    postmortem_at = coalesce(%(postmortem_at)s, postmortem_at),
    system = system AND NOT %(taken)s
WHERE id = %(incident_id)s

-- name: settle
-- One more version of each, and the published past made anew.
WITH turned AS (
    UPDATE incidents.incident
    SET version = version + 1, changed_at = %(now)s
    WHERE id = ANY (%(ids)s)
    RETURNING id, version
)
INSERT INTO incidents.outbox (at, incident_id, change, version, payload, said_to)
SELECT %(now)s, id, %(change)s, version, %(payload)s, (SELECT coalesce(max(u.id), 0) FROM incidents.update AS u)
FROM turned

-- name: settle_spans
SELECT incidents.settle(%(ids)s)

-- name: notify
SELECT pg_notify('vedette_incident', array_to_string(%(ids)s::integer[], ','))
