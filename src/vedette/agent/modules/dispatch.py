"""MIG's `dispatch` module: what other modules that keep running tell is sent on by HTTP.

An event is sent until it was taken (any 2xx), the oldest first; when too many wait, the oldest go,
and how many is said in the agent's log.
"""

import http.client
import ssl
import time
from collections import deque
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters
from vedette.agent.modules.persistent import Asked, Line
from vedette.errors import Invalid

TIMEOUT_S = 10.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class DispatchWhere(Parameters, frozen=True, kw_only=True):
    """httpurl: where each event is posted as JSON. channelsize: how many may wait.

    authorization: the header of that name, if the other side wants one.
    """

    httpurl: Annotated[str, Meta(min_length=1, max_length=2048)]
    channelsize: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024
    authorization: Annotated[str, Meta(max_length=4096)] = ""


class DispatchSettings(Parameters, frozen=True, kw_only=True):
    """Where events go."""

    dispatch: DispatchWhere


class Dispatch(Asked):
    """Sends events on."""

    name: ClassVar[str] = "dispatch"
    description: ClassVar[str] = "Keeps running: sends the events of other modules on by HTTP."
    needs: ClassVar[Needs] = Needs(network=True)
    settings: ClassVar[type[Parameters]] = DispatchSettings

    def keep(self, settings: DispatchSettings, line: Line, context: Context) -> None:
        """Send until the agent ends; `Invalid` for an address that is none."""
        door = Door(settings.dispatch)
        line.say(f"sends events to {door.shown}")
        waiting: deque[Any] = deque(maxlen=settings.dispatch.channelsize)
        pause, again_at = FIRST_PAUSE_S, 0.0
        while True:
            line.wait(max(0.0, again_at - time.monotonic()) if waiting else 60.0)
            received = line.received()
            if lost := max(0, len(waiting) + len(received) - settings.dispatch.channelsize):
                line.say(f"{lost} events were not sent: too many wait")
            waiting += received
            if not waiting or time.monotonic() < again_at:
                continue
            if fault := door.post(waiting[0]):
                line.say(f"{door.shown} does not take events: {fault}")
                again_at = time.monotonic() + pause
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                waiting.popleft()
                pause, again_at = FIRST_PAUSE_S, 0.0


class Door:
    """The other side, over one connection that is kept. shown: its address without what is secret."""

    def __init__(self, where: DispatchWhere) -> None:
        url = urlsplit(where.httpurl)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Invalid("httpurl is no address", hint="write http://… or https://…")
        try:
            self._port = url.port
        except ValueError:
            raise Invalid("httpurl has no port that could be") from None
        self.shown = f"{url.scheme}://{url.hostname}"
        self._secure, self._host = url.scheme == "https", url.hostname
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = {"Content-Type": "application/json"}
        if where.authorization:
            self._headers["Authorization"] = where.authorization
        self._connection: http.client.HTTPConnection | None = None

    def post(self, event: Any) -> str:  # noqa: ANN401 - plain JSON
        """Post an event and return "", or why it was not taken."""
        try:
            connection = self._connection = self._connection or self._connected()
            connection.request("POST", self._path, msgspec.json.encode(event), self._headers)
            answer = connection.getresponse()
            answer.read(65_536)
            kept = answer.isclosed() and not answer.will_close
        except (OSError, http.client.HTTPException) as fault:
            self._close()
            return str(fault) or type(fault).__name__
        if not kept:
            self._close()
        return "" if 200 <= answer.status < 300 else f"it answers {answer.status}"

    def _connected(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_S, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
