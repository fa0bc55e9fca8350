"""How incidents stand on a terminal, and how one names those they affect."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from vedette.cli.output import Listing, plain, show

INCIDENTS = Listing(
    "incidents", ("id", "status", "impact", "starts_at", "ends_at", "title", "affects"), "id"
)
IMPACTS = ("maintenance", "minor", "major", "outage")
TEXT_CHARS = 200_000
"""What is read from stdin at most; the server takes less."""

# Markdown may begin with the hyphen of a list, and a hyphen alone means stdin.
Text = Annotated[str, Parameter(allow_leading_hyphen=True)]
Version = Annotated[
    int | None,
    Parameter(help="The version you have read; somebody else's change since then is a conflict."),
]


@Parameter(name="*", group="Whom")
@dataclass(frozen=True, kw_only=True)
class Whom:
    """Whom it affects; services and regions together name what is in both."""

    component: Annotated[
        list[str] | None,
        Parameter(negative="", help="A component, by slug or as orders@EU-DE; may be repeated."),
    ] = None
    service: Annotated[
        list[str] | None, Parameter(negative="", help="Every component of a service.")
    ] = None
    region: Annotated[
        list[str] | None, Parameter(negative="", help="Every component in a region.")
    ] = None

    def body(self) -> dict[str, list[str]]:
        """Return them as a request names them."""
        return {f"{name}s": words for name, words in asdict(self).items() if words}


def written(text: str) -> str:
    """Return the text; `-` reads it from stdin."""
    return sys.stdin.read(TEXT_CHARS) if text == "-" else text


def show_events(events: Sequence[Mapping[str, Any]], output: str) -> None:
    """Print incidents: whole as JSON and YAML, a line each otherwise."""
    whole = output in ("json", "yaml")
    show(events if whole else [_row(event) for event in events], INCIDENTS, output)


def show_event(event: Mapping[str, Any], output: str) -> None:
    """Print one incident with everything that was said of it."""
    if output != "table":
        show_events([event], output)
        return
    row = _row(event)
    facts = {
        "status": row["status"] + (" (draft)" if event["published_at"] is None else ""),
        "impact": row["impact"],
        "from": event["starts_at"],
        "to": event["ends_at"],
        "affects": row["affects"],
        "version": event["version"],
        "revised": event["revised_at"],
        "merged into": event["merged_into"],
    }
    lines = [f"{plain(event['id'])}  {plain(event['title'])}"]
    lines += [f"  {name:<12}{plain(value)}" for name, value in facts.items() if value is not None]
    lines += _indented(event["description"])
    for said in event["updates"]:
        marks = ["internal"] if said["internal"] else []
        marks += ["edited"] if said["edited_at"] else []
        tail = f" ({', '.join(marks)})" if marks else ""
        lines.append(f"{said['at']}  {plain(said['status'])}  {plain(said['made_by'])}{tail}")
        lines += _indented(said["text"])
    if event["postmortem"]:
        lines.append("post-mortem" + ("" if event["postmortem_at"] else " (draft)"))
        lines += _indented(event["postmortem"])
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **event,
        "impact": IMPACTS[event["impact"]],
        "affects": [one["slug"] for one in event["components"] if one["left_at"] is None],
    }


def _indented(text: str) -> list[str]:
    return [f"    {plain(line)}" if line else "" for line in text.splitlines()]
