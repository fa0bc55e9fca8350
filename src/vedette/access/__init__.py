"""Access: who may do what. People, sessions, tokens, join tokens, the sealed secrets, the audit log.

Tables: schema `access`. Doors: `/api/v1/tokens`, `/api/v1/agents/tokens`, `/api/v1/clients`,
`/api/v1/session`, `vedette tokens`, `vedette clients`, `vedette accounts`. Channel `vedette_access`: `token:<id>` when a token was revoked,
`client:<name>` when a client's certificates were.
"""
