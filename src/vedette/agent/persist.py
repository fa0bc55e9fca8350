"""Keeping modules running: each in a process of its own, begun again when it ends or falls silent.

What they tell is kept here, bounded, and handed to `dispatch` where the host's owner has one, else
to the agent's log, as MIG does.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from vedette import clock, plugins
from vedette.actions.unknown_keys import refuse_unknown
from vedette.agent import sandbox
from vedette.agent.events import Kept
from vedette.agent.modules import GROUP, Parameters, Result
from vedette.agent.modules.persistent import BEAT_S, LINE_BYTES, Query
from vedette.errors import Invalid

log = structlog.get_logger(__name__)

SILENCE_S = 6 * BEAT_S
"""A module that says nothing for so long is ended."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
WELL_S = 60.0
"""A module that ran for so long is begun again at once, should it end."""
DISPATCH = "dispatch"
LIMITS = {"RLIMIT_AS": 256 << 20, "RLIMIT_NOFILE": 1024, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 512}
_PERSISTED = str(Path(__file__).with_name("persisted.py"))
_WAITING_BYTES = 1 << 20
"""What may wait for `dispatch` to read; more is dropped and counted."""


class Persisting:
    """The modules that this host's owner lets run on.

    settings: by module. about: hostname, environment and tags, which go with what is dispatched.
    partial: begin modules, too, where the kernel lacks a wall. heard: called when there is news.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        data_dir: Path,
        *,
        about: Mapping[str, Any] | None = None,
        partial: bool = False,
        heard: Callable[[], None] = lambda: None,
        root: Path = Path("/"),
    ) -> None:
        self._about = about or {}
        checked = {name: checked_settings(name, given) for name, given in settings.items()}
        self._kept = {
            name: Keeper(
                name,
                one,
                Kept(data_dir / "events" / name),
                self._event,
                heard=heard,
                partial=partial,
                root=root,
            )
            for name, one in checked.items()
        }

    @property
    def names(self) -> Collection[str]:
        """The modules that are kept running here."""
        return self._kept

    def start(self) -> None:
        """Begin all."""
        for keeper in self._kept.values():
            keeper.start()

    async def stop(self) -> None:
        """End all, and wait until they are gone."""
        await asyncio.gather(*(keeper.stop() for keeper in self._kept.values()))

    def answer(self, name: str, query: Query, *, privacy: bool = False) -> Result:
        """Return how a module is, and the last events it told."""
        keeper = self._kept.get(name)
        if keeper is None:
            words = f"{name} is not kept running here"
            hint = f"the host's owner writes `persistent: {{{name}: …}}` into agent.yaml"
            return Result(errors=[f"{words}: {hint}"])
        return keeper.answer(0 if privacy else query.last)

    def _event(self, name: str, event: Any) -> None:  # noqa: ANN401 - plain JSON
        dispatch = self._kept.get(DISPATCH)
        if dispatch is not None and name != DISPATCH:
            dispatch.send({**self._about, "event": event})
        else:
            log.warning("an alert", module=name, alert=event)


def checked_settings(name: str, given: object) -> Parameters:
    """Return a module's settings; raise `Invalid` naming what is wrong in agent.yaml."""
    module = plugins.load(GROUP, name)
    if not (hasattr(module, "keep") and hasattr(module, "settings")):
        words = f"agent.yaml: persistent: the module {name!r} does not keep running"
        raise Invalid(words, hint="audit, dispatch and fswatch do")
    said = given.get(name) if isinstance(given, dict) else None
    for key, why in getattr(module, "not_here", {}).items():
        if isinstance(said, dict) and key in said:
            raise Invalid(f"agent.yaml: persistent, {name}: {key} is not there: {why}")
    refuse_unknown(module.settings, given, what=f"agent.yaml: persistent, {name}")
    try:
        settings: Parameters = msgspec.convert(given or {}, module.settings)
    except msgspec.ValidationError as fault:
        raise Invalid(f"agent.yaml: persistent, {name}: {fault}") from None
    return settings


