"""Numbers as JSON texts that are signed write them: ECMAScript's and Go's shortest form of a double.

Both take the shortest digits that give the same double back, which is what Python's `repr` finds;
they differ in where the exponent begins to be written, and in how.
"""

from math import isfinite

from vedette.errors import Invalid

PLAIN_FROM_EXPONENT = -7
"""A number below 1e-6 is written with an exponent …"""
PLAIN_TO_EXPONENT = 21
"""… and so is one of 1e21 and more, in Go and in ECMAScript alike."""


def as_double(number: float) -> float:
    """Return the double nearest to the number; raises Invalid when there is none."""
    try:
        double = float(number)
    except OverflowError:
        raise Invalid("a number is larger than a double holds; write it as a text") from None
    if not isfinite(double):
        raise Invalid("a number is not finite; JSON has no such number")
    return double


def go_number(number: float) -> str:
    """Return the number as Go's `json.Marshal` writes a float64: -0 keeps its sign."""
    double = as_double(number)
    return ("-0" if str(double).startswith("-") else "0") if double == 0 else _shortest(double)


def ecmascript_number(number: float) -> str:
    """Return the number as ECMAScript's `String(x)` writes it: -0 is 0 (RFC 8785, 3.2.2.3)."""
    double = as_double(number)
    return "0" if double == 0 else _shortest(double)


def _shortest(double: float) -> str:
    sign = "-" if double < 0 else ""
    digits, point = _digits(abs(double))
    if PLAIN_FROM_EXPONENT < point - 1 < PLAIN_TO_EXPONENT:
        return sign + _plain(digits, point)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    # Go trims e-07 to e-7 and always writes the sign; that is ECMAScript's form as well.
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _digits(double: float) -> tuple[str, int]:
    """Return the shortest digits, and how many of them stand before the decimal point."""
    mantissa, _, exponent = repr(double).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    leading = len(digits) - len(digits.lstrip("0"))
    return digits.strip("0"), point - leading


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"
