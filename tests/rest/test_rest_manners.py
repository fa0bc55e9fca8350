"""The manners of a small application made of `rest` alone."""

from typing import Annotated, Any, Literal

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.params import Parameter

from vedette.access.model import Actor, Scope
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable
from vedette.rest.etag import with_etags
from vedette.rest.guard import guard, parameters_guard
from vedette.rest.paging import next_link
from vedette.rest.problem import PROBLEM_HANDLERS

KINDS = {"invalid": Invalid, "denied": Denied, "missing": Missing, "conflict": Conflict}
KINDS["unavailable"] = Unavailable
TABLE = {
    ("GET", "/public"): "public",
    ("GET", "/fail/{kind}"): "public",
    ("POST", "/things"): "things:write",
    ("GET", "/list"): "public",
    ("GET", "/number"): "public",
    ("GET", "/choice"): "public",
}
KNOWN = {("GET", "/list"): {"limit", "cursor"}, ("GET", "/number"): {"n"}}
KNOWN[("GET", "/choice")] = {"state", "by"}


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


@get("/public")
async def public() -> dict[str, str]:
    return {"hello": "you"}


@get("/fail/{kind:str}")
async def fail(kind: str) -> None:
    if kind == "bug":
        raise ZeroDivisionError("secret words")
    raise KINDS[kind]("the thing is wrong", hint="the way out")


@post("/things")
async def make(data: Thing, request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"by": request.state["actor"].name}


@get("/list")
async def listed(
    request: Request[Any, Any, Any], limit: int = 1, cursor: str = ""
) -> Response[list[int]]:
    return Response([1], headers=next_link(request, "abc"))


@get("/number")
async def number(n: Annotated[int, Parameter(ge=1)]) -> int:
    return n


@get("/choice")
async def choice(
    standing: Annotated[Literal["open", "fixed"], Parameter(query="state")] = "open",
    by: Literal["week", "month"] | None = None,
) -> str:
    return standing


@get("/forgotten")
async def forgotten() -> int:
    return 1


async def whose(token: str, _: str) -> Actor | None:
    scopes = {"reader": {Scope.READ}, "boss": {Scope.ADMIN}, "maker": {"things:write"}}
    return Actor(token, frozenset(scopes[token])) if token in scopes else None


@pytest.fixture
async def client():
    app = Litestar(
        [public, fail, make, listed, number, choice, forgotten],
        guards=[guard(TABLE, whose), parameters_guard(KNOWN)],
        exception_handlers=PROBLEM_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    transport = httpx.ASGITransport(app=with_etags(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("invalid", 400), ("denied", 403), ("missing", 404), ("conflict", 409), ("unavailable", 503)],
)
async def test_each_kind_of_error_is_a_problem_with_its_status(client, kind, status):
    answer = await client.get(f"/fail/{kind}", headers={"X-Request-Id": "me-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {
        "type": f"urn:vedette:problem:{kind}",
        "title": problem["title"],
        "status": status,
        "detail": "the thing is wrong",
        "hint": "the way out",
        "instance": f"/fail/{kind}",
        "request_id": "me-1",
    }
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_bug_says_nothing_of_itself_but_its_request_id(client, capsys):
    answer = await client.get("/fail/bug", headers={"X-Request-Id": "me-2"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == "me-2"


async def test_an_unsound_request_id_is_replaced(client):
    answer = await client.get("/fail/missing", headers={"X-Request-Id": "a b\tc" * 40})
    assert len(answer.json()["request_id"]) == 16


async def test_every_wrong_field_of_a_body_is_named(client):
    answer = await client.post("/things", json={"name": 5}, headers=bearing("maker"))
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"detail": "Expected `str`, got `int`", "pointer": "/name"}]


async def test_an_unknown_field_a_wrong_type_and_broken_json_are_400(client):
    texts = (b"\xff", b'{"name": "\xff\xfe"}', b'{"name": "\\ud800"}')
    for body in (b'{"name": "x", "nope": 1}', b"[]", b"{", b'{"name": ' + b"[" * 99_999, *texts):
        answer = await client.post("/things", content=body, headers=bearing("maker"))
        assert answer.status_code == 400, body[:20]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "POST"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer boss"}])
async def test_a_method_without_a_row_is_405_and_told_which_there_are(client, method, headers):
    answer = await client.request(method, "/list", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["detail"] == "/list takes GET, HEAD"


async def test_a_wrong_query_parameter_is_named(client):
    for query in ("?n=0", "?n=x"):
        problem = (await client.get(f"/number{query}")).json()
        assert problem["errors"][0]["parameter"] == "n"
    assert (await client.get("/number")).status_code == 400


async def test_a_choice_is_named_as_in_the_query_with_the_words_it_takes(client):
    for query, words in (("state=fixd", "open, fixed"), ("by=day", "week, month")):
        name, _, value = query.partition("=")
        [fault] = (await client.get(f"/choice?{query}")).json()["errors"]
        assert fault["parameter"] == name
        assert fault["detail"] == f"Invalid enum value '{value}'; one of {words}"


async def test_an_unknown_query_parameter_is_refused(client):
    assert (await client.get("/list?limti=3")).status_code == 400
    assert (await client.get("/public?x=1")).status_code == 400
    assert (await client.get("/list?limit=3")).status_code == 200


async def test_the_link_to_the_next_page_keeps_the_question(client):
    answer = await client.get("/list?limit=3&cursor=old")
    assert answer.headers["link"] == '</list?limit=3&cursor=abc>; rel="next"'


async def test_a_route_asks_for_its_scope_and_admin_holds_them_all(client):
    body = {"name": "x"}
    assert (await client.post("/things", json=body)).status_code == 401
    assert (await client.post("/things", json=body, headers=bearing("nobody"))).status_code == 401
    refused = await client.post("/things", json=body, headers=bearing("reader"))
    assert refused.status_code == 403
    assert "things:write" in refused.json()["hint"]
    made = await client.post("/things", json=body, headers=bearing("maker"))
    assert made.json() == {"by": "maker"}
    assert (await client.post("/things", json=body, headers=bearing("boss"))).status_code == 201


async def test_a_route_that_stands_in_no_table_is_denied_even_to_admin(client):
    assert (await client.get("/forgotten")).status_code == 401
    assert (await client.get("/forgotten", headers=bearing("boss"))).status_code == 403


@pytest.mark.parametrize("header", ["", "Basic Ym9zczo=", "Bearer", "Bearer  ", "boss"])
async def test_what_is_no_bearer_token_is_401_with_a_challenge(client, header):
    answer = await client.post("/things", json={"name": "x"}, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="vedette"'


async def test_an_answer_is_tagged_and_spared_when_it_is_known(client):
    first = await client.get("/public")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get("/public", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await client.get("/public", headers={"If-None-Match": '"other"'})
    assert other.json() == {"hello": "you"}


async def test_an_error_is_never_tagged_or_cached(client):
    answer = await client.get("/fail/missing")
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