class Keeper:
    """One module that keeps running."""

    def __init__(
        self,
        name: str,
        settings: Parameters,
        kept: Kept,
        event: Callable[[str, Any], None],
        *,
        heard: Callable[[], None],
        partial: bool,
        root: Path,
    ) -> None:
        self.name = name
        self.words = ""
        self.restarts = 0
        self.dropped = 0
        self.why = ""
        self._settings = msgspec.json.encode(settings)
        self._kept = kept
        self._event = event
        self._heard = heard
        self._partial = partial
        self._root = root
        self._child: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._since = ""

    def start(self) -> None:
        """Begin to keep it."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def stop(self) -> None:
        """End it and wait until it is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._kept.close()

    def send(self, event: Any) -> None:  # noqa: ANN401 - plain JSON
        """Hand it an event of another's; dropped, and counted, when too many wait."""
        pipe = self._child.stdin if self._child is not None else None
        if pipe is None or pipe.is_closing():
            self.dropped += 1
            return
        if pipe.transport.get_write_buffer_size() > _WAITING_BYTES:
            self.dropped += 1
            return
        pipe.write(msgspec.json.encode(event) + b"\n")

    def answer(self, last: int) -> Result:
        """Return how it is."""
        runs = self._child is not None and self._child.returncode is None
        elements: dict[str, Any] = {"ok": runs}
        if last:
            elements["events"] = self._kept.last(last)
        statistics = {
            "since": self._since,
            "says": self.words,
            "restarts": self.restarts,
            "events": self._kept.count,
            "dropped": self._kept.dropped + self.dropped,
        }
        errors = [] if runs else [f"{self.name} does not run: {self.why or 'it begins'}"]
        return Result(
            foundanything=runs,
            success=runs,
            elements=elements,
            statistics=statistics,
            errors=errors,
        )

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        while True:
            began = loop.time()
            try:
                self.why = await self._once()
            except OSError as fault:
                self.why = f"it could not be started: {fault.strerror}"
            if loop.time() - began >= WELL_S:
                pause = FIRST_PAUSE_S
            log.warning("a module ended that should run on", module=self.name, why=self.why)
            self.restarts += 1
            self._heard()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _once(self) -> str:
        """Run it to its end and return why it ended."""
        child = self._child = await self._started()
        errors = asyncio.create_task(_beginning(child.stderr))
        try:
            why = await self._listen(child)
        finally:
            sandbox.kill_group(child.pid)
            await child.wait()
        said = (await errors).decode("utf-8", "replace").strip().rpartition("\n")[2]
        return why or said or f"it ended with {child.returncode}"

    async def _started(self) -> asyncio.subprocess.Process:
        told = {
            "limits": LIMITS,
            "path": [place for place in sys.path if Path(place).is_absolute()],
            "parent": os.getpid(),
            "module": self.name,
            "root": str(self._root),
            "partial": self._partial,
        }
        flags = "-ISB" if self.name in plugins.BUILT_IN[GROUP] else "-IB"
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, flags, _PERSISTED, json.dumps(told)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=sandbox.environment(),
            start_new_session=True,
            limit=2 * LINE_BYTES,
        )
        assert child.stdin is not None, "it was asked for"
        child.stdin.write(self._settings + b"\n")
        self._since = clock.now().isoformat(timespec="seconds")
        return child

    async def _listen(self, child: asyncio.subprocess.Process) -> str:
        """Take what it says until it ends; return what was wrong with it, "" when nothing."""
        assert child.stdout is not None, "it was asked for"
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    line = await child.stdout.readline()
            except TimeoutError:
                return f"it was silent for {SILENCE_S:g} s"
            except ValueError:
                return "it said a line without end"
            if not line:
                return ""
            try:
                self._take(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.MsgspecError as fault:
                return f"it said what is none of ours: {fault}"

    def _take(self, said: dict[str, Any]) -> None:
        if "event" in said:
            if self._kept.add(said["event"]):
                self._event(self.name, said["event"])
        elif isinstance(said.get("log"), str):
            self.words = said["log"][:2_000]
            log.info("a module says", module=self.name, words=self.words)
        if "beat" not in said:
            self._heard()


async def _beginning(stream: asyncio.StreamReader | None, most_bytes: int = 4096) -> bytes:
    """Return the first of what a stream holds; the rest is read and dropped."""
    assert stream is not None, "it was asked for"
    kept = bytearray()
    with suppress(ConnectionError):
        while piece := await stream.read(65_536):
            kept += piece[: most_bytes - len(kept)]
    return bytes(kept)
