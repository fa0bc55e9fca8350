-- By which bundle an action was weighed when it was launched; NULL before that, and for those launched before this was
-- kept. Bundles are added and never taken away, but the newest says another thing tomorrow.
ALTER TABLE actions.action
    ADD COLUMN bundle_version bigint REFERENCES actions.bundle (version);

-- What stood behind an action when it was launched: whose signatures weighed how much for a module in a group, and what
-- it needed there then. shares: what each of the investigators weighed there.
CREATE TABLE actions.weighed (
    action_id bigint NOT NULL REFERENCES actions.action (id) ON DELETE CASCADE,
    module text NOT NULL CHECK (module <> ''),
    group_name text NOT NULL CHECK (group_name <> ''),
    weight integer NOT NULL CHECK (weight >= minimum),
    minimum integer NOT NULL CHECK (minimum >= 1),
    investigators text[] NOT NULL CHECK (cardinality(investigators) > 0),
    shares integer[] NOT NULL CHECK (cardinality(shares) = cardinality(investigators)),
    PRIMARY KEY (action_id, module, group_name)
);
