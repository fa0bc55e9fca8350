"""What may be asked of availability, as words of a URL or a command line; no clock, no database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from vedette.errors import Invalid
from vedette.incidents.availability_rules import Policy, Reporting, place

MOST_MONTHS = 36
GROUPS = ("region", "category", "service")
TEXT_LIMIT = 200
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which components, which months, how counted.

    first: the first day of the first month. component (a slug), service, region, category: "" is
    any. by: of what groups are made; () makes none. compatible: the compatible formula beside it.
    """

    first: date
    months: int
    policy: Policy
    component: str = ""
    service: str = ""
    region: str = ""
    category: str = ""
    by: tuple[str, ...] = ()
    compatible: bool = False


def question(said: Mapping[str, str | None], reporting: Reporting, *, now: datetime) -> Question:
    """Return what these words ask; what is not said is the last months of all. Raises Invalid."""
    given = {name: text for name, text in said.items() if text}
    for name, text in given.items():
        if len(text) > TEXT_LIMIT or not text.isprintable():
            raise Invalid(f"{name} is longer than {TEXT_LIMIT} letters, or has control characters")
    policy = reporting.policy
    if "zone" in given:
        place(given["zone"])
        policy = replace(policy, zone=given["zone"])
    months = _count(given.get("months"), reporting.months)
    return Question(
        first=_first(given.get("from"), months, policy.zone, now=now),
        months=months,
        policy=policy,
        component=given.get("component", ""),
        service=given.get("service", ""),
        region=given.get("region", ""),
        category=given.get("category", ""),
        by=_groups(given.get("by", "")),
        compatible=_beside(given.get("beside", "")),
    )


def month_of(at: datetime, zone: str) -> date:
    """Return the first day of the month it is then, there."""
    return at.astimezone(place(zone)).date().replace(day=1)


def later(month: date, months: int) -> date:
    """Return the month so many later; earlier when negative."""
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _count(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST_MONTHS):
        raise Invalid(f"months: {text[:20]!a} is nothing", hint=f"a number from 1 to {MOST_MONTHS}")
    return int(text)


def _first(text: str | None, months: int, zone: str, *, now: datetime) -> date:
    if text is None:
        return later(month_of(now, zone), 1 - months)
    found = _MONTH.fullmatch(text)
    if found is None:
        raise Invalid(f"from: {text[:20]!a} is no month", hint="as in 2026-11")
    return date(int(found[1]), int(found[2]), 1)


def _groups(text: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if text == "component":
        return ()
    unknown = next((word for word in named if word not in GROUPS), None)
    if unknown is not None:
        raise Invalid(
            f"by: there are no groups by {unknown[:20]!a}",
            hint="component, or " + ", ".join(GROUPS),
        )
    return named


def _beside(text: str) -> bool:
    if text not in ("", "compatible"):
        raise Invalid(f"beside: there is no formula {text[:20]!a}", hint="compatible, or nothing")
    return bool(text)
