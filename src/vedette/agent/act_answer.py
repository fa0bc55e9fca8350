"""What an agent answers to an action: one JSON, signed, with a result of MIG's shape for each operation."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from vedette.agent.operation import Ended, Ran

MESSAGE_CHARACTERS = 4_000
ANSWER_BYTES = 16 << 20
ENVELOPE_BYTES = 64 << 10
"""Of an answer, for all that is no module's result."""

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)", re.DOTALL)
_REPLACED = b"\\ufffd"
_WORDS = {
    Ended.REFUSED: ("refused", "bad-parameters"),
    Ended.UNAVAILABLE: ("refused", "unavailable"),
    Ended.TIMEOUT: ("timeout", "timeout"),
    Ended.KILLED: ("failed", "killed"),
    Ended.CRASHED: ("failed", "crashed"),
}
"""How an operation ended → the command's status, and the reason."""
_NO_WALLS = "this host cannot keep the operation in"
"""How the sandbox begins what it refuses for want of a kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an action here.

    status: success, failed, refused, timeout, lost or cancelled. reason: a word, "" for success.
    results: one JSON an operation, in order; b"" for those that did not run.
    """

    status: str
    reason: str = ""
    message: str = ""
    truncated: bool = False
    took_ms: int = 0
    results: tuple[bytes, ...] = ()


class _Answer(msgspec.Struct):
    command: int
    digest: str
    status: str
    reason: str
    message: str
    truncated: bool
    took_ms: int
    results: list[msgspec.Raw]


class _Said(msgspec.Struct):
    """What of a module's result decides how the command ended."""

    success: bool = False
    errors: list[str] | None = None


def answer_bytes(command: int, digest: str, outcome: Outcome) -> bytes:
    """Return the answer as it is signed; it holds no U+0000, nor what could be taken for one."""
    why = plain(outcome.message) or outcome.reason or outcome.status
    answer = msgspec.json.encode(
        _Answer(
            command=command,
            digest=digest,
            status=outcome.status,
            reason=outcome.reason,
            message=plain(outcome.message),
            truncated=outcome.truncated,
            took_ms=outcome.took_ms,
            results=[msgspec.Raw(each or not_run(why)) for each in outcome.results],
        )
    )
    # What is left is a backslash that somebody wrote before u0000: said so that no reader of bytes
    # takes the two for the escape.
    return answer.replace(b"\\\\u0000", b"\\u005cu0000")


def not_run(why: str) -> bytes:
    """Return the result of an operation that gave none."""
    return msgspec.json.encode(
        {
            "foundanything": False,
            "success": False,
            "elements": None,
            "statistics": None,
            "errors": [why[:MESSAGE_CHARACTERS]],
        }
    )


def plain(text: str) -> str:
    """Return the text as an answer may hold it, cut."""
    return text.replace("\0", "\ufffd")[:MESSAGE_CHARACTERS]


def storable(result: bytes) -> bytes:
    """Return the JSON with U+FFFD for U+0000 and for half a character, which no database keeps."""
    return _ESCAPE.sub(_kept, result) if _SUSPECT.search(result) else result


def outcome_of(ran: Sequence[Ran], operations: int, took_ms: int) -> Outcome:
    """Return what became of an action whose operations ran so; the first that did not succeed says."""
    results = [storable(one.result) or not_run(one.message) for one in ran]
    status, reason, message = next(
        (said for one in ran if (said := _said(one))[0] != "success"), ("success", "", "")
    )
    if len(ran) < operations and status == "success":
        status, reason, message = "timeout", "timeout", "the action expired before all of it ran"
    return Outcome(
        status=status,
        reason=reason,
        message=message,
        truncated=any(one.truncated for one in ran),
        took_ms=took_ms,
        results=(*results, *[b""] * (operations - len(ran))),
    )


def interrupted(ran: Sequence[Ran], operations: int, took_ms: int) -> Outcome:
    """Return the end of an action that ran when the agent was stopped, with what was over by then."""
    over = f"; {len(ran)} of its {operations} operations were over" if ran else ""
    return replace(
        outcome_of(ran, operations, took_ms),
        status="failed",
        reason="interrupted",
        message=f"the agent was stopped while it ran{over}; it is not run again",
    )


def failed(message: str, operations: int) -> Outcome:
    """Return the end of an action that a bug of the agent ended."""
    return Outcome(status="failed", reason="crashed", message=message, results=(b"",) * operations)


def _said(ran: Ran) -> tuple[str, str, str]:
    if ran.ended is not Ended.RETURNED:
        status, reason = _WORDS[ran.ended]
        if ran.ended is Ended.UNAVAILABLE and ran.message.startswith(_NO_WALLS):
            reason = "sandbox"
        return status, reason, ran.message
    said = msgspec.json.decode(ran.result, type=_Said)
    if said.success:
        return "success", "", ""
    return "failed", "could-not-tell", (said.errors or ["the module could not tell"])[0]


def _kept(escape: re.Match[bytes]) -> bytes:
    """Return an escape as it may stay; every one is met in turn, so an escaped backslash is none."""
    first, low = escape.group(1), escape.group(2)
    if first is None:
        return escape.group()
    number = int(first, 16)
    if low is not None:
        return (
            escape.group() if 0xD800 <= number < 0xDC00 else _kept_alone(number, first) + _REPLACED
        )
    return _kept_alone(number, first)


def _kept_alone(number: int, digits: bytes) -> bytes:
    return _REPLACED if number == 0 or 0xD800 <= number < 0xE000 else b"\\u" + digits
