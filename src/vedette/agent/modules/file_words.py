"""Which end of a word to look for: RE2 goes to the next place of a text's first byte as fast as memory is read.

So a word is looked for from its rarest byte on, and what stands before that is compared. On binaries and
sources that is two to four times as fast as `memmem`, where the byte is rare enough.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from vedette.agent.modules.patterns import compiled
from vedette.errors import Unavailable

_COMMON = b" \0etsairon\nlcdp_umhf\xffH\"\x01g.,yb)(:ES\x89\x0f\x02T\x08'=$\x03/-A>I\x04\xd0\x8bvCR<NL0Dk\x10O\x05w1Px\x8d"
"""Bytes of sources and binaries in the order in which they are frequent there."""
_MOST = 0.28
"""How frequent about the first of them is; the second half of that, the third a third."""
_HALT_NS, _TRY_NS, _PASS_NS = 4.0, 80.0, 0.03
"""For each place of the first byte, for each that also has the last where it should be, for any byte."""
_MEMMEM_NS = 0.2


class Rare(NamedTuple):
    """A word's end, as RE2 looks for it, and how many of the word's bytes stand before."""

    search: Any
    before: int


@lru_cache(maxsize=1024)
def rare_end(word: bytes) -> Rare | None:
    """Return the end of the word that is found the fastest; None where none is by far, or there is no RE2."""
    costs = {_cost(word[at], word[-1]): at for at in range(len(word) - 2, -1, -1)}
    if not costs or min(costs) > _MEMMEM_NS:
        return None
    at = costs[min(costs)]
    try:
        return Rare(compiled(word[at:], literal=True, latin=True).search, at)
    except Unavailable:
        return None


def _cost(first: int, last: int) -> float:
    """Return the nanoseconds a byte that is looked through costs."""
    return _frequency(first) * (_HALT_NS + _frequency(last) * _TRY_NS) + _PASS_NS


def _frequency(byte: int) -> float:
    place = _COMMON.find(byte)
    return _MOST / (1 + (place if place >= 0 else len(_COMMON)))
