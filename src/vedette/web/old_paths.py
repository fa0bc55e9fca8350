"""Addresses of the first Status Dashboard that people have kept: they lead to what they stood for."""

from collections.abc import Awaitable, Callable

from vedette.web.answers import Answer, Request, see_other
from vedette.web.desk_form import WRITE
from vedette.web.visitors import Visitors

Handler = Callable[[Request], Awaitable[Answer]]


async def front_page(_: Request) -> Answer:
    """Lead `/index` to the front page."""
    return see_other("/")


def new_incident(visitors: Visitors) -> Handler:
    """Lead `/incidents`, which was the form for a new one, to ours; raises Nobody or Denied before."""

    async def lead(request: Request) -> Answer:
        await visitors.who(request, WRITE)
        return see_other("/desk/open")

    return lead
