"""Kinds of records: each reads documents of one format into the nouns of `records/model.py`.

A kind is a class without state; `vedette.kinds` is its entry point group, and the built-in ones use the same
door (`plugins.py`). Built-ins lean on `records.model`, `records.documents` and the neighbours here, nothing else.
`tests/records/test_kinds_conform.py` holds every kind to what stands here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from vedette.records.documents import Document
from vedette.records.model import Record

GROUP = "vedette.kinds"


class Family:
    """What a kind's records are about: names the columns `get KIND` shows."""

    VULNERABILITIES = "vulnerabilities"
    VALIDATIONS = "validations"
    SLO = "slo"
    OBJECTIVES = "objectives"
    DEPLOYMENTS = "deployments"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Context:
    """What whoever applies a document says beside it; "" where nothing was said.

    cluster: the cluster reported for. namespace: for formats that know none. subject: the name of what was looked
    at (`image`, `host:NAME`, `repository:NAME`), for formats that do not say. now: when the document came.
    """

    now: datetime
    cluster: str = ""
    namespace: str = ""
    subject: str = ""


@runtime_checkable
class Kind(Protocol):
    """A format of documents.

    name: as in `apply NAME`. description: one line of `apply -h`. family: one of `Family`. One may have a `shape`, too:
    a struct for every field that its documents may have, UNSET where it is not there. A body that it holds all of comes
    as that struct (`document.value`, `document.shaped(shape)`), which takes half the time; any other as it is.
    """

    name: str
    description: str
    family: str

    def recognises(self, document: Document) -> bool:
        """Say whether this is certainly such a document, by its shape alone; two kinds never both do."""
        ...

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield what the document says; raise `Invalid` naming the place where it is not understood.

        Whoever stores it does so only when the whole document has been read.
        """
        ...
