"""The nouns of records: what a document says, before anything is stored.

They are msgspec structs where the house has dataclasses: a manifest makes a hundred thousand of them, which
costs a fifth, and a document that waits in an open snapshot is kept as these same nouns (`staged.py`).
Their order of fields is therefore kept: new ones come last, with a default.
"""

from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct


class Severity(IntEnum):
    """How grave a finding is, in one order for all sources; the source's own word is kept beside it.

    `UNKNOWN` is "nobody said", which is less than negligible only because it must stand somewhere.
    `DEFCON1` is Quay's word for what needs waking people.
    """

    UNKNOWN = 0
    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    DEFCON1 = 6

    @property
    def title(self) -> str:
        """Return the word as people read it: `High`."""
        return self.name.title()


class SubjectKind(StrEnum):
    """What was looked at."""

    IMAGE = "image"
    HOST = "host"
    REPOSITORY = "repository"
    FILE = "file"


class FixState(StrEnum):
    """What the packager says of a fix; empty in a document means nobody said."""

    FIXED = "fixed"
    NOT_FIXED = "not-fixed"
    WONT_FIX = "wont-fix"
    UNKNOWN = ""


class Package(Struct, frozen=True, array_like=True, gc=False):
    """A piece of software of one version, as it is installed.

    type: `deb`, `rpm`, `npm`, … or "" where the source does not say. purl: package URL, or "".
    path: where in the subject, for what lies there more than once; or "".
    """

    name: str
    version: str = ""
    type: str = ""
    purl: str = ""
    path: str = ""


class Advisory(Struct, frozen=True, array_like=True, gc=False):
    """A published vulnerability under the name its source calls it.

    name: `CVE-2021-44228`, `GHSA-…`, `RHSA-2020:0273`: an identifier, never a sentence. feed: whose text this is
    (Quay's `namespaceName`, `centos:8`; Trivy's `redhat`), or "". names: every other identifier it is found
    under: aliases, and the CVEs it addresses. title: one line. links: URLs, the best first. cwes: `CWE-79`.
    """

    name: str
    feed: str = ""
    title: str = ""
    description: str = ""
    links: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    cwes: tuple[str, ...] = ()
    published_at: datetime | None = None


class Finding(Struct, frozen=True, array_like=True, gc=False):
    """One package of the subject that one advisory is about.

    word: the severity as the source wrote it. fixed_in: versions that mend it, the source's spelling; empty means
    none is known. score and vector: the CVSS score computed from the vector where there is one, else as given.
    suppressed: why the source itself does not count it (SARIF's suppressions, VEX inside a BOM), or "".
    """

    package: Package
    advisory: Advisory
    severity: Severity = Severity.UNKNOWN
    word: str = ""
    fixed_in: tuple[str, ...] = ()
    fix_state: FixState = FixState.UNKNOWN
    score: float | None = None
    vector: str = ""
    suppressed: str = ""


class Subject(Struct, frozen=True, array_like=True, gc=False):
    """What was looked at: an image by its digest (trusted over its name), a host, a repository, a file.

    name: without tag, `quay.io/app-sre/centos`. digest: `sha256:…`, or "" where nobody knows it. tag: or "".
    """

    kind: SubjectKind
    name: str
    digest: str = ""
    tag: str = ""


class Presence(Struct, frozen=True, array_like=True, gc=False):
    """Where a subject runs: a pod, or a workload's container, in a namespace of the cluster reported for.

    pod: `namespace/name` or "". workload: `ReplicaSet/orders-66d9` or "". container: or "".
    """

    namespace: str
    pod: str = ""
    workload: str = ""
    container: str = ""


class Scan(Struct, frozen=True, array_like=True, tag=True):
    """All that one scanner found in one subject at one time. Only a complete one closes what it lacks.

    source: who looked, `quay-cso`, `trivy`. at: when it looked; None is when the document came.
    deleted: the scanner says that the subject is gone from the cluster (an operator's delete). namespaces: where it
    says all about the subject, also that it runs there no longer; those of the presences count anyway.
    """

    source: str
    subject: Subject
    findings: tuple[Finding, ...] = ()
    presences: tuple[Presence, ...] = ()
    at: datetime | None = None
    scanner_version: str = ""
    database_version: str = ""
    complete: bool = True
    deleted: bool = False
    namespaces: tuple[str, ...] = ()


class Validation(Struct, frozen=True, array_like=True, gc=False):
    """Whether an object in a namespace passes a check of its manifest.

    check: `deployment_validation_operator_unset_cpu_requirements`, `run-as-non-root`: the source's name.
    word: `danger`, `warning`, … or "". message: what is wrong, or "".
    """

    check: str
    namespace: str
    object_kind: str
    object_name: str
    passed: bool
    word: str = ""
    message: str = ""
    description: str = ""
    remediation: str = ""


