-- Roll-ups of measurements and states for years, and repacked days.

-- One measurement of one target (and entity) over all its layouts.
CREATE TABLE health.series (
    target_id integer NOT NULL,
    id integer GENERATED ALWAYS AS IDENTITY,
    measurement text NOT NULL,
    entity text NOT NULL,
    unit text NOT NULL,
    PRIMARY KEY (target_id, id),
    UNIQUE (target_id, measurement, entity)
);

-- A row a series and hour, or, once the day is over, a row a series and day: one array element a minute,
-- NULL where no report came. Reading a month of one series touches thirty rows, whoever else there is.
CREATE TABLE health.minutes (
    target_id integer NOT NULL,
    series_id integer NOT NULL,
    starts_at timestamptz NOT NULL,
    counts smallint[] NOT NULL,
    mins double precision[] NOT NULL,
    avgs double precision[] NOT NULL,
    maxs double precision[] NOT NULL,
    lasts double precision[] NOT NULL,
    PRIMARY KEY (target_id, series_id, starts_at)
) PARTITION BY RANGE (starts_at);

-- A row a series and day: 24 elements.
CREATE TABLE health.hours (
    target_id integer NOT NULL,
    series_id integer NOT NULL,
    day date NOT NULL,
    counts integer[] NOT NULL,
    mins double precision[] NOT NULL,
    avgs double precision[] NOT NULL,
    maxs double precision[] NOT NULL,
    lasts double precision[] NOT NULL,
    PRIMARY KEY (target_id, series_id, day)
);

CREATE TABLE health.days (
    target_id integer NOT NULL,
    series_id integer NOT NULL,
    day date NOT NULL,
    "count" integer NOT NULL,
    min double precision NOT NULL,
    avg double precision NOT NULL,
    max double precision NOT NULL,
    last double precision NOT NULL,
    PRIMARY KEY (target_id, series_id, day)
);

-- Seconds a target spent in each state on each UTC day that is over, as component_day for components.
CREATE TABLE health.target_day (
    target_id integer NOT NULL REFERENCES fleet.target (id) ON DELETE CASCADE,
    day date NOT NULL,
    seconds_up real NOT NULL DEFAULT 0,
    seconds_unknown real NOT NULL DEFAULT 0,
    seconds_initialising real NOT NULL DEFAULT 0,
    seconds_draining real NOT NULL DEFAULT 0,
    seconds_degraded real NOT NULL DEFAULT 0,
    seconds_down real NOT NULL DEFAULT 0,
    PRIMARY KEY (target_id, day)
);

-- Up to where reports are rolled up; one row.
CREATE TABLE health.rolled (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    until timestamptz NOT NULL
);

-- Hours that took reports after they had been rolled up.
CREATE TABLE health.late_hour (
    hour timestamptz PRIMARY KEY
);

-- A day of reports, repacked: a row a target, agent, layout and hour, a column an array, so that what
-- hardly moves costs hardly anything (TOAST compresses). The values stand measurement by measurement.
CREATE TABLE health.packed (
    hour timestamptz NOT NULL,
    target_id integer NOT NULL,
    agent_id integer NOT NULL,
    layout_id integer NOT NULL,
    reports integer NOT NULL,
    deltas_us bigint[] NOT NULL,
    rtts_s real[] NOT NULL,
    states smallint[] NOT NULL,
    error_class_ids smallint[] NOT NULL,
    "values" double precision[] NOT NULL,
    PRIMARY KEY (target_id, hour, agent_id, layout_id)
) PARTITION BY RANGE (hour);
