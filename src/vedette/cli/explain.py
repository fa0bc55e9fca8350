"""`vedette explain`: why a component is in its state, and why an incident was or was not opened."""

import json
import sys
from typing import Annotated, Any, Literal
from urllib.parse import quote

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import plain
from vedette.cli.where import Asking

HERE = Asking()


def explain(
    component: str,
    /,
    *,
    at: Annotated[
        str | None,
        Parameter(help="Of that time, RFC 3339 as in 2026-11-22T10:00:00Z; default now."),
    ] = None,
    output: Annotated[
        Literal["text", "json"], Parameter(name=["--output", "-o"], help="How to print it.")
    ] = "text",
    asking: Asking = HERE,
) -> None:
    """Say in words, from what is stored, why a component is in its state and what is told of it.

    Parameters
    ----------
    component
        Its name in URLs, as `vedette get components -o name` lists it.
    """
    with Client(asking) as client:
        found = client.get(f"/api/v1/components/{quote(component, safe='')}/explain", at=at)
    if output == "json":
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in told(found))


def told(found: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Return the lines of an explanation: the state, what speaks for it with its times, what is not known."""
    state = plain(found["state"]) or "not known"
    lines = [f"{plain(found['name'])} at {_time(found['at'])}: {state}"]
    lines += [
        f"  {_time(one['at']):20}  {plain(one['about']):11}  {plain(one['text'])}"
        for one in found["because"]
    ]
    lines += [f"  not known: {plain(one)}" for one in found["unknown"]]
    return lines


def _time(at: Any) -> str:  # noqa: ANN401 - JSON
    return f"{str(at)[:19]}Z" if at else "-"
