-- Availability: how long each component was told to be what, and the share that makes. Compiling these statements
-- would take longer than running them.

-- What components were told to be between the bounds, piece by piece, in microseconds; `nth` is the window.
-- At each instant the gravest of what was published counts, once: outage 3, major 2, minor 1, maintenance 0,
-- unseen -1, nothing at all -2. `shielded`: while a maintenance is in progress nothing else counts. What was
-- published outweighs what we could not see; unseen time is only what is left. A component counts from its birth
-- to its retirement, an open incident until now. NULL components: all that live.
CREATE OR REPLACE FUNCTION incidents.told_pieces(
    components integer[], bounds timestamptz[], until_now timestamptz, shielded boolean)
RETURNS TABLE (component_id integer, nth integer, from_at timestamptz, to_at timestamptz, told integer)
LANGUAGE sql STABLE
SET search_path = pg_catalog
SET jit = off
AS $$
    WITH member AS (
        SELECT c.id, c.made_at AS born_at, least(until_now, c.retired_at) AS gone_at
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
    -- Edges at the same time see each other's steps, and all but the last of them lead nowhere.
    piece AS (
        SELECT
            e.component_id,
            e.at,
            lead(e.at) OVER line AS until,
            sum(e.step) FILTER (WHERE e.impact = 3) OVER line AS outages,
            sum(e.step) FILTER (WHERE e.impact = 2) OVER line AS majors,
            sum(e.step) FILTER (WHERE e.impact = 1) OVER line AS minors,
            sum(e.step) FILTER (WHERE e.impact = 0) OVER line AS maintenances,
            sum(e.step) FILTER (WHERE e.impact = -1) OVER line AS unseen
        FROM edge AS e
        WINDOW line AS (PARTITION BY e.component_id ORDER BY e.at)
    )
    SELECT
        p.component_id,
        width_bucket(p.at, bounds),
        greatest(p.at, m.born_at),
        least(p.until, m.gone_at),
        CASE
            WHEN shielded AND p.maintenances > 0 THEN 0
            WHEN p.outages > 0 THEN 3
            WHEN p.majors > 0 THEN 2
            WHEN p.minors > 0 THEN 1
            WHEN p.maintenances > 0 THEN 0
            WHEN p.unseen > 0 THEN -1
            ELSE -2
        END
    FROM piece AS p
    JOIN member AS m ON m.id = p.component_id
    WHERE p.until > p.at
      AND least(p.until, m.gone_at) > greatest(p.at, m.born_at)
$$;

-- How long each component was told to be what in each of the windows, in microseconds; and how long each group
-- was, in which all must be up: at each instant it is as grave as its gravest member, unseen where one of them is
-- unseen and no other is worse. groups: the group of each of `components`, in their order; NULL asks for none.
-- A row of a group has no component, a row of a component no group.
CREATE OR REPLACE FUNCTION incidents.told(
    components integer[], bounds timestamptz[], until_now timestamptz, shielded boolean,
    groups integer[] DEFAULT NULL)
RETURNS TABLE (
    component_id integer, group_id integer, nth integer, window_us bigint, outage_us bigint, major_us bigint,
    minor_us bigint, maintenance_us bigint, unseen_us bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog
SET jit = off
AS $$
    WITH own AS MATERIALIZED (
        SELECT * FROM incidents.told_pieces(components, bounds, until_now, shielded)
    ),
    member AS (
        SELECT m.component_id, m.group_id
        FROM unnest(components, groups) AS m (component_id, group_id)
        WHERE m.group_id IS NOT NULL
    ),
    -- Which times a group's members have, and which of them are not quiet.
    part AS (
        SELECT m.group_id, o.nth, min(o.from_at) AS from_at, max(o.to_at) AS to_at, NULL::integer AS told
        FROM own AS o
        JOIN member AS m USING (component_id)
        GROUP BY m.group_id, o.component_id, o.nth
        UNION ALL
        SELECT m.group_id, o.nth, o.from_at, o.to_at, o.told
        FROM own AS o
        JOIN member AS m USING (component_id)
        WHERE o.told > -2
    ),
    together AS (
        SELECT
            p.group_id,
            p.nth,
            e.at,
            lead(e.at) OVER line AS until,
            sum(e.step) FILTER (WHERE p.told IS NULL) OVER line AS members,
            sum(e.step) FILTER (WHERE p.told = 3) OVER line AS outages,
            sum(e.step) FILTER (WHERE p.told = 2) OVER line AS majors,
            sum(e.step) FILTER (WHERE p.told = 1) OVER line AS minors,
            sum(e.step) FILTER (WHERE p.told = 0) OVER line AS maintenances,
            sum(e.step) FILTER (WHERE p.told = -1) OVER line AS unseen
        FROM part AS p
        CROSS JOIN LATERAL (VALUES (p.from_at, 1), (p.to_at, -1)) AS e (at, step)
        WINDOW line AS (PARTITION BY p.group_id, p.nth ORDER BY e.at)
    ),
    -- Whole microseconds, which a double holds exactly for longer than anybody asks; its sums are far cheaper.
    lasting AS (
        SELECT
            o.component_id,
            NULL::integer AS group_id,
            o.nth,
            round(date_part('epoch', o.to_at - o.from_at) * 1000000) AS us,
            o.told
        FROM own AS o
        UNION ALL
        SELECT
            NULL,
            g.group_id,
            g.nth,
            round(date_part('epoch', g.until - g.at) * 1000000),
            CASE
                WHEN g.outages > 0 THEN 3
                WHEN g.majors > 0 THEN 2
                WHEN g.minors > 0 THEN 1
                WHEN g.unseen > 0 THEN -1
                WHEN g.maintenances > 0 THEN 0
                ELSE -2
            END
        FROM together AS g
        WHERE g.members > 0 AND g.until > g.at
    )
    SELECT
        l.component_id,
        l.group_id,
        l.nth,
        sum(l.us)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 3), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 2), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 1), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = 0), 0)::bigint,
        coalesce(sum(l.us) FILTER (WHERE l.told = -1), 0)::bigint
    FROM lasting AS l
    GROUP BY l.component_id, l.group_id, l.nth
