"""The settings file: what there is, who looks at it, and how the server listens.

The file is the operator's text: durations stay as they were written, and the `settings` of a target
pass through unresolved, since only the agent that looks may read the secrets they name. A flag goes
before `VEDETTE_*`, and `VEDETTE_*` before the file.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from vedette import durations
from vedette.agent.wanted import Wanted
from vedette.app.settings_availability import AvailabilitySettings
from vedette.app.settings_cache import CacheSettings
from vedette.app.settings_incidents import IncidentsSettings, PolicySettings
from vedette.app.settings_notices import NoticesSettings
from vedette.app.settings_pages import PagesSettings
from vedette.app.settings_public import PublicSettings
from vedette.app.settings_records import CompatSettings, RecordsSettings
from vedette.app.settings_reporters import ReporterSettings
from vedette.app.settings_sign_in import SignInSettings
from vedette.fleet.model import (
    ComponentName,
    Declaration,
    DeclaredCluster,
    DeclaredService,
    DeclaredTarget,
)
from vedette.health.intake_options import IntakeOptions
from vedette.health.keeping import Keeping
from vedette.logs import LogSettings

LOCAL_AGENT = "local"
"""The name of the agent that `vedette up` runs; targets that name no agent go to it."""

DEFAULT_TIMEOUT = timedelta(seconds=5)
LEAST_EVERY = timedelta(seconds=1)

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Duration = Annotated[str, Meta(min_length=2, max_length=40, pattern=durations.PATTERN)]
Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]*):[0-9]{1,5}$")]
Port = Annotated[int, Meta(ge=0, le=65535)]
PortOrAddress = Annotated[str, Meta(pattern=r"^((\[[0-9a-fA-F:.]+\]|[^:\s\[\]]*):)?[0-9]{1,5}$")]
Glob = Annotated[str, Meta(min_length=1, max_length=200)]
Patience = Annotated[int, Meta(ge=1, le=100)]
PublishedName = Annotated[str, Meta(max_length=120, pattern=r"^[^\s,=/]+(/[^,=]+)?$")]
PublishedLabel = Annotated[str, Meta(max_length=60, pattern="^[^,]*$")]


def _says(text: str) -> Meta:
    return Meta(description=text)


class Noun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the settings file; a key it does not know is a fault, never ignored."""


class ServerSettings(Noun, frozen=True):
    """How the server listens and where it keeps things; flags and `VEDETTE_*` go before it.

    Every text here may hold `${NAME}`, taken from the server's environment.
    """

    http: Annotated[Address | None, _says("Pages and REST; default 127.0.0.1:8080.")] = None
    grpc: Annotated[
        Address | None, _says("Agents, with a client certificate; default 127.0.0.1:4000.")
    ] = None
    grpc_clients: Annotated[
        Address | None, _says("Enrolment and clients with a token; default a free loopback port.")
    ] = None
    grpc_reach: Annotated[
        Address | None, _says("`grpc` as agents reach it; default where it listens.")
    ] = None
    dbmon_port: Annotated[
        Port | PortOrAddress | None,
        _says(
            "`PORT` or `HOST:PORT` where clients of dbmon pull in the clear, without sign-in; "
            "default nowhere, and 127.0.0.1 where only a port is given."
        ),
    ] = None
    tls_cert: Annotated[str | None, _says("File with the certificate chain of `http`, PEM.")] = None
    tls_key: Annotated[str | None, _says("File with its private key, PEM.")] = None
    behind_proxy: Annotated[
        list[str], _says("Networks (CIDR) of the proxies whose forwarded headers are believed.")
    ] = field(default_factory=list)
    database_url: Annotated[
        str | None, _says("postgresql://…; default the embedded PostgreSQL of `vedette up`.")
    ] = None
    database_url_file: Annotated[str | None, _says("File that holds the database URL.")] = None
    seal_key_file: Annotated[
        str | None, _says("Key that seals secrets in the database; default DIR/seal.key.")
    ] = None
    data_dir: Annotated[
        str | None,
        _says("Where everything is kept (`up`), or addresses and admin token (`serve`)."),
    ] = None
    agent: Annotated[bool | None, _says("`up` runs an agent on this host; default true.")] = None
    db_listen: Annotated[
        Address | None, _says("Where the embedded PostgreSQL of `up` listens for Grafana.")
    ] = None
    insecure: Annotated[bool, _says("Let `db_listen` leave this machine without TLS.")] = False
    pg_bin: Annotated[
        str | None, _says("Folder of PostgreSQL's programs for `up`; default the wheel's.")
    ] = None
    spool: Annotated[
        str | None,
        _says(
            "Folder in which actions are taken and mirrored as files, as MIG does; default nowhere."
        ),
    ] = None
    keep_spooled: Annotated[
        str | None, _says("How long files of what is over are kept there; default 72h.")
    ] = None


