"""The HTML of one event, as feed readers show it; and what XML may not hold."""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from vedette.web.feeds.reads import Event
from vedette.web.markdown import html_of

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SORRY = "We apologize for the inconvenience and will share an update once we have more information."


def fit(text: str) -> str:
    """Return the text without the characters that no XML may hold."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def clock(at: datetime) -> str:
    """Return the instant to the minute, its zone named."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def line_of(text: str) -> Markup:
    """Return Markdown as HTML that goes on in its line, where it is one paragraph."""
    drawn = html_of(text)
    inner = drawn.removeprefix("<p>").removesuffix("</p>")
    return Markup(inner) if "<p>" not in inner and inner != drawn else drawn  # noqa: S704 - cleaned by html_of


def story(event: Event) -> Markup:
    """Return everything said of the event, the newest first, and its facts."""
    parts = [
        Markup("<p><small>{}</small><br><strong>{}</strong></p>{}").format(
            clock(said.at), said.status, html_of(said.text)
        )
        for said in event.updates
    ]
    if event.postmortem_at:
        parts.append(Markup("<h4>Post-mortem</h4>{}").format(html_of(event.postmortem)))
    if event.description:
        parts.append(html_of(event.description))
    facts = [f"Impact: {event.impact.word}"] if event.kind != "info" else []
    facts.append(f"Start: {clock(event.starts_at)}")
    if event.ends_at:
        is_planned = event.is_open and event.kind == "maintenance"
        facts.append(f"{'Planned end' if is_planned else 'End'}: {clock(event.ends_at)}")
    if event.revised_at:
        facts.append(f"Revised: {clock(event.revised_at)}")
    parts.append(Markup("<p>{}</p>").format(Markup("<br>").join(facts)))
    return Markup("").join(parts)


def compatible_story(event: Event) -> Markup:
    """Return the event as the first Status Dashboard's feed described it."""
    said = Markup("").join(
        Markup("<small>{} </small><br><strong>{} - </strong>{}<br><br><br>").format(
            clock(each.at), each.status, line_of(each.text)
        )
        for each in event.updates
    )
    end = f"Incident end date: {clock(event.ends_at)}<br>" if event.ends_at else ""
    return said + Markup(  # noqa: S704 - words and times of ours
        f"Incident impact: {escape(event.impact.word)}<br>"
        f"Incident has started on: {clock(event.starts_at)}<br>{end}<br>{SORRY}"
    )
