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

-- ── availability ─────────────────────────────────────────────────────────────────────────────────

-- How long each component was told to be what, in each of the windows between the bounds, in microseconds.
-- At each instant the gravest of what was published counts, once. `shielded`: while a maintenance is in progress
-- nothing else counts. What was published outweighs what we could not see; unseen time is only what is left.
-- A component counts from its birth, an open incident until now. NULL components: all that live.
CREATE OR REPLACE FUNCTION incidents.told(
    components integer[], bounds timestamptz[], until_now timestamptz, shielded boolean)
RETURNS TABLE (
    component_id integer, nth integer, window_us bigint, outage_us bigint, major_us bigint,
    minor_us bigint, maintenance_us bigint, unseen_us bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog
AS $$
    WITH member AS (
        SELECT c.id, c.made_at AS born_at
        FROM fleet.component AS c
        WHERE CASE WHEN components IS NULL THEN c.retired_at IS NULL ELSE c.id = ANY (components) END
    ),
    span AS (
        SELECT s.component_id, s.impact, s.from_at, coalesce(s.to_at, 'infinity') AS to_at
        FROM incidents.span AS s
        WHERE s.from_at < bounds[cardinality(bounds)] AND (s.to_at IS NULL OR s.to_at > bounds[1])
          AND (components IS NULL OR s.component_id = ANY (components))
        UNION ALL
        SELECT b.component_id, -1, b.from_at, coalesce(b.to_at, 'infinity')
        FROM incidents.blind AS b
        WHERE b.from_at < bounds[cardinality(bounds)] AND (b.to_at IS NULL OR b.to_at > bounds[1])
          AND (components IS NULL OR b.component_id = ANY (components))
    ),
    edge AS (
        SELECT component_id, greatest(from_at, bounds[1]) AS at, impact, 1 AS step FROM span
        UNION ALL
        SELECT component_id, least(to_at, bounds[cardinality(bounds)]), impact, -1 FROM span
        UNION ALL
        SELECT m.id, edge.at, NULL, 0
        FROM member AS m
        CROSS JOIN unnest(bounds) AS edge (at)
    ),
    turn AS (
        SELECT
            e.component_id,
            e.at,
            coalesce(sum(e.step) FILTER (WHERE e.impact = 3), 0) AS outages,
            coalesce(sum(e.step) FILTER (WHERE e.impact = 2), 0) AS majors,
            coalesce(sum(e.step) FILTER (WHERE e.impact = 1), 0) AS minors,
            coalesce(sum(e.step) FILTER (WHERE e.impact = 0), 0) AS maintenances,
            coalesce(sum(e.step) FILTER (WHERE e.impact = -1), 0) AS unseen
        FROM edge AS e
        GROUP BY e.component_id, e.at
    ),
    piece AS (
        SELECT
            t.component_id,
            t.at,
            lead(t.at) OVER line AS until,
            sum(t.outages) OVER line AS outages,
            sum(t.majors) OVER line AS majors,
            sum(t.minors) OVER line AS minors,
            sum(t.maintenances) OVER line AS maintenances,
            sum(t.unseen) OVER line AS unseen
        FROM turn AS t
        WINDOW line AS (PARTITION BY t.component_id ORDER BY t.at)
    ),
    lasting AS (
        SELECT
            p.component_id,
            width_bucket(p.at, bounds) AS nth,
            (extract(epoch FROM least(p.until, until_now) - greatest(p.at, m.born_at)) * 1000000)::bigint AS us,
            CASE
                WHEN shielded AND p.maintenances > 0 THEN 'maintenance'
                WHEN p.outages > 0 THEN 'outage'
                WHEN p.majors > 0 THEN 'major'
                WHEN p.minors > 0 THEN 'minor'
                WHEN p.maintenances > 0 THEN 'maintenance'
                WHEN p.unseen > 0 THEN 'unseen'
                ELSE ''
            END AS told
        FROM piece AS p
        JOIN member AS m ON m.id = p.component_id
        WHERE p.until IS NOT NULL
          AND least(p.until, until_now) > greatest(p.at, m.born_at)
    )
    SELECT
        l.component_id,
        l.nth,
        sum(l.us)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 'outage'), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 'major'), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 'minor'), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 'maintenance'), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 'unseen'), 0)::bigint
    FROM lasting AS l
    GROUP BY l.component_id, l.nth
$$;
