"""Labels as one canonical text, by which a series is one and the same wherever it comes from. Pure."""

import re
from collections.abc import Iterable
from hashlib import blake2b

ENTITY = 200
"""Characters a label text may have; what does not fit becomes one label with a hash."""
REST = "__rest__"

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PAIR = re.compile(
    r'(?:([a-zA-Z_][a-zA-Z0-9_]*)|"([^"\\]*(?:\\.[^"\\]*)*)")="([^"\\]*(?:\\.[^"\\]*)*)"'
)
_ESCAPE = re.compile(r'\\([\\n"])')


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as one canonical text, `{a="b",c="d"}`; "" when there are none.

    What is longer than `ENTITY` keeps the first labels that fit, and a hash of all of them as the label
    `__rest__`: the text stays of this form, and the same labels always have the same text.
    """
    pairs = [f'{_label_name(name)}="{escape(value)}"' for name, value in labels]
    text = ",".join(pairs)
    if len(text) + 2 > ENTITY:
        rest = f'{REST}="{blake2b(text.encode(), digest_size=8).hexdigest()}"'
        room = ENTITY - 2 - len(rest)
        kept: list[str] = []
        for pair in pairs:
            room -= len(pair) + 1
            if room < 0:
                break
            kept.append(pair)
        text = ",".join([*kept, rest])
    return f"{{{text}}}" if text else ""


def _label_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f'"{escape(name)}"'


def escape(text: str) -> str:
    """Return the text as it stands between quotes."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def read_labels(text: str) -> tuple[tuple[str, str], ...]:
    """Return the labels of a canonical text; what is none becomes one label, `entity`."""
    if not text:
        return ()
    if not (text.startswith("{") and text.endswith("}")):
        return (("entity", text),)
    return tuple(
        (bare or unescape(quoted), unescape(value)) for bare, quoted, value in _PAIR.findall(text)
    )


def unescape(text: str) -> str:
    """Return the text with its escapes resolved; a backslash before anything else is a backslash."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
