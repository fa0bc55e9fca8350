"""Whoever reads a page: in which language, in which zone; and the one who reads right now.

A page for readers is made within `read_by(reader)`. Templates and the words of `words.py` ask `reading()`
instead of handing the reader through every call; what keeps drawn pieces keeps them by the reader too.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup

from vedette.errors import Invalid
from vedette.web.answers import FIELDS, Answer, Request, see_other
from vedette.web.languages import ENGLISH, Language, accepted, languages
from vedette.web.session import is_ours
from vedette.web.zones import UTC_NAME, zone, zone_name

ZONE_COOKIE, LANGUAGE_COOKIE = "vedette_tz", "vedette_lang"
YEAR_S = 31_536_000
HEAD_BYTES = 4_096
"""A query, cookie or `Accept-Language` longer than this names no reader."""
READERS_KEPT = 512
PATH_LIMIT = 500
VARY = (b"vary", b"accept-language, cookie")


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader's language and time zone, by their names."""

    language: str = ENGLISH
    zone: str = UTC_NAME

    def local(self, at: datetime) -> datetime:
        """Return the time on the reader's clock."""
        return at.astimezone(zone(self.zone))


_reading: ContextVar[Reader] = ContextVar("reading", default=Reader())  # noqa: B039 - frozen


def reading() -> Reader:
    """Return who reads the page being made; English and UTC unless `read_by` says otherwise."""
    return _reading.get()


@contextmanager
def read_by(reader: Reader) -> Iterator[None]:
    """Make what is made within for this reader."""
    token = _reading.set(reader)
    try:
        yield
    finally:
        _reading.reset(token)


def language() -> Language:
    """Return the language of whoever reads."""
    return languages()[reading().language]


def gettext(message: str) -> str:
    """Return a message of ours in the reader's language; never hand it an operator's words."""
    return language().gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """Return the message that fits the number, in the reader's language."""
    return language().ngettext(one, many, number)


def in_their_words(message: str) -> str:
    """Return what an error says: in the reader's language where we have it, else marked as English."""
    said = gettext(message)
    if said != message or not message or reading().language == ENGLISH:
        return said
    return Markup('<span lang="en">%s</span>') % message


def N_(message: str) -> str:  # noqa: N802 - gettext's own name, which its tools look for
    """Mark a message that is translated where it is shown."""
    return message


def reader_of(request: Request) -> Reader:
    """Return who asks: by `?tz=` and `?lang=`, else cookies, else `Accept-Language`; raises Invalid."""
    headers = request.headers
    return _reader_of(
        request.scope["query_string"][:HEAD_BYTES],
        headers.get(b"cookie", b"")[:HEAD_BYTES],
        headers.get(b"accept-language", b"")[:HEAD_BYTES],
    )


@lru_cache(READERS_KEPT)
def _reader_of(query: bytes, cookie: bytes, accepts: bytes) -> Reader:
    asked = _query(query)
    kept = _cookies(cookie)
    code = kept.get(LANGUAGE_COOKIE, "")
    if code not in languages():
        code = accepted(accepts.decode("latin-1"))
    place = kept.get(ZONE_COOKIE, UTC_NAME)
    try:
        place = zone_name(place)
    except Invalid:
        place = UTC_NAME
    return Reader(
        language=language_code(asked["lang"]) if asked.get("lang") else code,
        zone=zone_name(asked["tz"]) if asked.get("tz") else place,
    )


def reader_at_best(request: Request) -> Reader:
    """Return who asks, also of a page that failed; what they ask for and we do not have is left out."""
    try:
        return reader_of(request)
    except Invalid:
        return Reader()


def language_code(asked: str) -> str:
    """Return the code of a language of ours; raises Invalid."""
    if asked in languages():
        return asked
    raise Invalid(f"there is no language {asked[:40]!a}", hint="one of " + ", ".join(languages()))


def _query(text: bytes) -> dict[str, str]:
    try:
        found = parse_qs(text.decode("latin-1"), errors="replace", max_num_fields=FIELDS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in found.items()}


def _cookies(text: bytes) -> dict[str, str]:
    try:
        found = SimpleCookie(text.decode("latin-1"))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


def for_readers(
    handler: Callable[[Request], Awaitable[Answer]],
) -> Callable[[Request], Awaitable[Answer]]:
    """Return the handler of a page as it is for whoever asks."""

    async def answer(request: Request) -> Answer:
        with read_by(reader_of(request)):
            return await handler(request)

    return answer


async def choose(request: Request) -> Answer:
    """Answer the form of `/preferences`: keep language and zone in cookies, and go back."""
    if not is_ours(request):
        raise Invalid(
            "this form came from another site",
            hint="open our page of preferences and send it there",
        )
    form = await request.form()
    chosen = (
        (ZONE_COOKIE, zone_name(form.get("tz", UTC_NAME))),
        (LANGUAGE_COOKIE, language_code(form.get("lang", ENGLISH))),
    )
    secure = "; Secure" if request.is_secure else ""
    return see_other(
        path_back(form.get("back", "")),
        *(
            (
                b"set-cookie",
                f"{name}={value}; Path=/; Max-Age={YEAR_S}; HttpOnly; SameSite=Lax{secure}".encode(),
            )
            for name, value in chosen
        ),
    )


def came_from(request: Request) -> str:
    """Return the page of ours that this one was opened from; the status page where nobody says."""
    where = urlsplit(request.headers.get(b"referer", b"").decode("latin-1"))
    if where.netloc.encode() != request.headers.get(b"host", b""):
        return "/"
    return path_back(where.path + (f"?{where.query}" if where.query else ""))


def path_back(asked: str) -> str:
    """Return the page of ours that is named so; the status page for anything else."""
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\"))
    plain = asked.isascii() and asked.isprintable() and " " not in asked and "\\" not in asked
    return asked if ours and plain and len(asked) <= PATH_LIMIT else "/"


def for_them(body: bytes) -> Answer:
    """Return a page as one that differs by who reads it."""
    return Answer(body, headers=(VARY,))
