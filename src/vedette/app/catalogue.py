"""What targets can be asked and where their trouble begins: from the connectors beside the server."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from vedette import plugins
from vedette.actions.model import Command
from vedette.agent.connector import Description
from vedette.agent.generic import commands_of
from vedette.agent.packs import Pack, guards_of
from vedette.errors import Invalid, Missing
from vedette.web.catalogue import Catalogue, Limit

GROUP = "vedette.connectors"


def commands_of_connector(connector: str) -> Sequence[Command]:
    """Return its commands; raise `Missing` for a connector that is not installed on the server."""
    return commands_of(_described(connector))


def commands_known_of(connector: str) -> Sequence[Command]:
    """Return its commands; none for a connector that is not installed on the server."""
    try:
        return commands_of_connector(connector)
    except Missing:
        return ()


def limits_known_of(connector: str, thresholds: Mapping[str, Any]) -> Sequence[Limit]:
    """Return the thresholds of a target: its connector's pack as the target changes it, by name.

    Without the connector there is no pack, and only what the target says itself is known; what its
    agent refuses to work with is no threshold.
    """
    pack: Pack = {}
    told: dict[str, tuple[str, str]] = {}
    with suppress(Missing):
        described = _described(connector)
        pack = described.pack
        told = {each.name: (each.unit, each.help) for each in described.measures}
    try:
        guards = guards_of(pack, thresholds)
    except Invalid:
        return ()
    limits = []
    for name, guard in sorted(guards.items()):
        at, (unit, help_) = guard.threshold, told.get(name, ("", ""))
        limits.append(Limit(name, at.enter, at.leave, at.below, name in thresholds, unit, help_))
    return limits


CATALOGUE = Catalogue(commands_known_of, limits_known_of)
"""What the pages say of connectors."""


def _described(connector: str) -> Description:
    described: Description = plugins.load(GROUP, connector).description
    return described
