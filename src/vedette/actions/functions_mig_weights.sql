-- publickey: armoured OpenPGP, or a line of OpenSSH's. Without it nobody can verify what its owner signs.
-- privatekey, apikey, apisalt: secrets are not kept here; of privatekey none at all.
CREATE OR REPLACE VIEW mig.investigators AS
SELECT
    id::numeric AS id,
    name::varchar(1024) AS name,
    fingerprint::varchar(128) AS pgpfingerprint,
    public_key::varchar(65536) AS publickey,
    NULL::bytea AS privatekey,
    status::varchar(256) AS status,
    created_at AS createdat,
    changed_at AS lastmodified,
    permissions,
    NULL::bytea AS apikey,
    NULL::bytea AS apisalt
FROM actions.investigator;

CREATE OR REPLACE VIEW mig.modules AS
SELECT id::numeric AS id, name::varchar(256) AS name
FROM actions.module;

-- The rule that holds for a module in a group that says anything of it: its own one, or `*`.
CREATE OR REPLACE VIEW actions.ruled AS
SELECT DISTINCT ON (m.id, r.group_name)
    m.id AS module_id, r.group_name, r.module AS rule, r.weight AS minimum
FROM actions.module AS m
JOIN actions.minimum AS r ON r.module IN (m.name, '*')
ORDER BY m.id, r.group_name, r.module = '*';

-- Of an agent's groups each must be satisfied (trust/weigh.py). One weight can be shown of each agent and module:
-- of the group that asks most, and of several that ask the same, of the first by name.
CREATE OR REPLACE VIEW actions.asks_most AS
SELECT DISTINCT ON (a.id, r.module_id)
    a.id AS agent_id, r.module_id, r.group_name, r.rule, r.minimum
FROM fleet.agent AS a
JOIN actions.group_member AS g ON g.key IS NULL OR g.key = a.key_fingerprint
JOIN actions.ruled AS r ON r.group_name = g.group_name
WHERE a.kind = 'agent'
  AND a.destroyed_at IS NULL
  AND a.revoked_at IS NULL
ORDER BY a.id, r.module_id, r.minimum DESC, r.group_name;

-- What an operation of the module needs on the agent. No row: nothing is allowed.
CREATE OR REPLACE VIEW mig.agtmodreq AS
SELECT module_id::numeric AS moduleid, agent_id::numeric AS agentid, minimum AS minimumweight
FROM actions.asks_most;

-- What the investigator's signature weighs there, now. No row: nothing; so it is for everybody once the bundle
-- has ended. Two keys of one person are two rows, and count once.
CREATE OR REPLACE VIEW mig.invagtmodperm AS
SELECT
    i.id::numeric AS investigatorid,
    m.agent_id::numeric AS agentid,
    m.module_id::numeric AS moduleid,
    w.weight
FROM actions.asks_most AS m
JOIN actions.weight AS w ON w.group_name = m.group_name AND w.module = m.rule
JOIN actions.investigator AS i ON i.name = w.investigator AND i.in_bundle
WHERE i.status = 'active'
  AND coalesce(i.valid_from <= now(), true)
  AND coalesce(i.valid_until > now(), true)
  AND (SELECT b.expires_at FROM actions.bundle AS b ORDER BY b.version DESC LIMIT 1) > now();
