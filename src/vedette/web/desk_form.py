"""What an operator typed into a form of the desk: read within limits, and never lost on an error.

A field that shows what stands has a hidden twin, `was.NAME`: what was not touched is not sent on, so nobody
takes back what somebody else changed meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from vedette.errors import Invalid, VedetteError
from vedette.incidents.series_rules import instant_of
from vedette.web.answers import NO_STORE, Answer, Request
from vedette.web.reader import in_their_words, reading
from vedette.web.templates import render
from vedette.web.visitors import Visitor, Visitors

WRITE = "incidents:write"
"""What every page of the desk asks for."""

FORM_BYTES = 2_097_152
"""The longest post-mortem, every character of it written as twelve, with room for the rest."""
FORM_FIELDS = 4_000
NUMBER_LIMIT = 2**31 - 1
WRITTEN = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of one form; none of them when a page is only looked at."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """Which form of the page it is."""
        return self.text("form")

    @property
    def do(self) -> str:
        """Which of its buttons was pressed."""
        return self.text("do")

    @property
    def zone(self) -> str:
        """On whose clock its times were written."""
        return self.text("zone") or reading().zone

    def text(self, name: str) -> str:
        """Return what stands in a field, lines ended by LF; "" when there is no such field."""
        values = self.fields.get(name)
        return values[-1].replace("\r\n", "\n").replace("\r", "\n") if values else ""

    def every(self, name: str) -> list[str]:
        """Return every value of a name, as check boxes have them."""
        return list(self.fields.get(name, ()))

    def changed(self, name: str) -> str | None:
        """Return what stands in a field now; None when its author left it as it was shown."""
        given = self.text(name)
        return given if name in self.fields and given != self.text(f"was.{name}") else None

    def number(self, name: str) -> int:
        """Return a number; raises Invalid."""
        given = self.text(name).strip()
        if given.isascii() and given.isdecimal() and len(given) < 11 and int(given) <= NUMBER_LIMIT:
            return int(given)
        raise Invalid(f"{name}: {given[:40]!a} is no number of ours", hint="load the page again")

    def time(self, name: str) -> datetime | None:
        """Return the time, on the clock the form names; None when it is empty or as it was shown."""
        given = (self.changed(name) or "").strip()
        return instant_of(given, self.zone) if given else None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a form was not taken: shown above it, with everything that was typed still in it."""

    form: str
    message: str
    hint: str


def refused(typed: Typed, error: VedetteError) -> Refused:
    """Return what to show of an error."""
    hint = in_their_words(error.hint or "")
    is_plain = not isinstance(hint, Markup)
    return Refused(
        typed.form, in_their_words(error.message), hint[:1].upper() + hint[1:] if is_plain else hint
    )


def written(at: datetime | None) -> str:
    """Return a time as a field shows it, on the reader's clock; `Typed.time` reads it back."""
    return f"{reading().local(at):{WRITTEN}}" if at is not None else ""


async def posted(visitors: Visitors, request: Request) -> tuple[Visitor, Typed]:
    """Return who sent a form of the desk and what is in it; raises Nobody, Denied, Invalid."""
    actor, fields = await visitors.posted_at_length(
        request, WRITE, most_bytes=FORM_BYTES, most_fields=FORM_FIELDS
    )
    return actor, Typed(fields)


def page(name: str, actor: Visitor, *, status: int = 200, **view: Any) -> Answer:  # noqa: ANN401 - each template has its own view
    """Return a page of the desk, which no cache keeps."""
    return Answer(render(name, actor=actor, **view), status=status, cache=NO_STORE)
