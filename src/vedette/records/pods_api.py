"""REST route that lists the pods that run, as the reports of scanners name them."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, get

from vedette.db.queries import Connection, load
from vedette.records.asked import Word
from vedette.rest.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    next_link,
)

Q = load(__file__, "pods.sql")


class Place(NamedTuple):
    """Where a page ends."""

    cluster: str
    namespace: str
    name: str


class PodShown(msgspec.Struct, kw_only=True):
    """A pod that runs. name: `namespace/pod`. images: `name@digest`. since: when it was first seen."""

    cluster: str
    namespace: str
    name: str
    images: list[str]
    since: datetime


@get("/api/v1/pods")
async def list_pods(
    request: Request[Any, Any, Any],
    conn: Connection,
    cluster: Word = None,
    namespace: Word = None,
    name: Word = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[list[PodShown]]:
    """List the pods that run, in pages, by cluster, namespace and name."""
    after = decode_cursor(cursor, Place) if cursor else None
    rows = await Q.all(
        conn,
        "page",
        row=PodShown,
        cluster=cluster,
        namespace=namespace,
        name=name,
        after_cluster=after and after.cluster,
        after_namespace=after and after.namespace,
        after_name=after and after.name,
        limit=limit + 1,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    following = encode_cursor(Place(last.cluster, last.namespace, last.name)) if last else None
    return Response(rows[:limit], headers=next_link(request, following))


routes = [list_pods]
