"""One look from the command line: the agent's own way of looking, and all that it saw."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from vedette import clock
from vedette.agent.host import load_host_rules
from vedette.agent.reach import HostReach
from vedette.agent.secrets import Secrets
from vedette.agent.watch import Host, Watch
from vedette.health.model import Report
from vedette.link.client import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one look saw; units: measurement → unit and help."""

    report: Report
    units: Mapping[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        report = self.report
        return {
            "state": report.state.word,
            "error_class": report.error_class,
            "message": report.message,
            "rtt_s": None if report.rtt is None else report.rtt.total_seconds(),
            "measurements": list(self._measurements()),
            "facts": dict(report.facts),
        }

    def _measurements(self) -> list[dict[str, Any]]:
        bulk = self.report.bulk
        units = dict(self.units)
        if bulk is not None:
            units |= {series.name: (series.unit, series.help) for series in bulk.naming.series}
        return [
            {
                "name": m.name,
                "entity": m.entity,
                "value": m.value,
                "unit": units.get(m.name, ("", ""))[0],
                "help": units.get(m.name, ("", ""))[1],
            }
            for m in self.report.measured()
        ]


async def try_once(
    connector: str,
    said: Mapping[str, Any],
    *,
    timeout_s: float,
    looks: int = 1,
    apart_s: float = 1.0,
    config: Path | None = None,
) -> Tried:
    """Look once at a target that stands in no configuration, within the rules of this host.

    said: a target as in the settings file, without name and times: settings, requests, keep, drop,
    thresholds. looks: more than one shows rates too. config: an agent.yaml; without one, the defaults.
    """
    rules = load_host_rules(config)
    host = Host(
        reach=HostReach(rules.reach),
        secrets=Secrets(rules),
        clock=clock.now,
        commands=rules.commands,
    )
    watch = Watch(_assignment(connector, said, timeout_s), host)
    try:
        looked = await watch.look()
        for _ in range(looks - 1):
            await asyncio.sleep(apart_s)
            looked = await watch.look()
        return Tried(report=looked.report, units=looked.units)
    finally:
        await watch.close()
        await host.close()


def _assignment(connector: str, said: Mapping[str, Any], timeout_s: float) -> Assignment:
    return Assignment(
        target_id=0,
        name="test",
        connector=connector,
        every=timedelta(seconds=timeout_s),
        timeout=timedelta(seconds=timeout_s),
        settings_json=_json(said.get("settings") or {}),
        requests_json=_json(said.get("requests") or []),
        keep=tuple(said.get("keep") or ()),
        drop=tuple(said.get("drop") or ()),
        thresholds_json=_json(said.get("thresholds") or {}),
    )


def _json(said: object) -> str:
    return msgspec.json.encode(said).decode()
