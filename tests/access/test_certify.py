from pathlib import Path

import pytest
from tests.rest_world import rest_over

from vedette.db import migrations
from vedette.trust.keys import key_fingerprint, make_csr, make_key

PATH = "/api/v1/clients/certificates"


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


def wanted(name: str = "grafana", **more) -> dict:
    return {"name": name, "csr": make_csr(make_key(), "whatever").decode(), **more}


async def test_a_client_is_certified_under_the_name_asked_for_and_it_is_audited(rest):
    body = wanted()
    answer = await rest.post(PATH, body)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert key_fingerprint(made["certificate"].encode()) == key_fingerprint(body["csr"].encode())
    assert made["authority"] == rest.secrets.authority.pem.decode()
    async with rest.pool.connection() as conn:
        rows = await conn.execute(
            "SELECT action, object FROM access.audit ORDER BY id DESC LIMIT 1"
        )
        assert await rows.fetchone() == ("client.certify", "client:grafana")


async def test_nobody_gives_away_what_they_do_not_have(rest):
    assert (await rest.post(PATH, wanted(), scopes=("read",))).status_code == 403
    assert (await rest.post(PATH, wanted(), scopes=("tokens:write",))).status_code == 403
    both = ("read", "tokens:write")
    assert (await rest.post(PATH, wanted(), scopes=both)).status_code == 201


@pytest.mark.parametrize(
    "wrong", [{"name": "a b"}, {"name": "../x"}, {"csr": "no"}, {"ttl": "400d"}, {"ttl": "soon"}]
)
async def test_what_makes_no_certificate_is_refused(rest, wrong):
    assert (await rest.post(PATH, {**wanted(), **wrong})).status_code == 400


CLIENTS = "/api/v1/clients"


async def names(rest) -> list[str]:
    return [row["name"] for row in (await rest.get(CLIENTS)).json()]


async def test_clients_are_listed_until_they_are_revoked_and_it_is_audited(rest):
    for name in ("grafana", "grafana", "pager"):
        assert (await rest.post(PATH, wanted(name))).status_code == 201
    assert await names(rest) == ["grafana", "grafana", "pager"]
    first = (await rest.get(CLIENTS)).json()[0]
    assert set(first) == {"name", "serial", "made_at", "made_by", "expires_at"}
    assert (await rest.delete(f"{CLIENTS}/grafana")).status_code == 204
    assert await names(rest) == ["pager"]
    async with rest.pool.connection() as conn:
        rows = await conn.execute(
            "SELECT action, object, jsonb_array_length(detail -> 'serials')"
            " FROM access.audit WHERE action = 'client.revoke'"
        )
        assert await rows.fetchall() == [("client.revoke", "client:grafana", 2)]
    assert (await rest.post(PATH, wanted("grafana"))).status_code == 201
    assert await names(rest) == ["grafana", "pager"]


@pytest.mark.parametrize("name", ["nobody", "a%00b", "x" * 5000, "%F0%9F%90%98"])
async def test_revoking_who_is_not_there_is_said(rest, name):
    assert (await rest.delete(f"{CLIENTS}/{name}")).status_code in (404, 414)


async def test_who_may_not_read_takes_reading_from_nobody(rest):
    await rest.post(PATH, wanted())
    answer = await rest.delete(f"{CLIENTS}/grafana", scopes=("tokens:write",))
    assert answer.status_code == 403
    assert await names(rest) == ["grafana"]


async def test_certificates_made_before_the_list_was_kept_are_taken_from_the_audit_log(rest):
    await rest.post(PATH, wanted("early"))
    refill = migration().partition("INSERT INTO")
    async with rest.pool.connection() as conn:
        await conn.execute("DELETE FROM access.client_certificate")
        assert await names(rest) == []
        await conn.execute(refill[1] + refill[2])
    assert await names(rest) == ["early"]


def migration() -> str:
    versions = Path(migrations.__file__).parent / "versions"
    return (versions / "0008_clients.sql").read_text("utf-8")
