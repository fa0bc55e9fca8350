"""`GET /federate`: the newest values of targets, for a Prometheus to scrape.

What came from an exporter goes out under its own name and labels, with `target` added; what a connector
measured is called `<connector>_<name>`. Beside them `vedette_target_up` and `vedette_target_state`.
Targets that are silent are left out: their last value is no news.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import Parameter

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.health.feed_reads import Layout, layouts
from vedette.health.label_text import escape, read_labels
from vedette.health.model import State
from vedette.health.selectors import NAME, Selector, selector

Q = load(__file__, "federate.sql")

MOST_SAMPLES = 200_000
MOST_SELECTORS = 50
OWN_NAMES = {"prometheus", "remote_write", "otlp"}
"""Connectors whose measurements have names of their exporter's."""

_LEGACY = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UNFIT = re.compile(r"[^a-zA-Z0-9_:]")
_Q = re.compile(r"q=([01](?:\.[0-9]{1,3})?)")

AnyRequest = Request[Any, Any, Any]
Labels = tuple[tuple[str, str], ...]


class Format(Enum):
    """How the answer is written: its Content-Type (text gets its charset last), and any UTF-8 names."""

    TEXT = ("text/plain; version=0.0.4", False)
    TEXT_1 = ("text/plain; version=1.0.0; escaping=underscores", False)
    TEXT_1_UTF8 = ("text/plain; version=1.0.0; escaping=allow-utf-8", True)
    OPEN = (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        False,
    )
    OPEN_UTF8 = (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        True,
    )
    OPEN_0 = ("application/openmetrics-text; version=0.0.1; charset=utf-8", False)

    @property
    def content_type(self) -> str:
        """The header of the answer."""
        return self.value[0]

    @property
    def utf8(self) -> bool:
        """Whether names need no escaping."""
        return self.value[1]

    @property
    def is_open(self) -> bool:
        """Whether it is OpenMetrics."""
        return self.value[0].startswith("application/openmetrics-text")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that is seen now."""

    id: int
    name: str
    connector: str
    component: str
    cluster: str
    agent: str
    state: str
    agent_id: int
    layout_id: int
    samples: int

    @property
    def labels(self) -> dict[str, str]:
        """What is known of all of its series."""
        return {
            "target": self.name,
            "connector": self.connector,
            "component": self.component,
            "cluster": self.cluster,
            "agent": self.agent,
        }


@dataclass(frozen=True, slots=True)
class Exposed:
    """One sample on its way out."""

    name: str
    labels: Labels
    value: float
    at: datetime


@get("/federate")
async def federate(
    request: AnyRequest,
    conn: Connection,
    match: Annotated[
        list[str] | None,
        Parameter(query="match[]", description='Which series, as in `{target=~"shop.*"}`.'),
    ] = None,
) -> Response[bytes]:
    """Return the newest values of what `match[]` chooses; nothing when it is not given."""
    if match and len(match) > MOST_SELECTORS:
        raise Invalid(f"{len(match)} selectors; {MOST_SELECTORS} are the limit")
    wanted = [selector(text) for text in match or ()]
    form = negotiated(request.headers.get("accept", ""))
    samples = await chosen(conn, wanted) if wanted else []
    return Response(
        rendered(samples, form),
        media_type=form.content_type,
        headers={"Vary": "Accept", "Cache-Control": "no-store"},
    )


async def chosen(conn: Connection, wanted: Sequence[Selector]) -> list[Exposed]:
    """Return the samples that at least one selector wants; raise `Invalid` when they are too many."""
    rows = await Q.all(conn, "candidates", row=Candidate)
    targets = {row.id: row for row in rows if any(one.may_match(row.labels) for one in wanted)}
    total = sum(row.samples + 2 for row in targets.values())
    if total > MOST_SAMPLES:
        raise Invalid(
            f"the targets that match have {total} samples; {MOST_SAMPLES} are the limit",
            hint="name fewer targets in match[]",
        )
    values = await Q.all(
        conn,
        "values_of",
        target_id=list(targets),
        agent_id=[row.agent_id for row in targets.values()],
    )
    known = await layouts(conn, list({row[2] for row in values}))
    found: list[Exposed] = []
    for target_id, at, layout_id, numbers in values:
        for sample in _of_target(targets[target_id], at, known.get(layout_id), numbers):
            named = {NAME: sample.name, **dict(sample.labels)}
            if any(one.matches(named) for one in wanted):
                found.append(sample)
    return found


def _of_target(
    target: Candidate, at: datetime, layout: Layout | None, numbers: Sequence[float]
) -> Iterator[Exposed]:
    base = tuple(sorted((key, value) for key, value in target.labels.items() if value))
    state = State.of(target.state)
    yield Exposed("vedette_target_up", base, float(state is State.UP), at)
    yield Exposed("vedette_target_state", base, float(state), at)
    if layout is None:
        return
    foreign = target.connector in OWN_NAMES
    for name, entity, value in zip(layout.names, layout.entities, numbers, strict=True):
        labels = read_labels(entity) if foreign else (("entity", entity),) if entity else ()
        # What an exporter calls by one of our names keeps it under `exported_`, as in Prometheus.
        taken = dict(base)
        own = tuple((f"exported_{key}" if key in taken else key, value_) for key, value_ in labels)
        full = name if foreign else f"{target.connector}_{name}"
        yield Exposed(full, tuple(sorted((*base, *own))), value, at)


def negotiated(accept: str) -> Format:
    """Return the format the asker likes best of those we write; text 0.0.4 when there is none."""
    best, liked = Format.TEXT, 0.0
    for part in accept.lower().split(","):
        media, _, rest = part.strip().partition(";")
        weight = _Q.search(rest)
        q = float(weight[1]) if weight else 1.0
        form = _format_of(media.strip(), rest.replace(" ", ""))
        if form is not None and q > liked:
            best, liked = form, q
    return best


def _format_of(media: str, parameters: str) -> Format | None:
    utf8 = "escaping=allow-utf-8" in parameters
    if media == "application/openmetrics-text":
        if "version=1.0.0" in parameters:
            return Format.OPEN_UTF8 if utf8 else Format.OPEN
        return (
            Format.OPEN_0 if "version=0.0.1" in parameters or "version=" not in parameters else None
        )
    if media == "text/plain":
        if "version=1.0.0" in parameters:
            return Format.TEXT_1_UTF8 if utf8 else Format.TEXT_1
        return (
            Format.TEXT if "version=0.0.4" in parameters or "version=" not in parameters else None
        )
    return Format.TEXT if media in ("*/*", "text/*") else None


def rendered(samples: Sequence[Exposed], form: Format) -> bytes:
    """Return the samples as a body; of two that escaping makes one series, the first."""
    lines: list[str] = []
    done: set[str] = set()
    last = ""
    for sample in sorted(samples, key=lambda each: (_family(each.name, form), each.labels)):
        series = _series(sample, form)
        if series in done:
            continue
        done.add(series)
        family = _family(sample.name, form)
        if family != last:
            lines.append(f"# TYPE {family} {'unknown' if form.is_open else 'untyped'}")
            last = family
        seconds = sample.at.timestamp()
        when = f"{seconds:.3f}" if form.is_open else f"{round(seconds * 1000)}"
        lines.append(f"{series} {sample.value!r} {when}")
    if form.is_open:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def _family(name: str, form: Format) -> str:
    if _LEGACY.fullmatch(name):
        return name
    return f'"{escape(name)}"' if form.utf8 else _fit(name)


def _series(sample: Exposed, form: Format) -> str:
    pairs = [f'{_label(key, form)}="{escape(value)}"' for key, value in sample.labels]
    if form.utf8 and not _LEGACY.fullmatch(sample.name):
        return "{" + ",".join([f'"{escape(sample.name)}"', *pairs]) + "}"
    name = _family(sample.name, form)
    return f"{name}{{{','.join(pairs)}}}" if pairs else name


def _label(name: str, form: Format) -> str:
    if _LEGACY_LABEL.fullmatch(name):
        return name
    return f'"{escape(name)}"' if form.utf8 else _fit(name).replace(":", "_")


def _fit(name: str) -> str:
    fit = _UNFIT.sub("_", name)
    return fit if not fit[:1].isdigit() else f"_{fit}"


routes: list[Any] = [federate]
