"""How the nodes of a CockroachDB cluster are, and how therefore the cluster is; no I/O.

A cluster is as its gravest node, save that a node that is down only degrades a cluster that has
quorum. What a node's own doors say goes before what the others say of it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.agent.connectors.cockroachdb_doors import Door
from vedette.agent.connectors.cockroachdb_json import Liveness, Member, Membership, NodeStatus
from vedette.agent.connectors.cockroachdb_told import Told
from vedette.agent.connectors.errors import Fault, gravest
from vedette.health.model import State

_SHUTTING_DOWN = "shutting down"
_REASONS: Mapping[str, tuple[str, State]] = {
    "waiting for cluster initialization": ("starting", State.INITIALISING),
    "liveness record not found": ("starting", State.INITIALISING),
    _SHUTTING_DOWN: ("stopping", State.DRAINING),
    "not accepting SQL clients": ("unhealthy", State.DEGRADED),
    "not healthy": ("unhealthy", State.DEGRADED),
}
"""What `/health?ready=1` says with a 503 → error class and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, put together from its doors and from what the cluster says.

    node_id: its number, or the host:port of its door while that is unknown.
    fault: None when it is up.
    """

    node_id: str
    door: Door | None = None
    status: NodeStatus | None = None
    member: Member | None = None
    fault: Fault | None = None

    @property
    def state(self) -> State:
        """How it is."""
        return self.fault.state if self.fault else State.UP

    @property
    def version(self) -> str:
        """What it runs, "" when neither it nor the others say."""
        own = self.door.vars.version if self.door and self.door.vars else ""
        return own or (self.status.version if self.status else "")

    @property
    def is_draining(self) -> bool:
        """Whether it moves its work away or shuts down; a decommissioning node does neither yet."""
        says_so = self.door is not None and _SHUTTING_DOWN in self.door.reason
        return says_so or (
            self.state is State.DRAINING
            and self.member is not None
            and (self.member.draining or self.member.liveness is Liveness.DRAINING)
        )


def nodes_of(doors: Sequence[Door], told: Told, known: Mapping[str, str]) -> list[Node]:
    """Return every node that belongs to the cluster; one that was decommissioned does not.

    known: URL → node id, from looks before, for doors that do not open now.
    """
    statuses = {status.node_id: status for status in told.nodes}
    by_id: dict[str, Door] = {}
    for door in doors:
        by_id.setdefault(_id_of(door, statuses, known), door)
    found = []
    for node_id in sorted({*by_id, *statuses, *told.members}, key=_numerically):
        member = told.members.get(node_id)
        if member is not None and member.membership is Membership.DECOMMISSIONED:
            continue
        own = by_id.get(node_id)
        fault = _fault_at(own, member) if own else _fault_told(member)
        found.append(
            Node(
                node_id=node_id,
                door=own,
                status=statuses.get(node_id),
                member=member,
                fault=fault,
            )
        )
    return found


def fault_of_cluster(doors: Sequence[Door], told: Told, nodes: Sequence[Node]) -> Fault | None:
    """Return what keeps the cluster from being up, None when nothing does."""
    unproven = _unproven(doors, told)
    if unproven is not None:
        return unproven
    faults = [node.fault for node in nodes if node.fault]
    lost = _quorum_lost(doors, told, nodes)
    if lost is not None:
        return lost
    if not faults:
        if told.hangs:
            words = "the status doors hang; whether all ranges have quorum is not known"
            return Fault("timeout", words, State.DEGRADED)
        return None
    worst = gravest(faults)
    message = "; ".join(f"node {n.node_id}: {n.fault.message}" for n in nodes if n.fault)
    if worst.state is State.DOWN:
        return Fault("node_down", message, State.DEGRADED)
    return Fault(worst.error_class, message, worst.state)


def _unproven(doors: Sequence[Door], told: Told) -> Fault | None:
    # Something must have spoken as only CockroachDB does.
    if told.anything or any(door.vars is not None or _known_reason(door) for door in doors):
        return None
    silent = [door.fault for door in doors if door.fault]
    if len(silent) == len(doors):
        return gravest(silent)
    statuses = {door.ready for door in doors if door.ready is not None}
    if statuses.isdisjoint({200, 503}):
        return Fault("bad_status", f"the health door answers {min(statuses)}")
    cut = [d.vars_fault for d in doors if d.vars_fault and d.vars_fault.error_class != "protocol"]
    if cut and 200 in statuses and all(fault.error_class == "timeout" for fault in cut):
        return Fault("timeout", "it is ready, and answers nothing else in time", State.DEGRADED)
    if cut:
        return gravest(cut)
    return Fault("protocol", "what answers is not CockroachDB")


def _quorum_lost(doors: Sequence[Door], told: Told, nodes: Sequence[Node]) -> Fault | None:
    members = [m for m in told.members.values() if m.membership is not Membership.DECOMMISSIONED]
    live = sum(m.liveness not in (Liveness.DEAD, Liveness.UNAVAILABLE) for m in members)
    if told.anything:
        # They answered, so the ranges behind them have quorum, unless they say otherwise.
        if members and 2 * live <= len(members):
            return Fault("quorum_lost", f"{live} of {len(members)} nodes are live")
        return None
    seen = [door.vars for door in doors if door.vars is not None]
    down = sum(node.state is State.DOWN for node in nodes)
    ready = any(door.ready == 200 for door in doors)
    unhealthy = any("not healthy" in door.reason for door in doors)
    alone = any(v.values.get("liveness_livenodes") == 0 for v in seen)
    ranges = sum(s.get("ranges_unavailable", 0.0) for v in seen for s in v.stores.values())
    signs = [
        *(["nodes are not healthy"] if unhealthy else []),
        *(["nodes see no live node"] if alone else []),
        *([f"{ranges:.0f} ranges are unavailable"] if ranges else []),
        *([f"{down} of {len(nodes)} nodes are down"] if 2 * down >= len(nodes) else []),
    ]
    if signs and (told.hangs or (not ready and unhealthy and len(doors) > 1)):
        return Fault("quorum_lost", f"the cluster has lost quorum: {', '.join(signs)}")
    if 2 * down >= len(nodes) > 1 and not ready:
        return Fault("quorum_lost", f"{down} of {len(nodes)} nodes are down, none is ready")
    return None


def _id_of(door: Door, statuses: Mapping[str, NodeStatus], known: Mapping[str, str]) -> str:
    if door.vars is not None and door.vars.node_id:
        return door.vars.node_id
    if door.address.url in known:
        return known[door.address.url]
    same = [s.node_id for s in statuses.values() if s.host == door.address.host]
    if len(same) == 1:
        return same[0]
    if len(statuses) == 1 and door.ready is not None:
        return next(iter(statuses))
    return f"{door.address.host}:{door.address.port}"


def _numerically(node_id: str) -> tuple[int, str]:
    return (int(node_id), "") if node_id.isdecimal() else (sys.maxsize, node_id)


def _known_reason(door: Door) -> bool:
    return door.ready == 503 and any(words in door.reason for words in _REASONS)


def _fault_at(door: Door, member: Member | None) -> Fault | None:
    if door.fault is not None:
        return door.fault
    if door.ready == 503:
        for words, (error_class, state) in _REASONS.items():
            if words in door.reason:
                return Fault(error_class, door.reason, state)
        return Fault("unhealthy", door.reason or "it is not ready", State.DEGRADED)
    if door.ready != 200:
        state = State.DOWN if door.vars is None else State.DEGRADED
        return Fault("bad_status", f"its health door answers {door.ready}", state)
    if member is None:
        return None
    if member.liveness in (Liveness.DEAD, Liveness.UNAVAILABLE):
        words = f"the others hold it to be {member.liveness.name.lower()}, but it answers"
        return Fault("unhealthy", words, State.DEGRADED)
    return _fault_told(member)


def _fault_told(member: Member | None) -> Fault | None:
    if member is None or member.liveness is Liveness.UNKNOWN:
        unknown = member is not None and not member.draining
        return Fault("unhealthy", "its liveness is unknown", State.UNKNOWN) if unknown else None
    if member.liveness in (Liveness.DEAD, Liveness.UNAVAILABLE):
        leaving = member.membership is Membership.DECOMMISSIONING
        words = f"it is {member.liveness.name.lower()}" + (", and decommissioning" * leaving)
        return Fault("node_down", words)
    if member.draining or member.liveness is Liveness.DRAINING:
        return Fault("stopping", "it is draining", State.DRAINING)
    if member.membership is Membership.DECOMMISSIONING:
        return Fault("stopping", "it is being decommissioned", State.DRAINING)
    if member.liveness is Liveness.STARTING or member.membership is Membership.STARTING:
        return Fault("starting", "it is starting", State.INITIALISING)
    return None
