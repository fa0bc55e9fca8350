-- name: share_sight
-- Recorders share this lock, the deadman takes it alone: a target it declares silent cannot at the same
-- moment be reported by a commit that did not see that word.
SELECT pg_advisory_xact_lock_shared(hashtext('vedette.health.sight'));

-- name: own_sight
SELECT pg_advisory_xact_lock(hashtext('vedette.health.sight'));

-- name: own_judgement
-- Verdicts are reached one transaction at a time: two agents' news of one target are seen together.
SELECT pg_advisory_xact_lock(hashtext('vedette.health.judgement'));

-- name: keep_lost
INSERT INTO health.gap (agent_id, seq, reports, from_at, to_at, reason)
SELECT *
FROM unnest(%(agent_id)b::integer[], %(seq)b::bigint[], %(reports)b::bigint[],
            %(from_at)b::timestamptz[], %(to_at)b::timestamptz[], %(reason)b::text[])
ON CONFLICT DO NOTHING;

-- name: make_pending_latest
-- Made once a connection; empty at each commit, and emptied here for a commit within another.
CREATE TEMP TABLE IF NOT EXISTS pending_latest (
    at timestamptz NOT NULL,
    target_id integer NOT NULL,
    agent_id integer NOT NULL,
    layout_id integer NOT NULL,
    rtt_s real NOT NULL,
    look smallint NOT NULL,
    error_class_id smallint NOT NULL,
    "values" double precision[] NOT NULL
) ON COMMIT DELETE ROWS;
DELETE FROM pending_latest;

-- name: keep_latest
-- Returns whom the deadman had called silent: their verdict must be reached again.
WITH woken AS (
    SELECT o.target_id, o.agent_id, p.at, p.look
    FROM health.observation o
    JOIN pending_latest p USING (target_id, agent_id)
    WHERE o.silent_since IS NOT NULL
       OR NOT o.reported
), kept AS (
    UPDATE health.observation o
    SET seen_at = %(now)s,
        at = p.at,
        look = (ARRAY['up', 'unknown', 'initialising', 'draining', 'degraded', 'down']::health.state[])[p.look + 1],
        error_class_id = p.error_class_id,
        message = CASE WHEN p.look = 0 THEN '' ELSE o.message END,
        rtt_s = p.rtt_s,
        layout_id = p.layout_id,
        "values" = p."values",
        silent_since = NULL,
        reported = true
    FROM pending_latest p
    WHERE o.target_id = p.target_id
      AND o.agent_id = p.agent_id
)
SELECT target_id, agent_id, at, look FROM woken;

-- name: keep_said
UPDATE health.observation o
SET message = s.message,
    facts = coalesce(s.facts::jsonb, o.facts)
FROM unnest(%(target_id)b::integer[], %(agent_id)b::integer[], %(message)b::text[], %(facts)b::text[])
     AS s (target_id, agent_id, message, facts)
WHERE o.target_id = s.target_id
  AND o.agent_id = s.agent_id
  AND (o.message, o.facts) IS DISTINCT FROM (s.message, coalesce(s.facts::jsonb, o.facts));

-- name: keep_judged
UPDATE health.observation o
SET state = j.state::health.state,
    since = j.since,
    dissent = j.dissent,
    worse = j.worse
FROM unnest(%(target_id)b::integer[], %(agent_id)b::integer[], %(state)b::text[],
            %(since)b::timestamptz[], %(dissent)b::smallint[], %(worse)b::boolean[])
     AS j (target_id, agent_id, state, since, dissent, worse)
WHERE o.target_id = j.target_id
  AND o.agent_id = j.agent_id;

-- name: observers
-- Everything a verdict about these targets needs, one row a target and observer.
SELECT t.id, t.name, t.component_id, t.retired_at IS NOT NULL AS retired,
       s.state AS held, s.since, s.reason, s.error_class,
       a.name AS agent, o.state, o.silent_since IS NOT NULL AS is_silent,
       coalesce(e.name, '') AS look_class, o.message,
       CASE WHEN a.via IS NOT NULL AND o.silent_since IS NOT NULL
            THEN coalesce(fleet.silent_collector(a.id), '') ELSE '' END AS silent_collector
FROM fleet.target t
LEFT JOIN health.target_state s ON s.target_id = t.id
LEFT JOIN (health.observation o
           JOIN fleet.agent a ON a.id = o.agent_id
           LEFT JOIN health.error_class e ON e.id = o.error_class_id)
       ON o.target_id = t.id AND o.assigned
WHERE t.id = ANY(%(target_id)b::integer[])
ORDER BY t.id, a.name;

-- name: keep_target_states
INSERT INTO health.target_state (target_id, state, since, reason, error_class)
SELECT target_id, state::health.state, since, reason, error_class
FROM unnest(%(target_id)b::integer[], %(state)b::text[], %(since)b::timestamptz[],
            %(reason)b::text[], %(error_class)b::text[])
     AS v (target_id, state, since, reason, error_class)
ON CONFLICT (target_id) DO UPDATE
SET state = excluded.state,
    since = excluded.since,
    reason = excluded.reason,
    error_class = excluded.error_class;

