-- name: known_regions
SELECT name, slug FROM fleet.region;

-- name: insert_regions
INSERT INTO fleet.region (name, slug)
SELECT name, slug
FROM unnest(%(names)s::text[], %(slugs)s::text[]) AS given (name, slug);

-- name: known_clusters
SELECT name, slug FROM fleet.cluster;

-- name: insert_clusters
INSERT INTO fleet.cluster (name, slug)
SELECT name, slug
FROM unnest(%(names)s::text[], %(slugs)s::text[]) AS given (name, slug);

-- name: place_clusters
UPDATE fleet.cluster AS c
SET region_id = r.id
FROM unnest(%(names)s::text[], %(regions)s::text[]) AS given (name, region)
JOIN fleet.region AS r ON r.name = given.region
WHERE c.name = given.name
  AND c.region_id IS DISTINCT FROM r.id;

-- name: known_services
SELECT name, slug FROM fleet.service;

-- name: insert_services
INSERT INTO fleet.service (name, slug)
SELECT name, slug
FROM unnest(%(names)s::text[], %(slugs)s::text[]) AS given (name, slug);

-- name: sort_services
UPDATE fleet.service AS s
SET category = given.category
FROM unnest(%(names)s::text[], %(categories)s::text[]) AS given (name, category)
WHERE s.name = given.name
  AND s.category IS DISTINCT FROM given.category;

-- name: known_components
SELECT s.name, r.name, c.type, c.slug
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id;

-- name: keep_components
-- A component that only a target names adds to what is known of it; one that is declared replaces it.
WITH given AS (
    SELECT
        g.slug, s.id AS service_id, r.id AS region_id,
        CASE
            WHEN g.declared THEN g.attributes
            ELSE coalesce(c.attributes, '{}') || g.attributes
        END AS attributes
    FROM jsonb_to_recordset(%(rows)s) AS g (
        slug text, service text, region text, type text, attributes jsonb, declared boolean
    )
    JOIN fleet.service AS s ON s.name = g.service
    LEFT JOIN fleet.region AS r ON r.name = g.region
    LEFT JOIN fleet.component AS c
        ON c.service_id = s.id
        AND c.region_id IS NOT DISTINCT FROM r.id
        AND c.type IS NOT DISTINCT FROM g.type
)
INSERT INTO fleet.component AS c (slug, service_id, region_id, attributes, origin)
SELECT slug, service_id, region_id, attributes, %(origin)s
FROM given
ON CONFLICT (service_id, region_id, type) DO UPDATE
SET attributes = EXCLUDED.attributes,
    retired_at = NULL,
    origin = CASE WHEN c.retired_at IS NULL THEN c.origin ELSE EXCLUDED.origin END
WHERE c.retired_at IS NOT NULL
   OR c.attributes <> EXCLUDED.attributes
RETURNING xmax = 0 AS added;

-- name: known_targets
SELECT name, slug, origin, retired_at IS NULL AS lives
FROM fleet.target;

