"""Canonical JSON of RFC 8785: one text for one value, so that what is signed is what was meant."""

import re

from vedette.errors import Invalid
from vedette.trust.go_json import json_text
from vedette.trust.number_text import ecmascript_number

_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPED = re.compile('["\\\\\x00-\x1f]')


def canonical_json(value: object) -> bytes:
    """Return the value's canonical bytes.

    Raises Invalid for what JSON cannot hold, half a character (a lone surrogate), or too deep.
    """
    text = json_text(value, _string, _number, lambda key: key.encode("utf-16-be", "surrogatepass"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid("a text holds half a character (a lone surrogate); take it out") from None


def _number(number: float) -> str:
    text = ecmascript_number(number)
    if isinstance(number, int) and text != str(number) and int(float(number)) != number:
        raise Invalid(f"the number {number} would be signed as {text}; write it as a text")
    return text


def _string(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found.group()) or f"\\u{ord(found.group()):04x}"
