-- name: policies
SELECT
    service, region, enabled, publish, publish_after, cap, close, reopen_within, join_within, flap_high, flap_low
FROM incidents.policy
ORDER BY service, region

-- name: hold_policies
LOCK TABLE incidents.policy IN SHARE ROW EXCLUSIVE MODE

-- name: forget_policies
DELETE FROM incidents.policy

-- name: keep_policy
INSERT INTO incidents.policy (
    service, region, enabled, publish, publish_after, cap, close, reopen_within, join_within, flap_high, flap_low)
VALUES (
    %(service)s, %(region)s, %(enabled)s, %(publish)s, %(publish_after)s, %(cap)s, %(close)s,
    %(reopen_within)s, %(join_within)s, %(flap_high)s, %(flap_low)s)
