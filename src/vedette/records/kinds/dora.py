"""`dora`: deployments and the commits they brought, as Dash.DB's collector posts them.

`trigger_reason` is the URL of what triggered the deployment, with words behind it or not (` [auto-promotion]`);
Dash.DB takes one host alone, we take any. A finish time without a zone is UTC. `lttc` is the commit's lead time in
seconds, negative where the commit is younger than the deployment. Beside Dash.DB's keys a commit may say
`"revert": true`: a revert has no lead time worth measuring.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Name, time_of
from vedette.records.model import Commit, Deployment, Record

SKEW = timedelta(days=1)
"""How far the clock of a pipeline may be ahead: a deployment of next year would stay the latest till then."""
_CENTURY_S = 100 * 366 * 86_400
_Reason = Annotated[str, Meta(max_length=1_000, pattern=r"\Ahttps?://[^/\s]+(/\S*)?( [^\r\n]*)?\Z")]
_Repository = Annotated[str, Meta(max_length=1_000, pattern=r"\Ahttps?://[^/\s]+/\S+\Z")]
_Revision = Annotated[str, Meta(pattern=r"\A[a-f0-9]{40}\Z")]
_Time = Annotated[
    str,
    Meta(
        max_length=60,
        pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
        r"(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?\Z",
    ),
]
_Lead = Annotated[int, Meta(ge=-_CENTURY_S, le=_CENTURY_S)]


class _Commit(Struct, gc=False):
    revision: _Revision
    timestamp: _Time
    repo: _Repository
    lttc: _Lead
    revert: bool = False


class _Deployment(Struct):
    trigger_reason: _Reason
    finish_timestamp: _Time
    app_name: Name
    env_name: Name
    pipeline: Name
    commits: list[_Commit]


class _Body(Struct):
    deployments: Annotated[list[_Deployment], Meta(min_length=1)]


class Dora:
    """Deployments with their commits."""

    name = "dora"
    description = "DORA deployments"
    family = Family.DEPLOYMENTS

    def recognises(self, document: Document) -> bool:
        """Say whether its first deployment names what triggered it."""
        deployments = document.field("deployments")
        first = deployments[0] if isinstance(deployments, list) and deployments else None
        return isinstance(first, dict) and "trigger_reason" in first

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the deployments in the order of the document."""
        for index, given in enumerate(document.shaped(_Body).deployments):
            place = f"deployments[{index}]"
            finished_at = _time(document, given.finish_timestamp, f"{place}.finish_timestamp")
            if finished_at > context.now + SKEW:
                raise document.refusal(f"{place}.finish_timestamp: {finished_at} is to come")
            yield Deployment(
                app=given.app_name,
                environment=given.env_name,
                pipeline=given.pipeline,
                reason=given.trigger_reason,
                finished_at=finished_at,
                commits=tuple(_commits(document, given.commits, place)),
            )


def _commits(document: Document, commits: list[_Commit], place: str) -> Iterator[Commit]:
    for index, given in enumerate(commits):
        at = _time(document, given.timestamp, f"{place}.commits[{index}].timestamp")
        yield Commit(given.revision, given.repo, at, given.lttc, given.revert)


def _time(document: Document, text: str, place: str) -> datetime:
    at = time_of(text)
    if at is None:
        raise document.refusal(f"{place}: {text!r} is no time since 1970")
    return at
