"""`vedette get`: lists of what there is and how it is."""

from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.records_get import add_records
from vedette.cli.where import Asking

HERE = Asking()

TARGETS = Listing(
    "targets", ("name", "connector", "cluster", "component", "state", "since", "reason"), "name"
)
COMPONENTS = Listing(
    "components", ("service", "region", "category", "state", "since", "reason", "slug"), "slug"
)
AGENTS = Listing(
    "agents",
    ("name", "state", "via", "version", "os", "hostname", "targets", "heartbeat_at", "queueloc"),
    "name",
)
REPORTS = Listing("reports", ("at", "agent", "state", "error_class", "rtt_s"), "at")

app = App(name="get", help="List targets, reports, components, agents, and records of any kind.")


@app.command
def targets(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List what is looked at, and how it is."""
    with Client(asking) as client:
        show(client.listed("/api/v1/targets"), TARGETS, output)


@app.command
def components(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List services by region: their state, since when, and why."""
    with Client(asking) as client:
        show(client.listed("/api/v1/components"), COMPONENTS, output)


@app.command
def agents(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List those who look: connected or not, since when silent."""
    with Client(asking) as client:
        show(client.listed("/api/v1/agents"), AGENTS, output)


@app.command
def reports(
    target: str,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List the reports of a target, the newest first.

    Parameters
    ----------
    target
        Its name.
    since
        From then on, RFC 3339 as in 2026-11-22T10:00:00Z.
    until
        Before then.
    """
    path = f"/api/v1/targets/{quote(target, safe='')}/reports"
    with Client(asking) as client:
        found = client.listed(path, at_most=limit, since=since, until=until)
    show(found, REPORTS, output)


add_records(app)
