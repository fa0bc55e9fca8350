"""`vedette trust push` from the desk to the database, through the REST interface."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.rest_world import rest_over
from tests.signing_world import needs_ssh, ssh_key
from tests.web.chromium import served

from vedette.app.tree import run

pytestmark = needs_ssh


BUNDLE = Path("trust.json")


def on_the_desk():
    return BUNDLE.read_bytes()


def put_back(bundle):
    BUNDLE.write_bytes(bundle)


def public(name):
    return str(ssh_key(name).with_suffix(".pub"))


def begun(root):
    BUNDLE.unlink(missing_ok=True)
    assert run(["trust", "init", "example.org", "--root", public(root)]) == 0
    signed_by(root)


def signed_by(root):
    assert run(["trust", "sign", "--key", str(ssh_key(root))]) == 0


@pytest.fixture
async def push(fresh_app_url, tmp_path, monkeypatch, capsys):
    """Push to a server of the test; returns the exit code and what was said."""
    monkeypatch.chdir(tmp_path)
    async with rest_over(fresh_app_url) as rest, served(rest.app) as address:
        monkeypatch.setenv("VEDETTE_URL", address)
        monkeypatch.setenv("VEDETTE_TOKEN", await rest.token(["trust:write"]))

        async def pushed(*words):
            capsys.readouterr()
            code = await asyncio.to_thread(run, ["trust", "push", *words])
            return code, capsys.readouterr().err

        pushed.rest = rest
        yield pushed


async def test_the_server_keeps_the_bytes_that_the_roots_signed(push):
    begun("root one")
    code, said = await push()
    assert code == 0, said
    assert "version 1 is with http://127.0.0.1" in said
    kept = await push.rest.get("/api/v1/trust/bundle", scopes=["actions:read"])
    assert kept.json() == json.loads(on_the_desk())
    assert (await push())[0] == 0


async def test_what_the_server_has_is_not_taken_back(push):
    begun("root one")
    old = on_the_desk()
    assert run(["trust", "minimum", "file", "1"]) == 0
    signed_by("root one")
    assert (await push())[0] == 0
    put_back(old)
    code, said = await push()
    assert code == 5
    assert "the bundle has version 1, 2 is held" in said


async def test_other_roots_are_taken_only_when_that_is_meant(push):
    begun("root one")
    assert (await push())[0] == 0
    assert run(["trust", "roots", "--root", public("root two"), "--threshold", "1"]) == 0
    signed_by("root two")
    code, said = await push()
    assert code != 0
    assert "roots" in said
    assert (await push("--new-roots"))[0] == 0


async def test_what_too_few_roots_signed_does_not_leave_the_desk(push):
    begun("root one")
    assert run(["trust", "minimum", "file", "1"]) == 0
    code, said = await push()
    assert (code, "0 of 1 roots signed version 2" in said) == (5, True)
