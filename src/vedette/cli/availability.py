"""`vedette availability`: a row a component or group and a column a month; of one component a row a month."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import Asking
from vedette.errors import Missing

HERE = Asking()

MONTHS = 6
"""As many as a terminal has room for."""

MONTH = Listing(
    "months",
    ("month", "percent", "lost_s", "whole_s", "unseen_s", "published", "revised", "compatible"),
    "month",
)
PLACE = ("region", "category", "service", "component")


def availability(
    component: str | None = None,
    /,
    *,
    since: Annotated[
        str | None,
        Parameter(name="--from", help="The first month, as in 2026-01; default the last ones."),
    ] = None,
    months: Annotated[int, Parameter(help="How many; 1 to 36.")] = MONTHS,
    region: str | None = None,
    category: str | None = None,
    service: str | None = None,
    zone: Annotated[
        str | None, Parameter(help="Whose months, as Europe/Berlin; default the server's.")
    ] = None,
    by: Annotated[
        str | None,
        Parameter(help="Groups in which all must be up: some of region,category,service."),
    ] = None,
    compatible: Annotated[
        bool, Parameter(help="Beside it, as the first Status Dashboard counted; of one component.")
    ] = False,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Say how available components were, month by month, in per cent; how it is counted, on stderr.

    Parameters
    ----------
    component
        Its name in URLs, as `vedette get components -o name` lists it.
    region
        Only those in this region.
    category
        Only those of this category.
    service
        Only those of this service.
    """
    with Client(asking) as client:
        found = client.get(
            "/api/v1/availability",
            component=component,
            months=months,
            region=region,
            category=category,
            service=service,
            zone=zone,
            by=by,
            beside="compatible" if compatible else None,
            **{"from": since},
        )
    if component is not None and not by:
        if not found["items"]:
            raise Missing(
                f"there is no component {component!r} to count",
                hint="`vedette get components -o name` lists them",
            )
        [item] = found["items"]
        show([_month(month) for month in item["months"]], MONTH, output)
        if item["budget"]:
            sys.stderr.write(f"{item['budget']}\n")
    else:
        columns = tuple(by.split(",")) if by else PLACE
        table = Listing("components", (*columns, *found["months"]), columns[-1])
        show([_row(item) for item in found["items"]], table, output)
    sys.stderr.write(f"{found['counting']['says']}\n")


def _month(month: Mapping[str, Any]) -> dict[str, Any]:
    published = month["published"]
    return {
        "month": month["month"],
        "percent": month["percent"],
        "lost_s": month["lost_s"],
        "whole_s": month["whole_s"],
        "unseen_s": month["unseen_s"],
        "published": published["percent"] if published else None,
        "revised": month["revised"],
        "compatible": month["compatible_percent"],
    }


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    place = {name: item[name] for name in PLACE}
    return place | {month["month"]: month["percent"] for month in item["months"]}
