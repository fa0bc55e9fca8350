"""`/api/v2/….json`: the documents of Statuspage's public API."""

from collections.abc import Mapping, Sequence

from vedette.web.answers import Answer, Request
from vedette.web.feeds.feeds import encode
from vedette.web.feeds.reads import INCIDENTS, MAINTENANCES, Component
from vedette.web.feeds.source import Handler, Source, given
from vedette.web.feeds.statuspage import JSON, UNFINISHED, Page


class StatuspageDoors:
    """What tools made for Statuspage ask one server."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers by path."""
        maintenances = "/api/v2/scheduled-maintenances"
        return {
            "/api/v2/summary.json": self.summary,
            "/api/v2/status.json": self.status,
            "/api/v2/components.json": self.components,
            "/api/v2/incidents.json": self._incidents(is_open=None),
            "/api/v2/incidents/unresolved.json": self._incidents(is_open=True),
            f"{maintenances}.json": self._maintenances((*UNFINISHED, "completed")),
            f"{maintenances}/upcoming.json": self._maintenances(("planned",)),
            f"{maintenances}/active.json": self._maintenances(("in progress",)),
        }

    async def summary(self, request: Request) -> Answer:
        """Answer what is open, what is planned, and how everything stands."""
        page = await self._page(request)
        told = await self._source.told(kinds=INCIDENTS, is_open=True, by_start=True)
        planned = await self._source.told(kinds=MAINTENANCES, statuses=UNFINISHED, by_start=True)
        document = page.document(
            *told,
            *planned,
            components=page.component_list(),
            incidents=[page.event(event) for event in told],
            scheduled_maintenances=[page.event(event) for event in planned],
            status=page.status(),
        )
        return given(encode(document), JSON)

    async def status(self, request: Request) -> Answer:
        """Answer how everything stands, in one word."""
        page = await self._page(request)
        return given(encode(page.document(status=page.status())), JSON)

    async def components(self, request: Request) -> Answer:
        """Answer how each component stands."""
        page = await self._page(request)
        return given(encode(page.document(components=page.component_list())), JSON)

    def _incidents(self, *, is_open: bool | None) -> Handler:
        async def answer(request: Request) -> Answer:
            page = await self._page(request)
            told = await self._source.told(kinds=INCIDENTS, is_open=is_open, by_start=True)
            document = page.document(*told, incidents=[page.event(event) for event in told])
            return given(encode(document), JSON)

        return answer

    def _maintenances(self, statuses: Sequence[str]) -> Handler:
        async def answer(request: Request) -> Answer:
            page = await self._page(request)
            told = await self._source.told(kinds=MAINTENANCES, statuses=statuses, by_start=True)
            events = [page.event(event) for event in told]
            return given(encode(page.document(*told, scheduled_maintenances=events)), JSON)

        return answer

    async def _page(self, request: Request) -> Page:
        everyone: list[Component] = await self._source.everyone()
        return Page(self._source.title, self._source.outside.root(request), everyone)
