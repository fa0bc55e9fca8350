"""The stream between agent and server, and the doors for clients; the only reader of protobuf.

The agent's half (`client`, `attachment`, `encode`, `spool`, `join`, `clients`) knows neither numpy nor
the database; the server's half (`server`, `decode`, `ingest`, `feed`, `doors`, `enrol`, and `dbmon` and
`watch_api`, which are doors as well) knows both. No tables.
"""
