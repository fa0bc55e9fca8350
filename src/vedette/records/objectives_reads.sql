-- name: page
-- Values belong to the objective of their service and name, or of their document and indicator. Those that no
-- objective claims state one themselves: their last target, over the month.
WITH told AS (
    SELECT o.id, o.service_id, o.name, o.document, o.source, o.target, o.window_s, o.calendar, o.calendar_count,
        o.starts_at, o.zone, o.budgeting, o.sli, o.description, o.labels, o.component_id, s.id AS slo_id
    FROM records.objective AS o
    LEFT JOIN records.slo AS s
        ON s.service_id = o.service_id AND o.component_id IS NULL
        AND (s.name = o.name OR s.document = o.document AND s.name = o.sli)
    WHERE o.retired_at IS NULL
    UNION ALL
    SELECT NULL, s.service_id, s.name, s.document, '', t.target, 0, 'month', 1, '', '', 'occurrences', s.sli, '', '{}',
        NULL, s.id
    FROM records.slo AS s
    CROSS JOIN LATERAL (
        SELECT v.target
        FROM records.slo_value AS v
        WHERE v.slo_id = s.id
        ORDER BY v.at DESC
        LIMIT 1
    ) AS t
    WHERE NOT EXISTS (
        SELECT
        FROM records.objective AS o
        WHERE o.service_id = s.service_id AND o.component_id IS NULL AND o.retired_at IS NULL
          AND (s.name = o.name OR s.document = o.document AND s.name = o.sli))
)
SELECT f.name AS service, t.name, t.document, t.source, t.target, t.window_s, t.calendar, t.calendar_count,
    t.starts_at, t.zone, t.budgeting, t.sli, t.description, t.labels, t.component_id,
    coalesce(m.slug, '') AS component, coalesce(t.slo_id, 0) AS slo_id, coalesce(c.name, '') AS cluster,
    coalesce(n.name, '') AS namespace, l.value AS latest, l.at AS latest_at
FROM told AS t
JOIN fleet.service AS f ON f.id = t.service_id
LEFT JOIN fleet.component AS m ON m.id = t.component_id
LEFT JOIN records.slo AS s ON s.id = t.slo_id
LEFT JOIN fleet.namespace AS n ON n.id = s.namespace_id
LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
LEFT JOIN LATERAL (
    SELECT v.value, v.at
    FROM records.slo_value AS v
    WHERE v.slo_id = t.slo_id
    ORDER BY v.at DESC
    LIMIT 1
) AS l ON true
WHERE (%(service)s::text IS NULL OR f.name = %(service)s)
  AND (%(team)s::text IS NULL OR f.team = %(team)s)
  AND (%(name)s::text IS NULL OR t.name = %(name)s)
  AND (
      %(after_service)s::text IS NULL
      OR (f.name, t.name, coalesce(t.slo_id, 0)) > (%(after_service)s, %(after_name)s::text, %(after_slo)s))
ORDER BY f.name, t.name, coalesce(t.slo_id, 0)
LIMIT %(limit)s

-- name: values
-- What each SLO was from one bound to the next, each value weighed by how long it stood: one row, however many values.
SELECT b.slo_id, b.since, w.known_us, round((100 - 100 * w.lost_us / w.known_us)::numeric, 9)::double precision AS value
FROM unnest(%(slos)s::integer[], %(since)s::timestamptz[], %(until)s::timestamptz[]) AS b (slo_id, since, until)
CROSS JOIN LATERAL (
    SELECT sum(s.length_us)::bigint AS known_us, sum(s.length_us * s.lacks) AS lost_us
    FROM (
        SELECT round(date_part('epoch',
                least(lead(v.at, 1, b.until) OVER (ORDER BY v.at), v.at + %(stands)s::interval, b.until)
                - greatest(v.at, b.since)) * 1000000)::bigint AS length_us,
            least(greatest(1 - v.value / 100, 0), 1) AS lacks
        FROM records.slo_value AS v
        WHERE v.slo_id = b.slo_id
          AND v.at < b.until
          AND v.at >= coalesce(
              (
                  SELECT max(o.at)
                  FROM records.slo_value AS o
                  WHERE o.slo_id = b.slo_id AND o.at <= b.since AND o.at > b.since - %(stands)s::interval
              ), b.since)
    ) AS s
    WHERE s.length_us > 0
) AS w
WHERE w.known_us > 0
ORDER BY 1, 2
