"""`vedette agents match`: who would be asked, before anyone signs."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from vedette.actions.target_text import DEFAULT
from vedette.cli.client import Client
from vedette.cli.output import Listing, show
from vedette.cli.target_macros import expanded
from vedette.cli.target_meant import (
    NOTHING,
    SHOWN_AT_ONCE,
    Under,
    agents_beneath,
    agents_meant,
    target_beneath,
)
from vedette.cli.where import Asking
from vedette.errors import Invalid

HERE = Asking()
MEANT = Listing(
    "agents that this means", ("name", "status", "os", "queueloc", "version", "key"), "name"
)
BENEATH = Listing("agents beneath it", ("name", "through", "os", "version", "key"), "name")

Output = Annotated[
    Literal["table", "json", "yaml", "csv", "name", "target"],
    Parameter(name=["--output", "-o"], help="How to print it; target: as it would be signed."),
]


def match(
    target: str | None = None,
    /,
    *,
    under: Under = NOTHING,
    output: Output = "table",
    asking: Asking = HERE,
) -> None:
    """List the agents that a target means now; nothing is asked of them.

    Of those beneath an incident, a service, a component or a vulnerability it says what led to
    each, and -o target prints the list of their keys, which is what would be signed.

    Parameters
    ----------
    target
        SQL as MIG's, labels as in tag:role=db, or a name from targets.yaml or ~/.migrc; default
        those that are online.
    """
    if under.asked() and target:
        raise Invalid(f"either a target or --{next(iter(under.asked()))}")
    with Client(asking) as client:
        if under.asked():
            found, listing = agents_beneath(client, under), BENEATH
        else:
            typed = expanded(target or DEFAULT)
            found, listing = agents_meant(client, typed), MEANT
    if output == "target":
        meant = target_beneath(found, under) if under.asked() else typed
        sys.stdout.write(f"{meant}\n")
        return
    show(found, listing, output)
    if len(found) >= SHOWN_AT_ONCE:
        sys.stderr.write(f"vedette: the first {len(found)} by name; there may be more\n")
