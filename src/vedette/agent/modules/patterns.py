"""RE2, compiled once and refused in words: linear in what it reads, whatever the pattern."""

from functools import lru_cache
from typing import Any

from vedette.errors import Invalid, Unavailable


@lru_cache(maxsize=4096)
def on_text(text: str) -> Any:  # noqa: ANN401 - re2 has no types
    """Return a pattern for text; its groups can be had. Raise `Invalid` when it cannot be read."""
    return compiled(text)


@lru_cache(maxsize=4096)
def on_bytes(text: str) -> Any:  # noqa: ANN401 - as above
    r"""Return a pattern for bytes, each a character of its own: `\xff` is that byte, `.` is any."""
    return compiled(text, bytewise=True, latin=True)


def compiled(
    text: str | bytes, *, bytewise: bool = False, latin: bool = False, **wanted: bool
) -> Any:  # noqa: ANN401 - as above
    """Compile a pattern; raise `Invalid` when RE2 cannot read it, `Unavailable` where there is none.

    bytewise: it is asked of bytes, not of text. latin: each of them is a character. wanted: further options by RE2's names.
    """
    try:
        import re2
    except ImportError:
        raise Unavailable(
            "this host has no RE2, without which no pattern is searched",
            hint="install the package google-re2",
        ) from None
    options = re2.Options()
    options.log_errors = False
    if latin:
        options.encoding = re2.Options.Encoding.LATIN1
    for name, value in wanted.items():
        setattr(options, name, value)
    try:
        encoded = text.encode() if bytewise and isinstance(text, str) else text
        return re2.compile(encoded, options)
    except (re2.error, UnicodeEncodeError) as fault:
        words = fault.args[0] if fault.args else fault
        said = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        raise Invalid(
            f"the pattern {text[:200]!r} cannot be read: {said}",
            hint="it is RE2: no look-around, no back-references",
        ) from None
