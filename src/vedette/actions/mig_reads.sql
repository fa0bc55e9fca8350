-- What MIG's API shows, as MIG's views have it. Of a filter that is NULL nothing is asked; names are patterns of ILIKE,
-- in which a backslash is a backslash.

-- name: actions
-- As the view has them, by the native key: only the actions of the page are counted.
SELECT
    a.id, a.name, a.target, a.description, a.threat, a.operations, a.valid_from AS validfrom,
    a.expire_after AS expireafter, a.started_at AS starttime,
    coalesce(a.finished_at, CASE WHEN s.status = 'completed' THEN a.updated_at END) AS finishtime,
    a.updated_at AS lastupdatetime, s.status,
    ARRAY(
        SELECT g.signature
        FROM actions.signature AS g
        WHERE g.action_id = a.id
        ORDER BY g.number, g.investigator_id
    ) AS pgpsignatures,
    a.syntax_version AS syntaxversion
FROM actions.action AS a
CROSS JOIN LATERAL (
    SELECT mig.action_status(a.state, a.cancelled_at IS NOT NULL, count(*), count(o.outcome)) AS status
    FROM actions.command AS o
    WHERE o.action_id = a.id
) AS s
WHERE (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s))
  AND (%(actionname)s::text IS NULL OR a.name ILIKE %(actionname)s ESCAPE '')
  AND (%(status)s::text IS NULL OR s.status ILIKE %(status)s ESCAPE '')
  AND (%(threatfamily)s::text IS NULL OR a.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE '')
  AND (%(after)s::timestamptz IS NULL OR a.valid_from >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR a.expire_after <= %(before)s)
  AND (%(signed)s::bigint[] IS NULL OR a.id = ANY(%(signed)s))
  AND (
      (
          %(agentid)s::bigint IS NULL AND %(agentname)s::text IS NULL
          AND %(commandid)s::bigint IS NULL
      )
      OR EXISTS (
          SELECT
          FROM actions.command AS c
          JOIN fleet.agent AS g ON g.id = c.agent_id
          WHERE c.action_id = a.id
            AND (%(agentid)s::bigint IS NULL OR g.id = %(agentid)s)
            AND (%(agentname)s::text IS NULL OR g.name ILIKE %(agentname)s ESCAPE '')
            AND (%(commandid)s::bigint IS NULL OR c.id = %(commandid)s)
      )
  )
ORDER BY a.id DESC
LIMIT %(limit)s
OFFSET %(offset)s;

-- name: signed_by
-- The actions that an investigator signed; for the searches above and below, in which no list is no question.
SELECT DISTINCT s.action_id
FROM actions.signature AS s
JOIN actions.investigator AS i ON i.id = s.investigator_id
WHERE (%(investigatorid)s::bigint IS NULL OR i.id = %(investigatorid)s)
  AND (%(investigatorname)s::text IS NULL OR i.name ILIKE %(investigatorname)s ESCAPE '');

-- name: counters
SELECT c.action_id, mig.command_status(c.state, c.outcome) AS status, count(*)
FROM actions.command AS c
WHERE c.action_id = ANY(%(ids)s::bigint[])
GROUP BY c.action_id, status;

-- name: commands_of
SELECT c.id, a.name
FROM actions.command AS c
JOIN fleet.agent AS a ON a.id = c.agent_id
WHERE c.action_id = %(id)s
ORDER BY c.id
LIMIT %(limit)s;

-- name: commands
-- The newest first, below one's id where one stops before; as many as are not too much together.
SELECT
    c.id, c.action_id, c.agent_id, mig.command_status(c.state, c.outcome) AS status,
    r.answer -> 'results' AS results, coalesce(c.sent_at, c.created_at) AS starttime,
    coalesce(c.returned_at, c.done_at) AS finishtime
