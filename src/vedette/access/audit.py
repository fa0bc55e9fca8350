"""The audit log: who did what to what, from where. Rows are added and never changed."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from vedette.db.queries import Connection, load
from vedette.rest.origin import origin
from vedette.trust.names import plain_json, plain_text

Q = load(__file__, "writes.sql")

TEXT_LIMIT = 500


async def write_audit(
    conn: Connection,
    *,
    actor: str,
    action: str,
    object: str = "",  # noqa: A002 - the word of audit logs
    source: str = "",
    detail: Mapping[str, Any] | None = None,
    request_id: str = "",
) -> None:
    """Add a line, in the caller's transaction: no change without its line, no line without it.

    actor: `token:ci`, `agent:edge-7`, `server`, a person. action: `agent.revoke`. object:
    `agent:edge-7`. source: the network address; it and request_id are those of the request being answered
    when the caller names none. detail: never a secret.
    """
    address, asked_as = origin()
    await Q.run(
        conn,
        "write_audit",
        actor=plain_text(actor, limit=TEXT_LIMIT),
        action=action,
        object=plain_text(object, limit=TEXT_LIMIT),
        source=plain_text(source or address, limit=TEXT_LIMIT),
        detail=Jsonb(plain_json(detail or {}, limit=TEXT_LIMIT)),
        request_id=plain_text(request_id or asked_as, limit=TEXT_LIMIT),
    )
