"""REST route that lists the pods that run, as the reports of scanners name them."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, get

from vedette.db.queries import Connection, load
from vedette.records.asked import Format, Word
from vedette.records.cursors import Text
from vedette.records.listed import Listing
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

Q = load(__file__, "pods.sql")


class Place(NamedTuple):
    """Where a page ends."""

    cluster: Text
    namespace: Text
    name: Text


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
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List the pods that run, in pages, by cluster, namespace and name; JSON or CSV."""
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
    return LISTING.answer(request, rows, limit=limit)


LISTING: Listing[PodShown, PodShown] = Listing(
    name="pods",
    columns=PodShown.__struct_fields__,
    place=lambda row: Place(row.cluster, row.namespace, row.name),
    shown=lambda row: row,
)
routes = [list_pods]
