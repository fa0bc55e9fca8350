"""Metrics as Prometheus reads them (text 0.0.4), written a line a sample: tens of thousands take milliseconds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

MEDIA_TYPE = "text/plain; version=0.0.4"
"""The framework adds the charset to every text."""
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one name, each with its labels as `labels` writes them; a counter's name ends with `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    text: str
    samples: list[tuple[str, float]] = field(default_factory=list)


def labels(**values: str) -> str:
    r"""Return labels as they stand between braces, by their names.

    >>> print(labels(cluster="c1", namespace='say "\\"'))
    cluster="c1",namespace="say \"\\\""
    """
    return ",".join(
        [f'{name}="{value.translate(_ESCAPES)}"' for name, value in sorted(values.items())]
    )


def exposed(families: Iterable[Family]) -> bytes:
    """Return them as Prometheus reads them."""
    lines: list[str] = []
    for family in families:
        name = family.name
        lines += (f"# HELP {name} {family.text}", f"# TYPE {name} {family.kind}")
        lines += [f"{name}{{{where}}} {float(value)!r}" for where, value in family.samples]
    return "".join([f"{line}\n" for line in lines]).encode()
