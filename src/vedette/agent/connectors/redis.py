"""Connector `redis`: does Redis or Valkey answer, hold its data and keep its replicas."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, told
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.redis_commands import COMMANDS, rows_of, words_of
from vedette.agent.connectors.redis_info import (
    LIMITS,
    MEASURES,
    counters,
    evicts,
    facts,
    fault_in,
    measured,
    parse_info,
)
from vedette.agent.connectors.resp import Answer, ErrorAnswer, encode, read_answer
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import Wire, once_more, open_wire, within
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

_REFUSALS = {
    "NOAUTH": ("auth", State.UNKNOWN),
    "WRONGPASS": ("auth", State.UNKNOWN),
    "NOPERM": ("auth", State.UNKNOWN),
    "DENIED": ("auth", State.UNKNOWN),
    "BUSY": ("slow", State.DEGRADED),
    "MASTERDOWN": ("replication", State.DEGRADED),
    "LOADING": ("starting", State.INITIALISING),
}
"""First word of an error answer → error class and state; others are `protocol`, down."""


class Redis:
    """Keeps one connection; each look is a PING and an INFO in one round trip."""

    description: ClassVar[Description] = Description(
        name="redis",
        help="Watches Redis or Valkey: answers, memory, clients, persistence, replicas, cluster.",
        settings=(
            Setting("host", "str", "Name or address of the server.", default="127.0.0.1"),
            Setting("port", "int", "Port of the server.", default=6379),
            Setting("user", "str", "ACL user; default the server's `default`."),
            Setting("password", "str", "Password of the user.", secret=True),
            Setting("role", "str", "`primary` or `replica`: degraded when it is the other."),
            Setting("tls", "bool", "Speak TLS.", default=False),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("replica",),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        self.unjudged: frozenset[str] = frozenset()
        if self._settings["role"] not in (None, "primary", "replica"):
            raise Invalid(f"role must be primary or replica, not {self._settings['role']!r}")
        self._wire: Wire | None = None
        self._counters = Counters()

    async def probe(self, look: Look) -> Report:
        """Ask on the kept connection; one that the server closed meanwhile is replaced once."""
        try:
            async with within(look):
                return await once_more(
                    lambda: self._ask(look), kept=self._wire is not None, drop=self._drop
                )
        except EXPECTED as error:
            return failed(error, f"{self._settings['host']}:{self._settings['port']}")

    async def _ask(self, look: Look) -> Report:
        opened = self._wire = self._wire or await self._connect(look)
        begun = time.perf_counter()
        opened.writer.write(encode(["PING"]) + encode(["INFO"]))
        refusal = await self._pinged(opened, look)
        rtt = time.perf_counter() - begun
        info = parse_info(str(await self._answer(opened, look)))
        cluster: dict[str, str] = {}
        if info.get("cluster_enabled") == "1":
            opened.writer.write(encode(["CLUSTER", "INFO"]))
            cluster = parse_info(str(await self._answer(opened, look)))
        return self._report(info, cluster, refusal, rtt)

    async def _pinged(self, opened: Wire, look: Look) -> Fault | None:
        # A server that is loading or has lost its primary refuses PING but still answers INFO.
        try:
            await self._answer(opened, look)
        except Fault as fault:
            if fault.error_class in ("starting", "replication"):
                return fault
            raise
        return None

    def _report(
        self, info: Mapping[str, str], cluster: Mapping[str, str], refusal: Fault | None, rtt: float
    ) -> Report:
        fault = fault_in(info, cluster, self._settings["role"]) or refusal
        gains = self._counters.gained(counters(info), at=time.monotonic())
        # Full memory is a cache's normal life.
        self.unjudged = frozenset({"memory_ratio"}) if evicts(info) else frozenset()
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=rtt),
            measurements=(Measurement("ping_s", rtt), *measured(info, cluster, gains)),
            facts=facts(info),
        )

    async def _connect(self, look: Look) -> Wire:
        tls = context_for(self._settings) if self._settings["tls"] else None
        opened = await open_wire(look, self._settings["host"], self._settings["port"], tls=tls)
        try:
            if login := self._login(look):
                opened.writer.write(encode(login))
                await self._answer(opened, look)
        except BaseException:
            opened.close()
            raise
        return opened

    def _login(self, look: Look) -> Sequence[str] | None:
        password = look.settings.get("password") or self._settings["password"]
        if password is None:
            return None
        user = self._settings["user"]
        return ["AUTH", user, str(password)] if user else ["AUTH", str(password)]

    async def _answer(self, opened: Wire, look: Look) -> Answer:
        try:
            return await read_answer(opened.reader)
        except ErrorAnswer as error:
            raise _refusal(error, look) from None

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `redis_commands`."""
        opened = self._wire = self._wire or await self._connect(look)
        opened.writer.write(encode(words_of(name, params)))
        for row in rows_of(name, await self._answer(opened, look), params):
            yield row

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def aclose(self) -> None:
        """Close the kept connection."""
        self._drop()


def _refusal(error: ErrorAnswer, look: Look) -> Fault:
    text = told(error, look)
    if "max number of clients" in text:
        return Fault("full", text, State.DEGRADED)
    if "AUTH" in text and error.code == "ERR":
        # "ERR AUTH <password> called without any password configured": ours to correct.
        return Fault("auth", text, State.UNKNOWN)
    error_class, state = _REFUSALS.get(error.code, ("protocol", State.DOWN))
    return Fault(error_class, text, state)
