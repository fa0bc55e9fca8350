"""Tokens and join tokens over REST: nobody gives away more than they have."""

import pytest

from rest_world import rest_over


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


async def audit(rest, action):
    async with rest.pool.connection() as conn:
        sql = "SELECT actor, object, request_id FROM access.audit WHERE action = %s ORDER BY id"
        return await (await conn.execute(sql, (action,))).fetchall()


async def test_a_token_is_made_used_listed_and_revoked(rest):
    made = await rest.post("/api/v1/tokens", {"name": "grafana", "scopes": ["read"]})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    secret = made.json()["secret"]
    bearer = {"authorization": f"Bearer {secret}"}
    assert (await rest.http.get("/api/v1/clusters", headers=bearer)).status_code == 200
    listed = await rest.get("/api/v1/tokens")
    [shown] = [token for token in listed.json() if token["name"] == "grafana"]
    assert shown["scopes"] == ["read"]
    assert shown["last_used_at"] is not None
    assert secret not in listed.text
    assert (await rest.delete("/api/v1/tokens/grafana")).status_code == 204
    assert (await rest.http.get("/api/v1/clusters", headers=bearer)).status_code == 401
    [(actor, _, request_id)] = await audit(rest, "token.revoke")
    assert actor.startswith("token:test-")
    assert request_id == "r-1"


async def test_a_database_that_is_away_is_503_and_worth_another_try(rest):
    await rest.pool.close()
    bearer = {"authorization": "Bearer vdt_whoever"}
    answer = await rest.http.get("/api/v1/clusters", headers=bearer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "the server's database does not answer"


async def test_nobody_makes_or_ends_a_token_that_may_more_than_they(rest):
    small = ["tokens:write", "read"]
    wish = {"name": "big", "scopes": ["admin"]}
    refused = await rest.post("/api/v1/tokens", wish, scopes=small)
    assert refused.status_code == 403
    assert "does not have admin" in refused.json()["detail"]
    assert (await rest.post("/api/v1/tokens", wish)).status_code == 201
    assert (await rest.delete("/api/v1/tokens/big", scopes=small)).status_code == 403
    fair = {"name": "small", "scopes": ["read"]}
    assert (await rest.post("/api/v1/tokens", fair, scopes=small)).status_code == 201
    assert (await rest.delete("/api/v1/tokens/small", scopes=small)).status_code == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/x"),
        ("POST", "/api/v1/agents/join-tokens"),
        ("POST", "/api/v1/agents/x/revoke"),
        ("POST", "/api/v1/agents/x/retire"),
    ],
)
async def test_reading_alone_opens_none_of_these(rest, method, path):
    assert (await rest.ask(method, path, scopes=["read"], json={})).status_code == 403
    assert (await rest.http.request(method, path, json={})).status_code == 401


async def test_what_makes_no_sense_is_refused_in_a_problem(rest):
    for path, body in [
        ("/api/v1/tokens", {"name": "a\n", "scopes": ["read"]}),
        ("/api/v1/tokens", {"name": "a\u0000", "scopes": ["read"]}),
        ("/api/v1/tokens", {"name": "a", "scopes": ["root"]}),
        ("/api/v1/tokens", {"name": "a", "scopes": "read"}),
        ("/api/v1/tokens", {"name": "a", "scopes": ["read"], "expires_at": "2100-01-01T00:00:00"}),
        ("/api/v1/tokens", {"name": "a", "scopes": ["read"], "colour": "red"}),
        ("/api/v1/agents/join-tokens", {"ttl": "an hour"}),
        ("/api/v1/agents/join-tokens", {"ttl": "1h\n"}),
        ("/api/v1/agents/join-tokens", {"ttl": "999999d"}),
        ("/api/v1/agents/join-tokens", {"agent_name": "../x"}),
        ("/api/v1/agents/join-tokens", {"tags": {"a": 1}}),
    ]:
        answer = await rest.post(path, body)
        assert (answer.status_code, answer.headers["content-type"]) == (
            400,
            "application/problem+json",
        ), (body, answer.text)


@pytest.mark.parametrize("name", ["nobody", "a%00b", "%27%20OR%20true", "x" * 2000])
async def test_a_name_nobody_has_is_not_found(rest, name):
    assert (await rest.delete(f"/api/v1/tokens/{name}")).status_code == 404
    assert (await rest.post(f"/api/v1/agents/{name}/revoke")).status_code == 404


async def test_a_join_token_comes_with_its_name_and_end(rest):
    body = {"agent_name": "edge-7", "tags": {"role": "edge"}, "ttl": "2h"}
    made = await rest.post("/api/v1/agents/join-tokens", body, scopes=["agents:write"])
    assert made.status_code == 201
    assert made.json()["secret"].startswith("vdj_")
    assert made.json()["name"] == "edge-7"
    assert len(await audit(rest, "join_token.create")) == 1
