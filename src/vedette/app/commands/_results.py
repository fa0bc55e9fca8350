"""Printing what SQL returned: `-o table|json|csv|tsv`."""

import csv
import json
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Literal

from vedette.cli.output import harmless, plain

if TYPE_CHECKING:
    from vedette.db.ask import Result

Format = Literal["table", "json", "csv", "tsv"]

ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"})


def print_result(result: "Result", output: Format, *, header: bool, out: IO[str]) -> None:
    """Print one result; without rows a table is the statement's status, csv and tsv are empty."""
    if output == "json":
        out.write(json.dumps(_objects(result), indent=2, ensure_ascii=False) + "\n")
    elif output == "table":
        _table(result, out, header=header)
    elif result.columns:
        rows: list[list[Any]] = [[*result.columns]] if header else []
        if output == "csv":
            rows += [_harmless_cells(*both) for both in zip(result.rows, result.texts, strict=True)]
            csv.writer(out, lineterminator="\n").writerows(rows)
        else:
            # NULL as COPY writes it, so that it differs from an empty text.
            rows += [
                [r"\N" if t is None else t.translate(ESCAPES) for t in r] for r in result.texts
            ]
            out.writelines("\t".join(row) + "\n" for row in rows)


def _objects(result: "Result") -> list[dict[str, Any]]:
    return [
        {
            name: _json_value(value, text)
            for name, value, text in zip(result.columns, row, texts, strict=True)
        }
        for row, texts in zip(result.rows, result.texts, strict=True)
    ]


def _json_value(value: object, text: str | None) -> object:
    """Return numbers, booleans, arrays and JSON as they are, the rest as PostgreSQL writes it."""
    match value:
        case None | bool() | int() | str() | dict():
            return value
        case float() | Decimal():
            return float(value) if value == value and abs(value) != float("inf") else text
        case list():
            return [_json_value(item, str(item)) for item in value]
    return text


def _harmless_cells(values: tuple[Any, ...], texts: tuple[str | None, ...]) -> list[object]:
    # Only texts can be taken for a formula; -1 is a number.
    return [
        harmless(value) if isinstance(value, str) else text
        for value, text in zip(values, texts, strict=True)
    ]


def _table(result: "Result", out: IO[str], *, header: bool) -> None:
    if not result.columns:
        out.write(f"{result.status}\n")
        return
    rows = [["" if text is None else plain(text) for text in row] for row in result.texts]
    lines = [list(result.columns), *rows] if header else rows
    widths = [max((len(line[n]) for line in lines), default=0) for n in range(len(result.columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.write("  ".join(cells).rstrip() + "\n")
