-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: keep
-- Returns, in the order given, which deployments are new. Of a commit named twice the first counts.
WITH given AS MATERIALIZED (
    SELECT *, md5(app || md5(environment) || md5(pipeline) || md5(reason)) AS key
    FROM unnest(
        %(apps)b::text[], %(environments)b::text[], %(pipelines)b::text[], %(reasons)b::text[],
        %(finished)b::timestamptz[]
    ) WITH ORDINALITY AS g (app, environment, pipeline, reason, finished_at, place)
), known AS (
    SELECT g.place, d.id
    FROM given AS g
    JOIN records.deployment AS d
        ON md5(d.app || md5(d.environment) || md5(d.pipeline) || md5(d.reason)) = g.key
), added AS (
    INSERT INTO records.deployment (app, environment, pipeline, reason, finished_at, service_id, made_at)
    SELECT g.app, g.environment, g.pipeline, g.reason, g.finished_at, s.id, %(now)s
    FROM given AS g
    LEFT JOIN fleet.service AS s ON s.name = g.app
    WHERE g.place NOT IN (SELECT place FROM known)
    ORDER BY g.place
    RETURNING id, md5(app || md5(environment) || md5(pipeline) || md5(reason)) AS key
), kept AS (
    SELECT place, id, false AS is_new FROM known
    UNION ALL
    SELECT g.place, a.id, true FROM given AS g JOIN added AS a USING (key)
), brought AS (
    INSERT INTO records.commit (deployment_id, revision, repository, at, lead_s, reverts)
    SELECT k.id, c.revision, c.repository, c.at, c.lead_s, c.reverts
    FROM unnest(
        %(places)b::bigint[], %(revisions)b::text[], %(repositories)b::text[], %(times)b::timestamptz[],
        %(leads)b::bigint[], %(reverts)b::boolean[]
    ) AS c (place, revision, repository, at, lead_s, reverts)
    JOIN kept AS k USING (place)
    ON CONFLICT DO NOTHING
)
SELECT is_new FROM kept ORDER BY place

-- name: join_services
UPDATE records.deployment AS d
SET service_id = s.id
FROM fleet.service AS s
WHERE d.service_id IS NULL AND s.name = d.app
