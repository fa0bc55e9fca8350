"""The nouns of the fleet: what people declare, what we keep of it, what agents say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

ADOPTED = "intake"
"""The origin of targets nobody declared: someone pushes their samples. Any declaration goes before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCluster:
    """A cluster by name; region None leaves what is known."""

    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredService:
    """A service and where it runs: one component a region; without regions, one that has none.

    category: None leaves what is known.
    type: of its components, as in `api` or `database`; None for none.
    attributes: further free ones of its components.
    """

    name: str
    category: str | None = None
    regions: tuple[str, ...] = ()
    type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentName:
    """How a target names its component; made on the way when nobody declared it.

    region: None means the service's only region, or none when it has none.
    type: None means the type the service was declared with.
    """

    service: str
    region: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTarget:
    """A thing to probe.

    agents: who probes it: names, `tag:key=value` or `*`; empty means nobody.
    every, timeout: at least 1 s; timeout at most every.
    bad_after, good_after: looks in a row to believe the worse and the better, 1 to 100.
    settings: the connector's; secrets only as references (`password_file`, `${NAME}`).
    requests, keep, drop, thresholds: what the agent adds to the connector and leaves out; see agent/wanted.py.
    """

    name: str
    connector: str
    cluster: str | None = None
    component: ComponentName | None = None
    agents: tuple[str, ...] = ()
    every: timedelta = timedelta(seconds=10)
    timeout: timedelta = timedelta(seconds=5)
    bad_after: int = 3
    good_after: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)
    requests: Sequence[Mapping[str, Any]] = ()
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """All that one origin says there is; what it said before and no longer says is retired."""

    clusters: tuple[DeclaredCluster, ...] = ()
    services: tuple[DeclaredService, ...] = ()
    targets: tuple[DeclaredTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a declaration changed; all zero when it said nothing new.

    agents: ids of those whose configuration changed.
    """

    targets_added: int = 0
    targets_changed: int = 0
    targets_retired: int = 0
    components_added: int = 0
    components_retired: int = 0
    agents: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return self != Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where things run, as in `EU-DE`."""

    name: str
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Machines that are run together; region None while nobody said."""

    id: int
    name: str
    slug: str
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A part of a cluster with a name of its own there."""

    id: int
    cluster: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What people depend on; category None while nobody said; components: the live ones' slugs."""

    id: int
    name: str
    slug: str
    category: str | None
    components: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A service in a region: what the status page shows as one line."""

    id: int
    slug: str
    service: str
    region: str | None
    type: str | None
    category: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A thing a connector probes, as its agents need it; the id stands in every report."""

    id: int
    name: str
    connector: str
    every_ms: int
    timeout_ms: int
    settings: Mapping[str, Any]
    requests: Sequence[Mapping[str, Any]] = ()
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All targets of one agent; a higher revision is a newer one."""

    revision: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent as it stands.

    queueloc: `<os>.<machine id>`; two agents of one host share it. "" before the first stream.
    tags: our own labels, they decide targeting; claims: its own, they decide nothing.
    clock_offset_s: its clock minus ours when it last said so; positive means it is ahead.
    heartbeat_at: None before the first stream. disconnected_at: None while a stream is open.
    kind: `agent`, or `collector`, which looks at nothing itself. via: the collector it is bound to,
    "" when it comes itself. quarantined_at: since when it gets no orders; quarantined_why: for what.
    """

    id: int
    name: str
    key_fingerprint: bytes
    queueloc: str
    hostname: str
    os: str
    version: str
    pid: int
    environment: Mapping[str, Any]
    tags: Mapping[str, str]
    claims: Mapping[str, Any]
    connectors: Sequence[str]
    certificate_not_after: datetime | None
    enrolled_at: datetime
    started_at: datetime | None
    revoked_at: datetime | None
    config_revision: int
    server: str
    address: str
    connected_at: datetime | None
    disconnected_at: datetime | None
    heartbeat_at: datetime | None
    clock_offset_s: float
    spooled_bytes: int
    spooled_reports: int
    dropped_reports: int
    targets: int
    kind: str = "agent"
    via: str = ""
    quarantined_at: datetime | None = None
    quarantined_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Another machine that came with an agent's key; shown beside it, never merged into it."""

    agent_id: int
    run_id: UUID
    hostname: str
    queueloc: str
    address: str
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """What an agent says of itself: shown as said, decides nothing. Unknown texts are "".

    modules: it can run. sandbox: what its kernel gives to hold them. bundle_version: of the trust bundle it
    decides by, 0 for none. mode: `daemon`, or `checkin` for one that comes, does what waits, and leaves.
    """

    hostname: str = ""
    os: str = ""
    machine_id: str = ""
    version: str = ""
    pid: int = 0
    started_at: datetime | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    connectors: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    sandbox: Mapping[str, Any] = field(default_factory=dict)
    bundle_version: int = 0
    mode: str = "daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloFacts:
    """The first message of a stream.

    run_id: made at each start of the agent.
    welcomed_run_id: the last run a server welcomed, kept on the agent's disk; None at first.
    clock: the agent's wall clock when it wrote the message.
    config_revision: of the configuration it holds; 0 for none.
    """

    run_id: UUID
    welcomed_run_id: UUID | None
    last_seq: int
    clock: datetime
    config_revision: int = 0
    facts: AgentFacts = field(default_factory=AgentFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A stream that was let in, and what its Welcome says.

    epoch: whoever holds it owns the stream; a newer stream takes a higher one.
    durable_seq: everything up to here is stored. kind: `agent` or `collector`.
    """

    agent_id: int
    name: str
    epoch: int
    durable_seq: int
    config_revision: int
    kind: str = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat of one stream.

    clock_offset_s: its clock minus ours. welcomed: the agent has kept its run id since our Welcome.
    dropped_reports: since it was enrolled. bundle_version: of the trust bundle it decides by; 0: it does not say.
    """

    agent_id: int
    epoch: int
    at: datetime
    clock_offset_s: float
    spooled_bytes: int
    spooled_reports: int
    dropped_reports: int
    welcomed: bool
    bundle_version: int = 0
