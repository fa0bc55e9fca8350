"""Texts that hosts and authors of actions wrote: shown so that what cannot be seen is seen.

A control character, one that turns the direction of writing, or a blank that is none, stands as its number: a
file called `invoice<U+202E>fdp.exe` must not read as a PDF. Direction is kept in (`bdi`), so that it turns nothing
beside it.
"""

import re

from markupsafe import Markup, escape

MOST = 2_000
"""Characters shown of one text; what follows is counted."""
LINE_END = "\N{RETURN SYMBOL}"
_ODD = re.compile(r"[^ \w\x21-\x7e]")


def theirs(text: object, most: int = MOST) -> Markup:
    """Return the text as HTML in which every character is seen; what is HTML of ours already stays it."""
    if isinstance(text, Markup):
        return Markup("<bdi>%s</bdi>") % Markup(_ODD.sub(_seen, str(text)))  # noqa: S704 - ours
    whole = str(text)
    seen = _ODD.sub(_seen, str(escape(whole[:most])))
    more = len(whole) - most
    if more > 0:
        seen += f' <span class="odd">+{more}</span>'
    return Markup("<bdi>%s</bdi>") % Markup(seen)  # noqa: S704 - escaped above


def _seen(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    shown = LINE_END if character == "\n" else f"U+{ord(character):04X}"
    return f'<span class="odd">{shown}</span>'
