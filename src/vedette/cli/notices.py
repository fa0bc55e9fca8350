"""`vedette notices`: what people and programs are told of incidents, and whether they have it."""

import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import Asking

HERE = Asking()
PATH = "/api/v1/notices"
NOTICES = Listing("notices", ("id", "at", "incident", "change", "waiting", "subject"), "id")
RECIPIENTS = Listing(
    "recipients", ("address", "waiting", "sent", "sent_at", "next_at", "last_error"), "address"
)

Shape = Annotated[
    Literal["text", "html", "mail"],
    Parameter(name=["--output", "-o"], help="The words, the HTML, or the whole message."),
]

app = App(name="notices", help="What people and programs are told of incidents.")


@app.command(name="list")
def list_notices(
    *, limit: int | None = None, output: Format = "table", asking: Asking = HERE
) -> None:
    """List what was told, the newest first; `waiting` counts who is still to be told.

    Parameters
    ----------
    limit
        How many at most; default all of them.
    """
    with Client(asking) as client:
        show(client.listed(PATH, at_most=limit), NOTICES, output)


@app.command(name="show")
def show_notice(number: int, /, *, output: Shape = "text", asking: Asking = HERE) -> None:
    """Show one notice as it goes out."""
    with Client(asking) as client:
        sys.stdout.write(client.get(f"{PATH}/{number}")[output])


@app.command
def recipients(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List who is told, and how that goes."""
    with Client(asking) as client:
        show(client.get(f"{PATH}/recipients"), RECIPIENTS, output)
