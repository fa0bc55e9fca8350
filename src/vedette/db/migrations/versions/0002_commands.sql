-- Commands of connectors: who asked what of which target, and what came back.
-- One path for all that is asked of hosts: kind 'ask' reads, kind 'action' will carry signatures.

CREATE SCHEMA actions;

COMMENT ON SCHEMA actions IS 'What we ask hosts: commands, the parts of their answers.';

-- ready: waits for its agent's stream. inflight: sent down the stream of that epoch. returned: the last
-- part of the answer is here. done: whoever asked has it, or nobody waits any more.
-- From inflight it may go back to ready, when the agent's stream broke; from nowhere else, and not
-- when parts came and the agent has restarted since (its new answer would not fit the old parts).
-- Who asked stands in access.audit for good; these rows are dropped after days, parts after minutes.
CREATE TABLE actions.command (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('ask', 'action')),
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'inflight', 'returned', 'done')),
    agent_id integer NOT NULL REFERENCES fleet.agent (id) ON DELETE CASCADE,
    target_id integer REFERENCES fleet.target (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 64),
    parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
    columns jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(columns) = 'array'),
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    epoch bigint,
    run_id uuid,
    sent_at timestamptz,
    parts integer NOT NULL DEFAULT 0 CHECK (parts >= 0),
    row_count integer NOT NULL DEFAULT 0 CHECK (row_count >= 0),
    size_bytes integer NOT NULL DEFAULT 0 CHECK (size_bytes >= 0),
    outcome text CHECK (outcome IN ('answered', 'failed', 'refused', 'expired', 'lost', 'cancelled')),
    error_class text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    truncated text NOT NULL DEFAULT '' CHECK (truncated IN ('', 'rows', 'bytes')),
    took_ms integer NOT NULL DEFAULT 0 CHECK (took_ms >= 0),
    returned_at timestamptz,
    done_at timestamptz,
    CHECK (expires_at > asked_at),
    CHECK (kind <> 'ask' OR target_id IS NOT NULL),
    CHECK ((outcome IS NOT NULL) = (state IN ('returned', 'done'))),
    CHECK ((state = 'done') = (done_at IS NOT NULL)),
    CHECK (state NOT IN ('inflight', 'returned') OR (epoch IS NOT NULL AND sent_at IS NOT NULL)),
    CHECK (state <> 'ready' OR (epoch IS NULL AND parts = 0)),
    CHECK (state <> 'returned' OR returned_at IS NOT NULL)
);
CREATE INDEX command_of_agent ON actions.command (agent_id, id) WHERE state IN ('ready', 'inflight');
CREATE INDEX command_unfinished ON actions.command (expires_at) WHERE state <> 'done';
CREATE INDEX command_asked_at ON actions.command (asked_at);
CREATE INDEX command_target ON actions.command (target_id, asked_at);
CREATE INDEX command_asked_by ON actions.command (asked_by, asked_at);

-- Parts arrive in order; rows is JSON text, [[cell, …], …] in the order of command.columns.
CREATE TABLE actions.part (
    command_id bigint NOT NULL REFERENCES actions.command (id) ON DELETE CASCADE,
    number integer NOT NULL CHECK (number > 0),
    rows text NOT NULL,
    PRIMARY KEY (command_id, number)
);
