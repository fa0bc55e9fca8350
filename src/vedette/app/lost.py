"""A browser that asks for what nobody knows gets a page; programs get a problem, as from every route."""

from collections.abc import Container

from vedette.app.urls import URLS
from vedette.errors import Missing
from vedette.rest.etag import App, Receive, Scope, Send
from vedette.web.answers import Answer, Request
from vedette.web.site import Page


async def _nothing(request: Request) -> Answer:
    raise Missing("No page has this address.")


def with_lost_page(framework: App, bare: Container[str]) -> App:
    """Return the framework, which is spared browsers that ask for an address it cannot know."""
    own = {_first_part(url.path) for url in URLS if url.path not in bare}
    page = Page(_nothing)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_lost = _first_part(scope["path"]) not in own and _is_browser(scope)
        await (page if is_lost else framework)(scope, receive, send)

    return answer


def _first_part(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else path


def _is_browser(scope: Scope) -> bool:
    """Say whether it asks for a page to read."""
    if scope["method"] != "GET":
        return False
    return any(
        name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"]
    )
