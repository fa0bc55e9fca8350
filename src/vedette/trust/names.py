"""What a name may look like before it stands in a certificate, a URL, a log line or a page.

Every check is a full match: `^…$` lets a trailing newline through, which has cost others a shell.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from vedette.errors import Invalid

AGENT_NAME_LIMIT = 64
"""Characters; a certificate's common name holds no more."""

LABEL_LIMIT = 200
"""Characters of every other name; the tables hold the same limit."""

TAG_KEY_LIMIT = 64
TAG_LIMIT = 64
"""Tags an agent may have."""

AGENT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]*[A-Za-z0-9])?")
TAG_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
NOT_IN_A_PATH = frozenset("/\\<>\"'`&%?#*,;|")
SHOWN = 40


def checked_agent_name(value: object, *, field: str = "name") -> str:
    """Return the name; it stands in certificates and URLs, so it is plain ASCII."""
    text = _text(value, field=field, limit=AGENT_NAME_LIMIT)
    if not AGENT_NAME.fullmatch(text) or ".." in text:
        raise Invalid(
            f"{field} {_shown(text)} is not a name for an agent or a client",
            hint="letters, digits and . _ @ + - inside, first and last a letter or digit",
        )
    return text


def checked_name(value: object, *, field: str = "name") -> str:
    """Return the name of a thing that has a page of its own: it fits into one segment of a URL."""
    text = checked_label(value, field=field)
    wrong = sorted(NOT_IN_A_PATH.intersection(text))
    if wrong:
        raise Invalid(f"{field} {_shown(text)} holds {wrong[0]!r}, which a name may not")
    if text.strip(".") == "" or text.startswith(("-", "tag:")):
        raise Invalid(
            f"{field} {_shown(text)} may not be only dots nor begin with '-' or 'tag:'",
            hint="begin with a letter or a digit",
        )
    return text


def checked_label(value: object, *, field: str = "name") -> str:
    """Return the text for people (a service, a region): one line of anything printable, composed.

    Markup is allowed here and means nothing: pages escape it.
    """
    return _text(value, field=field, limit=LABEL_LIMIT)


def checked_tags(value: object, *, field: str = "tags") -> dict[str, str]:
    """Return the tags: at most 64, keys `a-z 0-9 . _ / -`, values one line each."""
    if not isinstance(value, dict):
        raise Invalid(f"{field} must be a map of texts", hint="as in {role: edge}")
    if len(value) > TAG_LIMIT:
        raise Invalid(f"{field} holds {len(value)} tags, the limit is {TAG_LIMIT}")
    return {
        checked_tag_key(key, field=field): checked_label(word, field=f"{field}.{_shown(key)}")
        for key, word in value.items()
    }


def checked_tag_key(value: object, *, field: str = "tag") -> str:
    """Return the key of a tag."""
    text = _text(value, field=field, limit=TAG_KEY_LIMIT)
    if not TAG_KEY.fullmatch(text):
        raise Invalid(
            f"{field}: {_shown(text)} is not a key of a tag",
            hint="letters, digits and . _ / - inside",
        )
    return text


def _text(value: object, *, field: str, limit: int) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{field} must be a text, not {type(value).__name__}")
    # Measured first: composing a text of ten megabytes is work an enemy may not order.
    text = value if len(value) > limit else unicodedata.normalize("NFC", value)
    if len(text) > limit:
        raise Invalid(f"{field} is {len(text)} characters long, the limit is {limit}")
    if not text or text != text.strip():
        raise Invalid(f"{field} {_shown(text)} is empty or has blanks around it")
    if not text.isprintable():
        raise Invalid(f"{field} {_shown(text)} holds a control or an invisible character")
    return text


def _shown(value: object) -> str:
    return ascii(str(value)[:SHOWN])


def plain_text(value: str, *, limit: int) -> str:
    """Return a stranger's text fit to be kept: cut to the limit, no NUL (PostgreSQL has none)."""
    return value[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def plain_json(value: Any, *, limit: int, depth: int = 8) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a stranger's JSON fit to be kept: jsonb takes no NUL and no NaN, depth is bounded."""
    if isinstance(value, str):
        return plain_text(value, limit=limit)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {
            plain_text(str(key), limit=limit): plain_json(word, limit=limit, depth=depth - 1)
            for key, word in value.items()
        }
    return [plain_json(word, limit=limit, depth=depth - 1) for word in value]
