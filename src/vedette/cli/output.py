"""How lists are printed: `-o table|json|yaml|csv|name`; answers on stdout, remarks on stderr.

Columns are stable. What a server says never reaches the terminal as a control character, nor a
spreadsheet as a formula.
"""

import csv
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Any, Literal

from cyclopts import Parameter

Format = Annotated[
    Literal["table", "json", "yaml", "csv", "name"],
    Parameter(name=["--output", "-o"], help="How to print it."),
]

Item = Mapping[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLOURS = {
    "up": "32",
    "unknown": "90",
    "initialising": "36",
    "draining": "36",
    "degraded": "33",
    "down": "31",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind of thing is listed.

    columns: keys of the JSON, in their order. name: the key that `-o name` prints.
    """

    kind: str
    columns: tuple[str, ...]
    name: str


def show(
    items: Sequence[Item], listing: Listing, output: str, *, out: IO[str] | None = None
) -> None:
    """Print a list; an empty one is said on stderr, and still is valid JSON, YAML or CSV."""
    out = out or sys.stdout
    if output == "json":
        out.write(json.dumps(items, indent=2, ensure_ascii=False) + "\n")
    elif output == "yaml":
        import yaml

        out.write(yaml.safe_dump(list(items), sort_keys=False, allow_unicode=True))
    elif output == "csv":
        _csv(items, listing, out)
    elif output == "name":
        out.writelines(f"{plain(item.get(listing.name))}\n" for item in items)
    elif items:
        _table(items, listing, out)
    if not items:
        sys.stderr.write(f"there are no {listing.kind}\n")


def _csv(items: Sequence[Item], listing: Listing, out: IO[str]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(listing.columns)
    writer.writerows([harmless(item.get(column)) for column in listing.columns] for item in items)


def harmless(value: object) -> object:
    """Return the value as a cell that no spreadsheet takes for a formula."""
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Python 3.11 leaves a lone carriage return unquoted, and readers end the row there.
    safe = text.replace("\r", " ")
    return f"'{safe}" if text.startswith(_FORMULA) else safe


def _table(items: Sequence[Item], listing: Listing, out: IO[str]) -> None:
    rows = [[plain(item.get(column)) for column in listing.columns] for item in items]
    head = [column.upper().replace("_", " ") for column in listing.columns]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    coloured = is_coloured(out)
    for number, row in enumerate([head, *rows]):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if coloured and number:
            cells = [paint(cell) for cell in cells]
        out.write("  ".join(cells).rstrip() + "\n")


def is_coloured(out: IO[str]) -> bool:
    """Say whether this stream wants colour: a terminal, and nobody set `NO_COLOR`."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return out.isatty()


def paint(cell: str) -> str:
    """Return a cell that holds a state in the colour of that state, any other as it is."""
    colour = _COLOURS.get(cell.strip())
    return f"\x1b[{colour}m{cell}\x1b[0m" if colour else cell


def plain(value: object) -> str:
    """Return the value as one cell: `-` for none, no control characters."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(plain(part) for part in value) or "-"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={plain(part)}" for key, part in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _CONTROL.sub("?", str(value))
