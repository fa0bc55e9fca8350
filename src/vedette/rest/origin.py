"""Where the request that is being answered came from: its address and its id, for the audit log.

Verbs know neither: what they write down far below a route is found here. Outside a request, as in a loop
or a command, there is none.
"""

from contextvars import ContextVar
from typing import Any

from vedette.rest.request_id import request_id_of

ANSWERED: ContextVar[Any] = ContextVar("ANSWERED", default=None)
"""The ASGI scope of the request; set by the outermost layer alone, and taken back by it."""


def origin() -> tuple[str, str]:
    """Return the address and the id of the request being answered; "" for both when there is none."""
    scope = ANSWERED.get()
    if scope is None:
        return "", ""
    client = scope.get("client")
    return str(client[0]) if client else "", request_id_of(scope)
