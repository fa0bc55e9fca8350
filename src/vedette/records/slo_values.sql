-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: keep
-- Returns a row an SLO: its name, whether it is new, how many values were added and how many replaced.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(names)b::text[], %(slis)b::text[], %(documents)b::text[], %(services)b::integer[],
        %(namespaces)b::integer[], %(values)b::double precision[], %(targets)b::double precision[],
        %(times)b::timestamptz[]
    ) WITH ORDINALITY AS g (name, sli, document, service_id, namespace_id, value, target, at, place)
), named AS (
    SELECT service_id, namespace_id, document, sli, name, min(place) AS place
    FROM given
    GROUP BY 1, 2, 3, 4, 5
), lived AS (
    INSERT INTO fleet.service_namespace (service_id, namespace_id, origin)
    SELECT DISTINCT service_id, namespace_id, 'slo'
    FROM given
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
), added AS (
    INSERT INTO records.slo (name, sli, document, service_id, namespace_id)
    SELECT name, sli, document, service_id, namespace_id
    FROM named AS n
    WHERE NOT EXISTS (
        SELECT FROM records.slo AS s
        WHERE s.service_id = n.service_id AND s.namespace_id = n.namespace_id
          AND s.document = n.document AND s.sli = n.sli AND s.name = n.name)
    RETURNING id, name, sli, document, service_id, namespace_id
), slo AS (
    SELECT n.place, s.id, n.service_id, n.namespace_id, n.document, n.sli, n.name, false AS is_new
    FROM named AS n
    JOIN records.slo AS s USING (service_id, namespace_id, document, sli, name)
    UNION ALL
    SELECT n.place, a.id, n.service_id, n.namespace_id, n.document, n.sli, n.name, true
    FROM named AS n
    JOIN added AS a USING (service_id, namespace_id, document, sli, name)
), kept AS (
    INSERT INTO records.slo_value (slo_id, at, value, target, snapshot_id)
    SELECT s.id, g.at, g.value, g.target, %(snapshot)s
    FROM given AS g
    JOIN slo AS s USING (service_id, namespace_id, document, sli, name)
    ORDER BY 1, 2
    ON CONFLICT (slo_id, at) DO UPDATE
    SET value = excluded.value, target = excluded.target, snapshot_id = excluded.snapshot_id
    RETURNING slo_id, xmax = 0 AS is_added
)
SELECT s.name, s.is_new, count(*) FILTER (WHERE k.is_added)::integer, count(*) FILTER (WHERE NOT k.is_added)::integer
FROM slo AS s
JOIN kept AS k ON k.slo_id = s.id
GROUP BY s.id, s.name, s.is_new, s.place
ORDER BY s.place
