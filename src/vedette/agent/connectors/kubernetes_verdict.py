"""What a cluster's objects mean: measurements, and what keeps the cluster from being up; no I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.kubernetes_objects import (
    Claim,
    CronJob,
    Deployment,
    Job,
    Node,
    Pod,
)
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

SHOWN = 300
"""So many of a kind are shown one by one, those in trouble first; all are counted."""

_IMAGES = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}
_CRASHES = {"CrashLoopBackOff", "RunContainerError", "CreateContainerError", "StartError"}
_ENDED = ("Succeeded", "Failed")

LIMITS: Pack = {
    "pods_crashing": 0.0,
    "pods_without_image": 0.0,
    "claims_lost": 0.0,
    "jobs_failed": 0.0,
    "cpu_requested_ratio": Threshold(0.95, 0.9),
    "memory_requested_ratio": Threshold(0.95, 0.9),
}

MEASURES = (
    Measures("ready_s", "seconds", "Time until the API server answered /readyz."),
    Measures("api_certificate_days_left", "days", "Days until the API's certificate expires."),
    Measures("nodes", "count", "Nodes."),
    Measures("nodes_ready", "count", "Nodes that are ready."),
    Measures("nodes_unschedulable", "count", "Nodes that take no new pods."),
    Measures("deployments", "count", "Deployments."),
    Measures("deployments_failing", "count", "Deployments that are not available or stuck."),
    Measures("pods", "count", "Pods, of the cluster or of a node, that have not ended."),
    Measures("pods_running", "count", "Pods whose phase is Running."),
    Measures("pods_pending", "count", "Pods whose phase is Pending."),
    Measures("pods_failed", "count", "Pods whose phase is Failed."),
    Measures("pods_succeeded", "count", "Pods whose phase is Succeeded."),
    Measures("pods_unknown", "count", "Pods whose phase is Unknown."),
    Measures("pods_crashing", "count", "Pods with a container that crashes again and again."),
    Measures("pods_without_image", "count", "Pods whose image cannot be had."),
    Measures("restarts", "count", "Restarts of all containers there are, or of a pod's."),
    Measures("restarts_per_s", "per_second", "Restarts since the last look."),
    Measures("cpu_requested_ratio", "ratio", "Processors pods ask for, of those there are."),
    Measures("memory_requested_ratio", "ratio", "Memory pods ask for, of what there is."),
    Measures("claims", "count", "Claims of persistent volumes."),
    Measures("claims_pending", "count", "Claims that wait for a volume."),
    Measures("claims_lost", "count", "Claims whose volume is lost."),
    Measures("jobs_active", "count", "Jobs with a pod that runs."),
    Measures("jobs_failed", "count", "Jobs that failed and are still there."),
    Measures("cronjobs", "count", "Jobs that begin by the clock."),
    Measures("last_success_age_s", "seconds", "Of such a job: since when it last succeeded."),
    Measures("desired", "count", "Of a deployment: pods wanted."),
    Measures("available", "count", "Of a deployment: pods that are available."),
    Measures("ready", "count", "Of a deployment: pods that are ready."),
    Measures("updated", "count", "Of a deployment: pods of its latest kind."),
    Measures("certificate_days_left", "days", "Of a TLS secret: days until it expires."),
    Measures("state", "state", "Of a node, deployment or pod: its own state, as a number."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The objects of a cluster; None for a kind that nobody showed us."""

    nodes: Sequence[Node] | None = None
    deployments: Sequence[Deployment] | None = None
    pods: Sequence[Pod] | None = None
    claims: Sequence[Claim] | None = None
    jobs: Sequence[Job] | None = None
    cronjobs: Sequence[CronJob] | None = None


def fault_of(cluster: Cluster) -> Fault | None:
    """Return what nodes and deployments say against the cluster, the gravest first."""
    nodes = cluster.nodes or ()
    if lost := [node.name for node in nodes if not node.is_ready]:
        words = f"{len(lost)} of {len(nodes)} nodes are not ready: {_few(lost)}"
        return Fault("node_down", words, State.DEGRADED if len(lost) < len(nodes) else State.DOWN)
    if ailing := [f"{node.name} has {', '.join(node.ails)}" for node in nodes if node.ails]:
        return Fault("unhealthy", _few(ailing), State.DEGRADED)
    if failing := [
        f"deployment {d.name} has {d.available} of {d.desired} pods ({', '.join(d.ails)})"
        for d in cluster.deployments or ()
        if _state(d) > State.UP
    ]:
        return Fault("unhealthy", _few(failing), State.DEGRADED)
    return None


