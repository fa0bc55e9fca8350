"""What a Nagios plugin says: a line for people, and performance data for us.

`OK - 3 of 5 | 'label'=value[UOM];[warn];[crit];[min];[max] …`; further lines may follow, and after
another bar further data. A value of `U` is one the plugin could not determine.
"""

import math
import re
from dataclasses import dataclass

from vedette.health.model import Measurement

LABELS = 256
_LABEL_CHARS = 100

_TIMES = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PREFIXES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}

# Bounded, since what comes is foreign: without bounds a line of quotes takes minutes.
_PAIR = re.compile(r"(?:'((?:[^']|''){1,100})'|([^\s='|][^\s=]{0,100}))=(\S{0,100})")
_VALUE = re.compile(r"([+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?)([^0-9;]*)")
_SIZE = re.compile(r"([kKmMgGtTpPeE]?)(i?)([Bb])")


@dataclass(frozen=True, slots=True)
class Said:
    """A plugin's output, read.

    line: the first one, for people. unread: performance data that is none, counted.
    """

    line: str
    measurements: tuple[Measurement, ...]
    unread: int = 0


def read_output(output: str) -> Said:
    """Read a plugin's output."""
    lines = output.splitlines() or [""]
    first, _, data = lines[0].partition("|")
    _, _, more = "\n".join(lines[1:]).partition("|")
    found: dict[str, Measurement] = {}
    unread = 0
    for quoted, bare, text in _PAIR.findall(f"{data} {more}"):
        value = text.partition(";")[0]
        if value in ("U", "u", ""):
            continue
        label = "".join(c for c in (quoted.replace("''", "'") or bare) if c.isprintable())
        measured = _measurement(f"perfdata:{label[:_LABEL_CHARS]}", value)
        if measured is None or len(found) == LABELS:
            unread += 1
        else:
            found.setdefault(measured.entity, measured)
    return Said(first.strip(), tuple(found.values()), unread)


def _measurement(entity: str, text: str) -> Measurement | None:
    parts = _VALUE.fullmatch(text)
    if parts is None:
        return None
    # Some plugins write the number as their locale does.
    value = float(parts[1].replace(",", "."))
    name, factor = _unit(parts[2])
    value = round(value * factor, 12)
    return Measurement(name, value, entity) if math.isfinite(value) else None


def _unit(uom: str) -> tuple[str, float]:
    if uom in _TIMES:
        return "time", _TIMES[uom]
    if uom == "%":
        return "share", 1 / 100
    if uom == "c":
        return "counter", 1.0
    size = _SIZE.fullmatch(uom)
    if size is None:
        return "value", 1.0
    base = 1024.0 if size[2] else 1000.0
    name = "size" if size[3] == "B" else "bits"
    return name, base ** _PREFIXES[size[1].lower()]
