"""REST route that gives what we decided and what suppliers stated to other tools."""

from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.params import Parameter

from vedette import clock
from vedette.db.queries import Connection
from vedette.records.export import statements
from vedette.records.vex_written import cyclonedx, openvex


@get("/api/v1/export/vex")
async def export_vex(
    conn: Connection,
    written: Annotated[
        Literal["cyclonedx", "openvex"], Parameter(query="format", description="Which VEX.")
    ] = "cyclonedx",
) -> Response[Any]:
    """Give every decision that holds and every supplier's statement, as CycloneDX 1.6 or OpenVEX 0.2.0."""
    now = clock.now()
    told = await statements(conn, now=now)
    document = openvex(told, at=now) if written == "openvex" else cyclonedx(told, at=now)
    name = "vex.cdx.json" if written == "cyclonedx" else "vex.openvex.json"
    return Response(document, headers={"Content-Disposition": f'attachment; filename="{name}"'})


routes: list[Any] = [export_vex]
