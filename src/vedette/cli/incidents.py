"""`vedette incidents`: tell people that something is broken, and that it is not any more."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from vedette.cli import incidents_past
from vedette.cli.client import Client
from vedette.cli.incident_templates import app as templates
from vedette.cli.incidents_shown import Text, Version, Whom, show_event, show_events, written
from vedette.cli.output import Format, Listing, show
from vedette.cli.spans import later, when
from vedette.cli.where import Asking

HERE, NOBODY = Asking(), Whom()
PATH = "/api/v1/events"
CHANGES = Listing("changes", ("at", "by", "change", "detail"), "change")

app = App(name="incidents", help="Open, update and close incidents; put their past right.")


@app.command(name="list")
def list_incidents(
    *,
    start: str | None = None,
    end: str | None = None,
    impact: str | None = None,
    region: str | None = None,
    service: str | None = None,
    component: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    is_open: Annotated[bool | None, Parameter(name="--open", negative="--closed")] = None,
    text: str | None = None,
    limit: int = 50,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List incidents, maintenances and notes, the newest start first.

    Parameters
    ----------
    start
        Those that had not ended by then: 2026-11-22T03:00:00Z, or 2d for two days ago.
    end
        Those that had begun by then.
    impact
        minor, major, outage or maintenance, or 1, 2, 3, 0.
    region
        Those that affect a component there.
    service
        Those that affect a component of it.
    component
        Those that affect it: its slug, or as in orders@EU-DE.
    status
        As in fixing; investigating, identified, watching, fixed and scheduled are known, too.
    kind
        incident, maintenance or info.
    is_open
        Those that are open, or those that are over; default both.
    text
        Words in the title, the description or what was said.
    limit
        How many at most.
    """
    with Client(asking) as client:
        found = client.listed(
            PATH,
            at_most=limit,
            limit=max(1, min(limit, 1000)),
            start=when(start),
            end=when(end),
            impact=impact,
            region=region,
            service=service,
            component=component,
            status=status,
            kind=kind,
            open=None if is_open is None else str(is_open).lower(),
            text=text,
        )
    show_events(found, output)


@app.command(name="show")
def show_incident(number: int, /, *, output: Format = "table", asking: Asking = HERE) -> None:
    """Show one with everything that was said of it."""
    with Client(asking) as client:
        show_event(client.get(f"{PATH}/{number}"), output)


@app.command
def history(number: int, /, *, output: Format = "table", asking: Asking = HERE) -> None:
    """Show who changed what of one, the newest change first."""
    with Client(asking) as client:
        show(client.listed(f"{PATH}/{number}/history"), CHANGES, output)


@app.command(name="open")
def open_incident(
    title: str = "",
    /,
    *,
    whom: Whom = NOBODY,
    impact: str | None = None,
    status: str | None = None,
    text: Text = "",
    since: str | None = None,
    until: str | None = None,
    draft: Annotated[bool, Parameter(negative="")] = False,
    publish_at: str | None = None,
    info: Annotated[bool, Parameter(negative="")] = False,
    template: str | None = None,
    key: str | None = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Tell people that something is broken.

    Parameters
    ----------
    title
        What is wrong, in a line.
    impact
        minor (the default), major or outage.
    status
        Default analyzing.
    text
        The first update, in Markdown; - reads it from stdin.
    since
        When it began, as in 20m (ago) or 2026-11-22T03:00:00Z; default now.
    until
        When it ended, for what is over already.
    draft
        Tell nobody yet; `vedette incidents publish` does.
    publish_at
        When the draft goes out by itself, as in 2h (from now) or 2026-11-22T03:00:00Z.
    info
        A note that is worth knowing and breaks nothing.
    template
        Take title, text and impact from a template where they are left out.
    key
        Sent again with the same key within a day, it is not opened again.
    """
    body = _given(
        title=title,
        kind="info" if info else "incident",
        impact=impact,
        status=status,
        text=written(text),
        starts_at=when(since),
        ends_at=when(until),
        draft=draft,
        publish_at=later(publish_at),
        template=template,
        **whom.body(),
    )
    with Client(asking) as client:
        show_events([client.send("POST", PATH, body, key=key)], output)


@app.command
def update(
    number: int,
    /,
    *,
    text: Text = "",
    status: str | None = None,
    impact: str | None = None,
    title: str | None = None,
    at: str | None = None,
    update_id: Annotated[int | None, Parameter(name="--edit")] = None,
    version: Version = None,
    key: str | None = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say something more of one that is open, or put what was said into other words.

    Parameters
    ----------
    text
        What to say, in Markdown; - reads it from stdin.
    status
        Where it stands: analyzing, fixing or observing; the words of the first dashboard, too.
    impact
        How grave it is from then on.
    title
        Its new title.
    at
        When it was so, as in 5m (ago) or 2026-11-22T03:00:00Z; default now.
    update_id
        The id of an update whose text this is to replace; readers see that it was edited.
    key
        Sent again with the same key within a day, it is not said again.
    """
    path = f"{PATH}/{number}/updates"
    body = _given(text=written(text), status=status, impact=impact, title=title, at=when(at))
    with Client(asking) as client:
        if update_id is not None:
            told = client.send("PATCH", f"{path}/{update_id}", body, version=version, key=key)
        else:
            told = client.send("POST", path, body, version=version, key=key)
    show_events([told], output)


@app.command
def note(number: int, text: Text, /, *, output: Format = "table", asking: Asking = HERE) -> None:
    """Leave a note that operators alone read; - reads it from stdin."""
    body = {"text": written(text), "internal": True}
    with Client(asking) as client:
        show_events([client.post(f"{PATH}/{number}/updates", body)], output)


@app.command
def close(
    number: int,
    /,
    *,
    text: Text = "",
    at: str | None = None,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that it is over.

    Parameters
    ----------
    text
        The last words, in Markdown; - reads them from stdin.
    at
        When it was over, as in 10m (ago) or 2026-11-22T03:00:00Z; default now.
    """
    body = _given(text=written(text), at=when(at))
    with Client(asking) as client:
        told = client.send("POST", f"{PATH}/{number}/close", body, version=version)
    show_events([told], output)


@app.command
def reopen(
    number: int,
    /,
    *,
    text: Text = "",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say that it is not over, as if it had never ended; --text - reads the reason from stdin."""
    with Client(asking) as client:
        path = f"{PATH}/{number}/reopen"
        told = client.send("POST", path, {"text": written(text)}, version=version)
    show_events([told], output)


app.command(incidents_past.correct)
app.command(incidents_past.separate)
app.command(incidents_past.merge)
app.command(incidents_past.publish)
app.command(incidents_past.postmortem)
app.command(templates)


def _given(**words: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {name: word for name, word in words.items() if word not in (None, "")}
