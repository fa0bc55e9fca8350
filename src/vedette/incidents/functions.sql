-- The functions of the incidents: the published past, and what dashboards ask.

-- The past that the public was told, made anew for these incidents from what was said of them. The number of
-- statements does not depend on their number. Call it under the lock of `writes.hold`.
CREATE OR REPLACE FUNCTION incidents.settle(ids integer[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog
AS $$
    UPDATE incidents.affected AS a
    SET exclusive = false
    FROM incidents.incident AS i
    WHERE a.incident_id = ANY (ids) AND i.id = a.incident_id AND a.exclusive
      AND NOT (i.system AND i.is_open AND i.published_at IS NOT NULL AND a.left_at IS NULL);

    UPDATE incidents.affected AS a
    SET exclusive = true
    FROM incidents.incident AS i
    WHERE a.incident_id = ANY (ids) AND i.id = a.incident_id AND NOT a.exclusive
      AND i.system AND i.is_open AND i.published_at IS NOT NULL AND a.left_at IS NULL;

    DELETE FROM incidents.span WHERE incident_id = ANY (ids);

    INSERT INTO incidents.span (component_id, incident_id, impact, from_at, to_at)
    WITH grave AS (
        SELECT
            g.incident_id,
            g.impact,
            g.since,
            lead(g.since) OVER (PARTITION BY g.incident_id ORDER BY g.since) AS until
        FROM incidents.gravity AS g
        WHERE g.incident_id = ANY (ids)
    ),
    piece AS (
        SELECT
            a.component_id,
            i.id AS incident_id,
            g.impact,
            greatest(i.starts_at, a.joined_at, g.since) AS from_at,
            least(i.ends_at, a.left_at, g.until) AS to_at
        FROM incidents.incident AS i
        JOIN incidents.affected AS a ON a.incident_id = i.id
        JOIN grave AS g ON g.incident_id = i.id
        WHERE i.id = ANY (ids)
          AND i.published_at IS NOT NULL
          AND i.merged_into IS NULL
          AND (i.kind = 'incident' OR (i.kind = 'maintenance' AND i.status IN ('in progress', 'completed')))
    )
    SELECT component_id, incident_id, impact, from_at, to_at
    FROM piece
    WHERE to_at IS NULL OR to_at > from_at;
$$;

-- ── what the public may see ──────────────────────────────────────────────────────────────────────

-- The incidents that affect private components alone. Where nothing is private this costs next to nothing.
-- No SET, here and below: the functions are inlined.
CREATE OR REPLACE FUNCTION incidents.hidden() RETURNS TABLE (id integer)
LANGUAGE sql STABLE
AS $$
    SELECT DISTINCT a.incident_id
    FROM fleet.component AS c
    JOIN incidents.affected AS a ON a.component_id = c.id
    WHERE NOT c.is_public
      AND NOT EXISTS (
          SELECT 1
          FROM incidents.affected AS other
          JOIN fleet.component AS seen ON seen.id = other.component_id
          WHERE other.incident_id = a.incident_id AND seen.is_public)
$$;

-- What everyone may read of: every public page, feed and document asks this and not the table.
CREATE OR REPLACE FUNCTION incidents.published() RETURNS SETOF incidents.incident
LANGUAGE sql STABLE
AS $$
    SELECT i.*
    FROM incidents.incident AS i
    WHERE i.published_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM incidents.hidden() AS h WHERE h.id = i.id)
$$;
