"""Which of two versions is the newer, as rpm and dpkg order them.

MIG had one rule for both and none for `~`, so that Debian's `1.0~rc1` came after `1.0`.
"""

import re
from itertools import zip_longest

_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_DIGITS = re.compile(r"[0-9]+|[^0-9]+")


def compare(left: str, right: str, *, kind: str = "rpm") -> int:
    """Return -1, 0 or 1: whether left is older, the same, newer. kind: `rpm` or `dpkg`.

    >>> compare("1.0~rc1", "1.0", kind="dpkg"), compare("2:1.0", "1.9"), compare("1.10", "1.9")
    (-1, 1, 1)
    """
    of_text = _dpkg if kind == "dpkg" else _rpm
    (epoch, version, release), other = _parts(left), _parts(right)
    by_epoch = (epoch > other[0]) - (epoch < other[0])
    by_version = by_epoch or of_text(version, other[1])
    if by_version or (kind != "dpkg" and "" in (release, other[2])):
        return by_version or bool(release) - bool(other[2])
    return of_text(release, other[2])


def _parts(text: str) -> tuple[int, str, str]:
    before, colon, rest = text.strip().partition(":")
    has_epoch = bool(colon) and before.isascii() and before.isdigit() and len(before) <= 18
    version, _, release = (rest if has_epoch else text.strip()).rpartition("-")
    if not version:
        version, release = release, ""
    return int(before) if has_epoch else 0, version, release


def _number(digits: str) -> tuple[int, str]:
    """Return what orders digits as numbers of any length."""
    plain = digits.lstrip("0")
    return len(plain), plain


def _rpm(left: str, right: str) -> int:
    for ours, theirs in zip_longest(_SEGMENT.findall(left), _SEGMENT.findall(right), fillvalue=""):
        if ours == theirs:
            continue
        for mark, when_ended in (("~", 1), ("^", -1)):  # `~` is before the end, `^` just after it
            if ours == mark:
                return -1 if mark == "~" or theirs else 1
            if theirs == mark:
                return when_ended if mark == "~" or not ours else 1
        if not ours or not theirs:
            return 1 if ours else -1
        if ours.isdigit() != theirs.isdigit():
            return 1 if ours.isdigit() else -1
        mine, its = (_number(ours), _number(theirs)) if ours.isdigit() else (ours, theirs)
        if mine != its:
            return 1 if mine > its else -1  # type: ignore[operator]  # both are of one kind
    return 0


def _dpkg(left: str, right: str) -> int:
    mine, its = _dpkg_key(left), _dpkg_key(right)
    return (mine > its) - (mine < its)


def _dpkg_key(text: str) -> list[tuple[list[int], tuple[int, str]]]:
    """Return what orders versions: words and numbers by turns, a word first.

    Within a word `~` is before its end, the end before letters, letters before the rest.
    """
    pieces = _DIGITS.findall(text)
    if pieces and pieces[0].isdigit():
        pieces.insert(0, "")
    key = []
    for at in range(0, len(pieces) or 1, 2):
        word = pieces[at] if pieces else ""
        digits = pieces[at + 1] if at + 1 < len(pieces) else ""
        key.append(([*map(_order, word), 0], _number(digits)))
    return [*key, ([0], (0, ""))]


def _order(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 256
