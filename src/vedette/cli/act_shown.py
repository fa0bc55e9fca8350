"""An action in plain words: what people read before they sign it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from vedette.actions.document import Action
from vedette.actions.document_legacy import modern
from vedette.actions.document_words import words
from vedette.actions.target import Always
from vedette.actions.target_judged import judged
from vedette.actions.target_text import read_target
from vedette.actions.target_words import as_words, judged_words
from vedette.cli.key_files import told_signer
from vedette.cli.output import plain
from vedette.trust.reasons import Untrusted


def as_value(action: Action, *, now: datetime) -> dict[str, Any]:
    """Return what the plain words are made of."""
    today, changes = modern(action)
    target = read_target(action.target)
    left = judged(target)
    return {
        "version": action.syntax_version,
        "name": action.name,
        "target": action.target,
        "target_in_words": as_words(target),
        "agents_judge": None if left is None else as_words(left),
        "reason": action.reason,
        "does": list(words(today)),
        "valid_from": _written(action.valid_from),
        "expire_after": _written(action.expire_after),
        "mandate": None if action.mandate is None else str(action.mandate),
        "run": action.run or None,
        "validity": _validity(action, now),
        "signers": [_signer(one) for one in action.signatures],
        "read_as": [str(one) for one in changes],
    }


def sentences(action: Action, *, now: datetime) -> Iterator[str]:
    """Yield the action in plain words; the signers are who they say they are, and not verified."""
    value = as_value(action, now=now)
    yield f"{plain(value['name'])} (version {value['version']})"
    yield from (f"  {plain(one)}" for one in value["does"])
    meant = plain(value["target_in_words"])
    yield f"  on {meant}" if meant == as_words(Always(True)) else f"  on agents of which {meant}"
    if sees := judged_words(read_target(action.target)):
        yield f"  {plain(sees)}"
    if value["reason"]:
        yield f"  because {plain(value['reason'])}"
    if value["mandate"]:
        which = (
            f", of which this is run {action.run}" if action.run else ", with nobody asked again"
        )
        yield f"  runs {value['mandate']}{which}"
    yield f"  {value['validity']}"
    yield from (f"  signed, it says, by {plain(one)}" for one in value["signers"])
    yield from (f"  {plain(one)}" for one in value["read_as"])


def _validity(action: Action, now: datetime) -> str:
    begins, ends = action.valid_from, action.expire_after
    if begins is None or ends is None:
        return "without validity yet"
    state = "expired; " if now >= ends else "not yet; " if now < begins else ""
    return f"{state}valid from {begins:%FT%TZ} until {ends:%FT%TZ}"


def _written(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%FT%TZ}"


def _signer(signature: str) -> str:
    try:
        return told_signer(signature)
    except Untrusted as error:
        return f"nobody: {error}"
