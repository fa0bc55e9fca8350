"""What would be known of services that are made up: images, checks, SLO values, deployments; `remove` takes it back.

The vulnerabilities are real ones, as their suppliers describe them; that they are found is made up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha1, sha256
from random import Random

from vedette.db.queries import Connection, load
from vedette.records.model import (
    Advisory,
    Commit,
    Deployment,
    Exploited,
    ExploitedList,
    Finding,
    FixState,
    Objective,
    Package,
    Presence,
    Scan,
    Severity,
    SloValue,
    Subject,
    SubjectKind,
    Validation,
    Validations,
)

Q = load(__file__, "demo.sql")

BY = "demo"
CLUSTERS = ("demo-north", "demo-south")
REGISTRY = "registry.demo.invalid/"
PIPELINE = "demo-release"
PARTS = ("api", "worker", "web")
DAYS = 45
"""So many days of SLO values; deployments go back as far."""
ENVIRONMENTS = ("production", "staging")

_C, _H, _M, _L, _N = (
    Severity.CRITICAL,
    Severity.HIGH,
    Severity.MEDIUM,
    Severity.LOW,
    Severity.NEGLIGIBLE,
)
KNOWN: tuple[tuple[str, str, str, str, Severity, float, str], ...] = (
    ("CVE-2021-44228", "log4j-core", "2.14.1", "2.15.0", _C, 10.0, "Remote code execution by a message that Log4j looks up"),
    ("CVE-2022-22965", "spring-beans", "5.3.17", "5.3.18", _C, 9.8, "Remote code execution by data binding in Spring"),
    ("CVE-2023-44487", "golang.org/x/net", "0.14.0", "0.17.0", _H, 7.5, "HTTP/2 Rapid Reset: streams that are cancelled at once exhaust a server"),
    ("CVE-2023-4911", "glibc", "2.34-60.el9", "2.34-60.el9_2.7", _H, 7.8, "Buffer overflow in the dynamic loader by GLIBC_TUNABLES"),
    ("CVE-2022-42889", "commons-text", "1.9", "1.10.0", _C, 9.8, "Code execution by interpolation of untrusted text"),
    ("CVE-2023-38545", "curl", "7.76.1-23.el9", "7.76.1-26.el9_3.2", _C, 9.8, "Heap overflow in the SOCKS5 handshake"),
    ("CVE-2022-37434", "zlib", "1.2.11-31.el9", "1.2.11-32.el9_0", _C, 9.8, "Heap overflow in inflate by a long header"),
    ("CVE-2024-6387", "openssh", "8.7p1-38.el9", "8.7p1-38.el9_4.1", _H, 8.1, "Race in a signal handler of sshd"),
    ("CVE-2022-0778", "openssl-libs", "1.1.1k-5.el8_5", "1.1.1k-6.el8_5", _H, 7.5, "Endless loop in BN_mod_sqrt() by a certificate"),
    ("CVE-2022-1271", "gzip", "1.9-12.el8", "1.9-13.el8_5", _H, 8.8, "zgrep writes files of an attacker's choice"),
    ("CVE-2022-40674", "expat", "2.2.5-8.el8", "2.2.5-8.el8_6.3", _H, 8.1, "Use after free in doContent"),
    ("CVE-2023-5363", "openssl-libs", "3.0.7-24.el9", "3.0.7-25.el9_3", _M, 7.5, "Wrong key and IV lengths are used"),
    ("CVE-2023-29491", "ncurses", "6.2-8.20210508.el9", "6.2-10.20210508.el9", _M, 7.8, "Memory corruption by a terminfo database"),
    ("CVE-2022-48303", "tar", "1.34-5.el9", "1.34-6.el9_1", _M, 5.5, "Read of one byte past the buffer in from_header"),
    ("CVE-2023-2650", "openssl-libs", "3.0.7-16.el9_2", "3.0.7-24.el9", _M, 6.5, "Slow processing of object identifiers"),
    ("CVE-2021-20193", "tar", "1.34-5.el9", "", _L, 5.5, "Memory leak in read_header"),
    ("CVE-2022-3219", "gnupg2", "2.3.3-4.el9", "", _L, 3.3, "Signatures that take long to check"),
    ("CVE-2005-2541", "tar", "1.34-5.el9", "", _N, 10.0, "tar keeps setuid bits when root unpacks"),
)  # fmt: skip
"""Vulnerability, package, version, fixed in, severity, CVSS, title."""
EXPLOITED = {
    "CVE-2021-44228": date(2021, 12, 10),
    "CVE-2022-22965": date(2022, 4, 4),
    "CVE-2023-44487": date(2023, 10, 10),
    "CVE-2023-4911": date(2023, 11, 21),
}
"""When CISA listed them."""
CHECKS = (
    ("deployment_validation_operator_unset_memory_requirements", "Set memory requests and limits."),
    ("deployment_validation_operator_unset_cpu_requirements", "Set CPU requests and limits."),
    ("deployment_validation_operator_run_as_non_root", "Set runAsNonRoot to true."),
    ("deployment_validation_operator_minimum_three_replicas", "Run at least three replicas."),
    ("deployment_validation_operator_no_read_only_root_fs", "Set readOnlyRootFilesystem."),
    ("deployment_validation_operator_no_liveness_probe", "Give the container a liveness probe."),
)
"""The checks and what mends them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one service in one cluster, by the kind that would have brought it."""

    cluster: str
    scans: Sequence[Scan]
    validations: Validations
    values: Sequence[SloValue]


def known_of(service: str, *, cluster: str, now: datetime) -> Known:
    """Return what is made up of a service in a cluster, the same each time."""
    slug = service.lower().replace(" ", "-")
    dice = Random(f"{service} {cluster}")  # noqa: S311 - made up, not secret
    return Known(
        cluster=cluster,
        scans=[_scan(slug, part, dice) for part in PARTS],
        validations=_validations(slug, dice),
        values=list(_values(service, slug, cluster, dice, now)),
    )


def promised_and_delivered(
    service: str, *, now: datetime, troubles: Sequence[datetime] = ()
) -> list[Objective | Deployment]:
    """Return a service's objective and its deployments; one goes before each of its troubles."""
    dice = Random(service)  # noqa: S311 - made up, not secret
    return [_objective(service), *_deployments(service, dice, now, troubles)]


