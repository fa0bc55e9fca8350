-- faults: answers of this agent that were none, or that nobody had asked it for, since faults_since.
-- quarantined_at: since when it gets no orders, until a person lets it again; quarantined_why: what it did.
ALTER TABLE fleet.agent
    ADD COLUMN faults integer NOT NULL DEFAULT 0 CHECK (faults >= 0),
    ADD COLUMN faults_since timestamptz,
    ADD COLUMN quarantined_at timestamptz,
    ADD COLUMN quarantined_why text NOT NULL DEFAULT '',
    ADD CONSTRAINT quarantine_says_why CHECK ((quarantined_at IS NULL) = (quarantined_why = ''));

-- Every server reads these each second; they are few.
CREATE INDEX agent_quarantined ON fleet.agent (id) WHERE quarantined_at IS NOT NULL;
