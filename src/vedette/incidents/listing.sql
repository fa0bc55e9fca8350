-- name: listed
-- One page of ids, and how many there are, counted up to a limit.
WITH chosen AS NOT MATERIALIZED (
    SELECT i.id, i.starts_at
    FROM incidents.incident AS i
    WHERE (%(drafts)s OR i.published_at IS NOT NULL)
      AND (%(kind)s::text IS NULL OR i.kind = %(kind)s)
      AND (%(status)s::text IS NULL OR i.status = %(status)s)
      AND (%(impact)s::smallint IS NULL OR i.impact = %(impact)s)
      AND (%(is_open)s::boolean IS NULL OR i.is_open = %(is_open)s)
      AND (%(end)s::timestamptz IS NULL OR i.starts_at < %(end)s)
      AND (%(start)s::timestamptz IS NULL OR coalesce(i.ends_at, 'infinity') >= %(start)s)
      AND (
          coalesce(%(region)s::text, %(service)s::text, %(component)s::text) IS NULL
          OR EXISTS (
              SELECT 1
              FROM incidents.affected AS a
              JOIN fleet.component AS c ON c.id = a.component_id
              JOIN fleet.service AS s ON s.id = c.service_id
              LEFT JOIN fleet.region AS r ON r.id = c.region_id
              WHERE a.incident_id = i.id
                AND (%(component)s::text IS NULL
                     OR %(component)s IN (lower(c.slug), lower(s.name || '@' || coalesce(r.name, ''))))
                AND (%(service)s::text IS NULL OR %(service)s IN (lower(s.name), s.slug))
                AND (%(region)s::text IS NULL OR %(region)s IN (lower(r.name), r.slug))))
      AND (
          %(text)s::text IS NULL
          OR i.title ILIKE %(text)s
          OR i.description ILIKE %(text)s
          OR ((%(drafts)s OR i.postmortem_at IS NOT NULL) AND i.postmortem ILIKE %(text)s)
          OR EXISTS (
              SELECT 1
              FROM incidents.update AS u
              WHERE u.incident_id = i.id AND (%(drafts)s OR NOT u.internal) AND u.text ILIKE %(text)s))
)
SELECT
    ARRAY(
        SELECT id
        FROM chosen
        WHERE %(after_at)s::timestamptz IS NULL OR (starts_at, id) < (%(after_at)s, %(after_id)s::integer)
        ORDER BY starts_at DESC, id DESC
        LIMIT %(limit)s),
    (SELECT count(*) FROM (SELECT 1 FROM chosen LIMIT %(counted)s) AS counted)
