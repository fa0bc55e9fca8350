"""MIG's `dispatch` module: what other modules that keep running tell is sent on, by HTTP or to SNS.

An event is sent until it was taken (any 2xx), the oldest first; when too many wait, the oldest go,
and how many is said in the agent's log. One that nobody will ever take is said there and dropped, or
it would keep all behind it.
"""

import http.client
import os
import re
import ssl
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
from msgspec import Meta

from vedette import clock
from vedette.agent.modules import Context, Needs, Parameters, aws
from vedette.agent.modules.persistent import Asked, Line
from vedette.errors import Invalid, Unavailable

TIMEOUT_S = 10.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_ANSWER_BYTES = 65_536
SNS_BYTES = 262_144
"""How large a message of SNS may be."""
_ABOUT_THE_EVENT = {413: "it is too large", 422: "it cannot be processed"}
"""Answers that repeating does not change. All others may be ours to mend: an address, a key."""
_CODE = re.compile(rb"<Code>([A-Za-z.]{1,100})</Code>")


class DispatchWhere(Parameters, frozen=True, kw_only=True):
    """httpurl: where each event is posted as JSON; or snstopic: a topic of SNS, by its name or its ARN.

    channelsize: how many may wait. authorization: the header of that name, if the other side wants one.
    awscredentials: a file with a section `default`; without, the role of the instance. snsendpoint:
    where the topic is served, if not at Amazon's public address. outputmozdef: as MozDef takes it.
    """

    httpurl: Annotated[str, Meta(max_length=2048)] = ""
    snstopic: Annotated[str, Meta(max_length=1024)] = ""
    awscredentials: Annotated[str, Meta(max_length=4096)] = ""
    snsendpoint: Annotated[str, Meta(max_length=2048)] = ""
    outputmozdef: bool = False
    channelsize: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024
    authorization: Annotated[str, Meta(max_length=4096)] = ""

    def __post_init__(self) -> None:
        """Refuse two places to go to, and none."""
        if bool(self.httpurl) == bool(self.snstopic):
            raise ValueError("it goes to one place: write httpurl or snstopic")


class DispatchSettings(Parameters, frozen=True, kw_only=True):
    """Where events go."""

    dispatch: DispatchWhere


class Unwanted(Exception):  # noqa: N818 - a word of the other side, not a fault
    """This one event is never taken, however often it is sent."""


class Dispatch(Asked):
    """Sends events on."""

    name: ClassVar[str] = "dispatch"
    description: ClassVar[str] = (
        "Keeps running: sends the events of other modules on, by HTTP or to SNS."
    )
    needs: ClassVar[Needs] = Needs(network=True)
    settings: ClassVar[type[Parameters]] = DispatchSettings

    def keep(self, settings: DispatchSettings, line: Line, context: Context) -> None:
        """Send until the agent ends; `Invalid` for an address that is none."""
        where = settings.dispatch
        door = Sns(where) if where.snstopic else Web(where)
        line.say(f"sends events to {door.shown}")
        waiting: deque[Any] = deque(maxlen=where.channelsize)
        pause, again_at = FIRST_PAUSE_S, 0.0
        while True:
            line.wait(max(0.0, again_at - time.monotonic()) if waiting else 60.0)
            received = line.received()
            if lost := max(0, len(waiting) + len(received) - where.channelsize):
                line.say(f"{lost} events were not sent: too many wait")
            waiting += map(_mozdef, received) if where.outputmozdef else received
            if not waiting or time.monotonic() < again_at:
                continue
            try:
                fault = _sent(door, msgspec.json.encode(waiting[0]))
            except Unwanted as reason:
                line.say(f"an event is dropped, {door.shown} would never take it: {reason}")
                fault = ""
            if fault:
                line.say(f"{door.shown} does not take events: {fault}")
                again_at = time.monotonic() + pause
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                waiting.popleft()
                pause, again_at = FIRST_PAUSE_S, 0.0


