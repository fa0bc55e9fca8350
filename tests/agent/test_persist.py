"""Modules that keep running: real inotify, the kernel's own audit, a real HTTP server at the other end."""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.agent.agent_world import FakeServer, enrolled

from vedette import plugins
from vedette.agent import events, persist
from vedette.agent.events import Kept
from vedette.agent.host import read_host_rules
from vedette.agent.modules.persistent import Persistent, Query
from vedette.agent.operation import OperationLimits, run_operation
from vedette.agent.persist import Persisting
from vedette.agent.program import Agent, Options
from vedette.errors import Invalid, Missing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify and audit are Linux's")

NEWS = asyncio.Event()
ABOUT = {"hostname": "here", "environment": {"os": "linux"}, "tags": {"role": "db"}}


@asynccontextmanager
async def keeping(data_dir: Path, **settings: Any) -> AsyncIterator[Persisting]:
    persisting = Persisting(settings, data_dir, about=ABOUT, partial=True, heard=NEWS.set)
    persisting.start()
    try:
        yield persisting
    finally:
        await persisting.stop()


async def until(true: Callable[[], Any], seconds: float = 10) -> Any:
    """Return what is asked for once it is true; looks whenever there is news."""
    async with asyncio.timeout(seconds):
        while not (found := true()):
            NEWS.clear()
            await NEWS.wait()
        return found


async def begun(persisting: Persisting, name: str = "fswatch") -> None:
    """Return when the module says that it is in place."""
    await until(lambda: persisting.answer(name, Query()).statistics["says"])


def alerts(persisting: Persisting, name: str = "fswatch") -> list[Any]:
    elements = persisting.answer(name, Query(last=1000)).elements
    return [one["event"] for one in elements.get("events", [])]


def words(persisting: Persisting) -> str:
    return "\n".join(f"{one['severity']} {one['alert']}" for one in alerts(persisting))


# fswatch


async def test_what_changes_in_a_watched_folder_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    (folder / "sub").mkdir(parents=True)
    kept, gone = folder / "kept", folder / "gone"
    kept.write_text("one")
    gone.write_text("x")
    (folder / "sub/quiet").write_text("one")
    async with keeping(tmp_path, fswatch={"paths": [str(folder)]}) as persisting:
        await begun(persisting)
        kept.write_text("two")
        kept.chmod(0o4755)
        gone.unlink()
        (folder / "sub/quiet").write_text("two")
        (folder / "new").write_text("n")
        (folder / "last").symlink_to("/etc/passwd")
        await until(lambda: "last appeared: link to /etc/passwd" in words(persisting))
        told = words(persisting)
    one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    assert f"2 signature for {kept} changed: {one} -> {two}" in told
    assert f"3 monitored path {gone} disappeared" in told
    assert f"3 monitored path {folder / 'new'} appeared" in told
    assert "quiet" not in told


async def test_a_changed_mode_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "file").write_text("one")
    (folder / "file").chmod(0o644)
    async with keeping(tmp_path, fswatch={"paths": [str(folder)]}) as persisting:
        await begun(persisting)
        (folder / "file").chmod(0o4755)
        await until(lambda: "mode of" in words(persisting))
        owner = f"{os.getuid()}:{os.getgid()}"
        assert f"-rw-r--r-- {owner} -> urwxr-xr-x {owner}" in words(persisting)


