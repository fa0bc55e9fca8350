"""`/feeds/…` and `/rss/`: who asks for which feed, and what each answers."""

from collections.abc import Callable, Mapping, Sequence

from vedette.errors import Missing
from vedette.web.answers import NO_STORE, Answer, Request
from vedette.web.feeds.feeds import Feed, atom, json_feed, rss
from vedette.web.feeds.reads import INCIDENTS, MAINTENANCES, Component, Event
from vedette.web.feeds.source import Handler, Source, given

COMPATIBLE_ITEMS = 10
"""Items of `/rss/`, as its readers know it."""
ATOM = b"application/atom+xml; charset=utf-8"
RSS = b"application/rss+xml; charset=utf-8"
JSON_FEED = b"application/feed+json; charset=utf-8"
PLAIN = b"text/plain; charset=utf-8"
HOW = "Status Dashboard RSS feed\nPlease read the documentation to\nmake the correct request"

FORMS: dict[str, tuple[Callable[[Feed], bytes], bytes]] = {
    "atom": (atom, ATOM),
    "json": (json_feed, JSON_FEED),
}
"""By the end of the address: who writes it, and what it is."""


class FeedDoors:
    """What feed readers ask one server."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers by path."""
        found: dict[str, Handler] = {
            "/rss": self.to_rss,
            "/rss/": self.rss,
            "/v2/rss/": self.successor_rss,
        }
        for form in FORMS:
            found[f"/feeds/all.{form}"] = self._all(form)
            found[f"/feeds/regions/{{name}}.{form}"] = self._of_region(form)
            found[f"/feeds/components/{{name}}.{form}"] = self._of_component(form)
        return found

    async def to_rss(self, request: Request) -> Answer:
        """Answer `/rss`: the feed has a slash at its end."""
        asked: bytes = request.scope["query_string"]
        where = b"/rss/" + (b"?" + asked if asked else b"")
        return Answer(b"", status=308, type=PLAIN, headers=((b"location", where),))

    async def rss(self, request: Request) -> Answer:
        """Answer `/rss/?mt=REGION&srv=NAME` as the first Status Dashboard does."""
        if "mt" not in request.query:
            return _refused(HOW)
        return await self.successor_rss(request)

    async def successor_rss(self, request: Request) -> Answer:
        """Answer `/v2/rss/`: the same, and without `mt` everything."""
        region, service = request.query.get("mt"), request.query.get("srv")
        if service is not None and region is None:
            return _refused(HOW)
        everyone = await self._source.everyone()
        theirs = [each for each in everyone if region in (None, each.region)]
        if region is not None and not (region and theirs):
            return _refused(f"{region} is not a supported region")
        if service is not None:
            theirs = [each for each in theirs if each.service == service]
            if not theirs:
                return _refused(f"Component: {service} is not found")
        told = await self._source.told(
            kinds=INCIDENTS + MAINTENANCES,
            of=None if region is None else theirs,
            by_start=True,
            limit=COMPATIBLE_ITEMS,
        )
        place = region or "All regions"
        whose = f"{service} ({place})" if service else place
        feed = self._feed(
            request,
            f"{whose} - Incidents | Status Dashboard",
            f"{place} - Incidents",
            everyone,
            told,
            asked=("mt", "srv"),
        )
        return given(rss(feed), RSS, told)

    def _all(self, form: str) -> Handler:
        async def answer(request: Request) -> Answer:
            everyone, told = await self._source.everyone(), await self._source.told()
            title = self._source.title
            return self._written(
                form, self._feed(request, title, "What we tell of all services", everyone, told)
            )

        return answer

    def _of_region(self, form: str) -> Handler:
        async def answer(request: Request) -> Answer:
            everyone = await self._source.everyone()
            theirs = [each for each in everyone if each.region_slug == request.name]
            if not theirs:
                raise Missing(f"there is no region {request.name[:60]!a}")
            return await self._of(form, request, theirs[0].region, theirs, everyone)

        return answer

    def _of_component(self, form: str) -> Handler:
        async def answer(request: Request) -> Answer:
            component = await self._source.component(request.name)
            everyone = await self._source.everyone()
            return await self._of(form, request, component.place, [component], everyone)

        return answer

    async def _of(
        self,
        form: str,
        request: Request,
        name: str,
        theirs: Sequence[Component],
        everyone: Sequence[Component],
    ) -> Answer:
        told = await self._source.told(of=theirs)
        title = f"{self._source.title}: {name}"
        return self._written(
            form, self._feed(request, title, f"What we tell of {name}", everyone, told)
        )

    def _feed(
        self,
        request: Request,
        title: str,
        description: str,
        everyone: Sequence[Component],
        told: Sequence[Event],
        asked: Sequence[str] = (),
    ) -> Feed:
        return Feed(
            title=title,
            description=description,
            owner=self._source.title,
            root=self._source.outside.root(request),
            here=self._source.outside.here(request, asked),
            events=told,
            components={each.id: each for each in everyone},
        )

    def _written(self, form: str, feed: Feed) -> Answer:
        write, media_type = FORMS[form]
        return given(write(feed), media_type, feed.events)


def _refused(text: str) -> Answer:
    return Answer(text.encode("utf-8", "replace"), status=404, type=PLAIN, cache=NO_STORE)
