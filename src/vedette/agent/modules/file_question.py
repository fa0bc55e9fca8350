"""What a search comes to: questions, each of checks that must all hold of one file.

With `matchall` a search is one question; without, each of its checks is one of its own. Decisions
over names and what stands in the inode are here; contents and hashes wait for `file_read`.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from vedette.agent.modules.file_parameters import Options, Search
from vedette.agent.modules.file_patterns import Pattern, pattern
from vedette.errors import Invalid

_SIZE = r"(?a)([<>]?)(\d+)([kmgt]?)"
_AGE = r"(?a)([<>])(\d+)([dhm])"
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_STEPS = {"d": "days", "h": "hours", "m": "minutes"}
_DIGESTS = {
    ("md5", 32): "md5",
    ("sha1", 40): "sha1",
    ("sha2", 64): "sha256",
    ("sha2", 96): "sha384",
    ("sha2", 128): "sha512",
    ("sha3", 56): "sha3_224",
    ("sha3", 64): "sha3_256",
    ("sha3", 96): "sha3_384",
    ("sha3", 128): "sha3_512",
}
_KINDS = {
    "name": "names",
    "size": "sizes",
    "mode": "modes",
    "mtime": "mtimes",
    "content": "contents",
    "md5": "md5",
    "sha1": "sha1",
    "sha2": "sha2",
    "sha3": "sha3",
}
"""Check, as `mismatch` calls it → key of the search."""

Fact = Callable[[os.stat_result], bool]


class Quota(msgspec.Struct):
    """How many hits a search may still give; None is any number. Searches share nothing."""

    left: int | None

    @property
    def spent(self) -> bool:
        """Whether no more is wanted."""
        return self.left is not None and self.left <= 0


class NameCheck(msgspec.Struct, frozen=True):
    """A pattern over the base name, and whether it should match."""

    pattern: Pattern
    wanted: bool


class ContentCheck(msgspec.Struct, frozen=True):
    """A pattern over lines; `every` line or any; whether that should be so."""

    pattern: Pattern
    every: bool
    wanted: bool


class HashCheck(msgspec.Struct, frozen=True):
    """What the file's digest should be, or should not."""

    algorithm: str
    digest: str
    wanted: bool


class Hit(msgspec.Struct, gc=False, omit_defaults=True):
    """What is told of a file that was found, as MIG writes it; no sha256 where it was not asked for."""

    size: int
    mode: str
    lastmodified: str
    sha256: str = ""


class Question(msgspec.Struct, eq=False):
    """Checks that must all hold, where, and the hits so far, by path."""

    label: str
    search: Search
    echo: dict[str, Any]
    quota: Quota
    names: list[NameCheck] = []
    facts: list[Fact] = []
    contents: list[ContentCheck] = []
    hashes: list[HashCheck] = []
    hits: dict[bytes, Hit] = {}

    @property
    def options(self) -> Options:
        """How its search is done."""
        return self.search.options

    @property
    def reads(self) -> bool:
        """Whether what is in a file must be known to answer."""
        return bool(self.contents or self.hashes)

    def named(self, names: "Names") -> Sequence[int]:
        """Return the numbers of those names that pass the checks of names."""
        passed: Sequence[int] = range(len(names.each))
        for check in self.names:
            if not passed:
                break
            passed = names.among(passed, check)
        return passed

    @property
    def holds(self) -> Fact:
        """Whether size, mode and age are as asked."""
        if len(self.facts) == 1:
            return self.facts[0]
        facts = self.facts

        def all_hold(inode: os.stat_result) -> bool:
            for fact in facts:  # noqa: SIM110 - `all` costs as much as asking the kernel
                if not fact(inode):
                    return False
            return True

        return all_hold


class Names:
    """Base names side by side: a check is asked once of all of them."""

    __slots__ = ("_framed", "each")

    def __init__(self, each: list[bytes]) -> None:
        self.each = each
        self._framed = b"\n%b\n" % b"\n".join(each)

    def among(self, some: Sequence[int], check: NameCheck) -> Sequence[int]:
        """Return the numbers, of these, of the names that pass the check."""
        if self._framed.count(b"\n") > len(self.each) + 1:  # a name with a line break in it
            fits, each = check.pattern.fits, self.each
            return [number for number in some if fits(each[number]) == check.wanted]
        matched = check.pattern.numbers(self._framed)
        if len(some) == len(self.each) and check.wanted:
            return list(matched)
        those = set(matched)
        return [number for number in some if (number in those) == check.wanted]


