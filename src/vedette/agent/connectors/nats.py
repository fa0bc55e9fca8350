"""Connector `nats`: does a NATS server take clients, and what its monitor port says."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors import nats_client
from vedette.agent.connectors.errors import EXPECTED, failed, gravest, told
from vedette.agent.connectors.exchange import address_of
from vedette.agent.connectors.json_api import JsonApi, read_json, said
from vedette.agent.connectors.nats_client import Client
from vedette.agent.connectors.nats_commands import COMMANDS, rows_of
from vedette.agent.connectors.nats_monitor import (
    LIMITS,
    MEASURES,
    Monitored,
    counters,
    facts,
    fault_in,
    measured,
)
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import once_more, within
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State


class Nats:
    """Pings on one kept client connection; asks the monitor port where its URL is given."""

    description: ClassVar[Description] = Description(
        name="nats",
        help="Watches NATS: a round trip as a client, health, traffic, slow consumers, JetStream.",
        settings=(
            Setting(
                "host",
                "str",
                "Name or address for clients; default 127.0.0.1, or none with `monitor_url`.",
            ),
            Setting("port", "int", "Port for clients.", default=4222),
            Setting("monitor_url", "str", "The monitor port, as in http://nats1:8222."),
            Setting("user", "str", "User to sign in as."),
            Setting("password", "str", "Password of the user.", secret=True),
            Setting("token", "str", "Token to sign in with, in place of a user.", secret=True),
            Setting("jetstream", "bool", "Degraded when JetStream is not on.", default=False),
            Setting(
                "consumers",
                "bool",
                "Measure JetStream's consumers one by one; costly where there are thousands.",
                default=False,
            ),
            Setting("tls", "bool", "Speak TLS to the client port.", default=False),
            Setting("tls_first", "bool", "TLS before the server's greeting.", default=False),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("consumer",),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        url = self._settings["monitor_url"]
        self._monitor = address_of(url) if url else None
        alone = self._monitor is not None and self._settings["host"] is None
        self._client = None if alone else Client(self._settings)
        self._counters = Counters()

    async def probe(self, look: Look) -> Report:
        """Ping as a client, then ask the monitor; a kept connection that ended is replaced once."""
        try:
            async with within(look):
                ping_s = await _ping(look, self._client) if self._client else None
                seen = await self._ask(look) if self._monitor else None
        except EXPECTED as error:
            return failed(error, self._where())
        return self._report(ping_s, seen)

    async def _ask(self, look: Look) -> tuple[Monitored, float]:
        assert self._monitor is not None
        tls = context_for(self._settings) if self._monitor.scheme == "https" else None
        async with JsonApi(look, self._monitor, tls=tls) as api:
            seen = Monitored(at=now(), varz=await api.json("/varz"))
            wide = "?consumers=true" if self._settings["consumers"] else ""
            jsz = await api.ask(f"/jsz{wide}")
            if jsz.status == 200:
                document = read_json(jsz, "/jsz")
                seen.jsz = {} if document.get("disabled") else document
            # Before 2.2 there was no such path, and 404 is no illness.
            health = await api.ask("/healthz")
            if health.status not in (200, 404):
                words = said(health) or f"/healthz answers {health.status}"
                seen.ailing = told(words, look)
            return seen, api.rtt_s or 0.0

    def _report(self, ping_s: float | None, asked: tuple[Monitored, float] | None) -> Report:
        faults = [nats_client.fault_in(self._client.info)] if self._client else []
        info: Mapping[str, Any] = self._client.info if self._client else {}
        found = [Measurement("ping_s", ping_s)] if ping_s is not None else []
        if asked is not None:
            seen, rtt_s = asked
            faults.append(fault_in(seen, jetstream=self._settings["jetstream"]))
            gains = self._counters.gained(counters(seen), at=time.monotonic())
            found += measured(seen, gains)
            info, ping_s = seen.varz, ping_s if ping_s is not None else rtt_s
        there = [fault for fault in faults if fault is not None]
        fault = gravest(there) if there else None
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=ping_s) if ping_s is not None else None,
            measurements=tuple(found),
            facts=facts(info),
        )

    def _where(self) -> str:
        if self._client is None and self._monitor is not None:
            return self._monitor.url
        return f"{self._settings['host'] or '127.0.0.1'}:{self._settings['port']}"

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `nats_commands`."""
        if self._monitor is None:
            raise Invalid("only the monitor port can be asked", hint="set monitor_url")
        tls = context_for(self._settings) if self._monitor.scheme == "https" else None
        async with within(look), JsonApi(look, self._monitor, tls=tls) as api:
            rows = await rows_of(api, name, params)
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Close the kept connection."""
        if self._client is not None:
            self._client.drop()


async def _ping(look: Look, client: Client) -> float:
    return await once_more(lambda: client.ping(look), kept=client.is_open, drop=client.drop)
