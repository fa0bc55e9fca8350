"""`vedette maintenance`: tell people beforehand what will be worked on, and when it is done."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

from vedette.cli import maintenance_series
from vedette.cli.client import Client
from vedette.cli.incidents_shown import Version, Whom, written
from vedette.cli.maintenance_now import now
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import Asking

HERE, NOBODY = Asking(), Whom()
PATH = "/api/v1/maintenances"
MAINTENANCES = Listing(
    "maintenances", ("id", "status", "starts_at", "ends_at", "title", "components"), "id"
)

For = Annotated[str | None, Parameter(name="--for")]

app = App(name="maintenance", help="Plan maintenances, begin and finish them.")
app.command(now)
app.command(maintenance_series.app)


@app.command
def plan(
    title: str,
    /,
    *,
    start: str,
    end: str | None = None,
    lasts: For = None,
    zone: str | None = None,
    whom: Whom = NOBODY,
    description: str = "",
    draft: Annotated[bool, Parameter(negative="")] = False,
    publish_at: str | None = None,
    key: str | None = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Plan a maintenance; the server begins and completes it by itself.

    Parameters
    ----------
    title
        What will be done, in a line.
    start
        When it begins: 2026-12-01T02:00Z, or "2026-12-01 02:00" with --zone.
    end
        When it is over, written as the start; or say --for.
    lasts
        How long it lasts, as in 30m or 2h.
    zone
        The zone of times without an offset, as in Europe/Berlin.
    description
        What people should know, in Markdown; - reads it from stdin.
    draft
        Tell nobody yet; `vedette maintenance publish` does.
    publish_at
        When the draft goes out by itself.
    key
        Sent again with the same key within a day, it is not planned again.
    """
    wish = {
        "title": title,
        "starts_at": start,
        "ends_at": end,
        "lasts": lasts,
        "zone": zone,
        "description": written(description),
        "draft": draft,
        "publish_at": publish_at,
        **whom.body(),
    }
    with Client(asking) as client:
        _show_one(client.send("POST", PATH, wish, key=key), output)


@app.command(name="list")
def list_maintenances(
    *,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    region: str | None = None,
    service: str | None = None,
    component: str | None = None,
    limit: int = 50,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List what is in progress and what is planned, the next first.

    Parameters
    ----------
    everything
        Also what is over or was called off; the latest start first.
    region
        Those that affect a component there.
    service
        Those that affect a component of it.
    component
        Those that affect it: its slug, or as in orders@EU-DE.
    limit
        How many at most.
    """
    with Client(asking) as client:
        found = client.listed(
            PATH,
            at_most=limit if everything else None,
            open=None if everything else "true",
            region=region,
            service=service,
            component=component,
        )
    if not everything:
        found = found[::-1][:limit]
    _show(found, output)


@app.command
def start(
    number: int,
    /,
    *,
    text: str = "",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Begin a planned maintenance now, before its time; its end stays.

    Parameters
    ----------
    text
        What people are told, in Markdown; - reads it from stdin.
    """
    _conduct(number, "start", {"text": written(text)}, version, output, asking)


@app.command
def finish(
    number: int,
    /,
    *,
    text: str = "",
    at: str | None = None,
    zone: str | None = None,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that a maintenance is done.

    Parameters
    ----------
    text
        What people are told, in Markdown; - reads it from stdin.
    at
        When it was done; default now.
    zone
        The zone of a time without an offset.
    """
    body = {"text": written(text), "at": at, "zone": zone}
    _conduct(number, "finish", body, version, output, asking)


@app.command
def cancel(
    number: int,
    /,
    *,
    text: str = "",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Call off a maintenance that has not begun; calendars show it as cancelled.

    Parameters
    ----------
    text
        Why, in Markdown; - reads it from stdin.
    """
    _conduct(number, "cancel", {"text": written(text)}, version, output, asking)


@app.command
def publish(
    number: int, /, *, version: Version = None, output: Format = "table", asking: Asking = HERE
) -> None:
    """Let everybody read a draft."""
    _conduct(number, "publish", None, version, output, asking)


@app.command
def modify(
    number: int,
    /,
    *,
    title: str | None = None,
    start: str | None = None,
    end: str | None = None,
    lasts: For = None,
    zone: str | None = None,
    whom: Whom = NOBODY,
    description: str | None = None,
    text: str = "",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Move, extend or reword a maintenance that is not over.

    Parameters
    ----------
    title
        Its new title.
    start
        Its new start; alone it takes the end with it.
    end
        Its new end.
    lasts
        How long it lasts from its start, as in 3h.
    zone
        The zone of times without an offset.
    description
        What people should know, in Markdown; - reads it from stdin.
    text
        What people are told of the change; default both times.
    """
    wish = {
        "title": title,
        "starts_at": start,
        "ends_at": end,
        "lasts": lasts,
        "zone": zone,
        "description": None if description is None else written(description),
        "text": text,
        **whom.body(),
    }
    with Client(asking) as client:
        _show_one(client.send("PATCH", f"{PATH}/{number}", wish, version=version), output)


def _conduct(
    number: int,
    verb: str,
    body: Mapping[str, Any] | None,
    version: int | None,
    output: str,
    asking: Asking,
) -> None:
    with Client(asking) as client:
        _show_one(client.send("POST", f"{PATH}/{number}/{verb}", body, version=version), output)


def _show_one(maintenance: Mapping[str, Any], output: str) -> None:
    _show([maintenance], output)
    if maintenance["overlaps"]:
        others = ", ".join(map(str, maintenance["overlaps"]))
        sys.stderr.write(f"at the same time, for some of the same components: {others}\n")


def _show(maintenances: Sequence[Mapping[str, Any]], output: str) -> None:
    whole = output in ("json", "yaml")
    show(maintenances if whole else [_row(one) for one in maintenances], MAINTENANCES, output)


def _row(maintenance: Mapping[str, Any]) -> Mapping[str, Any]:
    status = maintenance["status"] if maintenance["published_at"] else "draft"
    return {**maintenance, "status": status}
