-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: keep_slos
-- Returns the ids in the order given, and which of them are new. A service lives where its values come from; what stands
-- there is counted for it, too.
WITH given AS (
    SELECT *
    FROM unnest(
        %(names)b::text[], %(slis)b::text[], %(documents)b::text[], %(services)b::integer[],
        %(namespaces)b::integer[]
    ) WITH ORDINALITY AS g (name, sli, document, service_id, namespace_id, place)
), lived AS (
    INSERT INTO fleet.service_namespace (service_id, namespace_id, origin)
    SELECT DISTINCT service_id, namespace_id, 'slo'
    FROM given
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
    RETURNING namespace_id
), recounted AS (
    INSERT INTO records.recount (namespace_id, since)
    SELECT DISTINCT namespace_id, now()
    FROM lived
    ORDER BY 1
    ON CONFLICT (namespace_id) DO UPDATE SET since = excluded.since
), added AS (
    INSERT INTO records.slo (name, sli, document, service_id, namespace_id)
    SELECT name, sli, document, service_id, namespace_id
    FROM given AS g
    WHERE NOT EXISTS (
        SELECT FROM records.slo AS s
        WHERE s.service_id = g.service_id AND s.namespace_id = g.namespace_id
          AND s.document = g.document AND s.sli = g.sli AND s.name = g.name)
    ORDER BY place
    RETURNING id, name, sli, document, service_id, namespace_id
)
SELECT coalesce(a.id, s.id), a.id IS NOT NULL
FROM given AS g
LEFT JOIN added AS a USING (service_id, namespace_id, document, sli, name)
LEFT JOIN records.slo AS s USING (service_id, namespace_id, document, sli, name)
ORDER BY g.place

-- name: keep_values
-- Returns how many were added, and how many replaced one of the same time.
WITH kept AS (
    INSERT INTO records.slo_value (slo_id, at, value, target, snapshot_id)
    SELECT g.slo_id, g.at, g.value, g.target, %(snapshot)s
    FROM unnest(
        %(slos)b::integer[], %(times)b::timestamptz[], %(values)b::double precision[],
        %(targets)b::double precision[]
    ) AS g (slo_id, at, value, target)
    ORDER BY 1, 2
    ON CONFLICT (slo_id, at) DO UPDATE
    SET value = excluded.value, target = excluded.target, snapshot_id = excluded.snapshot_id
    RETURNING xmax = 0 AS is_added
)
SELECT (count(*) FILTER (WHERE is_added))::integer, (count(*) FILTER (WHERE NOT is_added))::integer
FROM kept