class Validations(Struct, frozen=True, array_like=True, tag=True):
    """What one validator found in one cluster at one time.

    complete: objects and checks that it does not name have gone, so far as this source goes. objects: (namespace,
    kind, name) of those that it says everything about: of them, this source's checks that it does not name have gone.
    """

    source: str
    results: tuple[Validation, ...] = ()
    at: datetime | None = None
    complete: bool = False
    objects: tuple[tuple[str, str, str], ...] = ()


class SloValue(Struct, frozen=True, array_like=True, tag=True):
    """One value of a service level indicator beside its objective, both in per cent.

    sli: `availability`, `latency`, …; document: the SLO document that defines it.
    """

    name: str
    sli: str
    document: str
    service: str
    cluster: str
    namespace: str
    value: float
    target: float
    at: datetime | None = None


class Objective(Struct, frozen=True, array_like=True, tag=True):
    """A service level objective as a document defines it (OpenSLO, Sloth).

    target: per cent, (0, 100). window_s: the rolling period in seconds; 0 with a calendar: `minute`, `hour`, `day`,
    `week`, `month`, `quarter` or `year`. zone: IANA name of the calendar's time zone, or "". budgeting:
    `occurrences`, `timeslices`, `ratio-timeslices`. definition: the document itself as JSON, for whoever wants more
    of it. calendar_count: how many of the calendar's units a period has. starts_at: the local time at which one of
    the periods began (`2022-01-01T12:00:00`), or "" where they begin as the calendar's do.
    """

    name: str
    service: str
    document: str
    source: str
    target: float
    window_s: int
    calendar: str = ""
    zone: str = ""
    budgeting: str = "occurrences"
    sli: str = ""
    description: str = ""
    definition: str = "{}"
    labels: dict[str, str] = {}
    calendar_count: int = 1
    starts_at: str = ""


class Commit(Struct, frozen=True, array_like=True, gc=False):
    """A change that a deployment brought. lead_s: seconds from the commit to the deployment; may be negative.

    revert: it takes another back, so that its lead says nothing of how fast work goes out.
    """

    revision: str
    repository: str
    at: datetime
    lead_s: int
    revert: bool = False


class Deployment(Struct, frozen=True, array_like=True, tag=True):
    """A service's new version in an environment. reason: what triggered it, a URL as a rule."""

    app: str
    environment: str
    pipeline: str
    reason: str
    finished_at: datetime
    commits: tuple[Commit, ...] = ()


class Exploited(Struct, frozen=True, array_like=True, gc=False):
    """A vulnerability known to be exploited, as a catalogue lists it."""

    cve: str
    added_on: str
    due_on: str = ""
    ransomware: bool = False
    vendor: str = ""
    product: str = ""
    title: str = ""
    action: str = ""
    notes: str = ""


class ExploitedList(Struct, frozen=True, array_like=True, tag=True):
    """A whole catalogue of exploited vulnerabilities (CISA's KEV, ENISA's), with its version and day."""

    catalog: str
    version: str
    released_at: datetime | None
    entries: tuple[Exploited, ...]


class Probabilities(Struct, frozen=True, array_like=True, tag=True):
    """EPSS of one day: how probable it is that each CVE is exploited within thirty days, in columns.

    scores and percentiles: in [0, 1].
    """

    model_version: str
    scored_on: str
    cves: tuple[str, ...]
    scores: tuple[float, ...]
    percentiles: tuple[float, ...]


class VexStatus(StrEnum):
    """What a VEX statement says of a product and a vulnerability (OpenVEX's words)."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


class Statement(Struct, frozen=True, array_like=True, tag=True):
    """What a supplier states of a vulnerability in products; the latest of a document wins.

    names: identifiers of the vulnerability, its own first. products: purls, digests or names as the document
    gives them; empty is every product. author: who says so. document: its identifier. components: the pieces of
    those products that it is about; empty is each product as a whole.
    """

    document: str
    source: str
    author: str
    names: tuple[str, ...]
    products: tuple[str, ...]
    status: VexStatus
    justification: str = ""
    impact: str = ""
    action: str = ""
    at: datetime | None = None
    components: tuple[str, ...] = ()


class Bulletin(Struct, frozen=True, array_like=True, tag=True):
    """An advisory published on its own, without a look at anything (an OSV entry, a CSAF's vulnerability)."""

    advisory: Advisory
    severity: Severity = Severity.UNKNOWN
    score: float | None = None
    vector: str = ""
    withdrawn: bool = False


Record = (
    Scan
    | Validations
    | SloValue
    | Objective
    | Deployment
    | ExploitedList
    | Probabilities
    | Statement
    | Bulletin
)
"""What a kind may read out of a document."""
