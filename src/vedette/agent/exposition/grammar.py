"""One line of an exposition: a sample with its labels, or what a comment says of a family."""

import re
from dataclasses import dataclass
from enum import Enum

from vedette.health.label_text import unescape

ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)
"""What a scraper of these formats asks for; whoever knows none of it answers text 0.0.4."""

# Prometheus reads a number as Go does: no underscores, no hexadecimals, no digits of other scripts.
NUMBER = (
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN]"
)
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ITEM = re.compile(
    rf"[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|{_QUOTED})[ \t]*(?:=[ \t]*{_QUOTED}[ \t]*)?(?=[,}}])"
)
_NO_ITEM = re.compile(r"[ \t]*\}")
_TEXT_TAIL = re.compile(rf"[ \t]*({NUMBER})(?:[ \t]+(-?[0-9]+))?[ \t]*")
_OPEN_TAIL = re.compile(rf" ({NUMBER})(?: ({NUMBER}))?(?= #|$)")
_EXEMPLAR_TAIL = re.compile(rf" ({NUMBER})(?: ({NUMBER}))?")

_COMMENT = re.compile(r"#[ \t]+(HELP|TYPE|UNIT)[ \t]+(\S+)(?:[ \t]+(.*))?")
_OPEN_COMMENT = re.compile(r'# (HELP|TYPE|UNIT) ("[^"\\]*(?:\\.[^"\\]*)*"|[^ "]+) ?(.*)')
_OPEN_TYPES = {
    "counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary", "unknown",
}  # fmt: skip

Labels = tuple[tuple[str, str], ...]


class Dialect(Enum):
    """How a body is written."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"


class Malformed(ValueError):  # noqa: N818 - what the body is
    """A line is not of the format; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample line.

    text: the line up to its value, by which the series is known again.
    labels: by name, without the metric's own. stamp: its timestamp in seconds; None when it has none.
    """

    text: str
    name: str
    labels: Labels
    value: float
    stamp: float | None


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment says of a family: its `HELP`, `TYPE` or `UNIT`."""

    word: str
    family: str
    said: str


def dialect_of(content_type: str) -> Dialect | None:
    """Return how a body of that Content-Type is written; None for what we do not read.

    The answer decides, not what was asked for: older servers answer OpenMetrics with text 0.0.4.
    """
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    given = dict(parameter.partition("=")[::2] for parameter in parameters)
    version = given.get("version", "")
    if media == "application/openmetrics-text":
        return Dialect.OPENMETRICS
    if media in ("", "text/plain") and version in ("", "0.0.4", "1.0.0"):
        return Dialect.TEXT
    return None


def read_sample(line: str, dialect: Dialect) -> Sample:
    """Return what a sample line says; raise `Malformed`."""
    start = 0 if dialect is Dialect.OPENMETRICS else len(line) - len(line.lstrip(" \t"))
    named = _NAME.match(line, start)
    at = named.end() if named else start
    name = named.group() if named else ""
    labels: Labels = ()
    opening = at if dialect is Dialect.OPENMETRICS else _past_blanks(line, at)
    if line.startswith("{", opening):
        quoted, labels, at = _labels(line, opening + 1)
        if quoted is not None and named:
            raise Malformed("a metric with two names")
        name = name or quoted or ""
    elif not line.startswith((" ", "\t"), at):
        raise Malformed("no value after the name")
    if not name:
        raise Malformed("a sample without a name")
    value, stamp = _tail(line, at, dialect)
    return Sample(line[:at], name, labels, value, stamp)


def read_comment(line: str, dialect: Dialect) -> Comment | None:
    """Return what a comment says, None when nothing; raise `Malformed` where that is not allowed."""
    if dialect is Dialect.TEXT:
        found = _COMMENT.fullmatch(line.strip(" \t"))
        if found is None:
            return None
    else:
        found = _OPEN_COMMENT.fullmatch(line)
        if found is None:
            raise Malformed("a line that is neither a sample nor HELP, TYPE, UNIT or EOF")
        if found[1] == "TYPE" and found[3] not in _OPEN_TYPES:
            raise Malformed("a TYPE that does not exist")
    family, said = found[2], found[3] or ""
    if family.startswith('"'):
        family = unescape(family[1:-1])
    return Comment(found[1], family, unescape(said) if found[1] == "HELP" else said.strip())


def _past_blanks(line: str, at: int) -> int:
    while line.startswith((" ", "\t"), at):
        at += 1
    return at


def _labels(line: str, at: int) -> tuple[str | None, Labels, int]:
    """Return the quoted name if there is one, the labels by name and where the braces end."""
    name: str | None = None
    found: dict[str, str] = {}
    while (item := _ITEM.match(line, at)) is not None:
        bare, quoted, value = item.groups()
        key = bare if bare is not None else unescape(quoted)
        if value is None:
            if bare is not None or name is not None or found:
                raise Malformed("a label without a value")
            name = key
        elif key in found:
            raise Malformed("a label twice")
        elif key == "__name__":
            raise Malformed("a label called __name__")
        else:
            found[key] = unescape(value)
        at = item.end()
        if line[at] == "}":
            return name, tuple(sorted(found.items())), at + 1
        at += 1
    end = _NO_ITEM.match(line, at)
    if end is None:
        raise Malformed("braces that do not hold labels, or do not end")
    return name, tuple(sorted(found.items())), end.end()


def _tail(line: str, at: int, dialect: Dialect) -> tuple[float, float | None]:
    if dialect is Dialect.TEXT:
        found = _TEXT_TAIL.fullmatch(line, at)
        if found is None:
            raise Malformed("no number where the value should be, or something behind it")
        return float(found[1]), int(found[2]) / 1000 if found[2] else None
    found = _OPEN_TAIL.match(line, at)
    if found is None:
        raise Malformed("no number where the value should be, or something behind it")
    if found.end() < len(line):
        _check_exemplar(line, found.end())
    return float(found[1]), float(found[2]) if found[2] else None


def _check_exemplar(line: str, at: int) -> None:
    if not line.startswith(" # {", at):
        raise Malformed("something behind the value that is no exemplar")
    name, _, at = _labels(line, at + 4)
    if name is not None or _EXEMPLAR_TAIL.fullmatch(line, at) is None:
        raise Malformed("an exemplar that is none")
