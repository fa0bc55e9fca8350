"""What was found, as MIG writes it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from vedette.agent.modules import Context
from vedette.agent.modules.file_question import Hit, Question, go_mode
from vedette.agent.modules.file_walk import teller

_NS = 1_000_000_000


def elements(asked: Iterable[Question], context: Context) -> dict[str, list[dict[str, Any]]]:
    """Return the hits by label, paths sorted; a question without any has one of no name."""
    told: dict[str, list[dict[str, Any]]] = {}
    tell = (lambda path: "masked") if context.privacy else teller(context)
    for question in asked:
        here = told.setdefault(question.label, [])
        here += [
            _element(tell(path), hit, question) for path, hit in sorted(question.hits.items())
        ] or [
            {"file": "", "search": question.echo, "fileinfo": _info(Hit(0, 0, 0), mode="", at="")}
        ]
    return told


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
    try:
        whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds since 1970"  # inodes may hold years no calendar has
    part = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{whole}{part} +0000 UTC"


def _element(file: str, hit: Hit, question: Question) -> dict[str, Any]:
    info = _info(hit, mode=go_mode(hit.mode), at=go_time(hit.mtime_ns))
    return {"file": file, "search": question.echo, "fileinfo": info}


def _info(hit: Hit, *, mode: str, at: str) -> dict[str, Any]:
    info = {"size": hit.size_bytes, "mode": mode, "lastmodified": at}
    return {**info, "sha256": hit.sha256} if hit.sha256 else info