-- name: keep_targets
-- `configured` is true when the agents must hear of it: name and number never change, the component,
-- the cluster and the patience are the server's business alone.
WITH given AS (
    SELECT
        g.name, g.slug, g.connector, cl.id AS cluster_id, co.id AS component_id, g.every_ms,
        g.timeout_ms, g.bad_after, g.good_after, g.agents, g.settings, g.requests, g.keep, g."drop",
        g.thresholds
    FROM jsonb_to_recordset(%(rows)s) AS g (
        name text, slug text, connector text, cluster text, service text, region text, type text,
        every_ms integer, timeout_ms integer, bad_after smallint, good_after smallint,
        agents text[], settings jsonb, requests jsonb, keep text[], "drop" text[], thresholds jsonb
    )
    LEFT JOIN fleet.cluster AS cl ON cl.name = g.cluster
    LEFT JOIN fleet.service AS s ON s.name = g.service
    LEFT JOIN fleet.region AS r ON r.name = g.region
    LEFT JOIN fleet.component AS co
        ON co.service_id = s.id
        AND co.region_id IS NOT DISTINCT FROM r.id
        AND co.type IS NOT DISTINCT FROM g.type
),
before AS (
    SELECT
        t.id, t.connector, t.every_ms, t.timeout_ms, t.settings, t.requests, t.keep, t."drop",
        t.thresholds
    FROM fleet.target AS t
    JOIN given AS g ON g.name = t.name
),
kept AS (
    INSERT INTO fleet.target AS t (
        name, slug, connector, cluster_id, component_id, every_ms, timeout_ms, bad_after,
        good_after, agents, settings, requests, keep, "drop", thresholds, origin, made_at, changed_at
    )
    SELECT
        name, slug, connector, cluster_id, component_id, every_ms, timeout_ms, bad_after,
        good_after, agents, settings, requests, keep, "drop", thresholds, %(origin)s, %(now)s,
        %(now)s
    FROM given
    ON CONFLICT (name) DO UPDATE
    SET connector = EXCLUDED.connector,
        cluster_id = EXCLUDED.cluster_id,
        component_id = EXCLUDED.component_id,
        every_ms = EXCLUDED.every_ms,
        timeout_ms = EXCLUDED.timeout_ms,
        bad_after = EXCLUDED.bad_after,
        good_after = EXCLUDED.good_after,
        agents = EXCLUDED.agents,
        settings = EXCLUDED.settings,
        requests = EXCLUDED.requests,
        keep = EXCLUDED.keep,
        "drop" = EXCLUDED."drop",
        thresholds = EXCLUDED.thresholds,
        origin = EXCLUDED.origin,
        changed_at = EXCLUDED.changed_at,
        retired_at = NULL
    WHERE t.retired_at IS NOT NULL
       OR (
           t.connector, t.cluster_id, t.component_id, t.every_ms, t.timeout_ms, t.bad_after,
           t.good_after, t.agents, t.settings, t.requests, t.keep, t."drop", t.thresholds
       ) IS DISTINCT FROM (
           EXCLUDED.connector, EXCLUDED.cluster_id, EXCLUDED.component_id, EXCLUDED.every_ms,
           EXCLUDED.timeout_ms, EXCLUDED.bad_after, EXCLUDED.good_after, EXCLUDED.agents,
           EXCLUDED.settings, EXCLUDED.requests, EXCLUDED.keep, EXCLUDED."drop",
           EXCLUDED.thresholds
       )
    RETURNING
        t.id, t.connector, t.every_ms, t.timeout_ms, t.settings, t.requests, t.keep, t."drop",
        t.thresholds
)
SELECT
    kept.id,
    before.id IS NULL AS added,
    before.id IS NOT NULL AND (
        before.connector, before.every_ms, before.timeout_ms, before.settings, before.requests,
        before.keep, before."drop", before.thresholds
    ) IS DISTINCT FROM (
        kept.connector, kept.every_ms, kept.timeout_ms, kept.settings, kept.requests, kept.keep,
        kept."drop", kept.thresholds
    ) AS configured
FROM kept
LEFT JOIN before ON before.id = kept.id;

-- name: retire_targets
UPDATE fleet.target
SET retired_at = %(now)s
WHERE origin = %(origin)s
  AND retired_at IS NULL
  AND name <> ALL(%(names)s::text[]);

-- name: retire_components
-- A component stays while any living target stands for it, whoever declared that one.
WITH named AS (
    SELECT g.service, g.region, g.type
    FROM jsonb_to_recordset(%(rows)s) AS g (service text, region text, type text)
)
UPDATE fleet.component AS c
SET retired_at = %(now)s
FROM fleet.service AS s
WHERE s.id = c.service_id
  AND c.origin = %(origin)s
  AND c.retired_at IS NULL
  AND NOT EXISTS (
      SELECT 1
      FROM named AS n
      LEFT JOIN fleet.region AS r ON r.name = n.region
      WHERE n.service = s.name
        AND r.id IS NOT DISTINCT FROM c.region_id
        AND n.type IS NOT DISTINCT FROM c.type
  )
  AND NOT EXISTS (
      SELECT 1
      FROM fleet.target AS t
      WHERE t.component_id = c.id
        AND t.retired_at IS NULL
  );
