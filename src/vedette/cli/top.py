"""`vedette top`: what to mend first, and why."""

from typing import Annotated, Any

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Item, Listing, show
from vedette.cli.where import Asking

HERE = Asking()
TOP = Listing(
    "vulnerabilities to mend",
    ("rank", "name", "severity", "why", "fix", "percentile", "namespaces", "pods", "since"),
    "name",
)


def top(
    *,
    cluster: Annotated[str | None, Parameter(name=["--cluster", "-c"])] = None,
    namespace: Annotated[str | None, Parameter(name=["--namespace", "-n"])] = None,
    service: str | None = None,
    team: str | None = None,
    fixable: Annotated[bool | None, Parameter(negative="")] = None,
    covered: Annotated[bool, Parameter(negative="")] = False,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List what to mend first: known to be exploited and running, probable to be, grave with a fix, the rest.

    Parameters
    ----------
    cluster
        In that cluster.
    namespace
        In that namespace.
    service
        Of that service.
    team
        Of the services of that team.
    fixable
        Only what a newer version mends.
    covered
        Also what was decided to need no mending.
    """
    query: dict[str, Any] = {
        "cluster": cluster,
        "namespace": namespace,
        "service": service,
        "team": team,
        "fixable": None if fixable is None else "true",
        "covered": "true" if covered else None,
    }
    with Client(asking) as client:
        rows = client.listed("/api/v1/top", at_most=limit, **query)
    is_flat = output in ("table", "csv")
    show([_flat(row) for row in rows] if is_flat else rows, TOP, output)


def _flat(row: Item) -> dict[str, Any]:
    fixes = [f"{fix.get('package')} {fix.get('fixed_in')}" for fix in row.get("fixes") or ()]
    more = [f"and {len(fixes) - 1} more"] if len(fixes) > 1 else []
    return {**row, "fix": " ".join(fixes[:1] + more) or None}
