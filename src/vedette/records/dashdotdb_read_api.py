"""What clients of Dash.DB read: four questions, three pages of metrics, two of health."""

from typing import Any

from litestar import Request, Response, get

from vedette import clock
from vedette.db.queries import Connection
from vedette.records import dashdotdb_metrics as metrics
from vedette.records import dashdotdb_reads as reads
from vedette.records.dashdotdb_api import AS_THEY_ASK, needed, told
from vedette.records.intake import RecordIntake

AnyRequest = Request[Any, Any, Any]


@get("/api/v1/imagemanifestvuln", opt=AS_THEY_ASK)
async def manifests(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """List what Quay's operator found in a namespace (`?cluster=&namespace=`)."""
    cluster, namespace = needed(request, "cluster", "namespace")
    return told(await reads.vulnerabilities(conn, cluster, namespace))


@get("/api/v1/deploymentvalidation", opt=AS_THEY_ASK)
async def validations(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """List how the objects of a namespace stand (`?cluster=&namespace=`)."""
    cluster, namespace = needed(request, "cluster", "namespace")
    return told(await reads.validations(conn, cluster, namespace))


@get("/api/v1/serviceslometrics", opt=AS_THEY_ASK)
async def slo_value(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return the newest value of one SLO, or an empty list."""
    cluster, namespace, sli, document, name = needed(
        request, "cluster", "namespace", "sli_type", "slo_doc", "name"
    )
    found = await reads.slo_values(
        conn, cluster=cluster, namespace=namespace, sli=sli, document=document, name=name
    )
    return told(found[0] if found else [])


@get("/api/v1/dora/latest", opt=AS_THEY_ASK)
async def latest_deployment(request: AnyRequest, conn: Connection) -> Response[bytes]:
    """Return the newest deployment of an app in an environment (`?app_name=&env_name=`)."""
    app, environment = needed(request, "app_name", "env_name")
    found = await reads.latest_deployment(conn, app, environment)
    return told("Not found", 404) if found is None else told(found)


@get("/api/v1/imagemanifestvuln/metrics", opt=AS_THEY_ASK)
async def manifest_metrics(conn: Connection, record_intake: RecordIntake) -> Response[bytes]:
    """Return `imagemanifestvuln_total`, and distinct vulnerabilities and images beside it."""
    return await _exposed(conn, record_intake, await metrics.vulnerabilities(conn))


@get("/api/v1/deploymentvalidation/metrics", opt=AS_THEY_ASK)
async def validation_metrics(conn: Connection, record_intake: RecordIntake) -> Response[bytes]:
    """Return `deploymentvalidation_total`."""
    return await _exposed(conn, record_intake, await metrics.validations(conn))


@get("/api/v1/serviceslometrics/metrics", opt=AS_THEY_ASK)
async def slo_metrics(conn: Connection, record_intake: RecordIntake) -> Response[bytes]:
    """Return `serviceslometrics`."""
    return await _exposed(conn, record_intake, await metrics.slos(conn))


async def _exposed(conn: Connection, intake: RecordIntake, found: list[Any]) -> Response[bytes]:
    found += await metrics.ingest(conn, intake.counts, now=clock.now())
    return Response(metrics.exposed(found), media_type=metrics.MEDIA_TYPE)


@get("/api/healthz/live", opt=AS_THEY_ASK)
async def live() -> Response[bytes]:
    """Say that the server answers."""
    return _well()


@get("/api/healthz/ready", opt=AS_THEY_ASK)
async def ready(conn: Connection) -> Response[bytes]:
    """Say that the database answers, too."""
    await reads.Q.run(conn, "answers")
    return _well()


def _well() -> Response[bytes]:
    answer = told({"status": 200, "title": "OK"})
    answer.media_type = "application/problem+json"
    return answer


routes: list[Any] = [
    manifests,
    validations,
    slo_value,
    latest_deployment,
    manifest_metrics,
    validation_metrics,
    slo_metrics,
    live,
    ready,
]
