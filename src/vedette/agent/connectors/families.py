"""A few families out of a large exposition: the rest of its lines is never looked at.

`agent/exposition` reads whole bodies and refuses what is malformed; here twenty lines of thousands
are wanted, and what is odd is left out.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a wanted family; labels as they are written, escapes and all."""

    labels: Mapping[str, str]
    value: float


Families = Mapping[str, Sequence[Sample]]


def read_families(body: bytes, names: tuple[str, ...]) -> Families:
    """Return the samples of these families that are there, in order.

    A last line without an end is not read, since its number may be cut; NaN is left out.
    """
    whole = body[: body.rfind(b"\n") + 1].decode("utf-8", "replace")
    found: dict[str, list[Sample]] = {}
    for name, labels, text in _lines(names).findall(whole):
        try:
            value = float(text)
        except ValueError:
            continue
        if not math.isnan(value):
            found.setdefault(name, []).append(Sample(dict(_LABEL.findall(labels)), value))
    return found


def first(families: Families, *names: str) -> float | None:
    """Return the first sample of the first of these families that is there."""
    for name in names:
        if samples := families.get(name):
            return samples[0].value if math.isfinite(samples[0].value) else None
    return None


def summed(families: Families, name: str) -> float | None:
    """Return the sum over all labels; None when the family is not there."""
    samples = families.get(name)
    return sum(sample.value for sample in samples) if samples else None


def buckets(families: Families, name: str) -> dict[float, float]:
    """Return a histogram's buckets, those of all labels added up; one without a bound is left out."""
    found: dict[float, float] = {}
    for sample in families.get(f"{name}_bucket", ()):
        try:
            bound = float(sample.labels.get("le", ""))
        except ValueError:
            continue
        if math.isnan(bound):
            continue
        found[bound] = found.get(bound, 0.0) + sample.value
    return found


@lru_cache(maxsize=16)
def _lines(names: tuple[str, ...]) -> re.Pattern[str]:
    wanted = "|".join(map(re.escape, names))
    return re.compile(rf"^({wanted})(?:\{{([^\n]*)\}})? +([^ \n]+)(?: -?[0-9]+)?\r?$", re.MULTILINE)
