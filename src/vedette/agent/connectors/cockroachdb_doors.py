"""Knocking at a CockroachDB node's own doors: whether it is ready, and what it counts.

When a cluster loses quorum, `/_status` and `/_admin` hang while `/health` and `/_status/vars` go on
answering: so these doors are asked first; what all nodes share is asked in `cockroachdb_told`.
"""

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.cockroachdb_vars import Vars, parse_vars
from vedette.agent.connectors.errors import EXPECTED, Fault, fault_of
from vedette.agent.connectors.exchange import Address, Answer, Exchange, Question

_VARS_BYTES = 16 << 20
_REASON_BYTES = 16 << 10


@dataclass(slots=True)
class Door:
    """What one URL gave.

    ready: the status of `/health?ready=1`; None when it did not answer.
    reason: why it is not ready, in the node's words.
    vars: None when they did not come; `fault` and `vars_fault` say why something did not.
    rtt_s: until the health door answered, connection included.
    """

    address: Address
    ready: int | None = None
    reason: str = ""
    vars: Vars | None = None
    fault: Fault | None = None
    vars_fault: Fault | None = None
    rtt_s: float | None = None


async def knock(look: Look, address: Address, tls: ssl.SSLContext | None, limit_s: float) -> Door:
    """Ask a node's own doors, on one connection when it lets us."""
    door = Door(address)
    line = _Line(look, address, tls)
    try:
        async with asyncio.timeout(limit_s):
            answer = await line.ask("/health?ready=1", _REASON_BYTES)
            door.rtt_s = line.opened_s + answer.first_byte_s
            door.ready, door.reason = answer.status, _reason(answer)
            door.vars = await _vars(line)
    except EXPECTED as error:
        door.vars_fault = fault_of(error)
        door.fault = door.vars_fault if door.ready is None else None
    finally:
        line.close()
    return door


class _Line:
    """One connection for several questions, opened again where the node closes it."""

    def __init__(self, look: Look, address: Address, tls: ssl.SSLContext | None) -> None:
        self._look, self._address, self._tls = look, address, tls
        self._exchange: Exchange | None = None

    async def ask(self, path: str, limit_bytes: int) -> Answer:
        if self._exchange is None or not self._exchange.reusable:
            self.close()
            self._exchange = await Exchange.open(self._look, self._address, tls=self._tls)
        return await self._exchange.ask(Question(limit_bytes=limit_bytes), path)

    @property
    def opened_s(self) -> float:
        return self._exchange.wire.connect_s + self._exchange.wire.tls_s if self._exchange else 0.0

    def close(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None


async def _vars(line: _Line) -> Vars:
    fault: Fault | None = None
    for path in ("/_status/vars", "/metrics"):
        answer = await line.ask(path, _VARS_BYTES)
        if answer.status != 200:
            fault = fault or Fault("bad_status", f"{path} answers {answer.status}")
        elif (read := parse_vars(answer.body)).is_cockroachdb:
            return read
        else:
            fault = fault or Fault("protocol", f"{path} is not CockroachDB's")
    assert fault is not None  # two doors, and neither was it
    raise fault


def _reason(answer: Answer) -> str:
    if answer.status == 200:
        return ""
    try:
        document: Any = json.loads(answer.body)
        return str(document.get("error") or document.get("message") or "")[:200]
    except (ValueError, AttributeError, RecursionError):
        return ""
