"""Obeying: a command that came down the stream is run, and its rows go up in parts.

The agent believes no server: only commands that the target's own connector declares are run, with
parameters checked here against that declaration, if the host's owner lets it (`asks` in agent.yaml),
each in a connector of its own, beside the looks. What comes back is checked and bounded here too.

A command is run once: the ids of the latest are kept with what was said, and one that comes again
(its stream broke meanwhile) is told again, not run again. A restarted agent remembers none: since
asks only read, running one again harms nobody; the server does not mix the two answers.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from vedette.actions.model import AT_ONCE, ROWS, SIZE_BYTES, Command
from vedette.actions.rules import command_called, parameters_of
from vedette.agent.connector import RefusedByHost
from vedette.agent.connectors.errors import EXPECTED, fault_of
from vedette.agent.generic import commands_of
from vedette.agent.obey_rows import Rows, rows_from
from vedette.agent.run import MESSAGE_BYTES, cut
from vedette.agent.secrets import SecretMissing, redact
from vedette.agent.watch import Host, Watch
from vedette.errors import Conflict, VedetteError
from vedette.link.client import Assignment
from vedette.link.orders import Order, Said

log = structlog.get_logger(__name__)

REMEMBERED = 256
"""Ids of commands that are not run again."""
KEPT_BYTES = 4 << 20
"""Of answers kept to be told again; the oldest make room, their ids stay."""
LONGEST_S = 60.0
LOOK_SHARE = 0.9
"""Of the time given, for the connector: so it can still say itself that it was not enough."""
PARAMETERS_BYTES = 16 << 10


@dataclass(slots=True)
class _Kept:
    """A command that was taken: what was said so far; forgotten: that made room for others."""

    said: list[Said] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    forgotten: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(len(each.rows_json) for each in self.said)


class Obedience:
    """Runs what the server asks, within what the host's owner lets it.

    allowed: `all`, `none`, or names of commands. say: sends a part up the stream there is.
    """

    def __init__(
        self,
        host: Host,
        assignment_of: Callable[[int], Assignment | None],
        say: Callable[[Said], None],
        *,
        allowed: Sequence[str] | str = "all",
    ) -> None:
        self._host = host
        self._assignment_of = assignment_of
        self._say = say
        self._allowed = allowed
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def obey(self, order: Order) -> None:
        """Run it, unless it was run already: then say again what was said."""
        known = self._kept.get(order.id)
        if known is not None:
            self._tell_again(order.id, known)
            return
        kept = self._kept[order.id] = _Kept()
        running = sum(1 for each in self._kept.values() if each.task is not None)
        if running >= AT_ONCE:
            words = f"{running} commands are running here already"
            self._keep(
                kept, Said(id=order.id, number=1, last=True, error_class="busy", message=words)
            )
            return
        kept.task = asyncio.create_task(self._run(order, kept), name=f"command {order.id}")

    def cancel(self, command_id: int) -> None:
        """End it; nobody waits for what it would say."""
        kept = self._kept.get(command_id)
        if kept is not None and kept.task is not None:
            kept.task.cancel()

    async def stop(self) -> None:
        """End all that are running."""
        tasks = [each.task for each in self._kept.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, order: Order, rows: Rows) -> None:
        """Put the whole answer, and with its last part how it ended; a failure is an end, too."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        error_class = message = ""
        try:
            async with asyncio.timeout(min(order.within_s, LONGEST_S)):
                await self._answer(order, rows)
        except Exception as fault:  # noqa: BLE001 - whatever a connector raises is its answer
            error_class, message = _failure(fault, order)
            if error_class == "connector_crash":
                log.warning("a command failed", command=order.name, why=message)
        rows.end(
            error_class=error_class,
            message=cut(redact(message, rows.secrets), MESSAGE_BYTES),
            took_ms=int((loop.time() - begun) * 1000),
        )

    async def _run(self, order: Order, kept: _Kept) -> None:
        rows = Rows(
            command_id=order.id,
            say=lambda said: self._keep(kept, said),
            most_rows=min(order.rows, ROWS),
            most_bytes=min(order.size_bytes, SIZE_BYTES),
        )
        try:
            await self.ask(order, rows)
        except asyncio.CancelledError:
            kept.said.clear()
            kept.forgotten = True
            raise
        finally:
            kept.task = None

    async def _answer(self, order: Order, rows: Rows) -> None:
        assignment = self._assignment_of(order.target_id)
        if assignment is None:
            raise Conflict("the agent does not look at this target now")
        if self._allowed != "all" and order.name not in self._names():
            raise RefusedByHost(f"asks in agent.yaml does not allow {order.name!r}")
        watch = Watch(assignment, self._host)
        try:
            try:
                connector, look = await watch.ready(order.within_s * LOOK_SHARE)
            finally:
                rows.secrets = watch.secrets  # a setting that is refused is told with its value
            command, parameters = _checked(order, connector.description)
            rows.columns = command.columns
            await rows_from(connector, look, command, parameters, rows)
        finally:
            await watch.close()

    def _names(self) -> Sequence[str]:
        return () if isinstance(self._allowed, str) else self._allowed

    def _keep(self, kept: _Kept, said: Said) -> None:
        kept.said.append(said)
        self._say(said)
        while len(self._kept) > REMEMBERED:
            oldest = next(iter(self._kept.values()))
            if oldest.task is not None:
                break  # at most AT_ONCE of them
            self._kept.popitem(last=False)
        size_bytes = sum(each.size_bytes for each in self._kept.values())
        for each in self._kept.values():
            if size_bytes <= KEPT_BYTES:
                return
            if each.task is None and each is not kept:
                size_bytes -= each.size_bytes
                each.said.clear()
                each.forgotten = True

    def _tell_again(self, command_id: int, kept: _Kept) -> None:
        if kept.forgotten:
            words = "it was run, and its answer is no longer kept"
            self._say(
                Said(id=command_id, number=1, last=True, error_class="forgotten", message=words)
            )
        for said in kept.said:
            self._say(said)


