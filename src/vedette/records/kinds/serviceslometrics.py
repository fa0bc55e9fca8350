"""`serviceslometrics`: one value of a service level indicator beside its objective, both in per cent.

Dash.DB's own shape, of which all eight keys are required. `SLIType` is any word: what Dash.DB knows is `latency`,
`availability`, `correctness` (and, so misspelt, `correcteness`), `quality`, `freshness`, `coverage`, `throughput` and
`durability`. The document has no time: a value is of when it comes.
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Name
from vedette.records.model import Record, SloValue

_Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""Finite, which a JSON number such as 1e999 is not."""


class _Named(Struct, gc=False):
    name: Name


class _Value(Struct, rename={"sli_type": "SLIType", "slo_document": "SLODoc"}):
    name: Name
    sli_type: Name
    slo_document: _Named
    namespace: _Named
    cluster: _Named
    service: _Named
    value: _Number
    target: _Number


class ServiceSloMetrics:
    """Values of service level indicators, as Dash.DB's collector posts them."""

    name = "serviceslometrics"
    description = "Service SLO Metrics"
    family = Family.SLO

    def recognises(self, document: Document) -> bool:
        """Say whether it has the two keys that nothing else has."""
        return document.field("SLIType") is not None and document.field("SLODoc") is not None

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the one value."""
        given = document.shaped(_Value)
        yield SloValue(
            name=given.name,
            sli=given.sli_type,
            document=given.slo_document.name,
            service=given.service.name,
            cluster=given.cluster.name,
            namespace=given.namespace.name,
            value=given.value,
            target=given.target,
        )
