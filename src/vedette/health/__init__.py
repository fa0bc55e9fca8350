"""How it is: reports, what we hold of targets and components, and each change of it as a row.

Tables: `health.report` (a row a report, partitioned by day), `health.observation` (the latest of one
target as one agent sees it), `health.target_state`, `health.component_state`, `health.transition`,
`health.pull_cursor` (up to where a client that pulls was told).
Doors: `record` (a commit of batches), `deadman`, `partitions`, `days`; `api` and `functions.sql` to read.
"""
