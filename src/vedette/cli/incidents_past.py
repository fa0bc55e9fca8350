"""`vedette incidents correct`, `separate`, `merge`, `publish`, `postmortem`: what an incident was, put right."""

from typing import Annotated

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.incidents_shown import Text, Version, Whom, show_events, written
from vedette.cli.output import Format
from vedette.cli.spans import when
from vedette.cli.where import Asking

HERE, NOBODY = Asking(), Whom()
PATH = "/api/v1/events"


def correct(
    number: int,
    /,
    *,
    start: str | None = None,
    end: str | None = None,
    text: Text = "",
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Move its start or its end afterwards; pages say that the past was revised.

    Parameters
    ----------
    start
        When it began, as in 2h (ago) or 2026-11-22T03:00:00Z.
    end
        When it was over.
    text
        Why, in Markdown; - reads it from stdin.
    """
    body = {
        "starts_at": when(start),
        "ends_at": when(end),
        "text": written(text),
    }
    with Client(asking) as client:
        told = client.send("POST", f"{PATH}/{number}/correct", body, version=version)
    show_events([told], output)


def separate(
    number: int,
    /,
    *,
    whom: Whom = NOBODY,
    title: str | None = None,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Give some of its components an incident of their own, and print that one.

    Parameters
    ----------
    title
        Its title; default the old one with the services' names.
    """
    body = {"title": title, **whom.body()}
    with Client(asking) as client:
        told = client.send("POST", f"{PATH}/{number}/separate", body, version=version)
    show_events([told], output)


def merge(
    number: int,
    into: int,
    /,
    *,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Let another incident take this one in, and print the other one.

    Parameters
    ----------
    into
        The one that takes it in; it keeps its title.
    """
    with Client(asking) as client:
        path = f"{PATH}/{number}/merge"
        told = client.send("POST", path, {"into": into}, version=version)
    show_events([told], output)


def publish(
    number: int,
    /,
    *,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Let everyone read a draft."""
    with Client(asking) as client:
        told = client.send("POST", f"{PATH}/{number}/publish", version=version)
    show_events([told], output)


def postmortem(
    number: int,
    text: Text,
    /,
    *,
    for_all: Annotated[bool, Parameter(name="--publish", negative="")] = False,
    version: Version = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Keep what happened and why, for operators first.

    Parameters
    ----------
    text
        In Markdown; - reads it from stdin.
    for_all
        Let everyone read it, from now on.
    """
    body = {"text": written(text), "publish": for_all}
    with Client(asking) as client:
        told = client.send("PUT", f"{PATH}/{number}/postmortem", body, version=version)
    show_events([told], output)
