import pytest
from tests.rest_world import rest_over

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
