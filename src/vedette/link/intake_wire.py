"""What others push, from their bytes to series: remote write 1.0 and 2.0, OTLP metrics.

Nothing is believed: sizes are checked before anything is unpacked, and a message that is not one is
`Invalid`.
"""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import cramjam
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from vedette.errors import Invalid
from vedette.health.intake import Labels, Pushed
from vedette.link import intake_pb2 as pb

UNPACKED_BYTES = 16 << 20
"""A push unpacked; what says that it is longer is refused unread."""
PARTS = 1_000_000
"""Series, labels, samples and whatever else a push is made of: two bytes make one of them, and an object a hundred."""
NO_RECORDED_VALUE = 1
DELTA = 1


@dataclass(slots=True)
class Push:
    """A push as it came.

    histograms, exemplars: how many it holds beside the samples; they are not kept. refused: samples
    that cannot be kept, and why the first of them. parts: how much has been read.
    """

    series: list[Pushed] = field(default_factory=list)
    histograms: int = 0
    exemplars: int = 0
    refused: int = 0
    why: str = ""

    @property
    def samples(self) -> int:
        """How many samples there are to keep."""
        return sum(len(one.values) for one in self.series)

    parts: int = 0

    def refuse(self, samples: int, why: str) -> None:
        """Count what cannot be kept."""
        self.refused += samples
        self.why = self.why or why

    def hold(self, *parts: Sized) -> None:
        """Count what is about to be read; raises Invalid when that is too much."""
        self.parts += sum(map(len, parts))
        if self.parts > PARTS:
            raise Invalid(f"it has more than {PARTS} parts", hint="send fewer samples at once")


def unsnappy(body: bytes) -> bytes:
    """Return a snappy block unpacked."""
    size = _claimed_size(body)
    if size > UNPACKED_BYTES:
        raise Invalid(f"unpacked it would be {size} bytes; {UNPACKED_BYTES} are the limit")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise Invalid("the body is no snappy block") from None


def gunzip(body: bytes) -> bytes:
    """Return a gzip body unpacked."""
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unzip.decompress(body, UNPACKED_BYTES + 1)
    except zlib.error:
        raise Invalid("the body is not gzip") from None
    if len(content) > UNPACKED_BYTES:
        raise Invalid(f"unpacked it is longer than {UNPACKED_BYTES} bytes")
    if not unzip.eof:
        raise Invalid("the body is not all of it")
    return content


def read_write(body: bytes) -> Push:
    """Return what a remote write 1.0 message holds."""
    message = _parsed(pb.WriteRequest, body)
    push = Push()
    push.hold(message.metadata, message.timeseries)
    said = {family.metric_family_name: family for family in message.metadata}
    for series in message.timeseries:
        push.hold(series.labels, series.samples)
        push.histograms += len(series.histograms)
        push.exemplars += len(series.exemplars)
        if not series.samples:
            continue
        labels = tuple([(label.name, label.value) for label in series.labels])
        one = _pushed(labels, series.samples)
        family = said.get(dict(labels).get("__name__", ""))
        if family is not None:
            one.unit, one.help = family.unit, family.help
        push.series.append(one)
    return push


def read_write_2(body: bytes) -> Push:
    """Return what a remote write 2.0 message holds."""
    message = _parsed(pb.WriteRequest2, body)
    push = Push()
    push.hold(message.symbols, message.timeseries)
    symbols = list(message.symbols)
    if message.timeseries and (not symbols or symbols[0]):
        raise Invalid("the first symbol must be the empty text")
    for series in message.timeseries:
        push.hold(series.labels_refs, series.samples)
        push.histograms += len(series.histograms)
        push.exemplars += len(series.exemplars)
        refs = series.labels_refs
        if len(refs) % 2 or max(refs, default=0) >= len(symbols):
            push.refuse(len(series.samples), "a series whose labels are not pairs of symbols")
            continue
        if not series.samples:
            continue
        words = [symbols[ref] for ref in refs]
        one = _pushed(tuple(zip(words[::2], words[1::2], strict=True)), series.samples)
        meta = series.metadata
        if max(meta.help_ref, meta.unit_ref) < len(symbols):
            one.unit, one.help = symbols[meta.unit_ref], symbols[meta.help_ref]
        push.series.append(one)
    return push


def read_otlp(body: bytes, *, is_json: bool) -> Push:
    """Return what an OTLP metrics request holds; histograms and summaries become series."""
    if is_json:
        message = pb.ExportMetricsServiceRequest()
        if body.count(b",") > PARTS:
            raise Invalid(f"it has more than {PARTS} parts", hint="send fewer points at once")
        try:
            json_format.Parse(body, message, ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError, ValueError) as why:
            raise Invalid(f"the body is not OTLP in JSON: {str(why)[:200]}") from None
    else:
        message = _parsed(pb.ExportMetricsServiceRequest, body)
    push = Push()
    found: dict[Labels, Pushed] = {}
    push.hold(message.resource_metrics)
    for resource in message.resource_metrics:
        push.hold(resource.resource.attributes, resource.scope_metrics)
        of = _of_resource(resource.resource.attributes)
        for scope in resource.scope_metrics:
            push.hold(scope.metrics)
            for metric in scope.metrics:
                _read_metric(metric, of, push, found)
    push.series = list(found.values())
    return push


