"""Regular expressions on foreign bodies, kept from running away.

Python's engine backtracks: an innocent pattern on a hostile body can hold the agent for hours. So
a pattern may repeat single characters only, twice at most, is matched line by line, and stops
when its time is over. `[BODY] == pat(*text*)` and `contains` have no such limits.
"""

import re
import time

from vedette.errors import Invalid

_PATTERN_CHARS = 200
_REPEATS = 2
_LINE_CHARS = 512
_BODY_BYTES = 65_536
_PATIENCE_S = 0.1
_EXACTLY = re.compile(r"(?<!\))\{[0-9]{1,3}\}")
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)


def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; raise `Invalid` when it is none, or could run away."""
    atoms = _ATOM.findall(_EXACTLY.sub("", text))
    repeats = [i for i, atom in enumerate(atoms) if atom in ("*", "+", "{")]
    if len(text) > _PATTERN_CHARS or len(repeats) > _REPEATS:
        raise Invalid(
            f"the pattern {text[:60]!r} could take for ever",
            hint=f"at most {_PATTERN_CHARS} characters and {_REPEATS} of * + {{…}}",
        )
    if any(i > 0 and atoms[i - 1] == ")" for i in repeats) or re.search(r"\\[1-9]|\(\?P=", text):
        raise Invalid(
            f"the pattern {text[:60]!r} could take for ever",
            hint="repeat single characters, not groups, and refer back to none",
        )
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise Invalid(f"{text!r} is not a regular expression: {error}") from None


def found(wanted: re.Pattern[str], body: bytes) -> bool:
    """Say whether a line of the body (64 KiB, lines cut at 512 characters) holds the pattern."""
    until = time.perf_counter() + _PATIENCE_S
    for line in body[:_BODY_BYTES].decode("utf-8", "replace").splitlines():
        if wanted.search(line[:_LINE_CHARS]):
            return True
        if time.perf_counter() > until:
            return False
    return False
