-- From when until when the trust bundle lets the investigator's signatures count.
ALTER TABLE actions.investigator
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN valid_until timestamptz;

-- The newest bundle is laid open again when it is pushed next; its investigators' times are filled now.
UPDATE actions.investigator AS i
SET valid_from = (one ->> 'valid_from')::timestamptz,
    valid_until = (one ->> 'valid_until')::timestamptz
FROM (
    SELECT jsonb_array_elements(newest.document::jsonb -> 'investigators') AS one
    FROM (SELECT document FROM actions.bundle ORDER BY version DESC LIMIT 1) AS newest
) AS b
WHERE i.in_bundle
  AND i.name = one ->> 'name';

-- The columns of the documentation come first, those of later versions behind them: the views are made again.
DROP VIEW IF EXISTS mig.agents;

-- Two agents with different keys on one endpoint: told once, until there is one again.
CREATE TABLE fleet.double_agent (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queueloc text NOT NULL,
    agents text[] NOT NULL CHECK (cardinality(agents) > 1),
    at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX double_agent_open ON fleet.double_agent (queueloc) WHERE ended_at IS NULL;
