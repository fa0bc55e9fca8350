"""What a CockroachDB cluster says of itself, from whichever of its nodes says it first.

Every question has a short limit of its own: a cluster without quorum lets some of them hang, and
none of them is needed to call the cluster up or down.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from vedette.agent.connector import Look
from vedette.agent.connectors.cockroachdb_json import (
    Jobs,
    Member,
    NodeStatus,
    Survey,
    next_page,
    read_jobs,
    read_liveness,
    read_nodes,
    read_survey,
)
from vedette.agent.connectors.errors import EXPECTED, Fault, fault_of
from vedette.agent.connectors.exchange import Address, Exchange, Question
from vedette.health.model import State

T = TypeVar("T")

ASKED_AT_MOST = 3
"""Nodes that are asked the same, one after the other."""

_JSON_BYTES = 16 << 20
_LOGIN_BYTES = 16 << 10
_PAGES = 20
_SIGNED_OUT = "the session is over"


class Ask(Protocol):
    """Path → body; with a `body` it is posted. Every status but 200 is a `Fault`."""

    def __call__(self, path: str, body: bytes = b"") -> Awaitable[bytes]:
        """Ask one node, or the first of several that answers."""
        ...


@dataclass(slots=True)
class Told:
    """What the cluster says of itself; what it did not say stands in `faults` by path."""

    nodes: list[NodeStatus] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    jobs: Jobs | None = None
    survey: Survey | None = None
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

    @property
    def signed_out(self) -> bool:
        """Whether the session was not taken; a user who may not see something is still signed in."""
        return any(fault.message == _SIGNED_OUT for fault in self.faults.values())


async def ask_cluster(ask: Ask, limit_s: float, *, survey: bool) -> Told:
    """Ask all there is to ask, at once, each question within the limit.

    survey: also for critical nodes, which costs the cluster a walk over all its ranges.
    """
    told = Told()

    async def nodes() -> None:
        try:
            told.nodes, members = read_nodes(await ask("/_status/nodes"))
        except Fault as fault:
            if fault.error_class not in ("bad_status", "auth", "protocol"):
                raise
            try:
                told.nodes, members = await _pages(ask)
            except Fault:
                raise fault from None
        for node_id, member in members.items():
            told.members.setdefault(node_id, member)

    async def liveness() -> None:
        told.members.update(read_liveness(await ask("/_admin/v1/liveness")))

    async def jobs() -> None:
        told.jobs = read_jobs(await ask("/_admin/v1/jobs?limit=1000"))

    async def critical_nodes() -> None:
        told.survey = read_survey(await ask("/_status/critical_nodes", b"{}"))

    asked = [nodes, liveness, jobs, *([critical_nodes] if survey else [])]
    await asyncio.gather(*(_kept(told, it.__name__, it, limit_s) for it in asked))
    return told


async def _pages(ask: Ask) -> tuple[list[NodeStatus], dict[str, Member]]:
    nodes: list[NodeStatus] = []
    members: dict[str, Member] = {}
    offset = 0
    for _ in range(_PAGES):
        body = await ask(f"/api/v2/nodes/?limit=500&offset={offset}")
        found, known = read_nodes(body)
        nodes += found
        members |= known
        following = next_page(body)
        if following <= offset:
            break
        offset = following
    return nodes, members


async def first_of(attempts: Sequence[Callable[[], Awaitable[T]]], patience_s: float) -> T:
    """Return what the first attempt brings, or another's.

    The next begins when one fails, or when nothing came for `patience_s`; whichever succeeds first
    counts. An `auth` fault is final: every node would refuse alike. Else the first fault is raised.
    """
    waiting = list(attempts)
    begun: list[asyncio.Future[T]] = []
    open_still: set[asyncio.Future[T]] = set()
    faults: list[Fault] = []
    try:
        while waiting or open_still:
            if waiting:
                begun.append(asyncio.ensure_future(waiting.pop(0)()))
                open_still.add(begun[-1])
            done, open_still = await asyncio.wait(
                open_still,
                timeout=patience_s if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                try:
                    return attempt.result()
                except EXPECTED as error:
                    faults.append(fault_of(error))
                if faults[-1].error_class == "auth":
                    raise faults[-1]
    finally:
        for attempt in begun:
            attempt.cancel()
        # Waited for, also where it is over: an exception nobody takes would be logged as a bug.
        await asyncio.gather(*begun, return_exceptions=True)
    raise faults[0] if faults else Fault("refused", "no node answers")


async def log_in(
    look: Look, address: Address, tls: ssl.SSLContext | None, user: str, password: str
) -> str:
    """Return a session of the secure cluster; an `auth` fault when it is refused."""
    question = Question(
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"},
        body=urlencode({"username": user, "password": password}).encode(),
        limit_bytes=_LOGIN_BYTES,
    )
    status, body = await _once(look, address, tls, question, "/api/v2/login/")
    if status >= 500:
        raise Fault("bad_status", f"the login answers {status}")
    try:
        session = json.loads(body)["session"] if status == 200 else None
    except (ValueError, LookupError, TypeError, RecursionError):
        session = None
    if not isinstance(session, str) or not (session.isascii() and session.isprintable()):
        raise Fault("auth", f"the login was refused with status {status}", State.UNKNOWN)
    return session


def asker(
    look: Look,
    addresses: Sequence[Address],
    tls: ssl.SSLContext | None,
    session: str | None,
    patience_s: float,
) -> Ask:
    """Return what gets a path's body from the first of these nodes that answers."""
    headers: Mapping[str, str] = {"Accept": "application/json", "Connection": "close"}
    if session is not None:
        # /api/v2 wants the header, the older doors the cookie; it is the same session.
        headers = {
            **headers,
            "X-Cockroach-API-Session": session,
            "Cookie": f"session={session}",
        }

    async def ask_one(address: Address, path: str, posted: bytes) -> bytes:
        question = Question(
            method="POST" if posted else "GET",
            headers={**headers, "Content-Type": "application/json"} if posted else headers,
            body=posted,
            limit_bytes=_JSON_BYTES,
        )
        status, body = await _once(look, address, tls, question, path)
        if status == 401:
            raise Fault("auth", _SIGNED_OUT if session else f"{path} answers 401", State.UNKNOWN)
        if status == 403:
            raise Fault("auth", f"{path} answers 403", State.UNKNOWN)
        if status != 200:
            raise Fault("bad_status", f"{path} answers {status}")
        return body

    async def ask(path: str, body: bytes = b"") -> bytes:
        attempts = [
            lambda address=address: ask_one(address, path, body)
            for address in addresses[:ASKED_AT_MOST]
        ]
        return await first_of(attempts, patience_s)

    return ask


async def _once(
    look: Look, address: Address, tls: ssl.SSLContext | None, question: Question, path: str
) -> tuple[int, bytes]:
    exchange = await Exchange.open(look, address, tls=tls)
    try:
        answer = await exchange.ask(question, path)
        return answer.status, answer.body
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