def otlp_answer(refused: int, why: str, *, as_json: bool) -> bytes:
    """Return an OTLP answer: what was refused, nothing when all was kept."""
    answer = pb.ExportMetricsServiceResponse()
    if refused:
        answer.partial_success.rejected_data_points = refused
        answer.partial_success.error_message = why
    return _written(answer, as_json=as_json)


def otlp_fault(code: int, why: str, *, as_json: bool) -> bytes:
    """Return an OTLP error, a `google.rpc.Status`."""
    return _written(pb.Status(code=code, message=why), as_json=as_json)


def _claimed_size(body: bytes) -> int:
    size = shift = 0
    for byte in body[:5]:
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size
        shift += 7
    raise Invalid("the body is no snappy block")


def _parsed(kind: Any, body: bytes) -> Any:  # noqa: ANN401 - protobuf's messages have no common type
    message = kind()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise Invalid("the body is not the message its Content-Type says") from None
    return message


def _written(message: Any, *, as_json: bool) -> bytes:  # noqa: ANN401 - as above
    if as_json:
        return json_format.MessageToJson(message, indent=None).encode()
    return bytes(message.SerializeToString())


def _pushed(labels: Labels, samples: Iterable[Any]) -> Pushed:
    at: list[int] = []
    values: list[float] = []
    for sample in samples:
        at.append(sample.timestamp * 1000)
        values.append(sample.value)
    return Pushed(labels, at, values)


def _of_resource(attributes: Iterable[Any]) -> Labels:
    """Return the labels that name the target, as Prometheus makes them of a resource."""
    given = {pair.key: _text(pair.value) for pair in attributes}
    job = "/".join(filter(None, (given.get("service.namespace"), given.get("service.name"))))
    instance = given.get("service.instance.id") or given.get("host.name", "")
    return (("job", job), ("instance", instance))


def _read_metric(metric: Any, of: Labels, push: Push, found: dict[Labels, Pushed]) -> None:  # noqa: ANN401
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    content = getattr(metric, kind)
    points = content.data_points
    if getattr(content, "aggregation_temporality", 0) == DELTA:
        push.refuse(len(points), "delta temporality is not kept; let the sender accumulate")
        return
    push.hold(points)
    for point in points:
        push.hold(point.attributes, *(getattr(point, name) for name in _LISTS.get(kind, ())))
        ended = point.flags & NO_RECORDED_VALUE
        labels = tuple((pair.key, _text(pair.value)) for pair in point.attributes)
        for suffix, more, value in _PARTS[kind](point):
            named = (("__name__", metric.name + suffix), *of, *labels, *more)
            one = found.get(named)
            if one is None:
                unit = "count" if suffix in ("_count", "_bucket") else metric.unit
                one = found[named] = Pushed(named, [], [], unit, metric.description)
            assert isinstance(one.at_us, list) and isinstance(one.values, list)
            one.at_us.append(point.time_unix_nano // 1000)
            one.values.append(math.nan if ended else value)


_Part = tuple[str, Labels, float]


def _of_number(point: Any) -> Iterator[_Part]:  # noqa: ANN401 - a protobuf message, as below
    kind = point.WhichOneof("value")
    yield "", (), float(getattr(point, kind)) if kind else math.nan


def _of_histogram(point: Any) -> Iterator[_Part]:  # noqa: ANN401
    yield from _of_distribution(point)
    total = 0
    bounds: Sequence[float] = [*point.explicit_bounds, math.inf]
    for bound, count in zip(bounds, point.bucket_counts, strict=False):
        total += count
        yield "_bucket", (("le", "+Inf" if bound == math.inf else f"{bound:g}"),), float(total)


def _of_distribution(point: Any) -> Iterator[_Part]:  # noqa: ANN401
    yield "_count", (), float(point.count)
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            yield f"_{name}", (), float(getattr(point, name))


def _of_summary(point: Any) -> Iterator[_Part]:  # noqa: ANN401
    yield "_count", (), float(point.count)
    yield "_sum", (), float(point.sum)
    for quantile in point.quantile_values:
        yield "", (("quantile", f"{quantile.quantile:g}"),), float(quantile.value)


_PARTS: dict[str, Callable[[Any], Iterator[_Part]]] = {
    "gauge": _of_number,
    "sum": _of_number,
    "histogram": _of_histogram,
    "exponential_histogram": _of_distribution,
    "summary": _of_summary,
}
_LISTS = {"histogram": ("explicit_bounds", "bucket_counts"), "summary": ("quantile_values",)}
"""What a point of a kind holds beside its attributes."""


def _text(value: Any) -> str:  # noqa: ANN401
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    content = getattr(value, kind)
    return str(content).lower() if kind == "bool_value" else str(content)
