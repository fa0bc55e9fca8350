-- The operator's own requests, filters and thresholds of targets.

-- requests: [{name, query, measurements, every, timeout}]. keep, "drop": globs on measurements that
-- leave the agent. thresholds: measurement → {enter, leave, when}, a number, or false for none.
ALTER TABLE fleet.target
    ADD COLUMN requests jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN keep text[] NOT NULL DEFAULT '{}',
    ADD COLUMN "drop" text[] NOT NULL DEFAULT '{}',
    ADD COLUMN thresholds jsonb NOT NULL DEFAULT '{}';
