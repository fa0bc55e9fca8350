"""`vedette diff`: what came, went and changed since."""

import sys
from collections import Counter
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.spans import when
from vedette.cli.where import Asking
from vedette.errors import Invalid, Missing

HERE = Asking()
CHANGES = Listing(
    "changes in that time",
    ("at", "change", "name", "severity", "was", "cluster", "namespace", "services", "exploited"),
    "name",
)
ANY = "vulnerabilities"


def diff(
    kind: str = ANY,
    /,
    *,
    since: str = "7d",
    until: str | None = None,
    cluster: Annotated[str | None, Parameter(name=["--cluster", "-c"])] = None,
    namespace: Annotated[str | None, Parameter(name=["--namespace", "-n"])] = None,
    service: str | None = None,
    change: Literal["new", "fixed", "severity"] | None = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 1000,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List the vulnerabilities that came, that went, and that became graver or less so, the newest first.

    Parameters
    ----------
    kind
        Found by documents of that kind, as in imagemanifestvuln; default of any.
    since
        From then on, as in 7d (ago) or 2026-11-22T10:00:00Z.
    until
        Before then.
    cluster
        In that cluster.
    namespace
        In that namespace.
    service
        Of that service.
    change
        Only what came (new), what went (fixed), or what changed its severity.
    """
    query: dict[str, Any] = {"from": when(since), "to": when(until), "change": change}
    query |= {"cluster": cluster, "namespace": namespace, "service": service}
    with Client(asking) as client:
        query["kind"] = _checked(client, kind)
        rows = client.listed("/api/v1/changes", at_most=limit, **query)
    show(rows, CHANGES, output)
    if rows and output == "table":
        counts = Counter(str(row.get("change")) for row in rows)
        said = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
        cut = f"; the newest {limit}, --limit shows more" if len(rows) == limit else ""
        sys.stderr.write(f"{said}{cut}\n")


def _checked(client: Client, kind: str) -> str | None:
    """Return the kind to ask for, None for any; raises Missing, and Invalid for what has no changes of its own."""
    if kind == ANY:
        return None
    families = {each["name"]: each["family"] for each in client.get("/api/v1/kinds")}
    if kind not in families:
        raise Missing(f"there is no kind called {kind!r}", hint=f"there are {', '.join(families)}")
    if families[kind] != ANY:
        raise Invalid(
            f"{kind} is of {families[kind]}, and only vulnerabilities are compared",
            hint=f"`vedette get {kind} --since 7d` lists what is dated",
        )
    return kind