-- name: forget_target_states
DELETE FROM health.target_state WHERE target_id = ANY(%(target_id)b::integer[]);

-- name: targets_of_components
SELECT c.id, s.state AS held, s.since, s.reason, t.name, ts.state, ts.reason AS target_reason, ts.error_class
FROM fleet.component c
LEFT JOIN health.component_state s ON s.component_id = c.id
LEFT JOIN (fleet.target t JOIN health.target_state ts ON ts.target_id = t.id)
       ON t.component_id = c.id AND t.retired_at IS NULL
WHERE c.id = ANY(%(component_id)b::integer[])
ORDER BY c.id;

-- name: keep_component_states
INSERT INTO health.component_state (component_id, state, since, reason)
SELECT component_id, state::health.state, since, reason
FROM unnest(%(component_id)b::integer[], %(state)b::text[], %(since)b::timestamptz[], %(reason)b::text[])
     AS v (component_id, state, since, reason)
ON CONFLICT (component_id) DO UPDATE
SET state = excluded.state,
    since = excluded.since,
    reason = excluded.reason;

-- name: keep_transitions
INSERT INTO health.transition (target_id, component_id, was, now, at, recorded_at, reason, error_class)
SELECT target_id, component_id, was::health.state, "now"::health.state, at, %(recorded_at)s, reason, error_class
FROM unnest(%(target_id)b::integer[], %(component_id)b::integer[], %(was)b::text[], %(now)b::text[],
            %(at)b::timestamptz[], %(reason)b::text[], %(error_class)b::text[])
     AS v (target_id, component_id, was, "now", at, reason, error_class)
RETURNING id;

-- name: tell_transition
SELECT pg_notify('vedette_transition', %(id)s::text);

-- name: expect_new
-- From the moment an agent is told to look, its silence counts; and what it may speak of is known.
INSERT INTO health.observation (target_id, agent_id, state, since, seen_at, at, look)
SELECT s.target_id, s.agent_id, 'unknown', %(now)s, %(now)s, %(now)s, 'unknown'
FROM fleet.assignment s
JOIN fleet.target t ON t.id = s.target_id AND t.retired_at IS NULL
WHERE NOT EXISTS (
    SELECT FROM health.observation o WHERE o.target_id = s.target_id AND o.agent_id = s.agent_id
)
ON CONFLICT DO NOTHING
RETURNING target_id;

-- name: expect_changed
-- Told again, or told no more. What it saw so long ago that it would be called silent is no vote: it speaks anew.
UPDATE health.observation o
SET assigned = NOT o.assigned,
    seen_at = CASE WHEN o.assigned THEN o.seen_at ELSE %(now)s END,
    silent_since = CASE
        WHEN NOT o.assigned AND o.seen_at + health.silent_after(w.every_ms, w.timeout_ms) < %(now)s THEN %(now)s
    END
FROM fleet.target w
WHERE w.id = o.target_id
  AND o.assigned <> EXISTS (
    SELECT
    FROM fleet.assignment s
    JOIN fleet.target t ON t.id = s.target_id AND t.retired_at IS NULL
    WHERE s.target_id = o.target_id AND s.agent_id = o.agent_id
)
RETURNING o.target_id;

-- name: expects_too_little
SELECT EXISTS (
    SELECT
    FROM fleet.assignment s
    LEFT JOIN health.observation o ON o.target_id = s.target_id AND o.agent_id = s.agent_id
    WHERE s.agent_id = %(agent_id)s
      AND o.assigned IS NOT TRUE
);

-- name: expect_unjudged
-- Declared and never judged, or retired and still held.
SELECT t.id
FROM fleet.target t
LEFT JOIN health.target_state s ON s.target_id = t.id
WHERE (s.target_id IS NULL) = (t.retired_at IS NULL);

-- name: components_unjudged
-- Declared, with no target that would have brought a verdict; or a target moved to it or away from it. What a demo
-- made up has no targets, and stays as it is said to be.
SELECT c.id
FROM fleet.component c
LEFT JOIN health.component_state s ON s.component_id = c.id
LEFT JOIN (
    SELECT t.component_id, max(h.state) AS state
    FROM fleet.target t
    JOIN health.target_state h ON h.target_id = t.id
    WHERE t.retired_at IS NULL
    GROUP BY t.component_id
) gravest ON gravest.component_id = c.id
WHERE c.retired_at IS NULL
  AND s.state IS DISTINCT FROM coalesce(gravest.state, 'unknown')
  AND (c.origin <> 'demo' OR s.component_id IS NULL OR gravest.component_id IS NOT NULL);

-- name: watched
-- What an agent may speak of, and what is held of it.
SELECT o.target_id, o.state, o.since, o.dissent, o.worse, t.bad_after, t.good_after
FROM health.observation o
JOIN fleet.target t ON t.id = o.target_id
WHERE o.agent_id = %(agent_id)s;

