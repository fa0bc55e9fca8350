"""`vedette find`: where a vulnerability is, and what is known of it."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Item, Listing, plain, show
from vedette.cli.where import Asking

HERE = Asking()
PATH = "/api/v1/find"
PLACES = Listing(
    "namespaces where it runs",
    ("services", "cluster", "namespace", "severity", "images", "pods", "since"),
    "namespace",
)
FOUND = Listing(
    "findings",
    (
        "image",
        "tag",
        "package",
        "version",
        "severity",
        "fixed_in",
        "runs_in",
        "source",
        "since",
        "fixed_at",
        "decision",
    ),
    "image",
)


def find(
    name: str,
    /,
    *,
    state: Literal["open", "fixed", "all"] = "open",
    limit: Annotated[int, Parameter(help="How many findings at most.")] = 1000,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say where a vulnerability is: services, images, pods, hosts, since when, fixed by what.

    Parameters
    ----------
    name
        As in CVE-2021-44228; any name it goes by will do.
    state
        Of findings: open, fixed or all.
    """
    with Client(asking) as client:
        answer = client.get(PATH, name=name, state=state, limit=1)
        answer["items"] = client.listed(PATH, at_most=limit, name=name, state=state)
    if output == "json":
        sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    elif output == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(answer, sort_keys=False, allow_unicode=True))
    else:
        _show(answer, output)


def _show(answer: dict[str, Any], output: str) -> None:
    rows = [{**item, "runs_in": _places(item.get("places") or ())} for item in answer["items"]]
    if output == "table":
        sys.stdout.writelines(f"{line}\n" for line in _known(answer))
        if answer["places"]:
            sys.stdout.write("\n")
            show(answer["places"], PLACES, output)
        if rows:
            sys.stdout.write("\n")
    show(rows, FOUND, output)


def _places(places: Iterable[Item]) -> list[str]:
    return [f"{place.get('cluster')}/{place.get('namespace')}" for place in places]


def _known(answer: Item) -> Iterator[str]:
    others = [name for name in answer["names"] if name != answer["name"]]
    counts = f" counts as {plain(others)}" if others else ""
    yield f"{plain(answer['name'])}{counts}"
    for advisory in answer["advisories"][:5]:
        yield f"  {plain(advisory['name'])} {plain(advisory['feed'])} {_text(advisory)}".rstrip(
            " -"
        )
    yield f"  exploited: {_exploited(answer)}"
    yield f"  EPSS: {_epss(answer)}"


def _text(advisory: Item) -> str:
    links = advisory.get("links") or [""]
    return plain(advisory.get("title") or links[0])


def _exploited(answer: Item) -> str:
    if answer["exploited"] is None:
        return "not known, no catalogue is loaded (vedette apply kev -f FILE)"
    said = [
        f"{plain(each['catalog'])} since {plain(each['added_on'])}"
        + (f", to be mended until {plain(each['due_on'])}" if each.get("due_on") else "")
        for each in answer["listed"]
    ]
    return "; ".join(said) or "in no catalogue that is loaded"


def _epss(answer: Item) -> str:
    scored, of = answer["epss"], answer["epss_of"]
    if of is None and scored is None:
        return "not known, no scores are loaded (vedette apply epss -f FILE)"
    if scored is None:
        return f"it has no score of {of}"
    return f"{scored['score']:.3f}, percentile {scored['percentile']:.3f}, of {of}"