class Http:
    """Another side, over one connection that is kept."""

    def __init__(self, secure: bool, host: str, port: int | None) -> None:
        self._secure, self._host, self._port = secure, host, port
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the beginning of the answer; raises OSError, HTTPException."""
        try:
            connection = self._connection = self._connection or self._connected()
            connection.request("POST", path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read(_ANSWER_BYTES)
            kept = answer.isclosed() and not answer.will_close
        except (OSError, http.client.HTTPException):
            self._close()
            raise
        if not kept:
            self._close()
        return answer.status, content

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


class Web:
    """An address that takes events. shown: the address without what is secret."""

    def __init__(self, where: DispatchWhere) -> None:
        url, self._http = _address(where.httpurl, "httpurl")
        self.shown = f"{url.scheme}://{url.hostname}"
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = {"Content-Type": "application/json"}
        if where.authorization:
            self._headers["Authorization"] = where.authorization

    def post(self, event: bytes) -> str:
        """Post an event and return "", or why it was not taken; raises Unwanted."""
        status, _ = self._http.post(self._path, event, self._headers)
        if status in _ABOUT_THE_EVENT:
            raise Unwanted(f"{_ABOUT_THE_EVENT[status]} ({status})")
        return "" if 200 <= status < 300 else f"it answers {status}"


class Sns:
    """A topic of Amazon's SNS. shown: its name."""

    def __init__(self, where: DispatchWhere) -> None:
        self._where = where
        self._topic = aws.read_topic(where.snstopic)
        self._instance = aws.Instance()
        self._served = _address(where.snsendpoint, "snsendpoint") if where.snsendpoint else None
        self.shown = f"the topic {where.snstopic}"

    def post(self, event: bytes) -> str:
        """Publish an event and return "", or why it was not taken; raises Unwanted."""
        if len(event) > SNS_BYTES:
            raise Unwanted(f"it has {len(event):,} bytes, and SNS takes {SNS_BYTES:,}")
        now = clock.now()
        topic = self._topic = self._topic or self._instance.topic(self._where.snstopic)
        file = self._where.awscredentials
        key = aws.key_of_file(Path(file)) if file else self._instance.key(now=now)
        url, connection = self._served = self._served or _address(f"https://{topic.host}", "SNS")
        said = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": topic.arn}
        body = urlencode({**said, "Message": event.decode()}).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        headers = aws.signed(
            key, "sns", topic.region, host=url.netloc, headers=form, body=body, now=now
        )
        status, content = connection.post("/", body, headers)
        if 200 <= status < 300:
            return ""
        code = _CODE.search(content)
        return f"it answers {status}{f' ({code[1].decode()})' if code else ''}"


def _address(text: str, key: str) -> tuple[SplitResult, Http]:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Invalid(f"{key} is no address", hint="write http://… or https://…")
    if url.username is not None or url.password is not None:
        raise Invalid(f"{key} holds a name or a password", hint="for httpurl: authorization")
    try:
        port = url.port
    except ValueError:
        raise Invalid(f"{key} has no port that could be") from None
    return url, Http(url.scheme == "https", url.hostname, port)


def _sent(door: Web | Sns, event: bytes) -> str:
    """Return "", or why an event was not taken; raises Unwanted."""
    try:
        return door.post(event)
    except (OSError, http.client.HTTPException, Unavailable) as fault:
        return str(fault) or type(fault).__name__


def _mozdef(record: Any) -> dict[str, Any]:  # noqa: ANN401 - plain JSON
    """Return a record as MozDef takes events in, in the words that MIG uses."""
    return {
        "timestamp": clock.now().isoformat(),
        "category": "mig",
        "hostname": record["hostname"],
        "processid": os.getpid(),
        "processname": "vedette-agent",
        "severity": "INFO",
        "source": "vedette",
        "summary": "mig dispatch event",
        "tags": ["mig-dispatch"],
        "details": record,
    }
