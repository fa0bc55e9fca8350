"""How records are listed: the columns of each family, and the table of vulnerabilities as Dash.DB prints it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vedette.cli.output import Item, Listing, plain, show

MANIFEST_LENGTH = 14
PADDING = 2

DASHDOTDB = Listing(
    "vulnerabilities",
    (
        "repository",
        "name",
        "manifest",
        "affected_pods",
        "vulnerability",
        "severity",
        "package",
        "current_version",
        "fixed_in_version",
        "link",
    ),
    "vulnerability",
)


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of records is asked for and listed.

    path: of the REST interface. takes: which of the command's filters it knows, by the names they have there.
    """

    listing: Listing
    path: str
    takes: Mapping[str, str] = field(default_factory=dict)


PLACE = {"cluster": "cluster", "namespace": "namespace", "service": "service"}

FAMILIES: Mapping[str, Family] = {
    "vulnerabilities": Family(
        Listing(
            "vulnerabilities",
            (
                "image",
                "tag",
                "vulnerability",
                "severity",
                "package",
                "version",
                "fixed_in",
                "affected_pods",
                "source",
                "since",
            ),
            "name",
        ),
        "/api/v1/vulnerabilities",
        PLACE
        | {
            "kind": "kind",
            "severity": "severity",
            "image": "image",
            "package": "package",
            "name": "name",
            "state": "state",
        },
    ),
    "validations": Family(
        Listing(
            "validations",
            (
                "cluster",
                "namespace",
                "kind",
                "name",
                "check",
                "passed",
                "source",
                "since",
                "message",
            ),
            "check",
        ),
        "/api/v1/validations",
        PLACE | {"name": "name", "state": "state"},
    ),
    "slo": Family(
        Listing(
            "SLO values",
            ("at", "service", "cluster", "namespace", "document", "sli", "name", "value", "target"),
            "name",
        ),
        "/api/v1/slo-values",
        PLACE | {"name": "name", "since": "from", "until": "to"},
    ),
    "objectives": Family(
        Listing(
            "objectives",
            (
                "service",
                "name",
                "sli",
                "target",
                "latest",
                "latest_at",
                "burn",
                "remaining",
                "source",
            ),
            "name",
        ),
        "/api/v1/objectives",
        {"service": "service", "name": "name"},
    ),
    "deployments": Family(
        Listing(
            "deployments",
            (
                "finished_at",
                "service",
                "app",
                "environment",
                "pipeline",
                "reason",
                "commits",
                "incidents",
            ),
            "id",
        ),
        "/api/v1/deployments",
        {"service": "service", "since": "from", "until": "to", "name": "app"},
    ),
}


def as_dashdotdb(row: Item) -> dict[str, Any]:
    """Return a vulnerability with the keys and the shortened digest of Dash.DB."""
    links = row.get("links") or [None]
    digest = str(row.get("digest") or "")
    return {
        "repository": row.get("image"),
        "name": row.get("feed"),
        "manifest": digest[:MANIFEST_LENGTH],
        "affected_pods": row.get("affected_pods"),
        "vulnerability": row.get("vulnerability"),
        "severity": row.get("word") or row.get("severity"),
        "package": row.get("package"),
        "current_version": row.get("version"),
        "fixed_in_version": row.get("fixed_in") or None,
        "link": links[0],
    }


def show_as_dashdotdb(rows: Iterable[Item], output: str) -> None:
    """Print vulnerabilities as Dash.DB's `get imagemanifestvuln` does."""
    shown = [as_dashdotdb(row) for row in rows]
    if output == "table" and shown:
        sys.stdout.write(ruled(shown, DASHDOTDB.columns))
    else:
        show(shown, DASHDOTDB, output)


def ruled(rows: Sequence[Item], columns: Sequence[str]) -> str:
    """Return a table with a rule under its headings, numbers to the right."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    right = [all(isinstance(row.get(column), int) for row in rows) for column in columns]
    heads = [column.upper() for column in columns]
    widths = [
        max(len(head) + PADDING, *(len(row[at]) for row in cells)) for at, head in enumerate(heads)
    ]
    lines = [heads, ["-" * width for width in widths], *cells]
    return "".join(f"{_line(line, widths, right)}\n" for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = (
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _cell(value: object) -> str:
    return "" if value is None or value == "" else plain(value)


def flat(rows: Iterable[Item], family: str) -> list[dict[str, Any]]:
    """Return rows whose nested values are one cell each, for tables."""
    return [_FLATTEN.get(family, dict)(row) for row in rows]


def _objective(row: Item) -> dict[str, Any]:
    budgets = row.get("budgets") or []
    remaining = [f"{b['period']}: {_minutes(b.get('remaining_min'))}" for b in budgets]
    return {**row, "remaining": remaining}


def _minutes(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f} min"


def _deployment(row: Item) -> dict[str, Any]:
    incidents = [each["incident"] for each in row.get("incidents") or []]
    return {**row, "commits": len(row.get("commits") or []), "incidents": incidents}


_FLATTEN: dict[str, Any] = {"objectives": _objective, "deployments": _deployment}
