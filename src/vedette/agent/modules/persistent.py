"""The door of modules that keep running: settings from the host's owner, events to its agent.

Such a module runs in a process of its own as long as its agent does, behind the walls of an
operation. It is a module besides: asked by an action, it says how it is.
"""

import os
import select
import time
from collections.abc import Mapping, Set
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import msgspec
from msgspec import Meta

from vedette.agent.modules import Context, Module, Parameters, Result
from vedette.agent.modules.ordering import ordered

BEAT_S = 5.0
"""How often a module says that it lives; it is ended after a silence of several."""
LINE_BYTES = 64 << 10
"""Of an event; a longer one is told as one that was too long."""


class Query(Parameters, frozen=True, kw_only=True):
    """What a module that keeps running can be asked: how it is, and its last events.

    last: how many events come with the answer.
    """

    last: Annotated[int, Meta(ge=0, le=1000)] = 0


class Line:
    """A module's line to its agent. incoming, outgoing: descriptors of pipes."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._rest = b""
        self._beaten = float("-inf")
        self._events: list[Any] = []

    def tell(self, event: Mapping[str, Any]) -> None:
        """Hand an event on."""
        self._write({"event": event})

    def say(self, words: str) -> None:
        """Have something written into the agent's log."""
        self._write({"log": words[:2_000]})

    def wait(self, seconds: float, *descriptors: int) -> Set[int]:
        """Wait until one of the descriptors can be read, an event came in, or the time is over.

        Returns those that can be read. Ends the process when the agent is gone.
        """
        until = time.monotonic() + seconds
        while True:
            self._beat()
            left = min(until - time.monotonic(), BEAT_S)
            ready, _, _ = select.select([self._incoming, *descriptors], [], [], max(0.0, left))
            if self._incoming in ready:
                self._receive()
            if self._events or len(ready) > (self._incoming in ready) or left <= 0:
                return {one for one in ready if one != self._incoming}

    def received(self) -> list[Any]:
        """Return the events that others' modules told, for whoever forwards them; each once."""
        events, self._events = self._events, []
        return events

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= BEAT_S / 2:
            self._beaten = time.monotonic()
            self._write({"beat": True})

    def _receive(self) -> None:
        piece = os.read(self._incoming, LINE_BYTES)
        if not piece:
            raise SystemExit(0)
        *whole, self._rest = (self._rest + piece).split(b"\n")
        self._events += [msgspec.json.decode(one) for one in whole if one]

    def _write(self, said: Mapping[str, Any]) -> None:
        line = msgspec.json.encode(said)
        if len(line) >= LINE_BYTES:
            line = msgspec.json.encode(
                {"log": f"an event of {len(line)} bytes is too long to tell"}
            )
        line += b"\n"
        while line:
            line = line[os.write(self._outgoing, line) :]


@runtime_checkable
class Persistent(Module, Protocol):
    """A module that keeps running, too. settings: what the host's owner writes in agent.yaml."""

    settings: ClassVar[type[Parameters]]

    def keep(self, settings: Any, line: Line, context: Context) -> None:  # noqa: ANN401 - of its own kind
        """Watch for as long as the agent lives; raise whatever ends that."""
        ...


class Asked:
    """The half of such a module that answers actions."""

    parameters: ClassVar[type[Parameters]] = Query

    def run(self, parameters: Query, context: Context) -> Result:
        """Return the order to ask the agent how the module is."""
        return ordered(parameters)
