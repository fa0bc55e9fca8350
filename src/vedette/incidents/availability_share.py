"""Shares as they are counted: exact, compared with each other, said in per cent rounded down."""

import math
from collections.abc import Sequence
from fractions import Fraction

import msgspec


class Share(msgspec.Struct, frozen=True, gc=False, eq=False):
    """An exact share; the denominator is above 0.

    A table has thousands of them, and a Fraction's common divisor takes ten times what all the rest of a number
    takes: nothing is reduced, and two are compared by multiplying crosswise, fractions and whole numbers, too.
    """

    numerator: int
    denominator: int

    def __eq__(self, other: object) -> bool:
        """Say whether it is the same number."""
        if not isinstance(other, Share | Fraction | int):
            return NotImplemented
        return self.numerator * other.denominator == other.numerator * self.denominator

    def __ne__(self, other: object) -> bool:
        """Say whether it is another number; a struct's own would compare what it holds."""
        return not self == other

    def __lt__(self, other: "Share | Fraction | int") -> bool:
        """Say whether it is less."""
        return self.numerator * other.denominator < other.numerator * self.denominator

    def __ge__(self, other: "Share | Fraction | int") -> bool:
        """Say whether it is as much or more."""
        return self.numerator * other.denominator >= other.numerator * self.denominator

    def __hash__(self) -> int:
        """Return the same for the same number."""
        return hash(Fraction(self.numerator, self.denominator))


ALL = Share(1, 1)


def share_of(whole_time: int, lost: int) -> Share:
    """Return the share that is left, both in the same unit; of a whole that is not 0."""
    return Share(whole_time - lost, whole_time) if lost else ALL


def mean(shares: Sequence[Share | None]) -> Share | None:
    """Return the mean of those members that have a share; None when none has."""
    known = [share for share in shares if share is not None]
    if not known:
        return None
    scale = math.lcm(*[share.denominator for share in known])
    added = sum([share.numerator * (scale // share.denominator) for share in known])
    return Share(added, scale * len(known))


def percent(share: Share | Fraction | None, digits: int = 2) -> str:
    """Return a share in per cent, rounded down; `100` only when nothing was lost, "–" for none."""
    if share is None:
        return "–"
    if share.numerator == share.denominator:
        return "100"
    scale = 10**digits
    # Below 0 only a formula gets that counts a loss twice; down is still down.
    rounded = share.numerator * 100 * scale // share.denominator
    whole_part, rest = divmod(abs(rounded), scale)
    sign = "-" if rounded < 0 else ""
    return f"{sign}{whole_part}.{rest:0{digits}d}" if digits else f"{sign}{whole_part}"


def shortly(share: Share | Fraction) -> str:
    """Return a share in per cent with no more digits than it has: `99.9`, `30`."""
    text = percent(share, 6)
    return text.rstrip("0").rstrip(".") if "." in text else text
