"""`vedette get KIND`: what is known of services, and `get validations|objectives|deployments|dora|…`."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from vedette import plugins
from vedette.cli.client import PAGE, Client
from vedette.cli.kinds import GROUP, add_commands
from vedette.cli.output import Format, Listing, show
from vedette.cli.records_listings import FAMILIES, flat, show_as_dashdotdb
from vedette.cli.spans import when
from vedette.cli.where import Asking
from vedette.errors import Invalid, Missing

HERE = Asking()
QUAY = "imagemanifestvuln"
FAMILY_NAMES = {
    "vulnerabilities": "vulnerabilities",
    "validations": "validations",
    "slo-values": "slo",
    "objectives": "objectives",
    "deployments": "deployments",
}
KINDS = Listing("kinds", ("name", "family", "description"), "name")
DORA = Listing(
    "deployments in that time",
    (
        "service",
        "environment",
        "deployments",
        "per_week",
        "band",
        "lead_median_h",
        "lead_p90_h",
        "fail_rate",
        "recovery_median_h",
        "recovery_p90_h",
        "rework_rate",
    ),
    "service",
)
Severities = Annotated[
    list[str] | None, Parameter(name=["--severity", "-s"], consume_multiple=True, negative="")
]


def add_records(app: App) -> None:
    """Let `get` list records, too: by kind, by family, and by what plugins bring."""
    app.default(records)
    app.command(dora)
    app.command(kinds)
    app.help_epilogue = f"kinds: {', '.join(plugins.names(GROUP))}"
    add_commands(app, "get")


def records(
    kind: str,
    /,
    *,
    cluster: Annotated[str | None, Parameter(name=["--cluster", "-c"])] = None,
    namespace: Annotated[str | None, Parameter(name=["--namespace", "-n"])] = None,
    severity: Severities = None,
    service: str | None = None,
    image: str | None = None,
    package: str | None = None,
    name: str | None = None,
    state: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """List the records of a kind, or vulnerabilities, validations, slo-values, objectives, deployments.

    Parameters
    ----------
    kind
        A kind as below, or one of these families.
    cluster
        In that cluster.
    namespace
        In that namespace.
    severity
        Of that severity, as in High; several, or parted by commas.
    service
        Of that service.
    image
        Of that image: its name or its digest.
    package
        Of that package.
    name
        That vulnerability under any of its names, that object, SLO or app.
    state
        open, fixed or all of vulnerabilities; failing, passing, standing, ended or all of validations.
    since
        From then on, as in 7d (ago) or 2026-11-22T10:00:00Z.
    until
        Before then.
    limit
        How many at most.
    """
    given = {
        "cluster": cluster,
        "namespace": namespace,
        "severity": ",".join(severity) if severity else None,
        "service": service,
        "image": image,
        "package": package,
        "name": name,
        "state": state,
        "since": when(since),
        "until": when(until),
    }
    with Client(asking) as client:
        family, of_kind = _family(client, kind)
        query = _query(family, {**given, "kind": of_kind}, kind)
        page = min(limit or PAGE, PAGE)
        rows = client.listed(FAMILIES[family].path, at_most=limit, limit=page, **query)
    if kind == QUAY:
        show_as_dashdotdb(rows, output)
    else:
        table = output in ("table", "csv")
        show(flat(rows, family) if table else rows, FAMILIES[family].listing, output)


def _family(client: Client, kind: str) -> tuple[str, str | None]:
    """Return the family that is asked for, and the kind where only one is; raises Missing, Invalid."""
    if kind in FAMILY_NAMES:
        return FAMILY_NAMES[kind], None
    known = {each["name"]: each["family"] for each in client.get("/api/v1/kinds")}
    if kind not in known:
        near = get_close_matches(kind, [*FAMILY_NAMES, *known], 1)
        raise Missing(
            f"there is nothing called {kind!r} to get",
            hint=f"did you mean {near[0]!r}?" if near else "`vedette get -h` lists what there is",
        )
    family = known[kind]
    if family not in FAMILIES:
        raise Invalid(
            f"{kind} is what others know of vulnerabilities, and stands beside these",
            hint="`vedette find CVE-…` shows it",
        )
    return family, kind if "kind" in FAMILIES[family].takes else None


def _query(family: str, given: dict[str, str | None], kind: str) -> dict[str, Any]:
    takes = FAMILIES[family].takes
    unknown = [f"--{name}" for name, value in given.items() if value and name not in takes]
    if unknown:
        raise Invalid(f"{kind} is not listed by {', '.join(unknown)}", hint="leave it out")
    return {takes[name]: value for name, value in given.items() if value}


def dora(
    *,
    service: str | None = None,
    team: str | None = None,
    environment: str | None = None,
    since: str | None = None,
    until: str | None = None,
    by: Literal["service", "environment"] = "service",
    output: Format = "table",
    asking: Asking = HERE,
) -> None:
    """Show DORA's five measures: how often, how fast, how well one delivers.

    Parameters
    ----------
    service
        Of that service.
    team
        Of the services of that team.
    environment
        In that environment, as in production.
    since
        From then on, as in 30d (ago) or 2026-11-22T10:00:00Z.
    until
        Before then.
    by
        A line a service, or one for each of its environments.
    """
    query: dict[str, Any] = {"from": when(since), "to": when(until)}
    query |= {"service": service, "team": team, "environment": environment, "by": by}
    with Client(asking) as client:
        rows = client.listed("/api/v1/dora", **query)
    show([_measures(row) for row in rows] if output in ("table", "csv") else rows, DORA, output)


def _measures(row: dict[str, Any]) -> dict[str, Any]:
    measures = row.get("measures") or {}
    lead, recovery = measures.get("lead_time") or {}, measures.get("recovery") or {}
    return {
        **measures,
        "service": row.get("service"),
        "environment": row.get("environment"),
        "lead_median_h": _hours(lead.get("median_s")),
        "lead_p90_h": _hours(lead.get("p90_s")),
        "recovery_median_h": _hours(recovery.get("median_s")),
        "recovery_p90_h": _hours(recovery.get("p90_s")),
    }


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 2)


def kinds(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List the kinds of records that the server understands."""
    with Client(asking) as client:
        show(client.listed("/api/v1/kinds"), KINDS, output)
