"""From a body to batches that can be stored: which kind it is, what it says, and whose cluster it speaks of.

It costs processor time and nothing else, so that it may be done in a thread.
"""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from vedette import plugins
from vedette.errors import Missing
from vedette.fleet.places import checked_cluster, checked_namespace
from vedette.records.documents import Document, read_documents, read_shaped, unpacked
from vedette.records.kinds import GROUP, Context, Kind
from vedette.records.model import Record, Scan, Validations
from vedette.records.staged import pack_document
from vedette.records.store import Batch

AUTO = "auto"
BILLS = frozenset(("SbomReport", "ClusterSbomReport"))
"""What Trivy's operator sends to its webhook beside what it found, and cannot be told to leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What whoever hands in a body says beside it; see `kinds.Context`. kind: or `auto`."""

    kind: str
    cluster: str = ""
    namespace: str = ""
    subject: str = ""


@dataclass(slots=True)
class Read:
    """What a body says, by kind. documents: how many it has. passed: why some of them say nothing."""

    parts: dict[str, list[Batch]] = field(default_factory=dict)
    documents: int = 0
    passed: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many nouns there are."""
        return sum(len(batch.records) for batches in self.parts.values() for batch in batches)


def kind_called(name: str) -> Kind:
    """Return the kind of that name; raises Missing, also for a plugin that reads no documents."""
    found = plugins.load(GROUP, name)()
    if not isinstance(found, Kind):
        raise Missing(
            f"{name} reads no documents that are handed in", hint="GET /api/v1/kinds lists kinds"
        )
    return found


def read_body(body: bytes, asked: Asked, *, now: datetime, max_bytes: int) -> Read:
    """Return what a body says; raises Invalid naming the document and the place, and Missing for a kind."""
    if asked.cluster:
        checked_cluster(asked.cluster)
    if asked.namespace:
        checked_namespace(asked.namespace)
    context = Context(now, asked.cluster, asked.namespace, asked.subject)
    fixed = None if asked.kind == AUTO else kind_called(asked.kind)
    plain = unpacked(body, source="the body", max_bytes=max_bytes)
    documents = _shaped(fixed, plain) or read_documents(
        plain, source="the body", max_bytes=max_bytes
    )
    read = Read(documents=len(documents))
    for document in documents:
        kind = fixed or recognised(document)
        if why := passed_over(kind, document):
            read.passed.append(why)
            continue
        records = tuple(kind.read(document, context))
        _refuse_without_cluster(document, records, asked.cluster)
        if not records:
            read.passed.append(f"{document.source} says nothing that is kept")
        came = plain if len(documents) == 1 else None
        read.parts.setdefault(kind.name, []).extend(_batches(document, records, asked, came))
    return read


def _shaped(kind: Kind | None, body: bytes) -> list[Document]:
    """Return the document of a body that the kind's shape holds all of; nothing for every other."""
    shape = getattr(kind, "shape", None)
    return read_shaped(body, shape, source="the body") if shape else []


def recognised(document: Document) -> Kind:
    """Return the one kind that this document certainly is; raises Invalid naming what was tried."""
    tried: list[str] = []
    for name in plugins.names(GROUP):
        kind = plugins.load(GROUP, name)()
        if isinstance(kind, Kind):
            if kind.recognises(document):
                return kind
            tried.append(name)
    raise document.refusal(
        "its kind is not recognised", hint=f"say which it is; tried: {', '.join(tried)}"
    )


def passed_over(kind: Kind, document: Document) -> str:
    """Return why nothing of this document is kept though it came as it should; "" as a rule.

    Trivy's operator sends bills of materials to the webhook that takes its reports.
    """
    inner = document.field("operatorObject")
    resource = inner if isinstance(inner, dict) else document.value
    if kind.name != "trivy-operator" or not isinstance(resource, dict):
        return ""
    word = resource.get("kind")
    return (
        f"a {word} lists what is installed and finds nothing"
        if isinstance(word, str) and word in BILLS
        else ""
    )


def _batches(
    document: Document, records: tuple[Record, ...], asked: Asked, came: bytes | None
) -> Iterator[Batch]:
    """Yield the records with the document as it came, which is kept with the one look that it is."""
    if not records:
        return
    looks = sum(isinstance(record, Scan) for record in records)
    if looks != 1:
        yield Batch(records, asked.cluster)
        return
    kept = msgspec.json.encode(document.value) if came is None else came
    yield Batch(records, asked.cluster, pack_document(kept))


def _refuse_without_cluster(document: Document, records: Iterable[Record], cluster: str) -> None:
    """Raise Invalid where something runs in a namespace and nobody says of which cluster."""
    if not cluster and any(_is_placed(record) for record in records):
        raise document.refusal(
            "it names namespaces, and nobody says of which cluster", hint="add ?cluster=NAME"
        )


def _is_placed(record: Record) -> bool:
    if isinstance(record, Scan):
        return bool(record.presences or record.namespaces)
    return isinstance(record, Validations)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let the collector of cycles rest for one large body: what is being read is no garbage, however much it is.

    It rests for the whole process, so that only one body at a time may be read so: between two of them it looks.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
