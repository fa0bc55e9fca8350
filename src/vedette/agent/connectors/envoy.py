"""Connector `envoy`: an Envoy by its admin door, or istiod, Istio's control plane."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors import envoy_istiod, envoy_verdict
from vedette.agent.connectors.envoy_commands import COMMANDS, PATHS, rows_of
from vedette.agent.connectors.envoy_reading import (
    STATS_FILTER,
    read_clusters,
    read_info,
    read_stats,
)
from vedette.agent.connectors.errors import EXPECTED, Fault, failed
from vedette.agent.connectors.exchange import Address, address_of
from vedette.agent.connectors.json_api import JsonApi
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import within
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

_READY_PORT = 8080
_STATS = f"/stats?format=json&filter={quote(STATS_FILTER)}"


class Envoy:
    """Asks the admin door afresh each look; remembers counters between looks."""

    description: ClassVar[Description] = Description(
        name="envoy",
        help="Watches an Envoy (state, clusters, errors, configuration) or Istio's istiod.",
        settings=(
            Setting(
                "url",
                "str",
                "The admin door, as in http://127.0.0.1:9901; of istiod its monitoring port, as in "
                "http://istiod:15014.",
                required=True,
            ),
            Setting("kind", "str", "`envoy` or `istiod`.", default="envoy"),
            Setting(
                "ready_url", "str", "Where istiod says whether it is ready; default its port 8080."
            ),
            Setting(
                "expiring_within",
                "duration",
                "Degraded when a certificate has less left.",
                default=7 * 86_400.0,
            ),
            *TLS_SETTINGS,
        ),
        pack={**envoy_verdict.LIMITS, **envoy_istiod.LIMITS},
        measures=(*envoy_verdict.MEASURES, *envoy_istiod.MEASURES),
        entities=("cluster",),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        if self._settings["kind"] not in ("envoy", "istiod"):
            raise Invalid("kind must be envoy or istiod")
        self._address = address_of(self._settings["url"])
        ready = self._settings["ready_url"]
        self._ready = address_of(ready) if ready else _beside(self._address)
        self._counters = Counters()
        self._convergence: Mapping[float, float] | None = None

    async def probe(self, look: Look) -> Report:
        """Ask once."""
        ask = self._istiod if self._settings["kind"] == "istiod" else self._envoy
        try:
            async with within(look):
                report = await ask(look)
        except EXPECTED as error:
            return failed(error, f"{self._address.host}:{self._address.port}")
        return self._unless_expiring(report)

    async def _envoy(self, look: Look) -> Report:
        async with self._door(look, self._address) as door:
            state, facts = read_info(await _body(door, "/server_info"))
            clusters = read_clusters(await _body(door, "/clusters?format=json"))
            stats = read_stats(await _body(door, _STATS))
        gains = self._counters.gained(envoy_verdict.counters(stats), at=time.monotonic())
        fault = envoy_verdict.fault_of_server(state) or envoy_verdict.fault_of_clusters(
            clusters, stats
        )
        return _report(fault, door, envoy_verdict.measured(clusters, stats, gains), facts)

    async def _istiod(self, look: Look) -> Report:
        async with self._door(look, replace(self._ready, path="/")) as door:
            answer = await door.ask(self._ready.path)
        async with self._door(look, self._address) as metrics:
            pilot = envoy_istiod.read_pilot(await _body(metrics, "/metrics"))
        gains = self._counters.gained(pilot.counters, at=time.monotonic())
        found = envoy_istiod.measured(pilot, self._convergence, gains, now().timestamp())
        self._convergence = pilot.convergence
        fault = None
        if answer.status != 200:
            # It answers, so it runs; before its caches are filled it is not ready.
            fault = Fault("starting", f"/ready says {answer.status}", State.INITIALISING)
        return _report(fault, door, found, {})

    def _door(self, look: Look, address: Address) -> JsonApi:
        tls = context_for(self._settings) if address.scheme == "https" else None
        return JsonApi(look, address, tls=tls)

    def _unless_expiring(self, report: Report) -> Report:
        within_days = self._settings["expiring_within"] / 86_400
        for measured in report.measurements:
            if (
                report.state is State.UP
                and measured.name.endswith("certificate_days_left")
                and measured.value < within_days
            ):
                words = f"a certificate of it expires in {measured.value:.1f} days"
                return replace(report, state=State.DEGRADED, error_class="expiring", message=words)
        return report

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `envoy_commands`."""
        if self._settings["kind"] == "istiod":
            raise Invalid("istiod has no admin door", hint="ask an Envoy")
        async with within(look), self._door(look, self._address) as door:
            rows = rows_of(name, await _body(door, PATHS[name]))
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


async def _body(door: JsonApi, path: str) -> bytes:
    answer = await door.ask(path)
    bare = path.partition("?")[0]
    if answer.status != 200:
        raise Fault("bad_status", f"{bare} answers {answer.status}")
    if not answer.whole:
        words = f"{bare} answers more than {len(answer.body)} bytes"
        raise Fault("too_large", words, State.UNKNOWN)
    return answer.body


def _beside(address: Address) -> Address:
    return replace(address, scheme="http", port=_READY_PORT, path="/ready")


def _report(
    fault: Fault | None, door: JsonApi, found: list[Measurement], facts: dict[str, str]
) -> Report:
    return Report(
        state=fault.state if fault else State.UP,
        error_class=fault.error_class if fault else "",
        message=fault.message[:1024] if fault else "",
        rtt=timedelta(seconds=door.rtt_s) if door.rtt_s is not None else None,
        measurements=tuple(found),
        facts=facts,
    )
