"""Connector `etcd`: one member, whether it serves, has a leader and room, and how its disk does."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.errors import EXPECTED, Fault, failed
from vedette.agent.connectors.etcd_commands import COMMANDS, alarms_of, members_of
from vedette.agent.connectors.etcd_member import (
    LIMITS,
    MEASURES,
    Histograms,
    counters,
    facts,
    fault_in,
    measured,
)
from vedette.agent.connectors.etcd_questions import Questions, Told
from vedette.agent.connectors.exchange import address_of
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import within
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.health.model import Measurement, Report, State


class Etcd:
    """Asks one member over HTTP; remembers counters and its token between looks."""

    description: ClassVar[Description] = Description(
        name="etcd",
        help="Watches a member of etcd 3.3 and later: health, leader, alarms, disk, quota.",
        settings=(
            Setting("url", "str", "The member's client address.", default="http://127.0.0.1:2379"),
            Setting("metrics_url", "str", "Where /metrics is, when it has a listener of its own."),
            Setting("user", "str", "User to sign in as, where authentication is on."),
            Setting("password", "str", "Password of the user.", secret=True),
            *TLS_SETTINGS,
        ),
        pack=LIMITS,
        measures=MEASURES,
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        self._address = address_of(self._settings["url"])
        metrics = self._settings["metrics_url"]
        self._questions = Questions(self._address, address_of(metrics) if metrics else None)
        self._counters = Counters()
        self._histograms: Histograms = {}

    async def probe(self, look: Look) -> Report:
        """Ask everything at once; each question has its own limit."""
        try:
            told = await self._questions.ask(look, context_for(self._settings), self._login(look))
        except EXPECTED as error:
            return failed(error, self._address.url)
        if not told.families and not told.status and told.health is None:
            return failed(told.faults["health"], self._address.url)
        return self._report(told)

    def _report(self, told: Told) -> Report:
        fault = _fault(told, signs_in=self._settings["user"] is not None)
        gains = self._counters.gained(counters(told.families), at=time.monotonic())
        found = measured(
            told.status,
            told.alarms,
            told.families,
            gains,
            self._histograms,
            now_s=now().timestamp(),
        )
        if told.rtt_s is not None:
            found.insert(0, Measurement("health_s", told.rtt_s))
        said = facts(told.status, told.families)
        for question, refused in told.faults.items():
            said[f"no {question}"] = f"{refused.error_class}: {refused.message}"[:200]
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=told.rtt_s) if told.rtt_s is not None else None,
            measurements=tuple(found),
            facts=said,
        )

    def _login(self, look: Look) -> tuple[str, str] | None:
        user = self._settings["user"]
        password = look.settings.get("password") or self._settings["password"] or ""
        return (user, str(password)) if user else None

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `etcd_commands`."""
        tls, login = context_for(self._settings), self._login(look)
        async with within(look):
            if name == "members":
                members = await self._questions.post(look, tls, login, "/cluster/member/list", {})
                status = await self._questions.post(look, tls, login, "/maintenance/status", {})
                rows = members_of(members, status)
            else:
                asked = {"action": "GET"}
                rows = alarms_of(
                    await self._questions.post(look, tls, login, "/maintenance/alarm", asked)
                )
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _fault(told: Told, *, signs_in: bool) -> Fault | None:
    fault = fault_in(
        health=told.health,
        reason=told.reason,
        status=told.status,
        alarms=told.alarms,
        families=told.families,
    )
    if fault is not None:
        return fault
    if told.health is None:
        return told.faults["health"]
    # The rest is enrichment; only credentials that we were given and that it refuses matter.
    refused = told.faults.get("gateway")
    return refused if signs_in and refused and refused.error_class == "auth" else None
