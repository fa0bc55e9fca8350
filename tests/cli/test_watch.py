"""`vedette watch` as people run it: a process of its own, against real doors over TLS."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.factories import at, make_agent, make_layout, make_observation
from tests.link.doors_world import house_on
from tests.link.feed_world import move, shop, writing

from vedette.cli.watch import host_and_port
from vedette.errors import Invalid

SOON_S = 30


@pytest.fixture
async def house(fresh_app_url, tmp_path):
    async with house_on(fresh_app_url, tmp_path) as house:
        yield house


@pytest.fixture
async def data_dir(house, tmp_path):
    """The data directory of that server, as `vedette up` leaves it."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "admin.token").write_text(await house.token("admin", ("admin",)) + "\n")
    (directory / "endpoints.json").write_text(
        json.dumps(
            {
                "grpc_clients": house.clients_address,
                "ca_fingerprint": house.secrets.authority.fingerprint,
            }
        )
    )
    return directory


class Watching:
    """A running `vedette watch`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        async with asyncio.timeout(SOON_S):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def remark(self) -> str:
        async with asyncio.timeout(SOON_S):
            return (await self.process.stderr.readline()).decode().rstrip("\n")

    async def end(self) -> tuple[int, str, str]:
        """Wait for its end; return exit code, the rest of stdout and of stderr."""
        async with asyncio.timeout(SOON_S):
            out, err = await self.process.communicate()
        return self.process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def watching(*arguments: str, **env: str) -> AsyncIterator[Watching]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VEDETTE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vedette.app.main", "watch", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=clean | {"PYTHONUNBUFFERED": ""} | env,
    )  # fmt: skip
    try:
        yield Watching(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(*arguments: str, **env: str) -> tuple[int, str, str]:
    async with watching(*arguments, **env) as it:
        return await it.end()


async def test_it_shows_what_stands_then_each_change_until_ctrl_c(house, data_dir, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        await house.feed.refresh()
        async with watching("--data-dir", str(data_dir)) as it:
            snapshot = [await it.line() for _ in range(3)]
            assert [line.split()[1:] for line in snapshot] == [
                ["up", "orders-eu-de"],
                ["up", "cart-db"],
                ["up", "orders-db"],
            ]
            await move(conn, ids["orders-db"], "down", at=at("12:05"), reason="connection refused")
            assert (await it.line()).split() == [
                "2026-11-21T12:05:00Z", "up", "→", "down", "orders-db", "connection", "refused",
            ]  # fmt: skip
            it.process.send_signal(signal.SIGINT)
            assert await it.end() == (130, "", "")


async def test_once_prints_what_stands_and_leaves(house, data_dir, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
        await house.feed.refresh()
    code, out, err = await ended("orders-db", "--once", "-o", "json", "--data-dir", str(data_dir))
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "kind": "snapshot",
        "subject": "target",
        "name": "orders-db",
        "was": "",
        "now": "up",
        "at": "2026-11-21T12:00:00Z",
        "reason": "",
        "error_class": "",
        "component": "orders-eu-de",
        "cluster": "shop-eu",
    }


async def test_it_survives_a_restart_of_the_server_and_misses_nothing(
    fresh_app_url, tmp_path, unused_tcp_port_factory
):
    port = unused_tcp_port_factory()
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        await move(conn, ids["cart-db"], "degraded")
        async with house_on(fresh_app_url, tmp_path, clients_port=port) as house:
            server = house.clients_address
            fingerprint = house.secrets.authority.fingerprint
            token = await house.token()
            running = watching(
                "cart-db", "-o", "json", "--server", server, "--ca-fingerprint", fingerprint,
                VEDETTE_TOKEN=token, VEDETTE_DATA_DIR=str(tmp_path),
            )  # fmt: skip
            it = await running.__aenter__()
            assert json.loads(await it.line())["now"] == "degraded"
        try:
            assert "trying again" in await it.remark()
            await move(conn, ids["cart-db"], "down")
            async with house_on(fresh_app_url, tmp_path, clients_port=port):
                while "connected again" not in (remark := await it.remark()):
                    assert "trying again" in remark
                change = json.loads(await it.line())
                assert (change["kind"], change["was"], change["now"]) == (
                    "change", "degraded", "down",
                )  # fmt: skip
                await move(conn, ids["cart-db"], "up")
                assert json.loads(await it.line())["now"] == "up"
        finally:
            await running.__aexit__(None, None, None)


async def test_what_cannot_work_is_one_line_with_the_way_out(house, data_dir, tmp_path):
    ours = ("--data-dir", str(data_dir))
    elsewhere = ("--data-dir", str(tmp_path / "empty"))
    fingerprint = house.secrets.authority.fingerprint
    server = ("--server", house.clients_address)
    for arguments, env, code, words in (
        (("no-such-db", *ours), {}, 6, "no-such-db"),
        (elsewhere, {}, 6, "vedette up"),
        ((*server, *elsewhere), {}, 6, "--ca-fingerprint"),
        ((*server, "--ca-fingerprint", fingerprint, *elsewhere), {}, 5, "VEDETTE_TOKEN"),
        ((*server, "--ca-fingerprint", "sha256:" + "0" * 64, *ours), {}, 5, "fingerprint"),
        (ours, {"VEDETTE_TOKEN": "vdt_wrong"}, 5, "token"),
        (("--server", "127.0.0.1:1", "--ca-fingerprint", fingerprint), {"VEDETTE_TOKEN": "x"}, 8, "127.0.0.1:1"),
        (("--server", "nowhere", "--ca-fingerprint", fingerprint), {"VEDETTE_TOKEN": "x"}, 2, "HOST:PORT"),
        (("-o", "yaml", *ours), {}, 2, "yaml"),
    ):  # fmt: skip
        ended_with, out, err = await ended(*arguments, **env)
        assert (ended_with, out) == (code, ""), err
        assert words in err
        assert err.startswith("vedette: ")
        assert err.count("\n") == 1


async def test_the_admin_token_never_goes_to_another_server(house, data_dir):
    known = json.loads((data_dir / "endpoints.json").read_text())
    known["grpc_clients"] = "127.0.0.1:9"
    (data_dir / "endpoints.json").write_text(json.dumps(known))
    code, _, err = await ended(
        "--once", "--data-dir", str(data_dir), "--server", house.clients_address,
        "--ca-fingerprint", house.secrets.authority.fingerprint,
    )  # fmt: skip
    assert code == 5
    assert "no token" in err


async def test_nothing_watched_is_said(house, data_dir):
    assert await ended("--once", "--data-dir", str(data_dir)) == (
        0,
        "",
        "vedette: nothing is watched yet\n",
    )


async def test_a_name_cannot_play_tricks_on_the_terminal(house, data_dir, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        await move(conn, ids["cart-db"], "down", reason="\x1b]0;owned\x07 \u202egnp.exe")
        await house.feed.refresh()
    _, out, _ = await ended("cart-db", "--once", "--data-dir", str(data_dir))
    assert not {"\x1b", "\x07", "\u202e"}.intersection(out)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:4001", ("127.0.0.1", 4001)),
        ("[::1]:4001", ("::1", 4001)),
        ("vedette.example:1", ("vedette.example", 1)),
    ],
)
def test_an_address_has_two_parts(address, parts):
    assert host_and_port(address) == parts


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":4001", "host:0", "host:70000", "::1:4001"]
)
def test_half_an_address_is_none(address):
    with pytest.raises(Invalid, match=r"HOST:PORT|IPv6"):
        host_and_port(address)


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (("--component", "orders-eu-de"), ["orders-eu-de", "orders-db"]),
        (("--cluster", "shop-eu"), ["orders-db"]),
        (("--state", "down", "--state", "degraded"), []),
        (("cart-db", "--state", "up"), ["cart-db"]),
    ],
)
async def test_it_can_be_told_what_to_show(house, data_dir, fresh_app_url, flags, shown):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
        await house.feed.refresh()
    code, out, _ = await ended(*flags, "--once", "-o", "json", "--data-dir", str(data_dir))
    assert code == 0
    assert [json.loads(line)["name"] for line in out.splitlines()] == shown


async def test_a_certificate_that_is_not_there_is_said_with_how_to_make_one(data_dir):
    code, _, err = await ended(
        "--cert", "nosuch.crt", "--server", "127.0.0.1:1", "--ca-fingerprint", "sha256:" + "0" * 64,
        "--data-dir", str(data_dir),
    )  # fmt: skip
    assert code == 6
    assert "vedette clients cert NAME" in err


async def test_reports_are_printed_with_their_values_and_go_on_over_a_lost_server(
    data_dir, house, fresh_app_url
):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        agent = await make_agent(conn, "edge")
        layout = await make_layout(conn, ["load", "connections"], units=["ratio", ""])
        await make_observation(
            conn, ids["orders-db"], agent, seen_at=at("12:00"), layout_id=layout, values=[0.5, 7]
        )
        await house.feed.refresh()
        arguments = ("--reports", "--data-dir", str(data_dir))
        async with watching(*arguments) as it, watching(*arguments, "-o", "json") as as_json:
            line = await it.line()
            assert line.startswith("2026-11-21T12:00:00Z  up")
            assert line.endswith("orders-db  1.2 ms  load 0.5 ratio, connections 7")
            told = json.loads(await as_json.line())
            assert told["kind"] == "snapshot"
            assert [value["name"] for value in told["measurements"]] == ["load", "connections"]
            house.doors.say_goodbye()
            assert "trying again" in await it.remark()
            assert "connected again" in await it.remark()
            await conn.execute(
                "UPDATE health.observation SET at = at + interval '1 s', look = 'down',"
                " rtt_s = 'NaN', layout_id = 0, \"values\" = '{}'"
            )
            line = await it.line()
            assert line.startswith("2026-11-21T12:00:01Z  down")
            assert line.endswith("orders-db  -")
            assert json.loads(await as_json.line())["kind"] == "report"