def measured(
    cluster: Cluster, now: datetime, restarts_per_s: float | None = None
) -> list[Measurement]:
    """Return everything the objects tell, of the whole and one by one."""
    found = [*_of_nodes(cluster), *_of_deployments(cluster.deployments)]
    found += _of_pods(cluster.pods, restarts_per_s)
    if cluster.claims is not None:
        phases = Counter(claim.phase for claim in cluster.claims)
        found += measurements(
            {
                "claims": len(cluster.claims),
                "claims_pending": phases["Pending"],
                "claims_lost": phases["Lost"],
            }
        )
    if cluster.jobs is not None:
        values = {
            "jobs_active": sum(1 for job in cluster.jobs if job.active),
            "jobs_failed": sum(1 for job in cluster.jobs if job.has_failed),
        }
        found += measurements(values)
    if cluster.cronjobs is not None:
        found.append(Measurement("cronjobs", float(len(cluster.cronjobs))))
        for job in sorted(cluster.cronjobs, key=lambda job: job.name)[:SHOWN]:
            if job.last_success is not None and not job.is_suspended:
                age = (now - job.last_success).total_seconds()
                found += measurements({"last_success_age_s": age}, f"cronjob:{job.name}")
    return found


def restarts(pods: Iterable[Pod]) -> dict[str, float | None]:
    """Return each pod's restarts: counters that only grow while the pod lives."""
    return {pod.name: float(pod.restarts) for pod in pods}


def _of_nodes(cluster: Cluster) -> list[Measurement]:
    nodes = cluster.nodes
    if nodes is None:
        return []
    living = [pod for pod in cluster.pods or () if pod.phase not in _ENDED]
    asked: dict[str, list[float]] = {node.name: [0.0, 0.0, 0.0] for node in nodes}
    for pod in living:
        if (sums := asked.get(pod.node)) is not None:
            sums[0] += pod.cpu
            sums[1] += pod.memory
            sums[2] += 1
    usable = [node for node in nodes if node.schedulable and node.is_ready]
    values: dict[str, float | None] = {
        "nodes": len(nodes),
        "nodes_ready": sum(node.is_ready for node in nodes),
        "nodes_unschedulable": sum(not node.schedulable for node in nodes),
    }
    if cluster.pods is not None:
        values["cpu_requested_ratio"] = ratio(
            sum(asked[n.name][0] for n in usable), sum(n.cpu for n in usable)
        )
        values["memory_requested_ratio"] = ratio(
            sum(asked[n.name][1] for n in usable), sum(n.memory for n in usable)
        )
    found = measurements(values)
    for node in sorted(nodes, key=lambda node: (node.is_ready, not node.ails, node.name))[:SHOWN]:
        found.append(state_of(f"node:{node.name}", _state_of_node(node)))
        if cluster.pods is not None:
            found.append(Measurement("pods", asked[node.name][2], f"node:{node.name}"))
    return found


def _of_deployments(deployments: Sequence[Deployment] | None) -> list[Measurement]:
    if deployments is None:
        return []
    failing = sum(_state(d) > State.UP for d in deployments)
    found = measurements({"deployments": len(deployments), "deployments_failing": failing})
    for one in sorted(deployments, key=lambda d: (-_state(d), d.name))[:SHOWN]:
        entity = f"deployment:{one.name}"
        values = {
            "desired": one.desired,
            "available": one.available,
            "ready": one.ready,
            "updated": one.updated,
        }
        found += [state_of(entity, _state(one)), *measurements(values, entity)]
    return found


def _of_pods(pods: Sequence[Pod] | None, restarts_per_s: float | None) -> list[Measurement]:
    if pods is None:
        return []
    phases = Counter(pod.phase.lower() for pod in pods)
    waiting = [pod for pod in pods if pod.waiting in _IMAGES | _CRASHES]
    values: Mapping[str, float | None] = {
        "pods": sum(pod.phase not in _ENDED for pod in pods),
        **{
            f"pods_{phase}": phases[phase]
            for phase in ("running", "pending", "failed", "succeeded", "unknown")
        },
        "pods_crashing": sum(pod.waiting in _CRASHES for pod in pods),
        "pods_without_image": sum(pod.waiting in _IMAGES for pod in pods),
        "restarts": sum(pod.restarts for pod in pods),
        "restarts_per_s": restarts_per_s,
    }
    found = measurements(values)
    for pod in sorted(waiting, key=lambda pod: pod.name)[:SHOWN]:
        entity = f"pod:{pod.name}"
        found += [state_of(entity, State.DOWN), *measurements({"restarts": pod.restarts}, entity)]
    return found


def _state_of_node(node: Node) -> State:
    if not node.is_ready:
        return State.DOWN
    if node.ails:
        return State.DEGRADED
    return State.UP if node.schedulable else State.DRAINING


def _state(deployment: Deployment) -> State:
    # A rolling update takes pods away, as far as it may; only the conditions say what is too far.
    if not deployment.ails:
        return State.UP
    nothing_left = deployment.desired and not deployment.available
    return State.DOWN if nothing_left else State.DEGRADED


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return "; ".join(word[:200] for word in words[:3]) + more
