-- name: components
SELECT c.id, s.name, r.name, c.type
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id

-- name: bear
-- They are as old as what is told of them.
UPDATE fleet.component AS c
SET made_at = given.at
FROM unnest(%(ids)s::integer[], %(at)s::timestamptz[]) AS given (id, at)
WHERE c.id = given.id AND c.made_at > given.at

-- name: imported
SELECT m.id, m.incident_id, m.digest, i.version
FROM incidents.imported AS m
JOIN incidents.incident AS i ON i.id = m.incident_id
WHERE m.source = %(source)s

-- name: used
SELECT id FROM incidents.incident WHERE id = ANY (%(ids)s::integer[])

-- name: numbers
SELECT nextval(pg_get_serial_sequence('incidents.incident', 'id'))::integer
FROM generate_series(1, %(count)s::integer)

-- name: held_by_machines
SELECT component_id FROM incidents.affected WHERE exclusive

-- name: remove
DELETE FROM incidents.incident WHERE id = ANY (%(ids)s::integer[])

-- name: insert
INSERT INTO incidents.incident (
    id, kind, title, description, impact, status, origin, system, starts_at, ends_at, published_at,
    version, made_at, made_by, changed_at)
SELECT
    id, kind, title, description, impact, status, 'import', system, starts_at, ends_at, published_at,
    1, made_at, made_by, changed_at
FROM jsonb_to_recordset(%(rows)s) AS g (
    id integer, kind text, title text, description text, impact smallint, status text, system boolean,
    starts_at timestamptz, ends_at timestamptz, published_at timestamptz, made_at timestamptz,
    made_by text, changed_at timestamptz)

-- name: past_number
-- Numbers that were kept are never given again.
SELECT setval(
    pg_get_serial_sequence('incidents.incident', 'id'),
    greatest(max(id), nextval(pg_get_serial_sequence('incidents.incident', 'id')))
)
FROM incidents.incident

-- name: insert_gravities
-- Of two steps of one instant the later counts.
INSERT INTO incidents.gravity (incident_id, since, impact)
SELECT DISTINCT ON (incident_id, since) incident_id, since, impact
FROM unnest(%(incidents)s::integer[], %(sinces)s::timestamptz[], %(impacts)s::smallint[])
    WITH ORDINALITY AS given (incident_id, since, impact, nth)
ORDER BY incident_id, since, nth DESC

-- name: insert_affected
INSERT INTO incidents.affected (incident_id, component_id)
SELECT incident_id, component_id
FROM unnest(%(incidents)s::integer[], %(components)s::integer[]) AS given (incident_id, component_id)

-- name: insert_updates
INSERT INTO incidents.update (incident_id, at, status, text, made_at, made_by)
SELECT incident_id, at, status, text, at, made_by
FROM jsonb_to_recordset(%(rows)s) AS g (
    incident_id integer, at timestamptz, status text, text text, made_by text)

-- name: remember
INSERT INTO incidents.imported (source, id, incident_id, digest)
SELECT %(source)s, id, incident_id, digest
FROM unnest(%(ids)s::bigint[], %(incidents)s::integer[], %(digests)s::bytea[])
    AS given (id, incident_id, digest)
