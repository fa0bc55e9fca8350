"""All addresses of this folder, each with what answers it."""

from collections.abc import Mapping

from vedette.web.feeds.badge_doors import BadgeDoors
from vedette.web.feeds.feed_doors import FeedDoors
from vedette.web.feeds.source import Handler, Source
from vedette.web.feeds.statuspage_doors import StatuspageDoors


def handlers(source: Source) -> Mapping[str, Handler]:
    """Return the handlers by path."""
    rooms = (FeedDoors(source), BadgeDoors(source), StatuspageDoors(source))
    return {path: handler for room in rooms for path, handler in room.handlers().items()}
