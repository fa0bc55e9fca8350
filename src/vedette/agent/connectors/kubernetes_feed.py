"""One kind of object, listed once and then followed: what the API server calls list and watch.

The watch stays open between looks. Nobody reads it then: what came waits in the kernel and in the
stream's own bounded buffer, and each look reads what is there. A server that must wait for us too
long ends the watch, and we go on from the last version, or, when that is gone (410), list again.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.exchange import Answer, Exchange, Question
from vedette.agent.connectors.kubernetes_access import Access
from vedette.agent.connectors.kubernetes_objects import (
    Kind,
    read_event,
    read_object,
    read_page,
    read_status,
)
from vedette.health.model import State

PAGE = 500
OBJECTS = 100_000
_PAGE_BYTES = 32 << 20
_LINE_BYTES = 4 << 20
_QUIET_S = 0.02
"""A watch that says nothing for so long is read to its end."""
_WATCH_S = 290
_SILENT_S = 330.0
"""A watch ends by itself before this; one that has not, has lost its other end."""


class Gone(Exception):  # noqa: N818 - the API's own word
    """The version we hold is no longer kept (410): list again."""


@dataclass(slots=True)
class Api:
    """Questions to one API server, one after the other on a connection kept for a look; close it."""

    look: Look
    access: Access
    exchange: Exchange | None = None

    async def open(self) -> Exchange:
        """Return a connection of one's own."""
        access = self.access
        return await Exchange.open(
            self.look, access.address, tls=access.tls, server_name=access.server_name
        )

    async def get(self, path: str, *, limit_bytes: int = 1 << 20) -> Answer:
        """Return the answer, of whatever status."""
        if self.exchange is None or not self.exchange.reusable:
            self.close()
            self.exchange = await self.open()
        return await self.exchange.ask(self.question(limit_bytes), self.place(path))

    def question(self, limit_bytes: int = 1 << 20) -> Question:
        """Return a request with our credentials."""
        headers = {"Accept": "application/json", **self.access.headers}
        return Question(headers=headers, limit_bytes=limit_bytes)

    def place(self, path: str) -> str:
        """Return the path beneath the server's own, as proxies of several clusters have one."""
        return self.access.address.path.rstrip("/") + path

    def checked(self, answer: Answer, what: str) -> Answer:
        """Return a good answer; raise what another one means."""
        if answer.status == 200:
            return answer
        if answer.status == 410:
            raise Gone
        status = read_status(answer.body)
        words = told(status.message or f"it answers {answer.status}", self.look, limit=200)
        if answer.status in (401, 403):
            raise Fault("auth", f"{what}: {words}", State.UNKNOWN)
        raise Fault("bad_status", f"{what}: {words}")

    def close(self) -> None:
        """Let go."""
        if self.exchange is not None:
            self.exchange.close()
            self.exchange = None


async def listed(api: Api, kind: Kind, path: str) -> tuple[dict[str, Any], str]:
    """Return all objects there, page by page, and the version of the list."""
    found: dict[str, Any] = {}
    more = ""
    query = f"?limit={PAGE}" + (f"&{kind.query}" if kind.query else "")
    while True:
        where = f"{path}{query}" + (f"&continue={more}" if more else "")
        answer = api.checked(await api.get(where, limit_bytes=_PAGE_BYTES), kind.name)
        if not answer.whole:
            raise Fault("too_large", f"a page of {kind.name} is too long", State.UNKNOWN)
        page = read_page(kind, answer.body)
        for item in page.items or ():
            found[item.metadata.full_name] = kind.keep(item)
        if len(found) > OBJECTS:
            raise _too_many(kind)
        more = page.metadata.continue_
        if not more:
            return found, page.metadata.resource_version
        # Between two pages others want to run.
        await asyncio.sleep(0)


def _too_many(kind: Kind) -> Fault:
    words = f"there are more than {OBJECTS} {kind.name}; name `namespaces`"
    return Fault("too_large", words, State.UNKNOWN)


class Feed:
    """The objects of a kind in a namespace as the API last said, by their names."""

    def __init__(self, kind: Kind, namespace: str) -> None:
        self.kind = kind
        self.objects: dict[str, Any] = {}
        self.lists = 0
        self._path = kind.path(namespace)
        self._version = ""
        self._watch: Exchange | None = None
        self._rest = b""
        self._heard = 0.0

    async def refresh(self, api: Api) -> None:
        """Bring the objects up to date; a version that is gone costs one list."""
        try:
            await self._follow(api)
        except Gone:
            self.forget()
            await self._follow(api)
        except BaseException:
            self.close()
            raise

    def forget(self) -> None:
        """Begin anew with a list."""
        self.close()
        self._version = ""

    def close(self) -> None:
        """Let go of the watch; the version stays."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._rest = b""

    async def _follow(self, api: Api) -> None:
        if self._watch is not None and time.monotonic() - self._heard > _SILENT_S:
            self.close()
        # A watch that has ended is begun again, and may end again: at a limit of the server's.
        for _ in range(3):
            if not self._version:
                await self._list(api)
            if self._watch is None and not await self._begin(api):
                return
            if await self._drain():
                return
            self.close()

    async def _list(self, api: Api) -> None:
        self.objects, self._version = await listed(api, self.kind, self._path)
        self.lists += 1

    async def _begin(self, api: Api) -> bool:
        """Begin the watch; whoever may list but not watch lists anew each look."""
        if not self._version:
            return False
        query = (
            f"?watch=1&allowWatchBookmarks=true&resourceVersion={self._version}"
            f"&timeoutSeconds={_WATCH_S}" + (f"&{self.kind.query}" if self.kind.query else "")
        )
        watch = await api.open()
        try:
            answer = await watch.begin(api.question(), api.place(self._path + query))
        except BaseException:
            watch.close()
            raise
        if answer.status != 200:
            watch.close()
            if answer.status == 410:
                raise Gone
            self._version = ""
            return False
        self._watch, self._heard = watch, time.monotonic()
        return True

    async def _drain(self) -> bool:
        """Read what has come; say whether the watch goes on."""
        assert self._watch is not None
        while True:
            try:
                async with asyncio.timeout(_QUIET_S):
                    piece = await self._watch.piece()
            except TimeoutError:
                return True
            except (OSError, EOFError, Fault):
                return False  # the connection was cut, which is no news of the objects
            if not piece:
                return False
            self._heard = time.monotonic()
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if len(self._rest) > _LINE_BYTES:
                raise Fault("too_large", f"a change of {self.kind.name} is too long", State.UNKNOWN)
            for line in lines:
                if line.strip():
                    self._apply(line)

    def _apply(self, line: bytes) -> None:
        event = read_event(line)
        if event.type == "ERROR":
            # Most often 410 in a Status; whatever else, a list puts it right.
            raise Gone
        item = read_object(self.kind, event.object)
        self._version = item.metadata.resource_version or self._version
        if event.type == "DELETED":
            self.objects.pop(item.metadata.full_name, None)
        elif event.type in ("ADDED", "MODIFIED"):
            self.objects[item.metadata.full_name] = self.kind.keep(item)
            if len(self.objects) > OBJECTS:
                raise _too_many(self.kind)