def demo_catalog(now: datetime) -> ExploitedList:
    """Return those that are exploited, as a catalogue of its own: ours is no copy of anybody's."""
    return ExploitedList(
        catalog=BY,
        version=f"{now:%Y.%m.%d}",
        released_at=now,
        entries=tuple(
            Exploited(cve, day.isoformat(), title=cve, action="Apply the supplier's update.")
            for cve, day in EXPLOITED.items()
        ),
    )


def _scan(slug: str, part: str, dice: Random) -> Scan:
    name = f"{REGISTRY}{slug}/{part}"
    digest = f"sha256:{sha256(name.encode()).hexdigest()}"
    chosen = [one for one in KNOWN if dice.random() < (0.2 if one[0] in EXPLOITED else 0.45)]
    return Scan(
        source="quay-cso",
        subject=Subject(
            SubjectKind.IMAGE, name, digest, f"1.{dice.randrange(40)}.{dice.randrange(9)}"
        ),
        findings=tuple(map(_finding, chosen)),
        presences=tuple(
            Presence(slug, pod=f"{slug}/{part}-{n}", workload=f"Deployment/{part}", container=part)
            for n in range(dice.randrange(1, 5))
        ),
        namespaces=(slug,),
    )


def _finding(known: tuple[str, str, str, str, Severity, float, str]) -> Finding:
    name, package, version, fixed, severity, score, title = known
    link = f"https://nvd.nist.gov/vuln/detail/{name}"
    return Finding(
        package=Package(package, version, "rpm" if ".el" in version else ""),
        advisory=Advisory(name, title=title, description=f"{title}.", links=(link,)),
        severity=severity,
        word=severity.title,
        fixed_in=(fixed,) if fixed else (),
        fix_state=FixState.FIXED if fixed else FixState.NOT_FIXED,
        score=score,
    )


def _validations(slug: str, dice: Random) -> Validations:
    results = tuple(
        Validation(
            check=check,
            namespace=slug,
            object_kind="Deployment",
            object_name=part,
            passed=dice.random() < 0.7,
            remediation=remediation,
        )
        for part in PARTS
        for check, remediation in CHECKS
    )
    return Validations("dvo", results)


def _values(
    service: str, slug: str, cluster: str, dice: Random, now: datetime
) -> Iterator[SloValue]:
    for sli, target, spread in (("availability", 99.9, 0.12), ("latency", 95.0, 3.0)):
        for back in range(DAYS, -1, -1):
            bad = dice.random() ** 3 * spread
            yield SloValue(
                name=sli,
                sli=sli,
                document=f"{slug}-slos",
                service=service,
                cluster=cluster,
                namespace=slug,
                value=round(100 - bad, 4),
                target=target,
                at=now - timedelta(days=back, minutes=10),
            )


def _objective(service: str) -> Objective:
    return Objective(
        name="availability",
        service=service,
        document="demo",
        source=BY,
        target=99.9,
        window_s=30 * 86_400,
        sli="availability",
        description="Requests that are answered.",
    )


def _deployments(
    service: str, dice: Random, now: datetime, troubles: Sequence[datetime]
) -> Iterator[Deployment]:
    times = [
        (environment, now - timedelta(days=back, hours=dice.randrange(1, 20)))
        for environment, step in zip(ENVIRONMENTS, (5, 3), strict=True)
        for back in range(1, DAYS, step)
    ]
    times += [(ENVIRONMENTS[0], at - timedelta(minutes=25)) for at in troubles]
    for number, (environment, at) in enumerate(sorted(times, key=lambda pair: pair[1])):
        yield Deployment(
            app=service,
            environment=environment,
            pipeline=PIPELINE,
            reason=f"https://ci.demo.invalid/{service.lower().replace(' ', '-')}/{number}",
            finished_at=at.astimezone(UTC),
            commits=tuple(
                _commit(service, number, n, at, dice) for n in range(dice.randrange(1, 5))
            ),
        )


def _commit(service: str, number: int, nth: int, at: datetime, dice: Random) -> Commit:
    lead = timedelta(hours=dice.lognormvariate(1.5, 0.9))
    revision = sha1(f"{service} {number} {nth}".encode(), usedforsecurity=False).hexdigest()
    return Commit(revision, f"demo/{service.lower()}", at - lead, int(lead.total_seconds()))


async def remove_records(conn: Connection) -> None:
    """Remove what is known of what was made up; nothing where nothing was. The fleet's lock is held."""
    given = {"clusters": list(CLUSTERS), "images": REGISTRY + "%", "pipeline": PIPELINE, "by": BY}
    for query in Q:
        await Q.run(conn, query, **given)
