"""Public documents of the REST interface, kept as pages are; everything else passes."""

from typing import Any

from vedette.rest.etag import App, Receive, Scope, Send
from vedette.web.answers import NO_STORE, Answer, Request, reply
from vedette.web.kept import Keeper

PATHS = frozenset(
    (
        "/api/v1/component_status",
        "/api/v1/incidents",
        "/v1/component_status",
        "/v1/incidents",
        "/v2/components",
        "/v2/events",
        "/v2/incidents",
    )
)
"""What dashboards ask every few seconds, and what is the same for all of them."""
OURS = frozenset((b"content-length", b"content-type", b"cache-control", b"etag"))
NOT_HANDED_ON = frozenset((b"if-none-match", b"if-modified-since", b"accept-encoding"))


def kept_rest(keeper: Keeper, rest: App) -> App:
    """Return the interface with its public documents kept by path and query."""

    async def made(request: Request) -> Answer:
        scope = dict(request.scope)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in NOT_HANDED_ON]
        messages: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - an ASGI message
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            messages.append(message)

        await rest(scope, receive, send)
        start, *parts = messages
        said = {name.lower(): value for name, value in start["headers"]}
        return Answer(
            b"".join(part.get("body", b"") for part in parts),
            status=start["status"],
            type=said.get(b"content-type", b"application/octet-stream"),
            cache=said.get(b"cache-control", b"no-cache" if start["status"] == 200 else NO_STORE),
            headers=tuple(pair for pair in start["headers"] if pair[0].lower() not in OURS),
            safe=(),
        )

    kept = keeper.kept(made, words=None)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive) if _is_to_be_kept(scope) else None
        if request is None:
            await rest(scope, receive, send)
        else:
            await reply(request, await kept(request), send)

    return answer


def _is_to_be_kept(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"] in PATHS
        and all(name != b"authorization" for name, _ in scope["headers"])
    )
