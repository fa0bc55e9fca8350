"""What an operator typed into a form of the desk: read within limits, and never lost on an error.

A field that shows what stands has a hidden twin, `was.NAME`: what was not touched is not sent on, so nobody
takes back what somebody else changed meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from vedette.errors import Invalid, VedetteError
from vedette.incidents.maintenance_api import lasting
from vedette.incidents.series_rules import instant_of
from vedette.incidents.texts import checked_title
from vedette.web.answers import NO_STORE, Answer, Request
from vedette.web.reader import N_, in_their_words, reading
from vedette.web.templates import render
from vedette.web.visitors import Visitor, Visitors

WRITE = "incidents:write"
"""What every page of the desk asks for."""

FORM_BYTES = 2_097_152
"""The longest post-mortem, every character of it written as twelve, with room for the rest."""
FORM_FIELDS = 4_000
NUMBER_LIMIT = 2**31 - 1
BESIDE = frozenset(
    {"title", "at", "starts_at", "ends_at", "publish_at", "lasts", "schedule", "zone", "into"}
)
"""Fields that stand in a form with room beside them."""
WRITTEN = "%Y-%m-%d %H:%M"


class Misread(Invalid):
    """A field cannot be taken as it stands; `field` is its name in the form."""

    def __init__(self, error: Invalid, field: str) -> None:
        super().__init__(error.message, hint=error.hint)
        self.field = field


@contextmanager
def of_field(name: str) -> Iterator[None]:
    """Say of what is refused within which field it is about, so that it can be told beside it."""
    try:
        yield
    except Misread:
        raise
    except Invalid as error:
        raise Misread(error, name) from None


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
        with of_field(name):
            raise Invalid(
                f"{name}: {given[:40]!a} is no number of ours", hint=N_("load the page again")
            )

    def time(self, name: str) -> datetime | None:
        """Return the time, on the clock the form names; None when it is empty or as it was shown."""
        given = (self.changed(name) or "").strip()
        with of_field(name):
            return instant_of(given, self.zone) if given else None

    def title(self) -> str:
        """Return the title; raises Invalid."""
        with of_field("title"):
            return checked_title(self.text("title"))

    def lasts(self) -> timedelta:
        """Return how long it lasts; raises Invalid."""
        with of_field("lasts"):
            return lasting(self.text("lasts"))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a form was not taken: shown with everything that was typed still in it.

    field: beside which of its fields; "" for above the form.
    """

    form: str
    message: str
    hint: str
    field: str


def refused(typed: Typed, error: VedetteError) -> Refused:
    """Return what to show of an error."""
    hint = in_their_words(error.hint or "")
    is_plain = not isinstance(hint, Markup)
    return Refused(
        form=typed.form,
        message=in_their_words(error.message),
        hint=hint[:1].upper() + hint[1:] if is_plain else hint,
        field=error.field if isinstance(error, Misread) and error.field in BESIDE else "",
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
