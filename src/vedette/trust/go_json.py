"""JSON as Go's `json.Marshal` writes it after decoding: the text inside what MIG's people sign.

Every number is a float64, the keys of every object stand in the order of their UTF-8 bytes, and
`<`, `>`, `&` are escaped as for HTML. An object with a key twice has lost the first on decoding.
"""

import re
from collections.abc import Callable

from vedette.errors import Invalid
from vedette.trust.number_text import go_number

DEEPEST = 100
"""Lists and objects within each other; deeper is nobody's search."""

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_GO_ESCAPED = re.compile('["\\\\\x00-\x1f<>&\u2028\u2029\ud800-\udfff]')


def go_json(value: object) -> str:
    """Return the value's text; raises Invalid when it is too deep, or no JSON."""
    return json_text(value, go_string, go_number, lambda key: key.encode("utf-8", "surrogatepass"))


def go_string(text: str) -> str:
    """Return the text quoted as Go does it (1.19): a lone surrogate becomes U+FFFD."""
    return f'"{_GO_ESCAPED.sub(_go_escape, text)}"'


def _go_escape(found: re.Match[str]) -> str:
    character = found.group()
    if "\ud800" <= character <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def json_text(
    value: object,
    string: Callable[[str], str],
    number: Callable[[float], str],
    order: Callable[[str], bytes],
    depth: int = 0,
) -> str:
    """Return JSON without spaces; the three functions are what dialects differ in."""
    if depth > DEEPEST:
        raise Invalid(f"the document is nested deeper than {DEEPEST} levels")
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return string(value)
        case int() | float():
            return number(value)
        case dict():
            parts = [
                f"{string(key)}:{json_text(value[key], string, number, order, depth + 1)}"
                for key in sorted(value, key=order)
            ]
            return f"{{{','.join(parts)}}}"
        case list() | tuple():
            inner = [json_text(one, string, number, order, depth + 1) for one in value]
            return f"[{','.join(inner)}]"
    raise Invalid(f"{type(value).__name__} is nothing JSON can hold")
