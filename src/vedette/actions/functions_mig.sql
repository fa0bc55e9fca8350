-- MIG's schema, as its documentation gives it: who read MIG's tables reads these views.
-- The names and types of the columns are a contract; where later versions of MIG had more, those stand behind them.
CREATE SCHEMA IF NOT EXISTS mig;
COMMENT ON SCHEMA mig IS 'MIG''s tables as views: actions, agents, commands and who may do what.';

-- status: online while its stream is open; idle until ten minutes after its last heartbeat; then offline.
-- key: of MIG's agents nothing is known that proves who they are; of ours the SHA-256 of the public key.
CREATE OR REPLACE VIEW mig.agents AS
SELECT
    a.id::numeric AS id,
    a.name::varchar(2048) AS name,
    coalesce(nullif(a.queueloc, ''), 'unknown.' || a.name)::varchar(2048) AS queueloc,
    coalesce(nullif(a.os, ''), 'unknown')::varchar(2048) AS os,
    a.version::varchar(2048) AS version,
    a.pid,
    coalesce(a.started_at, a.enrolled_at) AS starttime,
    coalesce(a.destroyed_at, a.revoked_at) AS destructiontime,
    coalesce(s.heartbeat_at, a.enrolled_at) AS heartbeattime,
    (
        CASE
            WHEN coalesce(a.destroyed_at, a.revoked_at) IS NOT NULL THEN 'destroyed'
            WHEN s.disconnected_at IS NULL AND s.heartbeat_at > now() - interval '1 minute' THEN 'online'
            WHEN s.heartbeat_at > now() - interval '10 minutes' THEN 'idle'
            ELSE 'offline'
        END
    )::varchar(256) AS status,
    a.environment::json AS environment,
    a.tags::json AS tags,
    a.mode::varchar(2048) AS mode,
    s.connected_at AS refreshtime,
    NULL::varchar(2048) AS loadername,
    'sha256:' || encode(a.key_fingerprint, 'hex') AS key
FROM fleet.agent AS a
LEFT JOIN fleet.stream AS s ON s.agent_id = a.id
WHERE a.kind = 'agent';

-- A command's status: prepared while it waits, sent while it runs, then MIG's word for how it ended; what was
-- refused or lost failed.
CREATE OR REPLACE FUNCTION mig.command_status(state text, outcome text) RETURNS varchar
LANGUAGE sql IMMUTABLE
RETURN CASE coalesce(outcome, state)
    WHEN 'ready' THEN 'prepared'
    WHEN 'inflight' THEN 'sent'
    WHEN 'refused' THEN 'failed'
    WHEN 'lost' THEN 'failed'
    ELSE coalesce(outcome, state)
END;

CREATE OR REPLACE VIEW mig.commands AS
SELECT
    c.id::numeric AS id,
    c.action_id::numeric AS actionid,
    c.agent_id::numeric AS agentid,
    mig.command_status(c.state, c.outcome)::varchar(256) AS status,
    r.answer -> 'results' AS results,
    coalesce(c.sent_at, c.created_at) AS starttime,
    coalesce(c.returned_at, c.done_at) AS finishtime
FROM actions.command AS c
LEFT JOIN actions.result AS r ON r.command_id = c.id;
