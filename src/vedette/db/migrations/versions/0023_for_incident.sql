-- Why an action was launched. It is no part of what was signed, so it stands beside it.
-- noted: the state and the counts that the incident's notes told last, and when.
ALTER TABLE actions.action
    ADD COLUMN incident_id integer REFERENCES incidents.incident (id) ON DELETE SET NULL,
    ADD COLUMN noted jsonb,
    ADD COLUMN noted_at timestamptz;
CREATE INDEX action_incident ON actions.action (incident_id) WHERE incident_id IS NOT NULL;
-- What an agent was asked, the newest first.
CREATE INDEX command_of_agent ON actions.command (agent_id, id);
