-- name: states
SELECT 'target', state.state::text, count(*)
FROM health.target_state AS state
JOIN fleet.target AS target ON target.id = state.target_id
WHERE target.retired_at IS NULL
GROUP BY state.state
UNION ALL
SELECT 'component', state.state::text, count(*)
FROM health.component_state AS state
JOIN fleet.component AS component ON component.id = state.component_id
WHERE component.retired_at IS NULL
GROUP BY state.state;

-- name: fleet
SELECT
    count(*),
    coalesce(sum(stream.spooled_bytes), 0),
    coalesce(sum(stream.dropped_reports), 0),
    (
        SELECT count(*)
        FROM health.transition
        WHERE handled_at IS NULL
            AND component_id IS NOT NULL
    ),
    coalesce(
        extract(
            EPOCH FROM now() - min(stream.heartbeat_at) FILTER (
                WHERE stream.disconnected_at IS NULL
                    AND stream.heartbeat_at IS NOT NULL
            )
        ),
        0
    )
FROM fleet.agent AS agent
LEFT JOIN fleet.stream AS stream ON stream.agent_id = agent.id
WHERE agent.revoked_at IS NULL;
