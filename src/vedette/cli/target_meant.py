"""Which agents are meant: a target as it is typed, or those beneath an incident, a service and their like.

What is beneath something is asked of a server before anyone signs. Signed is the list of those agents'
keys: who changes what is known of a service afterwards changes nobody who was meant.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from vedette.actions.target_text import DEFAULT, of_agents
from vedette.cli.client import Client
from vedette.cli.output import plain
from vedette.cli.target_macros import expanded
from vedette.errors import Conflict, Invalid, Missing

SHOWN_AT_ONCE = 1_000
"""Agents a server lists of those a target means; beyond it they are counted as "or more"."""
NAMED = 5
"""Agents that are named before somebody signs; the others are counted."""


@Parameter(name="*", group="Beneath what")
@dataclass(frozen=True, kw_only=True)
class Under:
    """The agents beneath one of these, instead of a target."""

    incident: Annotated[int | None, Parameter(help="Those that look at what it affects.")] = None
    service: Annotated[
        str | None, Parameter(help="At its components, or at clusters where it runs.")
    ] = None
    component: Annotated[str | None, Parameter(help="At its targets: a slug.")] = None
    cve: Annotated[str | None, Parameter(help="Where this vulnerability stands open.")] = None

    def asked(self) -> dict[str, object]:
        """Return what the server is asked, {} for nothing; raises Invalid for more than one."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        if len(found) > 1:
            raise Invalid(f"either --{' or --'.join(found)}")
        return found

    def __str__(self) -> str:
        """Say it as people do: `incident 4`."""
        return " ".join(f"{name} {value}" for name, value in self.asked().items())


NOTHING = Under()


def target_of(client: Client, target: str | None, under: Under) -> str:
    """Return the target as it is signed; raises Missing when no agent is beneath what was named."""
    if not under.asked():
        return expanded(target or DEFAULT)
    if target:
        raise Invalid(f"either a target or --{next(iter(under.asked()))}")
    return target_beneath(agents_beneath(client, under), under)


def target_beneath(found: Sequence[dict[str, Any]], under: Under) -> str:
    """Return the target that lists these agents' keys; raises Missing for none."""
    if not found:
        raise Missing(f"no agent is beneath {under}", hint="vedette agents list shows all")
    return of_agents(str(agent["key"]) for agent in found)


def agents_beneath(client: Client, under: Under) -> list[dict[str, Any]]:
    """Return the agents beneath it, each with what led to it; raises Missing when there is no such thing."""
    found = client.post("/api/v1/agents/beneath", under.asked())
    return list(found)


def agents_meant(client: Client, target: str) -> list[dict[str, Any]]:
    """Return the agents a target means now, as the server knows them; at most SHOWN_AT_ONCE."""
    found = client.post(f"/api/v1/agents/match?limit={SHOWN_AT_ONCE}", {"target": target})
    return list(found)


def hold_meant(found: Sequence[dict[str, Any]], *, is_sure: bool) -> None:
    """Tell who is meant and, at a terminal, ask whether that is right; raises Conflict for a no.

    is_sure: nobody is asked.
    """
    words = told_agents(found)
    if is_sure or not (sys.stdin.isatty() and sys.stderr.isatty()):
        sys.stderr.write(f"vedette: this means {words}\n")
        return
    sys.stderr.write(f"This means {words}. Sign it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        raise Conflict("nothing was signed", hint="--yes asks nobody")


def told_agents(found: Sequence[dict[str, Any]]) -> str:
    """Return how many they are, and the first of them by name."""
    number = len(found)
    if not number:
        return "no agent now"
    names = ", ".join(plain(agent["name"]) for agent in found[:NAMED])
    others = f" and {number - NAMED} others" if number > NAMED else ""
    more = " or more" if number >= SHOWN_AT_ONCE else ""
    return f"{number}{more} agent{'s' * (number != 1)}: {names}{others}"
