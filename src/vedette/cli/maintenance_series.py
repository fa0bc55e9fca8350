"""`vedette maintenance series`: maintenances that come again."""

from typing import Annotated

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.incidents_shown import Version, Whom, written
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import Asking

HERE, NOBODY = Asking(), Whom()
PATH = "/api/v1/maintenances/series"
SERIES = Listing("series", ("id", "schedule", "zone", "lasts", "title", "components", "next"), "id")

app = App(name="series", help="Plan what comes again; each occurrence is a maintenance of its own.")


@app.command
def plan(
    title: str,
    /,
    *,
    schedule: str,
    zone: str,
    lasts: Annotated[str, Parameter(name="--for")],
    whom: Whom = NOBODY,
    description: str = "",
    since: str | None = None,
    until: str | None = None,
    key: str | None = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Begin a series; its maintenances are planned sixty days ahead, always.

    Parameters
    ----------
    title
        What will be done, in a line.
    schedule
        Five fields of cron, as in "0 2 * * SUN", read on the clock of the zone.
    zone
        As in Europe/Berlin; the hour stays when the clocks change.
    lasts
        How long each lasts, as in 2h.
    description
        What people should know, in Markdown; - reads it from stdin.
    since
        From when on; default now.
    until
        Until when; default for ever.
    key
        Sent again with the same key within a day, it is not begun again.
    """
    wish = {
        "title": title,
        "schedule": schedule,
        "zone": zone,
        "lasts": lasts,
        "description": written(description),
        "from_at": since,
        "until_at": until,
        **whom.body(),
    }
    with Client(asking) as client:
        show([client.send("POST", PATH, wish, key=key)], SERIES, output)


@app.command(name="list")
def list_series(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List the series that go on, with their next starts."""
    with Client(asking) as client:
        show(client.listed(PATH), SERIES, output)


@app.command
def modify(
    number: int,
    /,
    *,
    title: str | None = None,
    schedule: str | None = None,
    zone: str | None = None,
    lasts: Annotated[str | None, Parameter(name="--for")] = None,
    whom: Whom = NOBODY,
    description: str | None = None,
    until: str | None = None,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Change a series for what has not begun; what was moved or skipped by hand stays so.

    Parameters
    ----------
    title
        Its new title.
    schedule
        Its new schedule.
    zone
        Its new zone.
    lasts
        How long each lasts from now on.
    description
        What people should know, in Markdown; - reads it from stdin.
    until
        Until when.
    """
    wish = {
        "title": title,
        "schedule": schedule,
        "zone": zone,
        "lasts": lasts,
        "description": None if description is None else written(description),
        "until_at": until,
        **whom.body(),
    }
    with Client(asking) as client:
        show([client.send("PATCH", f"{PATH}/{number}", wish, version=version)], SERIES, output)


@app.command
def end(
    number: int, /, *, version: Version = None, output: Format = "table", asking: Asking = HERE
) -> None:
    """End a series; what of it has not begun is cancelled."""
    with Client(asking) as client:
        show([client.send("POST", f"{PATH}/{number}/end", version=version)], SERIES, output)