class ClusterSettings(Noun, frozen=True):
    """A cluster: a group of targets that live together, as a Kubernetes cluster or a rack."""

    name: Name
    region: Annotated[Name | None, _says("Where it is.")] = None


class ServiceSettings(Noun, frozen=True):
    """A service people depend on; each of its regions is a component of the status page."""

    name: Name
    category: Annotated[Name | None, _says("The group it stands in on the status page.")] = None
    regions: Annotated[list[Name], _says("Regions it is offered in; none: it has no region.")] = (
        field(default_factory=list)
    )
    type: Annotated[Name | None, _says("What kind of thing it is, as in `database`.")] = None
    attributes: Annotated[dict[str, str], _says("Free attributes of its components.")] = field(
        default_factory=dict
    )
    public: Annotated[
        bool, _says("Everyone may know of it; false keeps it to operators. Default true.")
    ] = True
    publish: Annotated[
        dict[PublishedName, PublishedLabel | None],
        Meta(max_length=8),
        _says(
            "`MEASUREMENT` or `MEASUREMENT/ENTITY` its public page draws → what to call it there."
        ),
    ] = field(default_factory=dict)
    policy: Annotated[
        PolicySettings | None,
        _says("What may happen to its incidents by itself, as in `incidents.policy`."),
    ] = None
    region_policies: Annotated[
        dict[Name, PolicySettings], _says("The same for one of its regions, by its name.")
    ] = field(default_factory=dict)


class ComponentSettings(Noun, frozen=True):
    """Which component a target belongs to."""

    service: Annotated[Name, _says("The name of one of `services`.")]
    region: Annotated[
        Name | None, _says("One of the service's regions; may be left out when it has one or none.")
    ] = None


class RequestSettings(Noun, frozen=True):
    """A question of your own to a target; what it answers becomes measurements."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,59}$"), _says("Lower snake case.")]
    query: Annotated[
        Annotated[str, Meta(min_length=1, max_length=20_000)],
        _says("One SQL statement, Redis command, HTTP path, PromQL, or name of a host's command."),
    ]
    measurements: Annotated[
        dict[str, str], _says("Column of the answer → unit; becomes `NAME_COLUMN`.")
    ]
    every: Annotated[Duration | None, _says("How often to ask; default with each look.")] = None
    timeout: Annotated[Duration | None, _says("Its own limit; default the look's.")] = None


class ThresholdSettings(Noun, frozen=True):
    """Where a target becomes degraded, and where it is well again."""

    enter: Annotated[float, _says("Past this it is degraded.")]
    leave: Annotated[
        float | None, _says("Well again only on this side of it; default `enter`.")
    ] = None
    when: Annotated[
        Literal["above", "below"] | None,
        _says("Which side is trouble; default above, or below where `leave` is the higher."),
    ] = None


class TargetSettings(Noun, frozen=True):
    """A thing a connector looks at."""

    name: Annotated[Name, _says("Unique.")]
    connector: Annotated[Name, _says("Any installed connector: `vedette connectors list`.")]
    cluster: Annotated[Name | None, _says("The name of one of `clusters`.")] = None
    agents: Annotated[
        list[Name],
        _says("Who looks: names, `tag:key=value` or `*`; default the agent of `vedette up`."),
    ] = field(default_factory=lambda: [LOCAL_AGENT])
    every: Annotated[Duration, _says("Time from look to look; at least 1s.")] = "10s"
    timeout: Annotated[
        Duration | None,
        _says("Limit of one look; at most `every`; default 5s, or `every` if less."),
    ] = None
    bad_after: Annotated[Patience, _says("Worse looks in a row until the worse is believed.")] = 3
    good_after: Annotated[
        Patience, _says("Better looks in a row until the better is believed.")
    ] = 2
    component: Annotated[
        ComponentSettings | None, _says("What it stands for on the status page.")
    ] = None
    settings: Annotated[
        dict[str, Any],
        _says("The connector's own; `NAME_file` and `${NAME}` are read by the agent that looks."),
    ] = field(default_factory=dict)
    requests: Annotated[
        list[RequestSettings], _says("Questions of your own, read-only, beside the connector's.")
    ] = field(default_factory=list)
    keep: Annotated[
        list[Glob],
        _says("Globs of the measurements that leave the agent, as `queue_*` or `*/queue:mail`."),
    ] = field(default_factory=list)
    drop: Annotated[list[Glob], _says("Globs of those that do not; goes before `keep`.")] = field(
        default_factory=list
    )
    thresholds: Annotated[
        dict[str, ThresholdSettings | float | Literal["off"] | None],
        _says("Measurement → `{enter, leave}`, a number, or `off`; goes before the connector's."),
    ] = field(default_factory=dict)

    @property
    def every_span(self) -> timedelta:
        """Time from look to look."""
        return durations.parse(self.every)

    @property
    def timeout_span(self) -> timedelta:
        """Limit of one look."""
        if self.timeout is None:
            return min(DEFAULT_TIMEOUT, self.every_span)
        return durations.parse(self.timeout)


class IntakeSettings(Noun, frozen=True):
    """What may be pushed by remote write and OTLP; read when the server starts."""

    target_labels: Annotated[
        list[Name], _says("Labels that name a target; the rest names its series.")
    ] = field(default_factory=lambda: ["job", "instance"])
    max_targets: Annotated[int, Meta(ge=0), _says("Targets that may come so.")] = 1_000
    max_series: Annotated[int, Meta(ge=1, le=50_000), _says("Series a target may have.")] = 10_000
    silent_after: Annotated[
        Duration, _says("Silence after which a target is unknown; holds for new targets.")
    ] = "5m"


class HistorySettings(Noun, frozen=True):
    """How long history is kept, in whole days; every server of one database says the same."""

    pack_after: Annotated[Duration, _says("A day of reports this old is packed.")] = "2d"
    reports: Annotated[Duration, _says("Reports as they came, packed or not.")] = "30d"
    minutes: Annotated[Duration, _says("What they were by the minute.")] = "400d"
    hours: Annotated[Duration, _says("By the hour.")] = "1825d"
    days: Annotated[Duration | None, _says("By the day; default for good.")] = None


class Settings(Noun, frozen=True):
    """Everything a settings file may say."""

    server: ServerSettings = field(default_factory=ServerSettings)
    log: LogSettings = field(default_factory=LogSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    incidents: IncidentsSettings = field(default_factory=IncidentsSettings)
    availability: AvailabilitySettings = field(default_factory=AvailabilitySettings)
    reporters: ReporterSettings = field(default_factory=ReporterSettings)
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    public: PublicSettings = field(default_factory=PublicSettings)
    pages: PagesSettings = field(default_factory=PagesSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    notices: NoticesSettings = field(default_factory=NoticesSettings)
    records: RecordsSettings = field(default_factory=RecordsSettings)
    compat: CompatSettings = field(default_factory=CompatSettings)
    clusters: list[ClusterSettings] = field(default_factory=list)
    services: list[ServiceSettings] = field(default_factory=list)
    targets: list[TargetSettings] = field(default_factory=list)


def intake_options(settings: Settings | None) -> IntakeOptions:
    """Return what may be pushed."""
    said = settings.intake if settings else IntakeSettings()
    return IntakeOptions(
        target_labels=tuple(said.target_labels),
        max_targets=said.max_targets,
        max_series=said.max_series,
        silent_after=durations.parse(said.silent_after),
    )


def keeping(settings: Settings | None) -> Keeping:
    """Return how long history is kept."""
    said = settings.history if settings else HistorySettings()
    return Keeping(
        pack_after=durations.parse(said.pack_after),
        reports=durations.parse(said.reports),
        minutes=durations.parse(said.minutes),
        hours=durations.parse(said.hours),
        days=durations.parse(said.days) if said.days else None,
    )


def to_declaration(settings: Settings) -> Declaration:
    """Return what the file says there is, in the fleet's words."""
    return Declaration(
        clusters=tuple(
            DeclaredCluster(name=cluster.name, region=cluster.region)
            for cluster in settings.clusters
        ),
        services=tuple(map(declared_service, settings.services)),
        targets=tuple(_declared(target) for target in settings.targets),
    )


