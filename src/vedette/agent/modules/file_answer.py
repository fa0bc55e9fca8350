"""What was found, as MIG writes it."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from vedette.agent.modules import Context
from vedette.agent.modules.file_question import Hit, Question, go_mode
from vedette.agent.modules.file_walk import teller

_NS = 1_000_000_000


class Element(msgspec.Struct, gc=False):
    """A hit; search is the question as JSON, made once for all its hits."""

    file: str
    search: msgspec.Raw
    fileinfo: Hit


def elements(asked: Iterable[Question], context: Context) -> dict[str, list[Element]]:
    """Return the hits by label, paths sorted; a question without any has one of no name."""
    told: dict[str, list[Element]] = {}
    tell = (lambda path: "masked") if context.privacy else teller(context)
    for question in asked:
        echo, hits = msgspec.Raw(msgspec.json.encode(question.echo)), question.hits
        told.setdefault(question.label, []).extend(
            [Element(tell(path), echo, hits[path]) for path in sorted(hits)]
            or [Element("", echo, Hit(0, "", ""))]
        )
    return told


def hit(inode: os.stat_result, sha256: str) -> Hit:
    """Return what is told of a file."""
    return Hit(inode.st_size, go_mode(inode.st_mode), go_time(inode.st_mtime_ns), sha256)


def statistics(files: int, unread: int, hits: int, seconds: float) -> dict[str, Any]:
    """Return how much was looked at."""
    return {
        "filescount": files,
        "openfailed": unread,
        "totalhits": hits,
        "exectime": f"{seconds:.6f}s",
    }


@lru_cache(maxsize=4096)  # what a package brought is of the same instant
def go_time(at_ns: int) -> str:
    """Return a time as Go prints it: `2015-02-16 14:09:43 +0000 UTC`, with the fraction there is.

    >>> go_time(1_424_095_783_500_000_000)
    '2015-02-16 14:09:43.5 +0000 UTC'
    """
    seconds, fraction = divmod(at_ns, _NS)
    whole = _calendar(seconds)
    part = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{whole}{part} +0000 UTC" if whole else f"{seconds} seconds since 1970"


# What was unpacked here is of the same seconds, if not of the same instant.
@lru_cache(maxsize=4096)
def _calendar(seconds: int) -> str:
    """Return the day and the time of it; "" for years that no calendar has, which inodes may hold."""
    try:
        return str(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))
    except (ValueError, OverflowError, OSError):
        return ""
