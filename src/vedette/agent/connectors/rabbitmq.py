"""Connector `rabbitmq`: by its management API, its /metrics, or as a client over AMQP."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors import rabbitmq_broker, rabbitmq_metrics
from vedette.agent.connectors.amqp import open_channel, say_goodbye, sign_in
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, gravest
from vedette.agent.connectors.exchange import address_of
from vedette.agent.connectors.families import Families, read_families
from vedette.agent.connectors.json_api import JsonApi
from vedette.agent.connectors.rabbitmq_broker import LIMITS, MEASURES, Broker
from vedette.agent.connectors.rabbitmq_commands import COMMANDS, rows_of
from vedette.agent.connectors.rabbitmq_management import ask_management, basic
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import Wire, once_more, open_wire, within
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State


class RabbitMQ:
    """Keeps one AMQP connection where it is asked for one; HTTP is asked anew each look."""

    description: ClassVar[Description] = Description(
        name="rabbitmq",
        help="Watches RabbitMQ: health checks, alarms, nodes, queues, rates; or a client's way in.",
        settings=(
            Setting("management_url", "str", "The management API, as in http://rabbit1:15672."),
            Setting("metrics_url", "str", "rabbitmq_prometheus, as in http://rabbit1:15692."),
            Setting(
                "amqp",
                "bool",
                "Sign in over AMQP 0-9-1; default where neither URL is given.",
            ),
            Setting("host", "str", "Name or address for AMQP.", default="127.0.0.1"),
            Setting("port", "int", "Port for AMQP.", default=5672),
            Setting("vhost", "str", "Virtual host to open over AMQP.", default="/"),
            Setting("user", "str", "User; the API wants one tagged `monitoring`.", default="guest"),
            Setting("password", "str", "Password of the user; default guest.", secret=True),
            Setting(
                "checks",
                "list",
                "More health checks, such as `port-listener/5671`, `certificate-expiration/2/weeks`.",
            ),
            Setting(
                "queues",
                "int",
                "How many queues to list, those with most messages first; 0 for none, at most 500.",
                default=100,
            ),
            Setting("tls", "bool", "Speak TLS over AMQP.", default=False),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("node", "queue"),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        urls = (self._settings["management_url"], self._settings["metrics_url"])
        self._management, self._metrics = (address_of(url) if url else None for url in urls)
        amqp = self._settings["amqp"]
        self._amqp = amqp if amqp is not None else not any(urls)
        self._wire: Wire | None = None
        self._properties: dict[str, Any] = {}
        self._scraped, self._asked = Counters(), Counters()

    async def probe(self, look: Look) -> Report:
        """Ask by every way that is set; a kept connection that ended is replaced once."""
        where = f"{self._settings['host']}:{self._settings['port']}"
        try:
            async with within(look):
                channel_s = await self._channel(look) if self._amqp else None
                where = self._management.url if self._management else where
                broker = await self._ask_management(look)
                where = self._metrics.url if self._metrics else where
                families = await self._ask_metrics(look)
                return self._report(channel_s, broker, families)
        except EXPECTED as error:
            return failed(error, where)

    async def _channel(self, look: Look) -> float:
        kept = self._wire is not None
        return await once_more(lambda: self._open_channel(look), kept=kept, drop=self._drop)

    async def _open_channel(self, look: Look) -> float:
        opened = self._wire
        if opened is None:
            tls = context_for(self._settings) if self._settings["tls"] else None
            opened = await open_wire(look, self._settings["host"], self._settings["port"], tls=tls)
            self._wire = opened
            user, password = self._login(look)
            self._properties = await sign_in(
                opened, look, user=user, password=password, vhost=self._settings["vhost"]
            )
        return await open_channel(opened, look)

    async def _ask_management(self, look: Look) -> tuple[Broker, float] | None:
        if self._management is None:
            return None
        return await ask_management(
            look,
            self._management,
            tls=context_for(self._settings) if self._management.scheme == "https" else None,
            login=self._login(look),
            checks=[str(check).strip("/") for check in self._settings["checks"] or ()],
            queues=self._settings["queues"],
        )

    async def _ask_metrics(self, look: Look) -> tuple[Families, float] | None:
        if self._metrics is None:
            return None
        tls = context_for(self._settings) if self._metrics.scheme == "https" else None
        async with JsonApi(look, self._metrics, tls=tls, headers={"Accept": "text/plain"}) as api:
            answer = await api.ask("/metrics")
            if answer.status != 200:
                raise Fault("bad_status", f"/metrics answers {answer.status}")
            return read_families(answer.body, rabbitmq_metrics.FAMILIES), api.rtt_s or 0.0

    def _report(
        self,
        channel_s: float | None,
        asked: tuple[Broker, float] | None,
        scraped: tuple[Families, float] | None,
    ) -> Report:
        parts: list[_Part] = []
        if channel_s is not None:
            found = [Measurement("channel_s", channel_s)]
            parts.append(_Part(channel_s, None, found, _facts_of(self._properties)))
        if scraped is not None:
            parts.append(_of_metrics(*scraped, self._scraped))
        if asked is not None:
            parts.append(_of_management(*asked, self._asked))
        faults = [part.fault for part in parts if part.fault is not None]
        worst = gravest(faults) if faults else None
        # What two ways tell, the later knows better: /metrics are of one node, the API of all.
        told = {(m.name, m.entity): m for part in parts for m in part.found}
        return Report(
            state=worst.state if worst else State.UP,
            error_class=worst.error_class if worst else "",
            message=worst.message[:1024] if worst else "",
            rtt=timedelta(seconds=parts[0].rtt_s),
            measurements=tuple(told.values()),
            facts={name: text for part in parts for name, text in part.facts.items()},
        )

    def _login(self, look: Look) -> tuple[str, str]:
        password = look.settings.get("password") or self._settings["password"] or "guest"
        return self._settings["user"], str(password)

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `rabbitmq_commands`."""
        if self._management is None:
            raise Invalid("AMQP alone shows neither", hint="set management_url")
        tls = context_for(self._settings) if self._management.scheme == "https" else None
        headers = basic(self._login(look))
        async with within(look), JsonApi(look, self._management, tls=tls, headers=headers) as api:
            rows = await rows_of(api, name, params)
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Close the kept connection."""
        if self._wire is not None:
            say_goodbye(self._wire)
        self._drop()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one way of asking gave."""

    rtt_s: float
    fault: Fault | None
    found: list[Measurement]
    facts: dict[str, str]


def _of_metrics(families: Families, rtt_s: float, past: Counters) -> _Part:
    fault = rabbitmq_metrics.fault_in(families)
    gains = past.gained(rabbitmq_metrics.counters(families), at=time.monotonic())
    found = rabbitmq_metrics.measured(families, gains, fault)
    return _Part(rtt_s, fault, found, rabbitmq_metrics.facts(families))


def _of_management(broker: Broker, rtt_s: float, past: Counters) -> _Part:
    gains = past.gained(rabbitmq_broker.counters(broker.overview), at=time.monotonic())
    found = rabbitmq_broker.measured(broker, gains)
    return _Part(rtt_s, rabbitmq_broker.fault_in(broker), found, rabbitmq_broker.facts(broker))


def _facts_of(properties: Mapping[str, Any]) -> dict[str, str]:
    product, version = properties.get("product", ""), properties.get("version", "")
    said = {
        "version": f"{product} {version}".strip(),
        "cluster": str(properties.get("cluster_name", "")),
        "platform": str(properties.get("platform", "")),
    }
    return {name: text[:200] for name, text in said.items() if text}
