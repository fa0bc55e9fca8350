"""`vedette login` from the terminal through a browser and back, and the file it keeps."""

import asyncio
import html
import io
import json
import re
import stat
import sys
import threading
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.web.chromium import served

from vedette import clock
from vedette.access.local_accounts import create_account
from vedette.access.model import Role
from vedette.access.passwords import hash_password
from vedette.access.secrets import load_or_make_secrets
from vedette.actions.ask_hear import Asks
from vedette.app.catalogue import commands_of_connector
from vedette.app.front import front
from vedette.app.http import Rooms, rest_app, rooms_routes
from vedette.app.tree import run
from vedette.cli import login, session_file
from vedette.cli.where import Asking, token_of
from vedette.db.pool import open_pool
from vedette.errors import Denied, Invalid
from vedette.trust.seal import Seal
from vedette.web.login import SignIn
from vedette.web.site import site

PASSWORD = "a horse that counts to nine"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    for name in ("VEDETTE_DATA_DIR", "VEDETTE_TOKEN", "VEDETTE_URL", "VEDETTE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def house(dsn):
    """Pages and REST of a server with the account `root`; yields its address."""
    pool = await open_pool(dsn, max_size=4)
    try:
        async with pool.connection() as conn:
            secrets = await load_or_make_secrets(conn, Seal([b"1" * 32]))
            hashed = hash_password(PASSWORD)
            await create_account(conn, "root", [Role.ADMIN], hashed, by="test", now=clock.now())
        rooms = Rooms(pool, secrets, Asks(pool=pool, commands_of=commands_of_connector))
        pages = site(
            pool,
            authenticate=rooms.whose,
            cookie_key=secrets.cookie_key,
            sign_in=SignIn(secrets.pepper),
        ).pages
        async with served(front(pages, rest_app(rooms, rooms_routes()))) as url:
            yield url
    finally:
        await pool.close()


def agree(address):
    """Do in a browser what a person does who lets the command line in; return the page that says so."""
    url = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    ours = {"sec-fetch-site": "same-origin", "accept": "text/html"}
    with httpx.Client(base_url=url, headers=ours) as browser:
        form = {"name": "root", "password": PASSWORD, "next": address.removeprefix(url)}
        assert browser.post("/login", data=form).status_code == 303
        page = browser.get(address.removeprefix(url)).text
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        return browser.post("/login/command-line", data=fields).text


def a_browser(address):
    def walk():
        [back] = set(re.findall(r'href="(http://127\.0\.0\.1:\d+/\?code[^"]*)"', agree(address)))
        back = html.unescape(back)
        port = urlsplit(back).port
        for stranger in ("/", "/?code=x", "/?code=x&state=y", "/favicon.ico"):
            assert httpx.get(f"http://127.0.0.1:{port}{stranger}").status_code == 404
        assert httpx.get(back).status_code == 200

    threading.Thread(target=walk, daemon=True).start()
    return True


async def vedette(*words):
    return await asyncio.to_thread(run, words)


async def test_a_person_signs_in_is_known_and_signs_out(fresh_app_url, monkeypatch, capsys):
    monkeypatch.setattr(login.webbrowser, "open", a_browser)
    async with house(fresh_app_url) as url:
        assert await vedette("login", "--url", url) == 0
        assert f"signed in at {url} as account:root" in capsys.readouterr().err
        kept = session_file.path()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert await vedette("whoami", "--url", url) == 0
        said = capsys.readouterr().out
        assert said.startswith("account:root (admin), until ")
        assert "may: admin" in said
        assert await vedette("tokens", "list", "--url", url) == 0
        secret = session_file.session_for(url)
        assert await vedette("logout", "--url", url) == 0
        assert session_file.session_for(url) is None
        shown = {"Authorization": f"Bearer {secret}"}
        answer = await asyncio.to_thread(httpx.get, f"{url}/api/v1/session", headers=shown)
        assert answer.status_code == 401
        assert await vedette("whoami", "--url", url) == 5
        assert await vedette("logout", "--url", url) == 6


async def test_without_a_browser_the_code_is_typed(fresh_app_url, monkeypatch, capsys):
    class Typed(io.StringIO):
        def readline(self, *_):
            [address] = re.findall(r"open (\S+)", capsys.readouterr().err)
            assert "port" not in parse_qs(urlsplit(address).query)
            [code] = re.findall(r"vdc_[\w-]+", agree(address))
            return f"{code}\n"

    async with house(fresh_app_url) as url:
        monkeypatch.setattr(sys, "stdin", Typed())
        assert await vedette("login", "--no-browser", "--url", url) == 0
        assert session_file.session_for(url) is not None
        monkeypatch.setattr(sys, "stdin", io.StringIO("vdc_wrong\n"))
        assert await vedette("login", "--no-browser", "--url", url) == 5
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        assert await vedette("login", "--no-browser", "--url", url) == 2


async def test_a_browser_that_never_comes_back_is_given_up(monkeypatch):
    monkeypatch.setattr(login.webbrowser, "open", lambda _: False)
    monkeypatch.setattr(login, "WAITS_S", 0.0)
    assert await vedette("login", "--url", "http://127.0.0.1:9") == 8


def test_a_session_is_for_its_server_alone_and_a_named_token_goes_before_it(monkeypatch, tmp_path):
    session_file.keep_session("https://one.example", "vds_one")
    session_file.keep_session("https://two.example", "vds_two")
    one, other = Asking(url="https://one.example/"), Asking(url="https://three.example")
    assert (token_of(one), token_of(other)) == ("vds_one", None)
    monkeypatch.setenv("VEDETTE_TOKEN", "vdt_mine")
    assert token_of(one) == "vdt_mine"
    (tmp_path / "token").write_text("vdt_file")
    assert token_of(Asking(url=one.url, token_file=tmp_path / "token")) == "vdt_file"
    session_file.forget_session("https://one.example")
    assert session_file.session_for("https://two.example") == "vds_two"


def test_a_session_goes_before_the_directorys_own_token(tmp_path):
    (tmp_path / "endpoints.json").write_text(json.dumps({"http": "http://127.0.0.1:8080"}))
    (tmp_path / "admin.token").write_text("vdt_admin")
    assert token_of(Asking(data_dir=tmp_path)) == "vdt_admin"
    session_file.keep_session("http://127.0.0.1:8080", "vds_me")
    assert token_of(Asking(data_dir=tmp_path)) == "vds_me"


@pytest.mark.parametrize("text", ["{", "[]", "7", "\xff"])
def test_a_damaged_file_is_named_with_the_way_out(text):
    session_file.keep_session("https://one.example", "vds_one")
    session_file.path().write_text(text, "latin-1")
    with pytest.raises((Invalid, Denied), match=r"sessions\.json") as caught:
        session_file.session_for("https://one.example")
    assert "vedette login" in str(caught.value)
