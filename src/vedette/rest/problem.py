"""Every error of the REST interface is `application/problem+json` (RFC 9457).

The five kinds of `vedette.errors` map here once. A bug answers 500 with the request id and no
detail: its trace is in the server's log under that id.
"""

from http import HTTPStatus
from typing import Any, Literal, get_args, get_origin

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotAuthorizedException,
    ValidationException,
)

from vedette.errors import Kind, TooMany, UnderWay, VedetteError
from vedette.rest.request_id import request_id_of

MEDIA_TYPE = "application/problem+json"
STATUS: dict[Kind, int] = {
    "invalid": 400,
    "denied": 403,
    "missing": 404,
    "conflict": 409,
    "unavailable": 503,
}
RETRY_AFTER_S = 5
"""What a client is told to wait for what passes: something we need does not answer, or the same is under way."""

log = structlog.get_logger(__name__)
AnyRequest = Request[Any, Any, Any]


class Fault(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing wrong with a request.

    pointer: JSON pointer into the body. parameter: name of a query, path or header parameter.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong: `type` and `errors` for programs, the rest for people."""

    type: str
    title: str
    status: int
    detail: str | None = None
    hint: str | None = None
    instance: str | None = None
    request_id: str | None = None
    errors: list[Fault] = msgspec.field(default_factory=list)


def problem_type(word: str) -> str:
    """Return the URI that names this kind of problem for programs."""
    return f"urn:vedette:problem:{word}"


def encode_problem(
    status: int, word: str, detail: str, *, instance: str | None = None, request_id: str = ""
) -> bytes:
    """Return a problem as bytes, for doors that stand outside the framework."""
    return msgspec.json.encode(
        Problem(
            type=problem_type(word),
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            instance=instance,
            request_id=request_id or None,
        )
    )


def _answer(request: AnyRequest, problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    problem.instance = request.scope["path"]
    problem.request_id = request_id_of(request.scope)
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **headers},
    )


def answer_error(request: AnyRequest, error: VedetteError) -> Response[bytes]:
    """Return what a client is answered when a request ended so."""
    status = 429 if isinstance(error, TooMany) else STATUS[error.kind]
    passes = error.kind == "unavailable" or isinstance(error, UnderWay)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if passes else {}
    problem = Problem(
        type=problem_type(error.kind),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        hint=error.hint,
    )
    return _answer(request, problem, headers)


def _on_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    problem = Problem(
        type=problem_type(_word(error.status_code)),
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=str(error.detail) or None,
        errors=_faults(request, error),
    )
    headers = dict(error.headers or {})
    if isinstance(error, NotAuthorizedException):
        headers["WWW-Authenticate"] = 'Bearer realm="vedette"'
    if isinstance(error, MethodNotAllowedException):
        headers = {"Allow": _allowed(headers)}
        problem.detail = f"{request.scope['path']} takes {headers['Allow']}"
    return _answer(request, problem, headers)


def _allowed(headers: dict[str, str]) -> str:
    # The framework believes that it answers OPTIONS, and does not know that HEAD is GET here.
    named = next(value for name, value in headers.items() if name.lower() == "allow")
    methods = {method.strip() for method in named.split(",")} - {"OPTIONS"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _word(status: int) -> str:
    for kind, code in STATUS.items():
        if code == status:
            return kind
    return HTTPStatus(status).phrase.lower().replace(" ", "_")


def _faults(request: AnyRequest, error: HTTPException) -> list[Fault]:
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return []
    return [_fault(request, entry) for entry in error.extra if isinstance(entry, dict)]


def _fault(request: AnyRequest, entry: dict[str, Any]) -> Fault:
    key, detail = str(entry.get("key", "")), str(entry.get("message", "not valid"))
    if entry.get("source") != "body":
        return _fault_of_parameter(request, key, detail)
    steps = key.removeprefix("data").replace("[", ".").replace("]", "").strip(".")
    return Fault(detail=detail, pointer="/" + steps.replace(".", "/") if steps else "")


def _fault_of_parameter(request: AnyRequest, key: str, detail: str) -> Fault:
    """Return what is wrong with a parameter under the name it has in the query, and the words it takes."""
    field = request.route_handler.parsed_fn_signature.parameters.get(key)
    if field is None:
        return Fault(detail=detail, parameter=key or None)
    words = [one for part in (field, *field.inner_types) for one in _words_of(part.annotation)]
    takes = f"; one of {', '.join(words)}" if words else ""
    name = getattr(field.kwarg_definition, "query", None) or key
    return Fault(detail=f"{detail}{takes}", parameter=name)


def _words_of(annotation: object) -> list[str]:
    is_choice = get_origin(annotation) is Literal
    return [one for one in get_args(annotation) if isinstance(one, str)] if is_choice else []


def _on_recursion(request: AnyRequest, _: RecursionError) -> Response[bytes]:
    return _answer(request, _bad_body("the body is nested too deep"), {})


def _on_bad_text(request: AnyRequest, _: UnicodeDecodeError) -> Response[bytes]:
    return _answer(request, _bad_body("the body is not UTF-8"), {})


def _bad_body(detail: str) -> Problem:
    status = HTTPStatus.BAD_REQUEST
    return Problem(type=problem_type("invalid"), title=status.phrase, status=status, detail=detail)


def _on_bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error(
        "a request met a bug",
        method=request.method,
        path=request.scope["path"],
        request_id=request_id_of(request.scope),
        exc_info=error,
    )
    problem = Problem(
        type=problem_type("bug"),
        title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="the server met a bug; its log tells more under this request id",
    )
    return _answer(request, problem, {})


PROBLEM_HANDLERS: dict[int | type[Exception], Any] = {
    VedetteError: answer_error,
    HTTPException: _on_http,
    RecursionError: _on_recursion,
    UnicodeDecodeError: _on_bad_text,
    Exception: _on_bug,
}
"""What the application hands to the framework: every error has one way out."""
