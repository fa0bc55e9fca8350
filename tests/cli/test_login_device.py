"""`vedette login --device` from the terminal to the provider and back, over HTTP."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.fakes.device_provider import device_provider
from tests.web.chromium import served

from vedette import clock
from vedette.access.device_sign_in import DeviceSignIns
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.access.secrets import load_or_make_secrets
from vedette.actions.ask_hear import Asks
from vedette.app.catalogue import commands_of_connector
from vedette.app.front import front
from vedette.app.http import Rooms, rest_app, rooms_routes
from vedette.app.tree import run
from vedette.cli import login_device, session_file
from vedette.db.pool import open_pool
from vedette.trust.seal import Seal


@pytest.fixture
def fake():
    with device_provider() as server:
        yield server


@pytest.fixture
def waits(fake, monkeypatch, tmp_path):
    """How long the command line waited each time; the provider's clock, and ours, go on meanwhile."""
    began = clock.now()
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=fake.clock_s))
    for name in ("VEDETTE_DATA_DIR", "VEDETTE_TOKEN", "VEDETTE_URL", "VEDETTE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    waited = []

    def wait(seconds):
        waited.append(seconds)
        fake.clock_s += seconds
        fake.turn(len(waited))

    monkeypatch.setattr(login_device, "sleep", wait)
    return waited


@asynccontextmanager
async def house(dsn, issuer):
    pool = await open_pool(dsn, max_size=2)
    try:
        async with pool.connection() as conn:
            secrets = await load_or_make_secrets(conn, Seal([b"1" * 32]))
        options = OpenId(issuer=issuer, client_id="vedette", roles={Role.OPERATOR: ("sre",)})
        devices = DeviceSignIns(Provider(options), secrets.cookie_key)
        asks = Asks(pool=pool, commands_of=commands_of_connector)
        rest = rest_app(Rooms(pool, secrets, asks, devices=devices), rooms_routes())
        async with served(front({}, rest)) as url:
            yield url
    finally:
        await pool.close()


async def vedette(*words):
    return await asyncio.to_thread(run, words)


async def test_a_person_agrees_elsewhere_and_the_command_line_acts_for_them(
    fresh_app_url, fake, waits, capsys
):
    def turn(nth):
        # Busy for two questions, then grudging, then the person has agreed.
        if nth == 1:
            fake.answers["/token"] = (503, b"{}")
        if nth == 2:
            fake.answers.clear()
            fake.least_s = 100
        if nth == 4:
            fake.least_s, fake.decision = 1, "agree"

    fake.turn = turn
    async with house(fresh_app_url, fake.url) as url:
        assert await vedette("login", "--device", "--url", url) == 0
        said = capsys.readouterr().err
        assert f"open {fake.url}/activate and type WDJB-MJHT" in said
        assert f"signed in at {url} as person:ada" in said
        assert waits == [1, 2, 2, 7]
        assert await vedette("whoami", "--url", url) == 0
        assert "person:ada (operator)" in capsys.readouterr().out
        assert await vedette("logout", "--url", url) == 0


@pytest.mark.parametrize(
    ("decision", "late_s", "groups", "code", "why"),
    [
        ("refuse", 0, ["sre"], 5, "you said no"),
        ("", 601, ["sre"], 5, "is over"),
        ("agree", 0, ["sales"], 5, "no role here"),
    ],
)
async def test_whoever_is_not_let_in_reads_why_in_a_line(
    fresh_app_url, fake, waits, capsys, decision, late_s, groups, code, why
):
    fake.decision, fake.claims["groups"] = decision, groups
    fake.turn = lambda _: setattr(fake, "clock_s", fake.clock_s + late_s)
    async with house(fresh_app_url, fake.url) as url:
        assert await vedette("login", "--device", "--url", url) == code
        assert why in capsys.readouterr().err.splitlines()[-1]
        assert session_file.session_for(url) is None


async def test_a_server_without_such_a_provider_names_the_other_way(
    fresh_app_url, fake, waits, capsys
):
    del fake.document["device_authorization_endpoint"]
    async with house(fresh_app_url, fake.url) as url:
        assert await vedette("login", "--device", "--url", url) == 6
        assert "--no-browser" in capsys.readouterr().err
    assert waits == []
