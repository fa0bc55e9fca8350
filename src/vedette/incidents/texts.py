"""What may stand in a title or a text: its length, and none of what plays tricks on readers."""

import re
from dataclasses import replace

from vedette.errors import Invalid
from vedette.incidents.model import Draft

TITLE_LIMIT = 300
TEXT_LIMIT = 20_000
POSTMORTEM_LIMIT = 100_000
"""Characters; the tables hold the same limits."""

_TURNS_LINES = "\u202a-\u202e\u2066-\u2069"
_IN_NO_TEXT = re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\ud800-\udfff{_TURNS_LINES}]")
_IN_NO_TITLE = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ud800-\udfff{_TURNS_LINES}]")


def checked_title(text: str, *, field: str = "title") -> str:
    """Return the title without blanks around it: one line that is not empty; raises Invalid."""
    title = text.strip()
    if not title:
        raise Invalid(f"the {field} is empty", hint="say in a line what readers need to know")
    if len(title) > TITLE_LIMIT:
        raise Invalid(
            f"the {field} is {len(title)} characters long, the limit is {TITLE_LIMIT}",
            hint="put the rest into the text",
        )
    if _IN_NO_TITLE.search(title):
        raise Invalid(f"the {field} holds a line break or a control character")
    return title


def checked_text(text: str, *, field: str = "text", limit: int = TEXT_LIMIT) -> str:
    """Return the Markdown with lines ended by LF and no blanks around it; it may be empty.

    Raises Invalid when it is too long, or holds control characters.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(plain) > limit:
        raise Invalid(f"the {field} is {len(plain)} characters long, the limit is {limit}")
    if _IN_NO_TEXT.search(plain):
        raise Invalid(f"the {field} holds a control character")
    return plain


def spared_title(text: str) -> str:
    """Return a machine's title with blanks for what may not stand in one: nobody is there to mend it."""
    return " ".join(_IN_NO_TITLE.sub(" ", text).split()) if _IN_NO_TITLE.search(text) else text


def spared_text(text: str) -> str:
    """Return a machine's text with blanks for what may not stand in one."""
    return _IN_NO_TEXT.sub(" ", text.replace("\r\n", "\n"))


def with_checked_texts(draft: Draft) -> Draft:
    """Return the draft with its title and description as they will be kept; raises Invalid."""
    return replace(
        draft,
        title=checked_title(draft.title),
        description=checked_text(draft.description, field="description"),
    )
