"""How connector tests look: a real `Look`, an allowing `reach` that counts, and what came home."""

import asyncio
import socket

from vedette import plugins
from vedette.agent.connector import Look
from vedette.agent.packs import Judge
from vedette.health.model import Report

TURN_S = 0.02


async def within(task: "asyncio.Task[Report]", seconds: float) -> Report:
    """Wait for it that long, counted in turns of the loop: while the machine stands still, no time passes.

    A limit of the clock alone would have to be so wide, for a busy machine, that it would limit nothing.
    """
    for _ in range(round(seconds / TURN_S)):
        if (await asyncio.wait({task}, timeout=TURN_S))[0]:
            return task.result()
    task.cancel()
    raise TimeoutError


class Allowing:
    """A host's owner who allows all; remembers what was asked."""

    def __init__(self, **names: str) -> None:
        self.names = names
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        if host in self.names:
            return [self.names[host]]
        if host.startswith("/"):
            return [host]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(answer[4][0]) for answer in found))


def make(name: str, /, *, thresholds=None, **settings):
    """A connector whose looks are judged by its pack and these thresholds, as its agent does."""
    connector = plugins.load("vedette.connectors", name)(settings)
    judge, probe = Judge(connector.description.pack, thresholds or {}), connector.probe

    async def judged(look: Look) -> Report:
        return judge.judged(await probe(look), getattr(connector, "unjudged", frozenset()))

    connector.probe = judged
    return connector


CHECKS = {"well": ("/bin/true",)}
"""The commands of a host's owner who allows little."""


def a_look(
    settings=None, *, timeout_s: float = 5.0, reach=None, secrets=(), commands=CHECKS
) -> Look:
    return Look(
        target="shop",
        settings=settings or {},
        timeout_s=timeout_s,
        reach=reach or Allowing(),
        secrets=frozenset(secrets),
        commands=commands,
    )


async def look_at(
    name: str, /, *, timeout_s: float = 5.0, reach=None, secrets=(), thresholds=None, **settings
) -> Report:
    connector = make(name, thresholds=thresholds, **settings)
    try:
        look = a_look(settings, timeout_s=timeout_s, reach=reach, secrets=secrets)
        return await connector.probe(look)
    finally:
        await connector.aclose()


def value(report: Report, name: str, entity: str = "") -> float:
    found = [m.value for m in report.measurements if m.name == name and m.entity == entity]
    assert len(found) == 1, f"{name} {entity!r} is there {len(found)} times"
    return found[0]


def names(report: Report, entity: str = "") -> set[str]:
    return {m.name for m in report.measurements if m.entity == entity}


def entities(report: Report) -> set[str]:
    return {m.entity for m in report.measurements if m.entity}


def verdict(report: Report) -> tuple[str, str]:
    return report.state.word, report.error_class


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
