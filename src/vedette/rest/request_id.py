"""A name for each request, in every answer, problem, log line and audit row."""

import re
from secrets import token_hex
from typing import Any

_SOUND = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(scope: Any) -> str:  # noqa: ANN401 - an ASGI scope, framework's or bare
    """Return the request's id: the client's `X-Request-Id` when it is sound, else one made here."""
    known: str | None = scope.get("vedette.request_id")
    if known is None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        known = given.decode() if _SOUND.fullmatch(given) else token_hex(8)
        scope["vedette.request_id"] = known
    return known
