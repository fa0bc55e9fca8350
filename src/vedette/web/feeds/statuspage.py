"""Statuspage's public status API, for the tools that already read it: the same fields and words.

Wire format: Atlassian Statuspage, status API v2. Ids are strings there; ours are our numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from vedette.incidents.model import Impact
from vedette.web.feeds.reads import Component, Event, Said
from vedette.web.feeds.standing import WORDS, Standing, overall, standing_of
from vedette.web.markdown import plain_of

JSON = b"application/json; charset=utf-8"
PAGE_ID = "vedette"
UNFINISHED = ("planned", "in progress")
"""Statuses of the maintenances that are still to come or to end."""
IMPACTS = {
    Impact.MAINTENANCE: "maintenance",
    Impact.MINOR: "minor",
    Impact.MAJOR: "major",
    Impact.OUTAGE: "critical",
}
STATUSES = {
    "detected": "investigating",
    "analyzing": "investigating",
    "fixing": "identified",
    "observing": "monitoring",
    "resolved": "resolved",
    "reopened": "investigating",
    "planned": "scheduled",
    "in progress": "in_progress",
    "completed": "completed",
}
"""What that API calls our statuses; other words of ours leave the status as it was."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What every document begins with; title, root: the status page's and its address."""

    title: str
    root: str
    components: Sequence[Component]

    def document(self, *events: Event, **sections: object) -> Json:
        """Return a document of these sections, dated by the newest thing in it."""
        known = [at for each in self.components for at in (each.made_at, each.since) if at]
        updated_at = max([*known, *(event.told_at for event in events)], default=None)
        return {
            "page": {
                "id": PAGE_ID,
                "name": self.title,
                "url": self.root,
                "time_zone": "Etc/UTC",
                "updated_at": _instant(updated_at),
            },
            **sections,
        }

    def status(self) -> Json:
        """Return everything in one word, and in a sentence."""
        standings = [standing_of(component) for component in self.components]
        gravest = overall(standings)
        words = WORDS[gravest]
        blind = standings.count(Standing.UNKNOWN)
        told = words.description or f"We cannot see {blind} of {len(standings)} components"
        return {"indicator": words.indicator, "description": told if standings else "No components"}

    def component_list(self) -> list[Json]:
        """Return the components, those of a region after the group that stands for it."""
        found: list[Json] = []
        position = 0
        for (slug, region), members in groupby(
            self.components, key=lambda each: (each.region_slug, each.region)
        ):
            theirs = list(members)
            if region:
                position += 1
                found.append(_group(slug, region, theirs, position))
            for component in theirs:
                position += 1
                found.append(_component(component, position))
        return found

    def event(self, event: Event) -> Json:
        """Return an incident or a maintenance with its updates, the newest first."""
        known = {component.id: component for component in self.components}
        members = [known[number] for number in event.members if number in known]
        updates = _updates(event, members)
        watched = [each["display_at"] for each in updates if each["status"] == "monitoring"]
        is_over = not event.is_open
        document = {
            "id": str(event.id),
            "name": event.title,
            "status": STATUSES[event.status],
            "created_at": _instant(event.published_at),
            "updated_at": _instant(event.told_at),
            "monitoring_at": min(watched, default=None),
            "resolved_at": _instant(event.ends_at) if is_over else None,
            "impact": IMPACTS[event.impact],
            "shortlink": f"{self.root}/incidents/{event.id}",
            "started_at": _instant(event.starts_at),
            "page_id": PAGE_ID,
            "incident_updates": updates,
            "components": [_component(each, nth) for nth, each in enumerate(members, start=1)],
            "reminder_intervals": None,
        }
        if event.kind == "maintenance":
            document["scheduled_for"] = _instant(event.starts_at)
            document["scheduled_until"] = _instant(event.ends_at)
        return document


def _group(slug: str, name: str, members: Sequence[Component], position: int) -> Json:
    return _line(
        f"region-{slug}",
        name,
        overall(standing_of(each) for each in members),
        made_at=min(each.made_at for each in members),
        since=max((each.since for each in members if each.since), default=None),
        position=position,
    ) | {"group": True, "components": [str(each.id) for each in members]}


def _component(component: Component, position: int) -> Json:
    return _line(
        str(component.id),
        component.name,
        standing_of(component),
        made_at=component.made_at,
        since=component.since,
        position=position,
        group_id=f"region-{component.region_slug}" if component.region else None,
    )


def _line(
    number: str,
    name: str,
    standing: Standing,
    *,
    made_at: datetime,
    since: datetime | None,
    position: int,
    group_id: str | None = None,
) -> Json:
    return {
        "id": number,
        "name": name,
        "status": WORDS[standing].component,
        "created_at": _instant(made_at),
        "updated_at": _instant(since or made_at),
        "position": position,
        "description": None,
        "showcase": False,
        "start_date": f"{made_at.astimezone(UTC):%Y-%m-%d}",
        "group_id": group_id,
        "page_id": PAGE_ID,
        "group": False,
        "only_show_if_degraded": False,
    }


def _updates(event: Event, members: Iterable[Component]) -> list[Json]:
    """Return the updates; one that says no status of that API's has the one before it."""
    affected = [
        {
            "code": str(each.id),
            "name": each.name,
            "old_status": WORDS[standing_of(each)].component,
            "new_status": WORDS[standing_of(each)].component,
        }
        for each in members
    ]
    status = "scheduled" if event.kind == "maintenance" else "investigating"
    told: list[Json] = []
    for said in reversed(event.updates):
        status = STATUSES.get(said.status, status)
        told.append(_update(said, status) | {"affected_components": affected or None})
    return told[::-1]


def _update(said: Said, status: str) -> Json:
    return {
        "id": str(said.id),
        "status": status,
        "body": plain_of(said.text),
        "incident_id": str(said.incident_id),
        "created_at": _instant(said.made_at),
        "updated_at": _instant(said.made_at),
        "display_at": _instant(said.at),
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _instant(at: datetime | None) -> str | None:
    return (
        None
        if at is None
        else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    )
