"""Collection+JSON as MIG's clients read it: items with one named value each, errors in the same envelope."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar import Request, Response
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from vedette.db.trouble import DATABASE_IS_AWAY
from vedette.errors import Invalid, Unavailable, VedetteError
from vedette.rest.problem import STATUS
from vedette.rest.request_id import request_id_of

AnyRequest = Request[Any, Any, Any]
Json = dict[str, Any]

MOST_FIELDS = 50
NO_RESULTS = "no results found"
"""What MIG's clients take for the end of a listing, together with 404."""

NOT_BEGUN, NOT_ENDED = "0011-01-11T11:11:11.000000011Z", "9998-01-11T11:11:11.000000011Z"
"""MIG's times of what has not begun, and of what has not ended."""

log = structlog.get_logger(__name__)


def item(href: str, name: str, value: object, links: Iterable[tuple[str, str]] = ()) -> Json:
    """Return an item with one value; links: (rel, href)."""
    found: Json = {"href": href, "data": [{"name": name, "value": value}]}
    listed = [{"rel": rel, "href": target} for rel, target in links]
    return {**found, "links": listed} if listed else found


def collection(
    request: AnyRequest, items: Iterable[Json] = (), *, status: int = 200, error: str = ""
) -> Response[bytes]:
    """Return the envelope with these items, or with an error."""
    said = {"code": request_id_of(request.scope), "message": error} if error else {}
    body = {
        "version": "1.0",
        "href": str(request.url),
        "items": list(items),
        "template": {},
        "error": said,
    }
    return Response(
        msgspec.json.encode({"collection": body}),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def href(request: AnyRequest, path: str) -> str:
    """Return the address of what stands there below /api/v1."""
    return f"{str(request.base_url).rstrip('/')}/api/v1/{path}"


def written(at: datetime | None, absent: str = "0001-01-01T00:00:00Z") -> str:
    """Return a time as Go writes it."""
    if at is None:
        return absent
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


async def form(request: AnyRequest) -> Mapping[str, str]:
    """Return the fields of a posted form, either way clients write one; a file is its text.

    Raises Invalid for what is no form, or says a field twice.
    """
    kind = request.content_type[0]
    if kind == "multipart/form-data":
        sent = (await request.form()).multi_items()
        return _once([(name, await _text(value)) for name, value in sent])
    if kind != "application/x-www-form-urlencoded":
        raise Invalid(f"the body is {kind or 'of no type'}, and no form")
    try:
        body = (await request.body()).decode()
        return _once(parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as wrong:
        raise Invalid(f"the form cannot be read: {wrong}") from None


async def _text(value: object) -> str:
    if not isinstance(value, UploadFile):
        return str(value)
    try:
        return (await value.read()).decode()
    except UnicodeDecodeError:
        raise Invalid(f"the file {value.filename!r} is not UTF-8") from None


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"{name[:40]!a} is said twice")
        if "\0" in value:
            raise Invalid(f"U+0000 in {name[:40]!a}")
        found[name] = value
    return found


def query(request: AnyRequest) -> Mapping[str, str]:
    """Return the parameters of the URL; raises Invalid for one that stands twice."""
    return _once(list(request.query_params.multi_items()))


def field(found: Mapping[str, str], name: str) -> str:
    """Return what a form or query says under that name; raises Invalid when it says nothing."""
    value = found.get(name, "").strip()
    if not value:
        raise Invalid(f"the parameter {name!r} is missing")
    return value


def number(found: Mapping[str, str], name: str) -> int:
    """Return an id of a form or query; raises Invalid for what is none."""
    value = field(found, name)
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:20]) < 2**63:
        raise Invalid(f"Wrong parameters {name!r}: {value[:40]!a} is no id")
    return int(value)


def _on_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    answer = collection(request, status=error.status_code, error=str(error.detail))
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="vedette"'
    return answer


def _on_vedette(request: AnyRequest, error: VedetteError) -> Response[bytes]:
    words = f"{error.message}; {error.hint}" if error.hint else error.message
    return collection(request, status=STATUS[error.kind], error=words)


def _on_database_away(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.warning("a request failed: the database is away", path=request.url.path, error=str(error))
    away = Unavailable("the server's database does not answer", hint="try again in a moment")
    return _on_vedette(request, away)


def _on_bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("a request met a bug", path=request.url.path, exc_info=error)
    words = "the server met a bug; its log tells more under this code"
    return collection(request, status=500, error=words)


MIG_ERRORS: dict[int | type[Exception], Any] = {
    HTTPException: _on_http,
    VedetteError: _on_vedette,
    **dict.fromkeys(DATABASE_IS_AWAY, _on_database_away),
    Exception: _on_bug,
}
"""Every error of these routes, in MIG's envelope. Bad input is 400 here, where MIG answers 500."""
