"""The availability of one component as its page says it: 90 days and this month, the policy beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.db.queries import Connection
from vedette.incidents.availability import Q
from vedette.incidents.availability_ask import month_of
from vedette.incidents.availability_rules import Reporting, Told, availability, month_bounds
from vedette.web.availability_said import PolicySaid, number, policy_said
from vedette.web.words import month_of as month_name

DAYS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Shares:
    """Two numbers in per cent, "–" where there is nothing to count; policy: how they were counted."""

    days: str
    month: str
    month_name: str
    policy: PolicySaid


async def shares(
    conn: Connection, component_id: int, reporting: Reporting, *, now: datetime
) -> Shares:
    """Return the availability of the last 90 days and of this month so far, by the house's policy."""
    policy = reporting.policy
    month = month_of(now, policy.zone)
    opens, _ = month_bounds(month, 1, policy.zone)
    # The days before the month and those in it: each is counted once, and together they are the 90 days.
    rows = await Q.all(
        conn,
        "told",
        components=[component_id],
        bounds=[now - DAYS, opens, now] if opens < now else [now - DAYS, now],
        now=now,
        shielded=policy.shielded,
    )
    windows = {nth: Told(*times) for _, nth, *times in rows}
    return Shares(
        days=number(availability(_together(list(windows.values())), policy)),
        month=number(availability(windows.get(2, Told(0)), policy)),
        month_name=month_name(month),
        policy=policy_said(policy),
    )


def _together(parts: Sequence[Told]) -> Told:
    return Told(
        *(
            sum(getattr(part, name) for part in parts)
            for name in (
                "window_us",
                "outage_us",
                "major_us",
                "minor_us",
                "maintenance_us",
                "unseen_us",
            )
        )
    )
