"""Whoever changes a thing says which version was read: `ETag: "7"` on the answer, `If-Match: "7"` on the change."""

import re
from typing import Any

from litestar import Request

from vedette.errors import Invalid

_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def version_asked(request: Request[Any, Any, Any]) -> int | None:
    """Return the version `If-Match` names; None without one, or with `*`. Raises Invalid."""
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    tag = _TAG.fullmatch(given)
    if tag is None:
        raise Invalid("If-Match names no version", hint="send back the ETag you were given")
    return int(tag[1])


def version_header(version: int) -> dict[str, str]:
    """Return the header that tells the version of what is answered."""
    return {"ETag": f'"{version}"'}
