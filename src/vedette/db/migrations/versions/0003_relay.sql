-- Collectors: which agents are bound to which, and what they relay.

-- A collector is enrolled, revoked and listed as an agent is, and looks at nothing. `via` is the
-- collector an agent (or another collector) is bound to: it comes through that one and no other way.
ALTER TABLE fleet.agent
    ADD COLUMN kind text NOT NULL DEFAULT 'agent' CHECK (kind IN ('agent', 'collector')),
    ADD COLUMN via integer REFERENCES fleet.agent (id) CHECK (via <> id);
CREATE INDEX agent_via ON fleet.agent (via) WHERE via IS NOT NULL;

-- What a join token makes of its bearer, and the name of the collector it will be bound to.
ALTER TABLE access.join_token
    ADD COLUMN kind text NOT NULL DEFAULT 'agent' CHECK (kind IN ('agent', 'collector')),
    ADD COLUMN via text CHECK (via <> '');

-- The collectors between an agent and the server, the nearest to the agent first.
CREATE FUNCTION fleet.way_of(agent_id integer)
RETURNS TABLE (step integer, collector_id integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE way (step, collector_id) AS (
        SELECT 1, a.via
        FROM fleet.agent AS a
        WHERE a.id = way_of.agent_id
          AND a.via IS NOT NULL
        UNION ALL
        SELECT way.step + 1, a.via
        FROM way
        JOIN fleet.agent AS a ON a.id = way.collector_id
        WHERE a.via IS NOT NULL
          AND way.step < 16
    )
    SELECT way.step, way.collector_id
    FROM way;
END;

-- Whether a collector it is bound through was revoked. Not one SQL statement: inlined into another, the
-- planner would read all agents to follow the few steps of one.
CREATE FUNCTION fleet.way_is_cut(agent_id integer)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM fleet.way_of(way_is_cut.agent_id) AS way
        JOIN fleet.agent AS c ON c.id = way.collector_id
        WHERE c.revoked_at IS NOT NULL
           OR c.destroyed_at IS NOT NULL
    );
END
$$;

-- Whom silence of an agent is put down to: the collector furthest from it that is not attached; else
-- the nearest, unless that one says itself that the agent left; else nobody but the agent (NULL).
CREATE FUNCTION fleet.silent_collector(agent_id integer)
RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.name
    FROM fleet.way_of(silent_collector.agent_id) AS way
    JOIN fleet.agent AS c ON c.id = way.collector_id
    LEFT JOIN fleet.stream AS s ON s.agent_id = c.id
    CROSS JOIN LATERAL (SELECT s.connected_at IS NULL OR s.disconnected_at IS NOT NULL) AS is_ (away)
    WHERE is_.away
       OR (way.step = 1 AND NOT EXISTS (
           SELECT
           FROM fleet.stream AS own
           WHERE own.agent_id = silent_collector.agent_id
             AND own.disconnected_at IS NOT NULL
       ))
    ORDER BY is_.away DESC, way.step DESC
    LIMIT 1;
END;
