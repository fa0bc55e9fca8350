"""How long the names of a record may be: what an index holds, whatever the alphabet.

Kinds are generous readers; here stands what can be kept. It is asked before anything is stored, so that a document
with one name too long is refused while its writer listens.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from vedette.errors import Invalid
from vedette.fleet.places import checked_cluster, checked_namespace, checked_service
from vedette.records.model import (
    Bulletin,
    Deployment,
    Objective,
    Record,
    Scan,
    SloValue,
    Validations,
)

NAME, INDICATOR, OBJECTIVE, DELIVERED, REASON, REPOSITORY = 253, 100, 500, 256, 2_000, 500
"""Characters of: a check, an object, an SLO; an SLI; an objective; a deployment's words, its reason; a repository."""
INDEXED = 2_600
"""Bytes of the name of a subject, a package, an advisory, a severity, and of all that says where something runs in a
namespace: an index holds 2,704 with what stands beside it."""


def checked_records(records: Iterable[Record], cluster: str | None = None) -> list[Record]:
    """Return the records as they are, of a cluster: "" is none, None is not asked about.

    Raises Invalid, naming the record, for a name that cannot be kept, and for validations of no cluster.
    """
    kept = list(records)
    for record in kept:
        if isinstance(record, Validations) and cluster == "":
            raise Invalid(
                f"{record.source}: validations are of a cluster", hint="name it: `--cluster NAME`"
            )
        check = _CHECKS.get(type(record))
        if check:
            check(record)
    return kept


def deployment_fault(one: Deployment) -> str:
    """Return why a deployment cannot be kept, or ""."""
    return next(_deployment_faults(one), "")


def _scan(said: Scan) -> None:
    findings = said.findings
    _indexed([said.subject.name, said.subject.digest])
    _indexed([one.pod + one.workload + one.container for one in said.presences])
    _indexed(list({one.word for one in findings}))
    _indexed([one.package.name for one in findings])
    _indexed([one.advisory.name for one in findings])
    _indexed([name for one in findings if one.advisory.names for name in one.advisory.names])


def _bulletin(said: Bulletin) -> None:
    _indexed([said.advisory.name, *said.advisory.names])


def _indexed(names: Sequence[str]) -> None:
    # A character has four bytes at most: of a hundred thousand names as a rule none need be looked at twice.
    if max(map(len, names), default=0) <= INDEXED // 4:
        return
    for name in names:
        if len(name.encode()) > INDEXED:
            raise Invalid(f"the name {name[:40]!r}… has more than {INDEXED} bytes")


def _validations(said: Validations) -> None:
    for result in said.results:
        _named(result.check, "a check")
        _object(result.namespace, result.object_kind, result.object_name)
    for namespace, kind, name in said.objects:
        _object(namespace, kind, name)


def _object(namespace: str, kind: str, name: str) -> None:
    if namespace:
        checked_namespace(namespace)
    _named(kind, "a kind of objects")
    _named(name, f"a {kind}")


def _slo_value(one: SloValue) -> None:
    checked_cluster(one.cluster)
    checked_namespace(one.namespace)
    checked_service(one.service)
    _named(one.name, "an SLO")
    _named(one.document, "an SLO document")
    _named(one.sli, "an SLI", most=INDICATOR)


def _objective(one: Objective) -> None:
    checked_service(one.service)
    _named(one.name, "an objective", most=OBJECTIVE)
    _named(one.document, "an SLO document", most=OBJECTIVE)


def _deployment(one: Deployment) -> None:
    fault = deployment_fault(one)
    if fault:
        raise Invalid(fault)


def _deployment_faults(one: Deployment) -> Iterator[str]:
    for what, text, most in (
        ("the app", one.app, DELIVERED),
        ("the environment", one.environment, DELIVERED),
        ("the pipeline", one.pipeline, DELIVERED),
        ("the reason", one.reason, REASON),
        *(("the repository", commit.repository, REPOSITORY) for commit in one.commits),
    ):
        if not text or len(text) > most:
            yield f"{what} of a deployment, {text[:40]!r}, is not of 1 to {most} characters"


def _named(text: str, what: str, *, most: int = NAME) -> None:
    if not text or len(text) > most:
        raise Invalid(f"{text[:40]!r} is no name of {what}", hint=f"1 to {most} characters")


_CHECKS: dict[type, Callable[[Any], None]] = {
    Scan: _scan,
    Bulletin: _bulletin,
    Validations: _validations,
    SloValue: _slo_value,
    Objective: _objective,
    Deployment: _deployment,
}
