"""Long lists come in pages: `limit`, an opaque `cursor`, and `Link: <…>; rel="next"` (RFC 8288).

A cursor holds the sort key of the last row a client has seen (keyset, never an offset), so that
rows which arrive meanwhile neither repeat nor vanish. It is not signed: it grants nothing, and a
forged one is as good as a filter.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.params import Parameter

from vedette.errors import Invalid

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_CURSOR_LENGTH = 512

Limit = Annotated[
    int, Parameter(query="limit", ge=1, le=MAX_LIMIT, description="How many at most.")
]
Cursor = Annotated[
    str | None,
    Parameter(query="cursor", max_length=MAX_CURSOR_LENGTH, description="As given in `Link`."),
]

Key = TypeVar("Key")


def encode_cursor(key: Any) -> str:  # noqa: ANN401 - whatever the caller's key is made of
    """Return an opaque cursor for a sort key: any value msgspec can write, times included."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, type: type[Key]) -> Key:  # noqa: A002 - msgspec's own word
    """Return the sort key a cursor holds; raise `Invalid` when it is not one of ours."""
    key = _decoded(cursor, lambda raw: msgspec.json.decode(raw, type=type))
    if not _is_kept(msgspec.to_builtins(key)):
        raise _forged()
    return key


def _decoded(cursor: str, decode: Callable[[bytes], Key]) -> Key:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return decode(raw)
    except (ValueError, UnicodeEncodeError, msgspec.MsgspecError, RecursionError):
        raise _forged() from None


def _is_kept(value: object) -> bool:
    """Say whether a column can hold it: text without U+0000, numbers of 64 bits."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    parts = value.values() if isinstance(value, dict) else value
    return not isinstance(parts, Iterable) or all(map(_is_kept, parts))


def _forged() -> Invalid:
    return Invalid("the cursor is not one this server gave", hint="start again without a cursor")


MAX_ID = 2**31 - 1
_PLACE = msgspec.json.Decoder(
    tuple[Annotated[datetime, msgspec.Meta(tz=True)], Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]]
)


def decode_place(cursor: str) -> tuple[datetime, int]:
    """Return the moment and the id a cursor holds; raise `Invalid` when it is not one of ours."""
    return _decoded(cursor, _PLACE.decode)


def next_link(request: Request[Any, Any, Any], cursor: str | None) -> dict[str, str]:
    """Return the `Link` header to the page after this one; empty when this is the last.

    The address is relative to the origin, so it holds behind any proxy.
    """
    if cursor is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", cursor)])
    return {"Link": f'<{request.scope["path"]}?{query}>; rel="next"'}
