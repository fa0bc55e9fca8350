-- What MIG's API shows, over MIG's views. Of a filter that is NULL nothing is asked; names are patterns of ILIKE,
-- in which a backslash is a backslash.

-- name: actions
SELECT
    a.id::bigint AS id, a.name, a.target, a.description, a.threat, a.operations, a.validfrom,
    a.expireafter, a.starttime, a.finishtime, a.lastupdatetime, a.status, a.pgpsignatures,
    a.syntaxversion
FROM mig.actions AS a
WHERE (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s::numeric[]))
  AND (%(actionname)s::text IS NULL OR a.name ILIKE %(actionname)s ESCAPE '')
  AND (%(status)s::text IS NULL OR a.status ILIKE %(status)s ESCAPE '')
  AND (%(threatfamily)s::text IS NULL OR a.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE '')
  AND (%(after)s::timestamptz IS NULL OR a.validfrom >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR a.expireafter <= %(before)s)
  AND (
      (%(investigatorid)s::bigint IS NULL AND %(investigatorname)s::text IS NULL)
      OR EXISTS (
          SELECT
          FROM actions.signature AS s
          JOIN actions.investigator AS i ON i.id = s.investigator_id
          WHERE s.action_id = a.id
            AND (%(investigatorid)s::bigint IS NULL OR i.id = %(investigatorid)s)
            AND (%(investigatorname)s::text IS NULL OR i.name ILIKE %(investigatorname)s ESCAPE '')
      )
  )
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

-- name: counters
SELECT c.actionid::bigint, c.status, count(*)
FROM mig.commands AS c
WHERE c.actionid = ANY(%(ids)s::numeric[])
GROUP BY c.actionid, c.status;

-- name: commands_of
SELECT c.id, a.name
FROM actions.command AS c
JOIN fleet.agent AS a ON a.id = c.agent_id
WHERE c.action_id = %(id)s
ORDER BY c.id
LIMIT %(limit)s;

-- name: commands
SELECT
    c.id::bigint AS id, c.actionid::bigint AS action_id, c.agentid::bigint AS agent_id, c.status,
    c.results, c.starttime, c.finishtime
FROM mig.commands AS c
JOIN actions.command AS o ON o.id = c.id
JOIN actions.action AS a ON a.id = o.action_id
JOIN fleet.agent AS g ON g.id = o.agent_id
WHERE (%(commandid)s::bigint IS NULL OR o.id = %(commandid)s)
  AND (%(actionid)s::bigint IS NULL OR o.action_id = %(actionid)s)
  AND (%(agentid)s::bigint IS NULL OR o.agent_id = %(agentid)s)
  AND (%(actionname)s::text IS NULL OR a.name ILIKE %(actionname)s ESCAPE '')
  AND (%(agentname)s::text IS NULL OR g.name ILIKE %(agentname)s ESCAPE '')
  AND (%(agentversion)s::text IS NULL OR g.version ILIKE %(agentversion)s ESCAPE '')
  AND (%(status)s::text IS NULL OR c.status ILIKE %(status)s ESCAPE '')
  AND (%(threatfamily)s::text IS NULL OR a.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE '')
  AND (%(found)s::boolean IS NULL OR o.found = %(found)s)
  AND (%(after)s::timestamptz IS NULL OR c.starttime >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR c.starttime <= %(before)s)
  AND (
      (%(investigatorid)s::bigint IS NULL AND %(investigatorname)s::text IS NULL)
      OR EXISTS (
          SELECT
          FROM actions.signature AS s
          JOIN actions.investigator AS i ON i.id = s.investigator_id
          WHERE s.action_id = a.id
            AND (%(investigatorid)s::bigint IS NULL OR i.id = %(investigatorid)s)
            AND (%(investigatorname)s::text IS NULL OR i.name ILIKE %(investigatorname)s ESCAPE '')
      )
  )
ORDER BY o.id DESC
LIMIT %(limit)s
OFFSET %(offset)s;

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
          AND %(investigatorid)s::bigint IS NULL AND %(investigatorname)s::text IS NULL
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
            AND (
                (%(investigatorid)s::bigint IS NULL AND %(investigatorname)s::text IS NULL)
                OR EXISTS (
                    SELECT
                    FROM actions.signature AS s
                    JOIN actions.investigator AS i ON i.id = s.investigator_id
                    WHERE s.action_id = o.id
                      AND (%(investigatorid)s::bigint IS NULL OR i.id = %(investigatorid)s)
                      AND (
                          %(investigatorname)s::text IS NULL
                          OR i.name ILIKE %(investigatorname)s ESCAPE ''
                      )
                )
            )
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
