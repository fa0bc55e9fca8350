"""Reading what an operation's process says its module answered; it may say anything."""

import re

import msgspec

DEPTH = 32
"""How deep an answer may be nested; a scribe document's is below 10."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class NotAnAnswer(ValueError):  # noqa: N818 - what it is
    """What came is not a module's answer; the message says why."""


class Answer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """MIG's five keys, every one of them there."""

    foundanything: bool
    success: bool
    elements: msgspec.Raw
    statistics: msgspec.Raw
    errors: list[str]


def checked(content: bytes) -> bytes:
    """Return the answer as JSON of MIG's keys in MIG's order; raise `NotAnAnswer`."""
    try:
        content.decode()
        answer = msgspec.json.decode(content, type=Answer)
    except UnicodeDecodeError:
        raise NotAnAnswer("its answer is not UTF-8") from None
    except RecursionError:
        raise NotAnAnswer(_TOO_DEEP) from None
    except msgspec.MsgspecError as fault:
        raise NotAnAnswer(f"its answer is not a module's: {fault}") from None
    if _deeper_than(content, DEPTH):
        raise NotAnAnswer(_TOO_DEEP)
    return msgspec.json.encode(answer)


_TOO_DEEP = f"its answer is nested deeper than {DEPTH}"


def _deeper_than(content: bytes, depth: int) -> bool:
    """Whether valid JSON is nested deeper; peels it from within, so that no depth costs a stack."""
    brackets = _STRING.sub(b"", content).translate(_ALL_SQUARE, _BUT_BRACKETS)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
