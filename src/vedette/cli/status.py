"""`vedette status`: one line for people, an exit code for programs."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from vedette.cli.client import Client
from vedette.cli.where import Asking
from vedette.errors import VedetteError

HERE = Asking()

WELL, DOWN, CANNOT_TELL = 0, 3, 4
NAMED = 3
"""So many of those in trouble are named; the others are counted."""


def status(*, asking: Asking = HERE) -> int:
    """Say in one line how everything is.

    Exit code 0: all is well. 3: something is down or degraded. 4: it cannot be told, because the
    server does not answer, nobody has looked, or an agent is silent.
    """
    try:
        with Client(asking) as client:
            components = client.listed("/api/v1/components")
            targets = client.listed("/api/v1/targets")
    except VedetteError as error:
        sys.stderr.write(f"vedette: cannot tell: {error}\n")
        return CANNOT_TELL
    line, code = judge(components, targets)
    print(line)  # noqa: T201
    return code


def judge(
    components: Sequence[Mapping[str, Any]], targets: Sequence[Mapping[str, Any]]
) -> tuple[str, int]:
    """Return the line and the exit code; components speak for their targets."""
    named = [(component_name(one), str(one.get("state"))) for one in components]
    named += [
        (str(one["name"]), str(one.get("state"))) for one in targets if not one.get("component")
    ]
    if not named:
        return "cannot tell: nothing is watched yet", CANNOT_TELL
    for states, word, code in (
        ({"down"}, "down", DOWN),
        ({"degraded"}, "degraded", DOWN),
        ({"unknown", "None"}, "unknown", CANNOT_TELL),
    ):
        found = [name for name, state in named if state in states]
        if found:
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            return f"{word}: {', '.join(found[:NAMED])}{more} (of {len(named)})", code
    passing = sum(state != "up" for _, state in named)
    note = f", {passing} of them starting or draining" if passing else ""
    return f"all is well: {len(named)} watched{note}", WELL


def component_name(component: Mapping[str, Any]) -> str:
    """Return a component's name as people say it: the service, and its region when it has one."""
    region = component.get("region")
    return f"{component.get('service')} {region}" if region else str(component.get("service"))
