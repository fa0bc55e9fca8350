"""Durations as operators write them: `500ms`, `10s`, `1.5s`, `1m30s`, `2h`, `90d`."""

import math
import re
from datetime import timedelta

from vedette.errors import Invalid

PATTERN = r"^(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+(?:\.[0-9]{1,6})?s)?(?:[0-9]+ms)?$"
"""What the JSON Schema says of a duration; the empty string matches, `parse` refuses it."""

_PARTS = re.compile(
    r"(?:(?P<days>[0-9]{1,6})d)?(?:(?P<hours>[0-9]{1,6})h)?(?:(?P<minutes>[0-9]{1,7})m(?!s))?"
    r"(?:(?P<seconds>[0-9]{1,9})(?:\.(?P<microseconds>[0-9]{1,6}))?s)?"
    r"(?:(?P<milliseconds>[0-9]{1,12})ms)?"
)


def parse(text: str) -> timedelta:
    """Return the duration; raise `Invalid` with an example when it is none."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is None or not text.strip():
        raise Invalid(
            f"{text!r} is not a duration", hint="write it as 500ms, 10s, 1m30s, 2h or 90d"
        )
    said = parts.groupdict(default="0")
    # `1.5s`: the digits after the point are millionths once they are six.
    said["microseconds"] = said["microseconds"].ljust(6, "0")
    return timedelta(**{unit: int(amount) for unit, amount in said.items()})


def seconds(said: object) -> float:
    """Return the seconds of a duration as YAML has it; a bare number is seconds. Raises `Invalid`."""
    if isinstance(said, str):
        return parse(said).total_seconds()
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 <= said < math.inf:
        raise Invalid(f"{said!r} is not a duration", hint="write it as 500ms, 10s, 1m30s or 2h")
    return float(said)


def spell(duration: timedelta) -> str:
    """Return the shortest text that `parse` reads back, to the millisecond."""
    rest = round(duration / timedelta(milliseconds=1))
    words = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        amount, rest = divmod(rest, size)
        words += f"{amount}{unit}" if amount else ""
    return words or "0s"
