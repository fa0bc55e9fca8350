-- Cursors of dbmon's clients: up to where each has been told, so that nobody takes another's reports.

-- Reports of one target by one agent arrive in the order in which they were made, hence a cursor each.
-- client: `token:ci`, `client:grafana`, or a connection. asked: the clusterId it asked for.
-- at: of the last report told. pulled_at: a client that stays away is forgotten.
CREATE TABLE health.pull_cursor (
    client text NOT NULL CHECK (client <> ''),
    asked text NOT NULL,
    target_id integer NOT NULL REFERENCES fleet.target (id) ON DELETE CASCADE,
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    pulled_at timestamptz NOT NULL,
    PRIMARY KEY (client, asked, target_id, agent_id)
);