def questions(label: str, search: Search, *, now: datetime) -> Iterator[Question]:
    """Yield what the search asks; raise `Invalid` where a check cannot be read."""
    quota = Quota(search.options.matchlimit or None)
    checks = [(kind, text) for kind, key in _KINDS.items() for text in getattr(search, key)]
    for group in [checks] if search.options.matchall or not checks else [[one] for one in checks]:
        question = Question(label, search, _echo(search, group), quota)
        for kind, text in group:
            _add(question, kind, text, now=now)
        yield question


@lru_cache(maxsize=1024)
def go_mode(mode: int) -> str:
    """Return a mode as Go writes it: `-rwxr-xr-x`, setuid `urwxr-xr-x`.

    >>> go_mode(0o104755)
    'urwxr-xr-x'
    """
    special = ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t"))
    before = "".join(letter for bit, letter in special if mode & bit)
    rights = zip(range(8, -1, -1), "rwxrwxrwx", strict=True)
    return (before or "-") + "".join(char if mode >> bit & 1 else "-" for bit, char in rights)


def _echo(search: Search, group: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the search as MIG repeats it beside each hit: with those checks that hit."""
    echo: dict[str, Any] = {"description": search.description} if search.description else {}
    echo["paths"] = list(search.paths)
    for kind, text in group:
        echo.setdefault(_KINDS[kind], []).append(text)
    options = msgspec.structs.replace(search.options, maxdepth=0, maxerrors=0, matchlimit=0)
    said = msgspec.to_builtins(options)
    if not said["debug"]:
        del said["debug"]
    return {**echo, "options": said}


def _add(question: Question, kind: str, text: str, *, now: datetime) -> None:
    options = question.options
    turned = kind in options.mismatch
    inverted = kind in ("name", "content") and text.startswith("!")
    wanted = inverted == turned
    if kind == "name":
        question.names.append(NameCheck(pattern(text[inverted:]), wanted))
    elif kind == "content":
        found = pattern(text[inverted:])
        question.contents.append(ContentCheck(found, options.macroal, wanted))
    elif kind in ("size", "mode", "mtime"):
        question.facts.append(_turn(_FACTS[kind](text, now), turned))
    else:
        question.hashes.append(_hash(kind, text, wanted))


def _turn(fact: Fact, turned: bool) -> Fact:
    return (lambda inode: not fact(inode)) if turned else fact


def _size(text: str, now: datetime) -> Fact:
    read = re.fullmatch(_SIZE, text)
    if read is None:
        raise Invalid(f"the size {text[:64]!r} cannot be read", hint="like 512, <10k or >2m")
    sign, number, unit = read.groups()
    bound = int(number) * _UNITS[unit]
    if sign == "<":
        return lambda inode: inode.st_size <= bound
    if sign == ">":
        return lambda inode: inode.st_size >= bound
    return lambda inode: inode.st_size == bound


def _mode(text: str, now: datetime) -> Fact:
    fits = pattern(text).fits
    known: dict[int, bool] = {}  # a host has a dozen modes and a million files

    def fact(inode: os.stat_result) -> bool:
        mode = inode.st_mode
        if mode not in known:
            known[mode] = fits(go_mode(mode).encode())
        return known[mode]

    return fact


def _mtime(text: str, now: datetime) -> Fact:
    read = re.fullmatch(_AGE, text)
    if read is None:
        raise Invalid(f"the age {text[:64]!r} cannot be read", hint="like <30m, <1h or >90d")
    sign, number, unit = read.groups()
    try:
        since = (now - timedelta(**{_STEPS[unit]: int(number)})).timestamp()
    except OverflowError:
        raise Invalid(f"the age {text[:64]!r} is before all calendars") from None
    if sign == "<":
        return lambda inode: inode.st_mtime >= since
    return lambda inode: inode.st_mtime <= since


_FACTS: dict[str, Callable[[str, datetime], Fact]] = {"size": _size, "mode": _mode, "mtime": _mtime}


def _hash(kind: str, text: str, wanted: bool) -> HashCheck:
    algorithm = _DIGESTS.get((kind, len(text)))
    if algorithm is None or re.fullmatch(r"[0-9a-fA-F]+", text) is None:
        lengths = ", ".join(str(length) for name, length in _DIGESTS if name == kind)
        raise Invalid(f"{text[:64]!r} is no {kind}", hint=f"hexadecimal, of length {lengths}")
    return HashCheck(algorithm, text.lower(), wanted)
