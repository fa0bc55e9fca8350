"""One target as the agent watches it: its connector, its settings, its looks."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from vedette import plugins
from vedette.agent.connector import Connector, Description, Look, Selective
from vedette.agent.isolate import Isolated, Process
from vedette.agent.reach import HostReach
from vedette.agent.run import Stuck, bounded, failure_report, look_once
from vedette.agent.secrets import LEAST_REDACTED, Secrets
from vedette.agent.wanted import Extras, Wanted
from vedette.health.model import Report, State
from vedette.link.client import Assignment
from vedette.link.encode import Looked

GROUP = "vedette.connectors"
CLOSE_S = 2.0


@dataclass(slots=True, kw_only=True)
class Host:
    """What every watch of this agent shares: the owner's rules and the processes of strangers."""

    reach: HostReach
    secrets: Secrets
    clock: Callable[[], datetime]
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    async def close(self) -> None:
        """End the processes of foreign connectors."""
        for process in self.processes.values():
            await process.stop("the agent stops")


class Watch:
    """Looks at one target; makes its connector when needed, and again when a secret has changed."""

    def __init__(self, assignment: Assignment, host: Host) -> None:
        self.assignment = assignment
        self._host = host
        self._said: dict[str, Any] | None = None
        self._settings: Mapping[str, Any] = {}
        self._connector: Connector | Isolated | None = None
        self._units: dict[str, tuple[str, str]] = {}
        self._secrets: frozenset[str] = frozenset()
        self._extras: Extras | None = None
        self._stuck = Stuck()

    @property
    def secrets(self) -> frozenset[str]:
        """What its settings hold that no message may."""
        return self._secrets

    async def look(self) -> Looked:
        """Look once; every failure, ours included, is a report."""
        at = self._host.clock()
        return Looked(
            target_id=self.assignment.target_id,
            connector=self.assignment.connector,
            at=at,
            report=await self._report(),
            units=self._units,
        )

    async def ready(self, timeout_s: float) -> tuple[Connector | Isolated, Look]:
        """Return the connector and what it needs to look, for whoever asks it; may raise anything."""
        connector = await self._ready()
        return connector, self._look(timeout_s)

    async def close(self) -> None:
        """Let go of the connector; one that does not let go is left behind."""
        connector, self._connector = self._connector, None
        extras, self._extras = self._extras, None
        if extras is not None:
            await extras.aclose()
        if connector is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await connector.aclose()

    async def _report(self) -> Report:
        timeout_s = self.assignment.timeout.total_seconds()
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                connector = await self._ready()
        except TimeoutError:
            return _not_ready(timeout_s)
        except Exception as fault:  # noqa: BLE001 - whatever a connector raises becomes a report
            return bounded(failure_report(fault), self._secrets)
        look = self._look(timeout_s)
        report = await look_once(connector, look, self._stuck)
        if self._extras is None:
            return report
        left_s = begun + timeout_s - time.monotonic()
        unjudged = connector.unjudged if isinstance(connector, Selective) else frozenset()
        report = await self._extras.complete(report, look, left_s=left_s, unjudged=unjudged)
        return bounded(report, self._secrets)

    def _look(self, timeout_s: float) -> Look:
        return Look(
            target=self.assignment.name,
            settings=self._settings,
            timeout_s=timeout_s,
            reach=self._host.reach,
            secrets=self._secrets,
            commands=self._host.commands,
        )

    async def _ready(self) -> Connector | Isolated:
        if self._said is None:
            self._said = msgspec.json.decode(self.assignment.settings_json, type=dict[str, Any])
        resolved = self._host.secrets.resolve(self._said)
        if self._connector is not None and resolved.settings == self._settings:
            return self._connector
        await self.close()
        self._settings, self._secrets = resolved.settings, resolved.secrets
        wanted = _wanted(self.assignment)
        self._connector = await self._made(resolved.settings)
        description = self._connector.description
        self._units = {
            measure.name: (measure.unit, measure.help) for measure in description.measures
        }
        if wanted is not None or description.pack:
            self._extras = Extras(
                wanted or Wanted(), description, resolved.settings, time.monotonic
            )
            self._units |= self._extras.units
        self._secrets |= _declared_secrets(description, resolved.settings)
        return self._connector

    async def _made(self, settings: Mapping[str, Any]) -> Connector | Isolated:
        name = self.assignment.connector
        if name in plugins.BUILT_IN[GROUP]:
            made: Connector = plugins.load(GROUP, name)(settings)
            return made
        if name not in plugins.names(GROUP):
            plugins.load(GROUP, name)  # raises, naming what there is
        process = self._host.processes.get(name)
        if process is None:
            process = self._host.processes[name] = Process(name)
        description = await process.describe()
        return Isolated(process, description, settings, self._host.reach.lines)


def _not_ready(timeout_s: float) -> Report:
    return Report(
        state=State.UNKNOWN,
        error_class="connector_crash",
        message=f"the connector was not ready within {timeout_s:g} s",
    )


def _declared_secrets(description: Description, settings: Mapping[str, Any]) -> frozenset[str]:
    values = [settings.get(setting.name) for setting in description.settings if setting.secret]
    return frozenset(v for v in values if isinstance(v, str) and len(v) >= LEAST_REDACTED)


def _wanted(assignment: Assignment) -> Wanted | None:
    said = assignment
    if not (said.requests_json or said.keep or said.drop or said.thresholds_json):
        return None
    return Wanted(
        requests=msgspec.json.decode(said.requests_json or "[]"),
        keep=said.keep,
        drop=said.drop,
        thresholds=msgspec.json.decode(said.thresholds_json or "{}"),
    )
