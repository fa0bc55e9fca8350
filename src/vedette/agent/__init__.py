"""What runs on hosts: looks at targets on schedule and tells its server, through a spool on disk.

It never listens unless the host's owner says so (`metrics:` in agent.yaml), it imports neither
database nor web framework, and what it may reach, run and read is decided by `agent.yaml` alone.

`program` puts it together: `schedule` → `watch` → `run` → `outbox` → `link.spool` → `link.client`.
"""