FROM (
    SELECT
        page.id,
        page.size_bytes,
        sum(page.size_bytes) OVER (ORDER BY page.id DESC) AS so_far_bytes
    FROM (
        SELECT o.id, coalesce(w.size_bytes, 0) AS size_bytes
        FROM actions.command AS o
        JOIN actions.action AS a ON a.id = o.action_id
        JOIN fleet.agent AS g ON g.id = o.agent_id
        LEFT JOIN actions.result AS w ON w.command_id = o.id
        WHERE (%(commandid)s::bigint IS NULL OR o.id = %(commandid)s)
          AND (%(below)s::bigint IS NULL OR o.id < %(below)s)
          AND (%(actionid)s::bigint IS NULL OR o.action_id = %(actionid)s)
          AND (%(agentid)s::bigint IS NULL OR o.agent_id = %(agentid)s)
          AND (%(actionname)s::text IS NULL OR a.name ILIKE %(actionname)s ESCAPE '')
          AND (%(agentname)s::text IS NULL OR g.name ILIKE %(agentname)s ESCAPE '')
          AND (%(agentversion)s::text IS NULL OR g.version ILIKE %(agentversion)s ESCAPE '')
          AND (
              %(status)s::text IS NULL
              OR mig.command_status(o.state, o.outcome) ILIKE %(status)s ESCAPE ''
          )
          AND (
              %(threatfamily)s::text IS NULL
              OR a.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE ''
          )
          AND (%(found)s::boolean IS NULL OR o.found = %(found)s)
          AND (%(after)s::timestamptz IS NULL OR coalesce(o.sent_at, o.created_at) >= %(after)s)
          AND (%(before)s::timestamptz IS NULL OR coalesce(o.sent_at, o.created_at) <= %(before)s)
          AND (%(signed)s::bigint[] IS NULL OR a.id = ANY(%(signed)s))
        ORDER BY o.id DESC
        LIMIT %(limit)s
        OFFSET %(offset)s
    ) AS page
) AS piece
JOIN actions.command AS c ON c.id = piece.id
LEFT JOIN actions.result AS r ON r.command_id = c.id
WHERE piece.so_far_bytes <= greatest(%(most_bytes)s, piece.size_bytes)
ORDER BY c.id DESC;

-- name: agents
SELECT
    a.id::bigint AS id, a.name, a.queueloc, a.mode, a.version, a.pid, a.starttime,
    a.destructiontime, a.heartbeattime, a.refreshtime, a.status, a.environment, a.tags
FROM mig.agents AS a
WHERE (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s::numeric[]))
  AND (%(agentname)s::text IS NULL OR a.name ILIKE %(agentname)s ESCAPE '')
  AND (%(agentversion)s::text IS NULL OR a.version ILIKE %(agentversion)s ESCAPE '')
  AND (%(status)s::text IS NULL OR a.status ILIKE %(status)s ESCAPE '')
  AND (%(after)s::timestamptz IS NULL OR a.heartbeattime >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR a.heartbeattime <= %(before)s)
  AND (
      (
          %(actionid)s::bigint IS NULL AND %(actionname)s::text IS NULL
          AND %(threatfamily)s::text IS NULL AND %(commandid)s::bigint IS NULL
          AND %(signed)s::bigint[] IS NULL
      )
      OR EXISTS (
          SELECT
          FROM actions.command AS c
          JOIN actions.action AS o ON o.id = c.action_id
          WHERE c.agent_id = a.id
            AND (%(actionid)s::bigint IS NULL OR o.id = %(actionid)s)
            AND (%(actionname)s::text IS NULL OR o.name ILIKE %(actionname)s ESCAPE '')
            AND (
                %(threatfamily)s::text IS NULL
                OR o.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE ''
            )
            AND (%(commandid)s::bigint IS NULL OR c.id = %(commandid)s)
            AND (%(signed)s::bigint[] IS NULL OR o.id = ANY(%(signed)s))
      )
  )
ORDER BY a.heartbeattime DESC, a.id
LIMIT %(limit)s
OFFSET %(offset)s;

-- name: statistics
SELECT
    online_agents::bigint, online_agents_by_version, online_endpoints::bigint, idle_agents::bigint,
    idle_agents_by_version, idle_endpoints::bigint, new_endpoints::bigint,
    multi_agents_endpoints::bigint, disappeared_endpoints::bigint, flapping_endpoints::bigint
FROM mig.agents_stats;