async def test_below_a_recursive_path_new_folders_are_watched_too(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/deep").write_text("one")
    async with keeping(tmp_path, fswatch={"paths": [f"recursive:{folder}"]}) as persisting:
        await begun(persisting)
        (folder / "a/b/deep").write_text("two")
        (folder / "c/d").mkdir(parents=True)
        (folder / "c/d/new").write_text("n")
        await until(lambda: "c/d/new appeared" in words(persisting))
        (folder / "c/d/new").write_text("m")
        await until(lambda: "c/d/new changed" in words(persisting))
        assert f"signature for {folder / 'a/b/deep'} changed" in words(persisting)
        (folder / "a").rename(tmp_path / "elsewhere")
        await until(lambda: "a/b/deep disappeared" in words(persisting))


async def test_a_single_file_is_watched_however_it_is_replaced(tmp_path: Path) -> None:
    file, other = tmp_path / "conf/passwd", tmp_path / "conf/other"
    file.parent.mkdir()
    file.write_text("one")
    async with keeping(tmp_path, fswatch={"paths": [str(file)]}) as persisting:
        await begun(persisting)
        other.write_text("x")
        beside = tmp_path / "conf/passwd.new"
        beside.write_text("two")
        beside.rename(file)
        await until(lambda: alerts(persisting))
        told = words(persisting)
    assert f"signature for {file} changed" in told
    assert str(other) not in told


async def test_a_path_that_is_not_there_yet_is_watched_when_it_is(tmp_path: Path) -> None:
    settings = {"paths": [str(tmp_path / "late/file"), str(tmp_path / "probes")]}
    (tmp_path / "probes").mkdir()
    async with keeping(tmp_path, fswatch=settings) as persisting:
        await begun(persisting)
        (tmp_path / "late").mkdir()
        (tmp_path / "late/file").write_text("x")
        (tmp_path / "probes/again").write_text("x")  # it looks again whenever something happens
        await until(lambda: "late/file appeared" in words(persisting))


# audit


def audited(text: str) -> None:
    """Have the kernel audit a line of ours, as programs with the right to do."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as kernel:
        body = text.encode() + b"\0"
        body += b"\0" * (-len(body) % 4)
        kernel.send(struct.pack("=IHHII", 16 + len(body), 1107, 5, 1, 0) + body)
        answer = kernel.recv(4096)
        (fault,) = struct.unpack_from("=i", answer, 16)
        if fault:
            raise OSError(-fault, os.strerror(-fault))


def ours(persisting: Persisting) -> Any:
    told = (one for one in alerts(persisting, "audit") if "op=vedette-test" in str(one))
    return next(told, None)


def can_audit() -> bool:
    try:
        audited("op=probe")
    except OSError:
        return False
    return True


@pytest.mark.skipif(not can_audit(), reason="this kernel or user has no audit")
async def test_what_the_kernel_audits_is_told(tmp_path: Path) -> None:
    settings = {"audit": {"includeraw": True}}
    async with keeping(tmp_path, audit=settings) as persisting:
        await begun(persisting, "audit")
        audited("op=vedette-test exe=/bin/true")
        event = await until(lambda: ours(persisting))
    audit = event["audit"]
    assert audit["records"][0]["type"] == "USER_AVC"
    assert "op=vedette-test" in audit["records"][0]["data"]["msg"]
    assert audit["timestamp"] > 1.6e9
    assert audit["raw"]


# dispatch


class Taker:
    """An HTTP server that takes what is posted; refuses as often as it is told."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.heads: list[bytes] = []
        self.refuse = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> "Taker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0])
                body = json.loads(await reader.readexactly(length))
                self.refuse -= 1
                if self.refuse < 0:
                    self.taken.append(body)
                    NEWS.set()
                status = b"503 No" if self.refuse >= 0 else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        writer.close()


async def test_alerts_are_dispatched_until_they_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    async with Taker() as taker:
        taker.refuse = 1
        dispatch = {"httpurl": f"http://127.0.0.1:{taker.port}/in?a=b", "authorization": "Bearer x"}
        settings = {"fswatch": {"paths": [str(folder)]}, "dispatch": {"dispatch": dispatch}}
        async with keeping(tmp_path, **settings) as persisting:
            await begun(persisting, "dispatch")
            await begun(persisting)
            (folder / "new").write_text("x")
            await until(lambda: any("new appeared" in one["event"]["alert"] for one in taker.taken))
        assert taker.heads[0].startswith(b"POST /in?a=b HTTP/1.1")
        assert b"Authorization: Bearer x" in taker.heads[0]
        record = taker.taken[0]
        assert list(record) == ["hostname", "environment", "tags", "event"]
        assert record["hostname"] == "here"
        assert set(record["event"]) == {"severity", "alert"}


# Keeping


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Install a module that keeps running and does what its body says; return its name."""

    def install(body: str) -> str:
        site = tmp_path / "site"
        information = site / "rogue-1.0.dist-info"
        information.mkdir(parents=True)
        (site / "rogue.py").write_text(ROGUE.format(body=body))
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rogue\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text("[vedette.modules]\nrogue = rogue:Rogue\n")
        monkeypatch.syspath_prepend(str(site))
        plugins._foreign.cache_clear()
        monkeypatch.setattr(persist, "FIRST_PAUSE_S", 0.05)
        return "rogue"

    yield install
    sys.modules.pop("rogue", None)
    plugins._foreign.cache_clear()


ROGUE = """
import os, time
from vedette.agent.modules import Needs, Parameters
from vedette.agent.modules.persistent import Asked

class Settings(Parameters, frozen=True, kw_only=True):
    text: str = ""

class Rogue(Asked):
    name = "rogue"
    description = "Misbehaves."
    needs = Needs()
    settings = Settings

    def keep(self, settings, line, context):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return", "it ended with 0"),
        ("raise OSError(1, 'told to')", "told to"),
        ("os._exit(9)", "it ended with 9"),
        ("raise ValueError('a bug')", "ValueError: a bug"),
        ("os.write(line._outgoing, b'nonsense\\n'); time.sleep(60)", "none of ours"),
        ("os.write(line._outgoing, b'x' * 500_000); time.sleep(60)", "a line without end"),
        ("time.sleep(60)", "it was silent"),
        ("x = bytearray(1 << 30)", "MemoryError"),
        ("open('/tmp/rogue', 'w')", "Permission denied"),
    ],
)
async def test_a_module_that_ends_is_begun_again_and_why_is_said(
    tmp_path: Path,
    rogue: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    why: str,
) -> None:
    if "silent" in why:
        monkeypatch.setattr(persist, "SILENCE_S", 2.0)
    name = rogue(body)
    async with keeping(tmp_path, **{name: {}}) as persisting:
        keeper = persisting._kept[name]
        await until(lambda: keeper.restarts >= 2 and why in keeper.why, 30)
        assert why in keeper.why
        again = persisting.answer(name, Query())
        assert again.statistics["restarts"] >= 2


