"""RSS 2.0, Atom 1.0 and JSON Feed 1.1 of events, made by a library that escapes what it is given."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec
from markupsafe import escape

from vedette.web.feeds.reads import Component, Event
from vedette.web.feeds.texts import compatible_story, fit, story

ATOM = "http://www.w3.org/2005/Atom"
DOCS = "http://www.rssboard.org/rss-specification"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

ET.register_namespace("atom", ATOM)


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed is of; owner, root: the status page's name and address; here: its own."""

    title: str
    description: str
    owner: str
    root: str
    here: str
    events: Sequence[Event]
    components: dict[int, Component]

    @property
    def updated_at(self) -> datetime:
        """When something was told last."""
        return max((event.told_at for event in self.events), default=NEVER)

    def link(self, event: Event) -> str:
        """Return the address of the event's page."""
        return f"{self.root}/incidents/{event.id}"

    def places(self, event: Event) -> list[str]:
        """Return whom it affects, in words."""
        known = (self.components.get(number) for number in event.members)
        return sorted({component.place for component in known if component})


def rss(feed: Feed) -> bytes:
    """Return RSS 2.0 in the first Status Dashboard's shape.

    The `guid` names the newest update and `pubDate` is its time, so that readers show each update.
    """
    document = ET.Element("rss", version="2.0")
    channel = ET.SubElement(document, "channel")
    _text(channel, "title", feed.title)
    _text(channel, "link", feed.here)
    # Readers take it for HTML, as they do that of an item.
    _text(channel, "description", escape(feed.description))
    ET.SubElement(
        channel, f"{{{ATOM}}}link", href=fit(feed.here), rel="self", type="application/rss+xml"
    )
    _text(channel, "docs", DOCS)
    _text(channel, "generator", "Vedette")
    if feed.events:
        _text(channel, "lastBuildDate", format_datetime(feed.updated_at))
    for event in feed.events:
        item = ET.SubElement(channel, "item")
        newest = f"#update-{max(said.id for said in event.updates)}" if event.updates else ""
        _text(item, "title", event.title)
        _text(item, "link", feed.link(event))
        _text(item, "description", compatible_story(event))
        guid = _text(item, "guid", feed.link(event) + newest)
        guid.set("isPermaLink", "false")
        _text(item, "pubDate", format_datetime(event.told_at))
    return _written(document)


def atom(feed: Feed) -> bytes:
    """Return Atom 1.0: an entry an event, whose `updated` moves with every update."""
    document = ET.Element("feed", xmlns=ATOM)
    _text(document, "id", feed.here)
    _text(document, "title", feed.title)
    _text(document, "subtitle", feed.description)
    _text(document, "updated", _instant(feed.updated_at))
    _text(ET.SubElement(document, "author"), "name", feed.owner)
    ET.SubElement(document, "link", rel="self", type="application/atom+xml", href=fit(feed.here))
    ET.SubElement(document, "link", rel="alternate", type="text/html", href=fit(f"{feed.root}/"))
    for event in feed.events:
        entry = ET.SubElement(document, "entry")
        _text(entry, "id", feed.link(event))
        _text(entry, "title", event.title)
        _text(entry, "published", _instant(event.begun_at))
        _text(entry, "updated", _instant(event.told_at))
        ET.SubElement(entry, "link", rel="alternate", type="text/html", href=feed.link(event))
        for word in (*_tags(event), *feed.places(event)):
            ET.SubElement(entry, "category", term=fit(word))
        _text(entry, "content", story(event)).set("type", "html")
    return _written(document)


def json_feed(feed: Feed) -> bytes:
    """Return JSON Feed 1.1."""
    return encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "description": feed.description,
            "home_page_url": f"{feed.root}/",
            "feed_url": feed.here,
            "language": "en",
            "items": [
                {
                    "id": feed.link(event),
                    "url": feed.link(event),
                    "title": event.title,
                    "content_html": str(story(event)),
                    "date_published": _instant(event.begun_at),
                    "date_modified": _instant(event.told_at),
                    "tags": [*_tags(event), *feed.places(event)],
                }
                for event in feed.events
            ],
        }
    )


def encode(document: object) -> bytes:
    """Return JSON that stays JSON wherever it is pasted: no character of it opens a tag."""
    text = msgspec.json.encode(document)
    for sign in (b"<", b">", b"&"):
        text = text.replace(sign, b"\\u00%02x" % sign[0])
    return text


def _tags(event: Event) -> tuple[str, ...]:
    own = (event.kind, event.impact.word, event.status)
    return tuple(dict.fromkeys(own)) if event.kind != "info" else (event.kind, event.status)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, name)
    child.text = fit(str(text))
    return child


def _written(document: ET.Element) -> bytes:
    text = ET.tostring(document, encoding="unicode")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()
