"""`vedette incidents templates`: words to begin an incident with."""

from urllib.parse import quote

from cyclopts import App

from vedette.cli.client import Client
from vedette.cli.incidents_shown import Text, Version, written
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import Asking

HERE = Asking()
PATH = "/api/v1/templates"
TEMPLATES = Listing("templates", ("name", "kind", "impact", "title", "text"), "name")

app = App(name="templates", help="Words to begin an incident with.")


@app.command(name="list")
def list_templates(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List the templates by name."""
    with Client(asking) as client:
        show(client.listed(PATH), TEMPLATES, output)


@app.command
def keep(
    name: str,
    /,
    *,
    title: str = "",
    text: Text = "",
    impact: str | None = None,
    kind: str = "incident",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Make a template, or change the one of this name.

    Parameters
    ----------
    title
        The title it offers.
    text
        The first words it offers, in Markdown; - reads them from stdin.
    impact
        minor, major or outage.
    kind
        incident, maintenance or info.
    """
    body = {"title": title, "text": written(text), "impact": impact, "kind": kind}
    with Client(asking) as client:
        path = f"{PATH}/{quote(name, safe='')}"
        show([client.send("PUT", path, body, version=version)], TEMPLATES, output)


@app.command
def drop(name: str, /, *, asking: Asking = HERE) -> None:
    """Forget a template; what was opened with it stays."""
    with Client(asking) as client:
        client.delete(f"{PATH}/{quote(name, safe='')}")