async def test_a_flood_of_events_is_bounded_and_counted(
    tmp_path: Path, rogue: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "FILE_BYTES", 10_000)
    name = rogue(
        "n = 0\n        while True:\n            line.tell({'n': n}); n += 1; line.wait(0)"
    )
    async with keeping(tmp_path, **{name: {}}) as persisting:
        keeper = persisting._kept[name]
        await until(lambda: keeper._kept.dropped > 1_000)
        told = persisting.answer(name, Query(last=5))
        assert len(told.elements["events"]) == 5
        assert told.statistics["dropped"] > 1_000
    sizes = [path.stat().st_size for path in (tmp_path / "events").iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 10_000


async def test_nothing_of_it_runs_when_the_agent_stops(
    tmp_path: Path, rogue: Callable[[str], str]
) -> None:
    name = rogue("line.tell({'pid': os.getpid()})\n        while True: line.wait(1)")
    async with keeping(tmp_path, **{name: {}}) as persisting:
        (event,) = await until(lambda: alerts(persisting, name))
    with pytest.raises(ProcessLookupError):
        os.kill(event["pid"], 0)


def test_events_outlive_the_agent_and_a_line_cut_short(tmp_path: Path) -> None:
    first = Kept(tmp_path / "fswatch")
    for number in range(3):
        assert first.add({"n": number})
    first.close()
    with (tmp_path / "fswatch.jsonl").open("ab") as file:
        file.write(b'{"at": "x", "ev')
    assert [one["event"]["n"] for one in Kept(tmp_path / "fswatch").last(2)] == [1, 2]


@pytest.mark.parametrize("name", ["audit", "dispatch", "fswatch"])
def test_a_module_that_keeps_running_passes_its_door(name: str) -> None:
    module = plugins.load("vedette.modules", name)
    assert isinstance(module(), Persistent)
    assert json.dumps(msgspec.json.schema(module.settings))
    with pytest.raises(Invalid, match=r"'nosuchkey'.*known: "):
        persist.checked_settings(name, {"nosuchkey": 1})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"file": {}}, "does not keep running"),
        ({"fswatch": {"path": []}}, "did you mean 'paths'"),
        ({"fswatch": {"paths": "x"}}, "persistent, fswatch"),
        ({"dispatch": {}}, "dispatch"),
        ({"dispatch": {"dispatch": {}}}, "write httpurl or snstopic"),
        ({"dispatch": {"dispatch": {"httpurl": "http://x", "snstopic": "x"}}}, "to one place"),
        ({"audit": {"audit": {"rulespath": "/x"}}}, "rulespath is not there: the rules are the h"),
        ({"audit": {"audit": {"backloglimit": 1}}}, "backloglimit is not there: it is of the queu"),
        ({"audit": {"audit": {"ratelimit": 0}}}, "persistent, audit"),
    ],
)
def test_what_the_owner_wrote_wrong_is_named(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(Invalid) as refused:
        Persisting(settings, tmp_path)
    assert said in str(refused.value)


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no module called 'nosuch'"):
        Persisting({"nosuch": {}}, tmp_path)


def test_a_module_nobody_keeps_says_how_it_would_be(tmp_path: Path) -> None:
    result = Persisting({}, tmp_path).answer("fswatch", Query())
    assert not result.success
    assert "agent.yaml" in result.errors[0]


async def test_where_names_are_masked_no_event_is_told(
    tmp_path: Path, rogue: Callable[[str], str]
) -> None:
    name = rogue("line.tell({'alert': 'x'})\n        while True: line.wait(1)")
    async with keeping(tmp_path, **{name: {}}) as persisting:
        await until(lambda: alerts(persisting, name))
        assert persisting.answer(name, Query(last=9), privacy=True).elements == {"ok": True}


# In the agent


async def test_an_agent_keeps_what_its_owner_wrote_and_answers_for_it(tmp_path: Path) -> None:
    server = FakeServer()
    await server.start()
    folder = tmp_path / "etc"
    folder.mkdir()
    data_dir = enrolled(server, tmp_path / "agent")
    (data_dir / "agent.yaml").write_text(
        f"sandbox: partial\npersistent: {{fswatch: {{paths: [{folder}]}}}}\n"
    )
    async with Agent(Options(data_dir=data_dir)) as agent:
        agent.persisting._kept["fswatch"]._heard = NEWS.set
        await begun(agent.persisting)
        (folder / "new").write_text("x")
        await until(lambda: "new appeared" in words(agent.persisting))
        asked = {"last": 5}
        ran = await run_operation("fswatch", asked, OperationLimits(), privacy=False, partial=True)
        answer = json.loads(await agent.carrier.out("fswatch", ran.result, within_s=5))
        assert (answer["success"], answer["elements"]["ok"]) == (True, True)
        assert "new appeared" in answer["elements"]["events"][0]["event"]["alert"]
        other = json.loads(await agent.carrier.out("audit", ran.result, within_s=5))
        assert "not kept running here" in other["errors"][0]
    await server.stop()


def test_the_owners_mistake_ends_the_start_with_its_words(tmp_path: Path) -> None:
    rules = read_host_rules({"persistent": {"fswatch": {"pats": []}}})
    with pytest.raises(Invalid, match="did you mean 'paths'"):
        Persisting(rules.persistent, tmp_path)
