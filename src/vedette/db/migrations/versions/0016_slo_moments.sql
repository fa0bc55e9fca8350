-- Dash.DB's dashboards join values to the token of their time by a number; here it is the microsecond.
CREATE INDEX slo_value_moment ON records.slo_value (((extract(epoch FROM at AT TIME ZONE 'UTC') * 1000000)::bigint));