-- name: deadman_runs
-- A pause of ours longer than %(pause)s is not silence of theirs.
INSERT INTO health.deadman (ran_at, up_since)
VALUES (%(now)s, %(now)s)
ON CONFLICT (one) DO UPDATE
SET up_since = CASE
        WHEN health.deadman.ran_at < excluded.ran_at - %(pause)s::interval THEN excluded.ran_at
        ELSE health.deadman.up_since
    END,
    ran_at = greatest(health.deadman.ran_at, excluded.ran_at)
RETURNING up_since;

-- name: any_silent
SELECT EXISTS (
    SELECT
    FROM health.observation o
    JOIN fleet.target t ON t.id = o.target_id
    WHERE o.silent_since IS NULL
      AND o.assigned
      AND greatest(o.seen_at, %(counted_from)s) + health.silent_after(t.every_ms, t.timeout_ms) < %(now)s
);

-- name: declare_silent
UPDATE health.observation o
SET silent_since = %(now)s
FROM fleet.target t
WHERE t.id = o.target_id
  AND o.silent_since IS NULL
  AND o.assigned
  AND greatest(o.seen_at, %(counted_from)s) + health.silent_after(t.every_ms, t.timeout_ms) < %(now)s
RETURNING o.target_id;

-- name: intern_layouts
-- One row for each different list; taken together so that two servers agree.
WITH given AS (
    SELECT DISTINCT ON (digest) digest, connector, spec
    FROM unnest(%(digest)b::bytea[], %(connector)b::text[], %(spec)b::jsonb[]) AS g (digest, connector, spec)
), made AS (
    INSERT INTO health.layout (digest, connector, names, entities, units)
    SELECT digest, connector,
           ARRAY(SELECT jsonb_array_elements_text(spec -> 'names')),
           ARRAY(SELECT jsonb_array_elements_text(spec -> 'entities')),
           ARRAY(SELECT jsonb_array_elements_text(spec -> 'units'))
    FROM given
    ON CONFLICT (digest) DO NOTHING
)
SELECT 1;

-- name: layouts_of
SELECT digest, id, cardinality(names) FROM health.layout WHERE digest = ANY(%(digest)b::bytea[]);

-- name: keep_measurements
INSERT INTO health.measurement (connector, name, unit, help)
SELECT DISTINCT ON (connector, name) connector, name, unit, help
FROM unnest(%(connector)b::text[], %(name)b::text[], %(unit)b::text[], %(help)b::text[])
     AS m (connector, name, unit, help)
ON CONFLICT (connector, name) DO UPDATE
SET unit = excluded.unit, help = excluded.help
WHERE (health.measurement.unit, health.measurement.help) IS DISTINCT FROM (excluded.unit, excluded.help);

-- name: intern_error_classes
INSERT INTO health.error_class (name)
SELECT DISTINCT name FROM unnest(%(name)b::text[]) AS n (name)
WHERE NOT EXISTS (SELECT FROM health.error_class e WHERE e.name = n.name)
ON CONFLICT (name) DO NOTHING;

-- name: error_classes_of
SELECT name, id FROM health.error_class WHERE name = ANY(%(name)b::text[]);

-- name: make_partitions
SELECT health.make_partitions(%(first)s::date, %(last)s::date);

-- name: close_days
SELECT health.close_days(%(before)s::date);

-- name: first_day_to_write
-- The day after the last one written, unless it comes after `usual`; or one that a change recorded lately lies in.
SELECT greatest(%(oldest)s::date, least(
    %(usual)s::date,
    coalesce(
        (SELECT max(day) + 1 FROM health.component_day),
        (SELECT (min(at) AT TIME ZONE 'UTC')::date FROM health.transition WHERE component_id IS NOT NULL)),
    (SELECT (min(t.at) AT TIME ZONE 'UTC')::date
     FROM (SELECT * FROM health.transition ORDER BY id DESC LIMIT 10000) AS t
     WHERE t.component_id IS NOT NULL AND t.recorded_at > %(now)s - interval '1 hour')));

-- name: keep_component_days
-- The seconds of each state of each day between first and last (inclusive), from the transitions. A span
-- runs from its transition to the next; before the first one there is nothing to say.
INSERT INTO health.component_day
    (component_id, day, seconds_up, seconds_unknown, seconds_initialising, seconds_draining, seconds_degraded, seconds_down)
SELECT component_id, day,
       coalesce(sum(seconds) FILTER (WHERE state = 'up'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'unknown'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'initialising'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'draining'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'degraded'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'down'), 0)
FROM health.component_seconds(%(first)s::date, %(last)s::date, %(now)s)
GROUP BY component_id, day
ON CONFLICT (component_id, day) DO UPDATE
SET seconds_up = excluded.seconds_up,
    seconds_unknown = excluded.seconds_unknown,
    seconds_initialising = excluded.seconds_initialising,
    seconds_draining = excluded.seconds_draining,
    seconds_degraded = excluded.seconds_degraded,
    seconds_down = excluded.seconds_down;

-- name: keep_late_hours
-- The roll-ups of these hours, if there are any by now, do not hold what was reported.
INSERT INTO health.late_hour (hour)
SELECT unnest(%(hours)b::timestamptz[])
ON CONFLICT DO NOTHING;
