"""Reporters of all three generations at a server's real process, as they find it in the field."""

import asyncio
import socket

import httpx
import pytest
from tests.access.test_reporter_tokens import token
from tests.factories import make_component
from tests.walks.programs import Program, until

from vedette.cli.where import endpoints
from vedette.db.pool import connect

SECRET = b"a secret of more than thirty-two bytes, from a file"
COMPONENTS, POSTS = 100, 300


@pytest.fixture
async def served(fresh_app_url, tmp_path):
    """Where `vedette serve` listens over a database with a hundred components."""
    async with await connect(fresh_app_url) as conn, conn.transaction():
        for number in range(COMPONENTS):
            await make_component(conn, f"Service {number}", region="EU-DE", type=f"s{number}")
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    (tmp_path / "data").mkdir()
    program = Program(
        "serve",
        "--data-dir=data",
        "--http=127.0.0.1:0",
        "--grpc=127.0.0.1:0",
        "--reporter-secret-file=secret",
        "--reporter-titles=compatible",
        cwd=tmp_path,
        VEDETTE_DATABASE_URL=fresh_app_url,
    )
    try:
        await asyncio.to_thread(
            until,
            lambda: endpoints(tmp_path / "data") or program.process.poll() is not None,
            within_s=60,
            what="the server listens",
            seen=lambda: program.errors[-20:],
        )
        yield endpoints(tmp_path / "data")["http"]
    finally:
        program.kill()


def bearer(claims, word="bearer") -> dict[str, str]:
    return {"authorization": f"{word} {token(claims, secret=SECRET)}"}


def raw(url: str, path: str, head: str, body: bytes) -> int:
    """Post as the reporter's program does: HTTP/1.1, names in lower case, no user agent."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    lines = (
        f"POST {path} HTTP/1.1\r\nauthorization: {head}\r\ncontent-type: application/json\r\n"
        f"accept: */*\r\nhost: {host}:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(lines.encode() + body)
        return int(connection.recv(4096).split()[1])


async def test_three_generations_post_and_storm(served):
    region = [{"name": "region", "value": "EU-DE"}]
    claims = {"stackmon": "dummy"}
    body = httpx.Request("POST", served, json={"name": "Service 0", "impact": 2, "attributes": region}).content  # fmt: skip
    first = bearer(claims)["authorization"]
    assert await asyncio.to_thread(raw, served, "/api/v1/component_status", first, body) == 201
    middle = bearer(claims, "Bearer")["authorization"]
    assert await asyncio.to_thread(raw, served, "/v1/component_status", middle, body) == 409
    async with httpx.AsyncClient(base_url=served, timeout=60) as http:
        listed = (await http.get("/v2/components")).json()
        number = next(each["id"] for each in listed if each["name"] == "Service 1")
        event = {
            "title": "System incident from monitoring system",
            "description": "System-wide incident affecting one or multiple components. Created automatically.",
            "impact": 2, "components": [number], "start_date": "2026-11-21T23:48:01+00:00",
            "system": True, "type": "incident",
        }  # fmt: skip
        newest = await http.post("/v2/events", json=event, headers=bearer(claims, "Bearer"))
        assert newest.status_code == 200
        (incident,) = (await http.get("/api/v1/incidents")).json()
        assert newest.json()["result"] == [{"component_id": number, "incident_id": incident["id"]}]
        assert incident["text"] == "Incident"
        await storm(http, claims)


async def storm(http, claims):
    """Many posts at once, then what there is: one incident of each impact, nobody in two."""

    def post(number):
        if number % 2:
            path, body = "/api/v1/component_status", {"name": f"Service {number % COMPONENTS}"}
        else:
            path, body = "/v1/component_status", {"name": f"Service {number % COMPONENTS}"}
        body |= {"impact": 1 + number % 3, "attributes": [{"name": "region", "value": "EU-DE"}]}
        return http.post(path, json=body, headers=bearer(claims))

    answers = await asyncio.gather(*(post(number) for number in range(POSTS)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    events = (await http.get("/v2/events?active=true")).json()["data"]
    assert len({each["impact"] for each in events}) == len(events)
    affected = [number for each in events for number in each["components"]]
    assert len(affected) == len(set(affected)) == COMPONENTS
    # Whatever was posted of a component, the gravest of it counts.
    assert {each["impact"] for each in events} == {3}
