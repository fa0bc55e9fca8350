"""Dash.DB's three metric families as they are, and gauges beside them that say what is true.

Its "counters" fall, and count a vulnerability once for each pod; reports are made of them, so they stay.
"""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.records.dashdotdb_reads import VALIDATORS, Q, slo_values
from vedette.records.intake import Counts
from vedette.records.kinds.imagemanifestvuln import SOURCE as QUAY
from vedette.records.metric_text import MEDIA_TYPE, Family, exposed, labels
from vedette.records.model import Severity

__all__ = ["MEDIA_TYPE", "exposed", "ingest", "slos", "validations", "vulnerabilities"]

_SEVERITIES = [labels(severity=Severity(place).title) for place in range(7)]


async def vulnerabilities(conn: Connection) -> list[Family]:
    """Return what Quay's operator found, by pod and in truth; one statement."""
    pairs = Family(
        "imagemanifestvuln_total", "counter", "Pairs of a vulnerability and a pod; not a counter."
    )
    distinct = Family(
        "vedette_vulnerabilities",
        "gauge",
        "Vulnerabilities that run in a namespace and are not accepted, each once, whoever found it.",
    )
    images = Family(
        "vedette_affected_images",
        "gauge",
        "Images that run in a namespace and have a vulnerability.",
    )
    for cluster, namespace, by_pod, once, affected in await Q.all(
        conn, "vulnerability_counts", source=QUAY
    ):
        where = labels(cluster=cluster, namespace=namespace)
        for family, numbers in ((pairs, by_pod), (distinct, once)):
            family.samples.extend(
                (f"{where},{severity}", number)
                for severity, number in zip(_SEVERITIES, numbers or (), strict=False)
                if number
            )
        if affected:
            images.samples.append((where, affected))
    return [pairs, distinct, images]


async def validations(conn: Connection) -> list[Family]:
    """Return how many objects pass and fail each check."""
    objects = Family(
        "deploymentvalidation_total",
        "counter",
        "Objects that pass (0) or fail (1) a check; not a counter.",
    )
    for cluster, namespace, validation, status, number in await Q.all(
        conn, "validation_counts", sources=list(VALIDATORS)
    ):
        where = labels(cluster=cluster, namespace=namespace, validation=validation, status=status)
        objects.samples.append((where, number))
    return [objects]


async def slos(conn: Connection) -> list[Family]:
    """Return the newest value and target of each SLO."""
    family = Family(
        "serviceslometrics", "gauge", "Values of service level indicators, and their targets."
    )
    for row in await slo_values(conn):
        where = labels(
            cluster=row["cluster"],
            namespace=row["namespace"],
            service=row["service"],
            slitype=row["sli_type"],
            slodoc=row["slo_doc"],
            name=row["name"],
        )
        family.samples.append((f'{where},type="slo_value"', row["value"]))
        family.samples.append((f'{where},type="slo_target"', row["target"]))
    return [family]


async def ingest(conn: Connection, counts: Counts, *, now: datetime) -> list[Family]:
    """Return how old what is shown is, and what this server took in since it started."""
    ages = Family(
        "vedette_snapshot_age_seconds",
        "gauge",
        "Since the newest snapshot of a kind was opened that names the cluster.",
    )
    for kind, cluster, age_s in await Q.all(conn, "snapshot_ages", now=now):
        ages.samples.append((labels(kind=kind, cluster=cluster), age_s))
    taken = Family(
        "vedette_records_bodies_total", "counter", "Bodies of records, by what became of them."
    )
    for result in ("taken", "refused", "turned_away"):
        taken.samples.append((labels(result=result), getattr(counts, result)))
    return [ages, taken]
