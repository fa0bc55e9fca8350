-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: components
SELECT slug, id FROM fleet.component WHERE slug = ANY (%(slugs)s)

-- name: keep
-- Returns (name, is_new) of what was added or changed; what is as it was is left alone.
INSERT INTO records.objective AS o (
    service_id, name, document, source, target, window_s, calendar, calendar_count, starts_at, zone,
    budgeting, sli, description, definition, labels, component_id, made_at, changed_at)
SELECT service_id, name, document, source, target, window_s, calendar, calendar_count, starts_at, zone,
    budgeting, sli, description, definition, labels, component_id, %(now)s, %(now)s
FROM jsonb_populate_recordset(NULL::records.objective, %(rows)s)
ORDER BY service_id, name
ON CONFLICT (service_id, name) DO UPDATE
SET document = excluded.document, source = excluded.source, target = excluded.target,
    window_s = excluded.window_s, calendar = excluded.calendar, calendar_count = excluded.calendar_count,
    starts_at = excluded.starts_at, zone = excluded.zone, budgeting = excluded.budgeting,
    sli = excluded.sli, description = excluded.description, definition = excluded.definition,
    labels = excluded.labels, component_id = excluded.component_id, changed_at = excluded.changed_at,
    retired_at = NULL
WHERE o.retired_at IS NOT NULL
   OR (o.document, o.source, o.target, o.window_s, o.calendar, o.calendar_count, o.starts_at, o.zone, o.budgeting,
       o.sli, o.description, o.definition, o.labels)
      <> (excluded.document, excluded.source, excluded.target, excluded.window_s, excluded.calendar,
          excluded.calendar_count, excluded.starts_at, excluded.zone, excluded.budgeting, excluded.sli,
          excluded.description, excluded.definition, excluded.labels)
   OR o.component_id IS DISTINCT FROM excluded.component_id
RETURNING name, xmax = 0

-- name: retire
UPDATE records.objective AS o
SET retired_at = greatest(%(now)s::timestamptz, o.made_at)
FROM (
    SELECT DISTINCT service_id, source, document
    FROM jsonb_populate_recordset(NULL::records.objective, %(rows)s)
) AS d
WHERE o.service_id = d.service_id AND o.source = d.source AND o.document = d.document
  AND o.retired_at IS NULL
  AND NOT EXISTS (
      SELECT
      FROM jsonb_populate_recordset(NULL::records.objective, %(rows)s) AS g
      WHERE g.service_id = o.service_id AND g.name = o.name)
