"""Dash.DB's three metric families as they are, and gauges beside them that say what is true.

Its "counters" fall, and count a vulnerability once for each pod; reports are made of them, so they stay.
"""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA_TYPE

from vedette.db.queries import Connection
from vedette.records.dashdotdb_reads import VALIDATORS, Q, slo_values
from vedette.records.intake import Counts
from vedette.records.kinds.imagemanifestvuln import SOURCE as QUAY
from vedette.records.model import Severity

__all__ = ["MEDIA_TYPE", "exposed", "ingest", "slos", "validations", "vulnerabilities"]


class _Gathered:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def exposed(metrics: Iterable[Metric]) -> bytes:
    """Return them as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered(metrics))
    return generate_latest(registry)


async def vulnerabilities(conn: Connection) -> list[Metric]:
    """Return what Quay's operator found, by pod and in truth."""
    where = ["cluster", "namespace", "severity"]
    pairs = CounterMetricFamily(
        "imagemanifestvuln", "Pairs of a vulnerability and a pod; not a counter.", labels=where
    )
    for cluster, namespace, place, number in await Q.all(conn, "vulnerability_pods", source=QUAY):
        pairs.add_metric([cluster, namespace, Severity(place - 1).title], number)
    distinct = GaugeMetricFamily(
        "vedette_vulnerabilities",
        "Vulnerabilities that run in a namespace and are not accepted, each once, whoever found it.",
        labels=where,
    )
    for cluster, namespace, severity, number in await Q.all(conn, "distinct_vulnerabilities"):
        distinct.add_metric([cluster, namespace, Severity(severity).title], number)
    images = GaugeMetricFamily(
        "vedette_affected_images",
        "Images that run in a namespace and have a vulnerability.",
        labels=where[:2],
    )
    for cluster, namespace, number in await Q.all(conn, "affected_images"):
        images.add_metric([cluster, namespace], number)
    return [pairs, distinct, images]


async def validations(conn: Connection) -> list[Metric]:
    """Return how many objects pass and fail each check."""
    objects = CounterMetricFamily(
        "deploymentvalidation",
        "Objects that pass (0) or fail (1) a check; not a counter.",
        labels=["cluster", "namespace", "validation", "status"],
    )
    for *labels, number in await Q.all(conn, "validation_counts", sources=list(VALIDATORS)):
        objects.add_metric(labels, number)
    return [objects]


async def slos(conn: Connection) -> list[Metric]:
    """Return the newest value and target of each SLO."""
    family = GaugeMetricFamily(
        "serviceslometrics",
        "Values of service level indicators, and their targets.",
        labels=["cluster", "namespace", "service", "slitype", "slodoc", "name", "type"],
    )
    for row in await slo_values(conn):
        labels = [
            row[key] for key in ("cluster", "namespace", "service", "sli_type", "slo_doc", "name")
        ]
        family.add_metric([*labels, "slo_value"], row["value"])
        family.add_metric([*labels, "slo_target"], row["target"])
    return [family]


async def ingest(conn: Connection, counts: Counts, *, now: datetime) -> list[Metric]:
    """Return how old what is shown is, and what this server took in since it started."""
    ages = GaugeMetricFamily(
        "vedette_snapshot_age_seconds",
        "Since the newest snapshot of a kind was opened that names the cluster.",
        labels=["kind", "cluster"],
    )
    for kind, cluster, age_s in await Q.all(conn, "snapshot_ages", now=now):
        ages.add_metric([kind, cluster], age_s)
    taken = CounterMetricFamily(
        "vedette_records_bodies", "Bodies of records, by what became of them.", labels=["result"]
    )
    taken.add_metric(["taken"], counts.taken)
    taken.add_metric(["refused"], counts.refused)
    taken.add_metric(["turned_away"], counts.turned_away)
    return [ages, taken]