def _checked(order: Order, description: Any) -> tuple[Command, dict[str, Any]]:  # noqa: ANN401
    command = command_called(order.name, commands_of(description), description.name)
    if len(order.parameters_json) > PARAMETERS_BYTES:
        raise _Unreadable(f"parameters of {len(order.parameters_json)} bytes")
    try:
        given = msgspec.json.decode(order.parameters_json or "{}", type=dict[str, Any])
    except msgspec.MsgspecError as fault:
        raise _Unreadable(f"the parameters cannot be read: {fault}") from None
    try:
        return command, parameters_of(command, given)
    except VedetteError as wrong:
        raise _Unreadable(str(wrong)) from None


class _Unreadable(Exception):  # noqa: N818 - what was asked, not a fault of ours
    """The order does not fit what the connector declares; becomes `bad_parameters`."""


def _failure(fault: Exception, order: Order) -> tuple[str, str]:
    """Return the error class and the words of a command that failed."""
    if isinstance(fault, RefusedByHost):
        return "refused_by_host", str(fault)
    if isinstance(fault, SecretMissing):
        return "secret_missing", str(fault)
    if isinstance(fault, _Unreadable):
        return "bad_parameters", str(fault)
    if isinstance(fault, Conflict):
        return "not_watched", str(fault)
    if isinstance(fault, VedetteError):
        return "unsupported" if fault.kind == "missing" else "bad_settings", str(fault)
    if isinstance(fault, TimeoutError) and not str(fault):
        return "timeout", f"no whole answer within {order.within_s:g} s"
    if isinstance(fault, EXPECTED):
        known = fault_of(fault)
        return known.error_class, known.message
    words = " ".join(str(fault).split())
    return "connector_crash", f"{type(fault).__name__}: {words}".rstrip(": ")
