"""REST route that lists what was found: one row an image, package and vulnerability."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter

from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing
from vedette.fleet.named import check_named
from vedette.records.intake_read import kind_called
from vedette.records.listed import Listing
from vedette.records.model import Severity
from vedette.records.reads import Place, Vulnerability, Wanted, is_image, vulnerabilities
from vedette.records.rules import spelled
from vedette.rest.paging import DEFAULT_LIMIT, Cursor, Limit, decode_cursor

Word = Annotated[str | None, Parameter(max_length=1_000)]
Words = Annotated[str | None, Parameter(max_length=200, description="One or several, by commas.")]
Format = Annotated[str | None, Parameter(description="`csv` or `json`.")]
Flag = bool | None
Standing = Annotated[Literal["open", "fixed", "all"], Parameter(query="state")]


class VulnerabilityShown(msgspec.Struct, kw_only=True):
    """One vulnerability of one package of one image.

    vulnerability: what its source calls it; name: its identifier; identity: the CVE it counts as. severity: in
    our words; word: in its source's. affected_pods: where asked for. first_seen_at: in this image;
    since: in what came before under the same name, too. exploited: listed in a catalogue that was loaded.
    """

    image: str
    digest: str
    tag: str
    kind: str
    source: str
    package: str
    version: str
    package_type: str
    vulnerability: str
    name: str
    identity: str
    feed: str
    severity: str
    word: str
    score: float | None
    fixed_in: str
    fix_state: str
    exploited: bool
    suppressed: str
    affected_pods: int
    clusters: list[str]
    links: list[str]
    since: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    fixed_at: datetime | None


@get("/api/v1/vulnerabilities")
async def list_vulnerabilities(
    request: Request[Any, Any, Any],
    conn: Connection,
    cluster: Word = None,
    namespace: Word = None,
    service: Word = None,
    image: Word = None,
    severity: Words = None,
    kind: Word = None,
    name: Word = None,
    package: Word = None,
    standing: Standing = "open",
    fixable: Flag = None,
    kev: Flag = None,
    format: Format = None,  # noqa: A002 - the word of the query
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Any]:
    """List what was found, in pages; JSON or CSV."""
    wanted = Wanted(
        cluster=cluster,
        namespace=namespace,
        service=service,
        image=image,
        name=spelled(name) if name else None,
        package=package,
        kind=kind,
        severities=severities_of(severity),
        fixable=fixable,
        kev=kev,
        state=standing,
    )
    after = decode_cursor(cursor, Place) if cursor else None
    rows = await vulnerabilities(conn, wanted, limit=limit + 1, after=after)
    if not rows:
        await _check_known(conn, wanted)
    return LISTING.answer(request, rows, limit=limit)


def severities_of(words: str | None) -> Sequence[int] | None:
    """Return the severities that are named, whatever their case; raises Invalid naming those there are."""
    if words is None:
        return None
    found = []
    for word in words.split(","):
        try:
            found.append(int(Severity[word.strip().upper()]))
        except KeyError:
            known = ", ".join(each.title for each in Severity)
            raise Invalid(f"there is no severity {word[:40]!a}", hint=f"one of {known}") from None
    return found


async def _check_known(conn: Connection, wanted: Wanted) -> None:
    """Raise Missing where nothing was found because what was named is not known."""
    await check_named(
        conn, cluster=wanted.cluster, namespace=wanted.namespace, service=wanted.service
    )
    if wanted.kind:
        kind_called(wanted.kind)
    if wanted.image and not await is_image(conn, wanted.image):
        raise Missing(
            f"nobody told us of an image {wanted.image[:200]!a}",
            hint="its whole name without a tag, as in quay.io/app-sre/centos, or its digest",
        )


def _shown(row: Vulnerability) -> VulnerabilityShown:
    return VulnerabilityShown(
        image=row.image,
        digest=row.digest,
        tag=row.tag,
        kind=row.subject_kind,
        source=row.source,
        package=row.package,
        version=row.version,
        package_type=row.package_type,
        vulnerability=row.title or row.name,
        name=row.name,
        identity=row.identity,
        feed=row.feed,
        severity=Severity(row.severity).title,
        word=row.word,
        score=row.score,
        fixed_in=row.fixed_in,
        fix_state=row.fix_state,
        exploited=row.exploited,
        suppressed=row.suppressed,
        affected_pods=row.pods,
        clusters=row.clusters,
        links=row.links,
        since=row.since_at,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.fixed_at or row.seen_at,
        fixed_at=row.fixed_at,
    )


LISTING = Listing(
    name="vulnerabilities",
    columns=VulnerabilityShown.__struct_fields__,
    place=lambda row: row.place,
    shown=_shown,
)
routes: list[Any] = [list_vulnerabilities]
