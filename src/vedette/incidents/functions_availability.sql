-- Availability: how long each component was told to be what, and the share that makes. Compiling these statements
-- would take longer than running them; PL/pgSQL keeps their plans, which SQL functions make anew at each call.

DROP FUNCTION IF EXISTS incidents.told_pieces(integer[], timestamptz[], timestamptz, boolean);

-- When components lived between the bounds, and when each impact was published of them: merged times. They may
-- overlap, but what we could not see during a maintenance is the maintenance's, and `shielded`: nothing else counts
-- while one is in progress. A component counts from its birth to its retirement, an open incident until now. NULL
-- components: all that live.
CREATE OR REPLACE FUNCTION incidents.told_times(
    components integer[], bounds timestamptz[], until_now timestamptz, shielded boolean)
RETURNS TABLE (
    component_id integer, life tstzmultirange, outages tstzmultirange, majors tstzmultirange, minors tstzmultirange,
    maintenances tstzmultirange, blind tstzmultirange)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH member AS MATERIALIZED (
        SELECT c.id, lived.born_at, lived.gone_at
        FROM fleet.component AS c
        CROSS JOIN LATERAL (
            SELECT greatest(c.made_at, bounds[1]), least(until_now, c.retired_at, bounds[cardinality(bounds)])
        ) AS lived (born_at, gone_at)
        WHERE CASE WHEN components IS NULL THEN c.retired_at IS NULL ELSE c.id = ANY (components) END
          AND lived.gone_at > lived.born_at
    ),
    -- Component by component, by the index of the spans: a house has many of both.
    merged AS (
        SELECT m.id, m.born_at, m.gone_at, t.*
        FROM member AS m
        CROSS JOIN LATERAL (
            SELECT
                coalesce(range_agg(s.during) FILTER (WHERE s.impact = 3), '{}') AS outages,
                coalesce(range_agg(s.during) FILTER (WHERE s.impact = 2), '{}') AS majors,
                coalesce(range_agg(s.during) FILTER (WHERE s.impact = 1), '{}') AS minors,
                coalesce(range_agg(s.during) FILTER (WHERE s.impact = 0), '{}') AS maintenances
            FROM (
                SELECT s.impact, tstzrange(greatest(s.from_at, m.born_at), least(s.to_at, m.gone_at)) AS during
                FROM incidents.span AS s
                WHERE s.component_id = m.id AND s.from_at < m.gone_at AND (s.to_at IS NULL OR s.to_at > m.born_at)
            ) AS s
        ) AS t
    )
    SELECT
        p.id,
        tstzmultirange(tstzrange(p.born_at, p.gone_at)),
        CASE WHEN shielded THEN p.outages - p.maintenances ELSE p.outages END,
        CASE WHEN shielded THEN p.majors - p.maintenances ELSE p.majors END,
        CASE WHEN shielded THEN p.minors - p.maintenances ELSE p.minors END,
        p.maintenances,
        b.blind - p.maintenances
    FROM merged AS p
    CROSS JOIN LATERAL (
        SELECT
            coalesce(range_agg(tstzrange(greatest(b.from_at, p.born_at), least(b.to_at, p.gone_at))), '{}') AS blind
        FROM incidents.blind AS b
        WHERE b.component_id = p.id AND b.from_at < p.gone_at AND (b.to_at IS NULL OR b.to_at > p.born_at)
    ) AS b;
END $$;

-- How long each component was told to be what in each of the windows, in microseconds; and how long each group
-- was, in which all must be up: at each instant it is as grave as its gravest member, unseen where one of them is
-- unseen and no other is worse. groups: the group of each of `components`, in their order; NULL asks for none.
-- A row of a group has no component, a row of a component no group.
-- Multiranges merge times in a fraction of what a window over their edges takes. Out of each impact's times those of
-- worse ones are taken, so that every moment is counted once: a walk over two sorted lists, where to unite them sorts.
CREATE OR REPLACE FUNCTION incidents.told(
    components integer[], bounds timestamptz[], until_now timestamptz, shielded boolean,
    groups integer[] DEFAULT NULL)
RETURNS TABLE (
    component_id integer, group_id integer, nth integer, window_us bigint, outage_us bigint, major_us bigint,
    minor_us bigint, maintenance_us bigint, unseen_us bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH own AS MATERIALIZED (
        SELECT * FROM incidents.told_times(components, bounds, until_now, shielded)
    ),
    either AS (
        SELECT o.component_id, NULL::integer AS group_id, o.life, o.outages, o.majors, o.minors, o.maintenances, o.blind
        FROM own AS o
        UNION ALL
        SELECT
            NULL,
            m.group_id,
            range_agg(o.life),
            range_agg(o.outages),
            range_agg(o.majors),
            range_agg(o.minors),
            range_agg(o.maintenances),
            range_agg(o.blind)
        FROM own AS o
        JOIN unnest(components, groups) AS m (component_id, group_id) USING (component_id)
        WHERE m.group_id IS NOT NULL
        GROUP BY m.group_id
    ),
    -- The gravest first; 6 is the whole life.
    piece AS (
        SELECT
            e.component_id,
            e.group_id,
            k.rank,
            lower(k.time) AS from_at,
            upper(k.time) AS to_at,
            width_bucket(lower(k.time), bounds) AS opens,
            width_bucket(upper(k.time), bounds) AS closes
        FROM either AS e
        CROSS JOIN LATERAL (
            SELECT 1, unnest(e.outages)
            UNION ALL
            SELECT 2, unnest(e.majors - e.outages)
            UNION ALL
            SELECT 3, unnest(e.minors - e.outages - e.majors)
            UNION ALL
            SELECT 4, unnest(e.blind - e.outages - e.majors - e.minors)
            UNION ALL
            SELECT 5, unnest(e.maintenances - e.outages - e.majors - e.minors - e.blind)
            UNION ALL
            SELECT 6, unnest(e.life)
        ) AS k (rank, time)
    ),
    windowed AS (
        SELECT p.component_id, p.group_id, p.rank, p.from_at, p.to_at, generate_series(p.opens, p.closes) AS nth
        FROM piece AS p
    ),
    part AS (
        SELECT
            w.component_id,
            w.group_id,
            w.nth,
            w.rank,
            least(w.to_at, bounds[w.nth + 1]) - greatest(w.from_at, bounds[w.nth]) AS during
        FROM windowed AS w
        WHERE w.to_at > bounds[w.nth]
    )
    -- Whole microseconds, which a double holds exactly for longer than anybody asks.
    SELECT
        l.component_id,
        l.group_id,
        l.nth,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 6))), 0)::bigint,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 1))), 0)::bigint,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 2))), 0)::bigint,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 3))), 0)::bigint,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 5))), 0)::bigint,
        coalesce(round(1000000 * date_part('epoch', sum(l.during) FILTER (WHERE l.rank = 4))), 0)::bigint
    FROM part AS l
    GROUP BY l.component_id, l.group_id, l.nth;
END $$;

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