$$;

-- What the first Status Dashboard would have counted, faults and all, for those who come from it: outages alone,
-- once they are over, in the month of their end and from its first at the earliest, added up even where they
-- overlap. lost_us over elapsed_us is its loss; it may be more than the whole.
CREATE OR REPLACE FUNCTION incidents.compatible(
    components integer[], bounds timestamptz[], until_now timestamptz)
RETURNS TABLE (component_id integer, nth integer, elapsed_us bigint, lost_us bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog
SET jit = off
AS $$
    WITH month AS (
        SELECT b.nth::integer, b.opens, least(bounds[b.nth + 1], until_now) AS closes
        FROM unnest(bounds) WITH ORDINALITY AS b (opens, nth)
        WHERE b.nth < cardinality(bounds) AND b.opens < until_now
    ),
    outage AS (
        SELECT
            a.component_id,
            width_bucket(i.ends_at, bounds) AS nth,
            greatest(i.starts_at, bounds[width_bucket(i.ends_at, bounds)]) AS opens,
            i.ends_at AS closes
        FROM incidents.incident AS i
        JOIN incidents.affected AS a ON a.incident_id = i.id
        WHERE i.kind = 'incident' AND i.impact = 3 AND i.published_at IS NOT NULL AND i.merged_into IS NULL
          AND a.left_at IS NULL AND a.component_id = ANY (components)
          AND i.ends_at >= bounds[1] AND i.ends_at < bounds[cardinality(bounds)]
    ),
    lost AS (
        SELECT o.component_id, o.nth, sum(extract(epoch FROM o.closes - o.opens) * 1000000) AS us
        FROM outage AS o
        GROUP BY o.component_id, o.nth
    )
    SELECT
        c.component_id,
        m.nth,
        (extract(epoch FROM m.closes - m.opens) * 1000000)::bigint,
        coalesce(l.us, 0)::bigint
    FROM unnest(components) AS c (component_id)
    CROSS JOIN month AS m
    LEFT JOIN lost AS l ON l.component_id = c.component_id AND l.nth = m.nth
$$;

-- ── what dashboards may call: a contract; never change shape, add _v2 ────────────────────────────

CREATE OR REPLACE FUNCTION grafana.availability(
    from_at timestamptz, to_at timestamptz, zone text DEFAULT 'UTC',
    minor double precision DEFAULT 0, major double precision DEFAULT 0.3, outage double precision DEFAULT 1,
    maintenance text DEFAULT 'shields', unseen text DEFAULT 'excluded')
RETURNS TABLE ("time" timestamptz, component text, service text, region text, category text,
               availability double precision, lost_seconds double precision, unseen_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH month AS (
        SELECT array_agg(first AT TIME ZONE zone ORDER BY first) AS bounds
        FROM generate_series(
            date_trunc('month', from_at AT TIME ZONE zone),
            date_trunc('month', least(to_at, from_at + interval '10 years') AT TIME ZONE zone) + interval '1 month',
            interval '1 month') AS s (first)
    ),
    counted AS (
        SELECT
            m.bounds[t.nth] AS opens,
            t.component_id,
            t.outage_us * outage + t.major_us * major + t.minor_us * minor
                + CASE unseen WHEN 'down' THEN t.unseen_us ELSE 0 END AS lost_us,
            t.window_us - CASE unseen WHEN 'excluded' THEN t.unseen_us ELSE 0 END
                - CASE maintenance WHEN 'removed' THEN t.maintenance_us ELSE 0 END AS whole_us,
            t.unseen_us
        FROM month AS m
        CROSS JOIN LATERAL incidents.told(NULL, m.bounds, now(), maintenance <> 'counts') AS t
    )
    SELECT
        k.opens,
        c.slug,
        s.name,
        coalesce(r.name, ''),
        coalesce(c.attributes ->> 'category', s.category, ''),
        1 - k.lost_us / nullif(k.whole_us, 0),
        k.lost_us / 1e6,
        k.unseen_us / 1e6
    FROM counted AS k
    JOIN fleet.component AS c ON c.id = k.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    ORDER BY k.opens, c.slug
$$;
COMMENT ON FUNCTION grafana.availability(
    timestamptz, timestamptz, text, double precision, double precision, double precision, text, text)
    IS 'The availability of every component by month, whole months of a zone, counted by a policy.';