def declared_service(service: ServiceSettings) -> DeclaredService:
    """Return a service as the fleet declares it."""
    return DeclaredService(
        name=service.name,
        category=service.category,
        regions=tuple(service.regions),
        type=service.type,
        attributes=service.attributes
        | ({} if service.public else {"public": "false"})
        | ({"publish": _published(service.publish)} if service.publish else {}),
    )


def _published(names: dict[str, str | None]) -> str:
    return ", ".join(f"{name} = {label}" if label else name for name, label in names.items())


def _declared(target: TargetSettings) -> DeclaredTarget:
    reference, wanted = target.component, wanted_of(target)
    return DeclaredTarget(
        name=target.name,
        connector=target.connector,
        cluster=target.cluster,
        component=ComponentName(service=reference.service, region=reference.region)
        if reference
        else None,
        agents=tuple(target.agents),
        every=target.every_span,
        timeout=target.timeout_span,
        bad_after=target.bad_after,
        good_after=target.good_after,
        settings=target.settings,
        requests=wanted.requests,
        keep=wanted.keep,
        drop=wanted.drop,
        thresholds=wanted.thresholds,
    )


def wanted_of(target: TargetSettings) -> Wanted:
    """Return what the agent is to do beyond the connector's own look."""
    return Wanted(
        requests=tuple(_given(request) for request in target.requests),
        keep=tuple(target.keep),
        drop=tuple(target.drop),
        thresholds={
            name: _given(said) if isinstance(said, ThresholdSettings) else said
            for name, said in target.thresholds.items()
        },
    )


def _given(noun: RequestSettings | ThresholdSettings) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(noun).items() if value is not None}
