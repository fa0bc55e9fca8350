"""What targets can be asked and where their trouble begins: from the connectors beside the server."""

from collections.abc import Mapping, Sequence
from typing import Any

from vedette import plugins
from vedette.actions.model import Command
from vedette.agent.connector import Description
from vedette.agent.generic import commands_of
from vedette.agent.packs import guards_of
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
    try:
        pack = _described(connector).pack
    except Missing:
        pack = {}
    try:
        guards = guards_of(pack, thresholds)
    except Invalid:
        return ()
    return [
        Limit(name, at.enter, at.leave, at.below, is_own=name in thresholds)
        for name, at in sorted((name, guard.threshold) for name, guard in guards.items())
    ]


CATALOGUE = Catalogue(commands_known_of, limits_known_of)
"""What the pages say of connectors."""


def _described(connector: str) -> Description:
    described: Description = plugins.load(GROUP, connector).description
    return described
