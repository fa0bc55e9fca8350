"""REST routes of trust: the fleet's newest bundle, handed in and handed on."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, put
from litestar.params import Parameter

from vedette import clock
from vedette.access.model import Actor
from vedette.actions.push_trust import push_trust
from vedette.actions.trusted import the_bundle
from vedette.db.queries import Connection
from vedette.trust.signed import read_signed

NewRoots = Annotated[
    bool, Parameter(description="Take a bundle of other roots than the last one's.")
]


class Pushed(msgspec.Struct, kw_only=True):
    """A bundle that was taken in; roots: what to pin on hosts."""

    version: int
    roots: str


@put("/api/v1/trust/bundle", status_code=200)
async def push_bundle(
    request: Request[Any, Any, Any], conn: Connection, actor: Actor, new_roots: NewRoots = False
) -> Pushed:
    """Take in a trust bundle, as `vedette trust sign` writes it; every agent gets it and judges it itself."""
    signed = read_signed(await request.body())
    pushed = await push_trust(conn, signed, by=actor.name, now=clock.now(), new_roots=new_roots)
    return Pushed(version=pushed.version, roots=pushed.roots)


@get("/api/v1/trust/bundle")
async def show_bundle(conn: Connection) -> Response[bytes]:
    """Return the newest trust bundle with its signatures, to the letter."""
    kept = await the_bundle(conn)
    headers = {"ETag": f'"{kept.version}"', "Cache-Control": "no-cache"}
    return Response(kept.to_wire(), media_type="application/json", headers=headers)


routes = [push_bundle, show_bundle]
