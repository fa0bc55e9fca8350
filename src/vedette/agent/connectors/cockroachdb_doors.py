"""Knocking at CockroachDB: each node's own doors first, then what the cluster says of itself.

When a cluster loses quorum, `/_status` and `/_admin` hang while `/health` and `/_status/vars` go on
answering: so the node's doors are asked first, and the rest has a shorter limit of its own.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from vedette.agent.connector import Look
from vedette.agent.connectors.cockroachdb_json import (
    Jobs,
    Member,
    NodeStatus,
    read_jobs,
    read_liveness,
    read_nodes,
)
from vedette.agent.connectors.cockroachdb_vars import Vars, parse_vars
from vedette.agent.connectors.errors import EXPECTED, Fault, fault_of
from vedette.agent.connectors.exchange import Address, Answer, Exchange, Question
from vedette.health.model import State

T = TypeVar("T")

_VARS_BYTES = 16 << 20
_JSON_BYTES = 16 << 20
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


@dataclass(slots=True)
class Told:
    """What the cluster says of itself; what it did not say stands in `faults` by path."""

    nodes: list[NodeStatus] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    jobs: Jobs | None = None
    faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        """Whether the cluster said how its nodes are."""
        return bool(self.nodes or self.members)

    @property
    def hangs(self) -> bool:
        """Whether every question about nodes ran out of time."""
        asked = [self.faults.get(path) for path in ("nodes", "liveness")]
        return all(fault is not None and fault.error_class == "timeout" for fault in asked)


async def knock(look: Look, address: Address, tls: ssl.SSLContext | None, limit_s: float) -> Door:
    """Ask a node's own doors, on one connection when it lets us."""
    door = Door(address)
    asking = asyncio.timeout(limit_s)
    exchange: Exchange | None = None
    try:
        async with asking:
            exchange = await Exchange.open(look, address, tls=tls)
            question = Question(limit_bytes=_REASON_BYTES)
            answer = await exchange.ask(question, "/health?ready=1")
            wire = exchange.wire
            door.rtt_s = wire.connect_s + wire.tls_s + answer.first_byte_s
            door.ready, door.reason = answer.status, _reason(answer)
            if not exchange.reusable:
                exchange.close()
                exchange = await Exchange.open(look, address, tls=tls)
            answer = await exchange.ask(Question(limit_bytes=_VARS_BYTES), "/_status/vars")
            door.vars = _vars(answer)
    except EXPECTED as error:
        door.fault = door.vars_fault = fault_of(error)
        if door.ready is not None:
            door.fault = None
    finally:
        if exchange is not None:
            exchange.close()
    return door


async def ask_cluster(
    look: Look,
    address: Address,
    tls: ssl.SSLContext | None,
    session: str | None,
    limit_s: float,
) -> Told:
    """Ask one node about all of them; every question apart, all at once."""
    told = Told()
    ask = asker(look, address, tls, session)

    async def nodes() -> None:
        try:
            told.nodes, members = read_nodes(await ask("/_status/nodes"))
        except Fault as fault:
            if fault.error_class not in ("bad_status", "auth", "protocol"):
                raise
            try:
                told.nodes, members = read_nodes(await ask("/api/v2/nodes/"))
            except Fault:
                raise fault from None
        for node_id, member in members.items():
            told.members.setdefault(node_id, member)

    async def liveness() -> None:
        told.members.update(read_liveness(await ask("/_admin/v1/liveness")))

    async def jobs() -> None:
        told.jobs = read_jobs(await ask("/_admin/v1/jobs?limit=1000"))

    await asyncio.gather(
        _kept(told, "nodes", nodes, limit_s),
        _kept(told, "liveness", liveness, limit_s),
        _kept(told, "jobs", jobs, limit_s),
    )
    return told


async def log_in(
    look: Look, address: Address, tls: ssl.SSLContext | None, user: str, password: str
) -> str:
    """Return a session of the secure cluster; an `auth` fault when it is refused."""
    question = Question(
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"},
        body=urlencode({"username": user, "password": password}).encode(),
        limit_bytes=_REASON_BYTES,
    )
    answer = await _once(look, address, tls, question, "/api/v2/login/")
    try:
        session = json.loads(answer.body)["session"] if answer.status == 200 else None
    except (ValueError, LookupError, TypeError):
        session = None
    if not isinstance(session, str) or not session.isprintable():
        raise Fault("auth", f"the login was refused with status {answer.status}", State.UNKNOWN)
    return session


def asker(
    look: Look, address: Address, tls: ssl.SSLContext | None, session: str | None
) -> Callable[[str], Awaitable[bytes]]:
    """Return what gets a path's body from that node; every status but 200 is a `Fault`."""
    headers: Mapping[str, str] = {"Accept": "application/json", "Connection": "close"}
    if session is not None:
        # /api/v2 wants the header, the older doors the cookie; it is the same session.
        headers = {
            **headers,
            "X-Cockroach-API-Session": session,
            "Cookie": f"session={session}",
        }

    async def ask(path: str) -> bytes:
        question = Question(headers=headers, limit_bytes=_JSON_BYTES)
        answer = await _once(look, address, tls, question, path)
        if answer.status in (401, 403):
            raise Fault("auth", f"{path} answers {answer.status}", State.UNKNOWN)
        if answer.status != 200:
            raise Fault("bad_status", f"{path} answers {answer.status}")
        return answer.body

    return ask


async def _once(
    look: Look, address: Address, tls: ssl.SSLContext | None, question: Question, path: str
) -> Answer:
    exchange = await Exchange.open(look, address, tls=tls)
    try:
        return await exchange.ask(question, path)
    finally:
        exchange.close()


async def _kept(
    told: Told, path: str, asking: Callable[[], Awaitable[None]], limit_s: float
) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await asking()
    except EXPECTED as error:
        told.faults[path] = fault_of(error)


def _reason(answer: Answer) -> str:
    if answer.status == 200:
        return ""
    try:
        document: Any = json.loads(answer.body)
        return str(document.get("error") or document.get("message") or "")[:200]
    except (ValueError, AttributeError):
        return ""


def _vars(answer: Answer) -> Vars:
    if answer.status != 200:
        raise Fault("bad_status", f"/_status/vars answers {answer.status}")
    read = parse_vars(answer.body)
    if not read.is_cockroachdb:
        raise Fault("protocol", "/_status/vars is not CockroachDB's")
    return read
