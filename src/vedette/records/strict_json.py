"""JSON as two readers would read it alike: a key that stands twice, `NaN` and what PostgreSQL cannot keep are refused.

What is in order is read by msgspec, which is strict but for keys that stand twice: of those it keeps the last. They are
seen by what is missing when the value is written again: as many strings stand in both, or something was lost. Whatever
is not in order, or is several values, is read by the standard library, which is slower and says what is wrong and where.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
import numpy as np

from vedette.errors import Invalid

T = TypeVar("T")
MAX_STRING = 4 * 2**20
"""Characters of one string; the longest advisory texts have some ten thousand."""
MAX_DIGITS = 4_000
"""Of a whole number; with somewhat more Python refuses it, in words about itself."""
_QUOTE, _PIECE = ord('"'), 1 << 18
_SUSPICIOUS = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|\x00")
_BEGUN = re.compile(rb"[ \t\r\n]*[{\[]")
_SPACE = re.compile(r"[ \t\r\n]*")


def plain_value(body: bytes) -> Any:  # noqa: ANN401 - nobody has looked at it yet
    """Return the value of a body that is one object or array and in order; UNSET for what `json_values` is to read."""
    return shaped_value(body, object)


def shaped_value(body: bytes, shape: type[T]) -> T | msgspec.UnsetType:
    """Return the value as that type, where the type holds all of it; UNSET for one that is to be read as it is."""
    if not _BEGUN.match(body) or _is_suspicious(body) or not _has_short_strings(body):
        return msgspec.UNSET
    try:
        value = msgspec.json.decode(body, type=shape)
        is_whole = _strings(msgspec.json.encode(value)) == _strings(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.UNSET
    return value if is_whole else msgspec.UNSET


def json_values(body: bytes, text: str, source: str) -> list[Any]:
    """Return the value of a body, or the values one after the other (JSON lines); raise Invalid.

    text: the body, decoded.
    """
    return list(_one_by_one(text, source, suspicious=_is_suspicious(body)))


def _is_suspicious(body: bytes) -> bool:
    """Say whether a text may be in it that PostgreSQL cannot keep; to look for one byte takes a tenth of the time for two."""
    has_escapes = b"\\" in body and b"\\u" in body
    return (has_escapes or b"\0" in body) and _SUSPICIOUS.search(body) is not None


def _strings(body: bytes) -> int:
    """Return how many quotes that are no part of a text stand in it: two a string, keys among them."""
    plain = np.frombuffer(_unescaped(body), np.uint8)
    # Piece by piece it stays in the processor's cache: less than half the time of `bytes.count`.
    pieces = (plain[start : start + _PIECE] for start in range(0, len(plain), _PIECE))
    return sum(int(np.count_nonzero(piece == _QUOTE)) for piece in pieces)


def _unescaped(body: bytes) -> bytes:
    """Return it with other characters where a text has an escaped quote: pairs of backslashes first."""
    return body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body


def _has_short_strings(body: bytes) -> bool:
    """Say whether certainly no string is too long: whatever is, has no quote in a whole stretch of half that length."""
    if len(body) <= MAX_STRING:
        return True
    plain, half = _unescaped(body), MAX_STRING // 2
    whole = range(0, len(plain) - half + 1, half)
    return all(plain.find(b'"', start, start + half) >= 0 for start in whole)


def _one_by_one(text: str, source: str, *, suspicious: bool) -> Iterator[Any]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_mapping,
        parse_constant=_no_number,
        parse_int=_integer,
        parse_float=_fraction,
    )
    at = _blank(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Invalid(f"{source}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
        except RecursionError:
            raise Invalid(f"{source}: nested too deep") from None
        except ValueError as error:
            raise Invalid(f"{source}: {error}") from None
        if suspicious:
            check_characters(value, source)
        yield value
        at = _blank(text, at)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        twice = max(Counter(key for key, _ in pairs).items(), key=itemgetter(1))[0]
        raise ValueError(f"the key {twice[:100]!r} stands twice in one object")
    for key, value in pairs:
        if value.__class__ is str and len(value) > MAX_STRING:
            raise ValueError(f"the text of {key[:100]!r} is longer than {MAX_STRING} characters")
    return mapping


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _no_number(word: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError(f"{word} is no JSON number")


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def check_characters(value: Any, source: str) -> None:  # noqa: ANN401 - whatever a document holds
    """Raise Invalid for text that PostgreSQL cannot keep; only asked where such text may be."""
    waiting: list[tuple[Any, str]] = [(value, "$")]
    while waiting:
        part, place = waiting.pop()
        if isinstance(part, dict):
            waiting += [(key, f"{place}, a key") for key in part]
            waiting += [(inner, f"{place}.{key}") for key, inner in part.items()]
        elif isinstance(part, list):
            waiting += [(inner, f"{place}[{index}]") for index, inner in enumerate(part)]
        elif isinstance(part, str) and not _is_text(part):
            raise Invalid(f"{source}: {place[:300]} holds U+0000 or half a surrogate pair")


def _is_text(text: str) -> bool:
    if "\0" in text or len(text) > MAX_STRING:
        return False
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
