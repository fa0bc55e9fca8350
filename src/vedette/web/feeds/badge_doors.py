"""`/badges/…` and `/embed/summary`: how we stand, on pages of others."""

from collections.abc import Callable, Mapping, Sequence

from vedette.web.answers import SAFE, Answer, Request
from vedette.web.feeds.badges import badge_json, badge_svg
from vedette.web.feeds.reads import INCIDENTS, MAINTENANCES
from vedette.web.feeds.source import Handler, Source, given
from vedette.web.feeds.standing import WORDS, Standing, overall, standing_of
from vedette.web.feeds.statuspage import JSON, UNFINISHED, Page
from vedette.web.feeds.texts import clock
from vedette.web.stories import LOOK_OF_IMPACT
from vedette.web.templates import render

SVG = b"image/svg+xml; charset=utf-8"
FORMS: dict[str, tuple[Callable[[str, Standing], bytes], bytes]] = {
    "svg": (badge_svg, SVG),
    "json": (badge_json, JSON),
}
"""By the end of the address: who draws it, and what it is."""


class BadgeDoors:
    """What pages of others ask one server."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers by path."""
        found: dict[str, Handler] = {"/embed/summary": self.summary}
        for form in FORMS:
            found[f"/badges/{{name}}.{form}"] = self._of_component(form)
            found[f"/badges/overall.{form}"] = self._overall(form)
        return found

    def _of_component(self, form: str) -> Handler:
        draw, media_type = FORMS[form]

        async def answer(request: Request) -> Answer:
            component = await self._source.component(request.name)
            return given(draw(component.place, standing_of(component)), media_type)

        return answer

    def _overall(self, form: str) -> Handler:
        draw, media_type = FORMS[form]

        async def answer(_: Request) -> Answer:
            everyone = await self._source.everyone()
            return given(draw("status", overall(map(standing_of, everyone))), media_type)

        return answer

    async def summary(self, request: Request) -> Answer:
        """Answer `/embed/summary`: a small page for a frame, where the settings allow one."""
        everyone = await self._source.everyone()
        told = await self._source.told(kinds=INCIDENTS, is_open=True)
        planned = await self._source.told(kinds=MAINTENANCES, statuses=UNFINISHED)
        page = Page(self._source.title, self._source.outside.root(request), everyone)
        body = render(
            "embed.html",
            root=page.root,
            told=page.status()["description"],
            tone=WORDS[overall(map(standing_of, everyone))].tone,
            clock=clock,
            events=[
                (event, LOOK_OF_IMPACT[event.impact].tone)
                for event in (
                    *sorted(told, key=lambda event: -event.impact),
                    *sorted(planned, key=lambda event: event.starts_at),
                )
            ],
        )
        return Answer(body, safe=_framed_by(self._source.outside.embed_in))


def _framed_by(origins: Sequence[str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of every page, but that these origins may frame it."""
    if not origins:
        return SAFE
    allowed = b"frame-ancestors " + " ".join(origins).encode("ascii")
    return tuple(
        (name, value.replace(b"frame-ancestors 'none'", allowed))
        for name, value in SAFE
        if name != b"x-frame-options"
    )
