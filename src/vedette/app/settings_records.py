"""Records of services: how they are handed in, and what is as Dash.DB has it. Sections `records`, `compat`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter
from msgspec import Meta, Struct

from vedette import durations, sizes
from vedette.errors import Invalid
from vedette.records.options import RecordOptions

LEAST_BODY, MOST_BODY = 20 << 20, 2 << 30
LONGEST = timedelta(days=7)
LEAST_KEPT, MOST_KEPT = timedelta(days=31), timedelta(days=36_500)


def _says(text: str) -> Meta:
    return Meta(description=text)


class RecordsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How records are handed in; read at the start."""

    max_body: Annotated[
        str | None, _says("The largest body taken, unpacked; 20MiB to 2GiB, default 256MiB.")
    ] = None
    causes_within: Annotated[
        str | None,
        _says(
            "How long before an incident a deployment is proposed as its cause; default 60m, 0s never."
        ),
    ] = None
    expire_after: Annotated[
        str | None, _says("A snapshot that nobody closes is dropped; default 6h, at most 7d.")
    ] = None
    keep_days: Annotated[
        str | None,
        _says("How long each day's counts and what stood open are kept, by months; default 1826d."),
    ] = None
    keep_looks: Annotated[
        str | None,
        _says("How long it is kept who looked when (by months) and what ran where; default 366d."),
    ] = None


class CompatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is as Dash.DB has it; read at the start."""

    latest_per_scope: Annotated[
        bool | None,
        _says("Show only clusters that the newest snapshot of a kind names; default false."),
    ] = None
    dora_without_token: Annotated[
        bool | None, _says("Take deployments without a snapshot's token; default false.")
    ] = None


@Parameter(name="*", group="Records")
@dataclass(frozen=True, kw_only=True)
class RecordsFlags:
    """Flags of `up` and `serve`; None: not said."""

    records_max_body: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_RECORDS_MAX_BODY",
            help="The largest body of records taken, unpacked; default 256MiB.",
        ),
    ] = None
    records_expire_after: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_RECORDS_EXPIRE_AFTER",
            help="A snapshot that nobody closes is dropped after this; default 6h.",
        ),
    ] = None
    records_causes_within: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_RECORDS_CAUSES_WITHIN",
            help="How long before an incident a deployment is proposed as its cause; default 60m, 0s never.",
        ),
    ] = None
    records_keep_days: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_RECORDS_KEEP_DAYS",
            help="How long each day's counts and what stood open are kept, by months; default 1826d.",
        ),
    ] = None
    records_keep_looks: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_RECORDS_KEEP_LOOKS",
            help="How long it is kept who looked when (by months) and what ran where; default 366d.",
        ),
    ] = None
    compat_latest_per_scope: Annotated[
        bool | None,
        Parameter(
            env_var="VEDETTE_COMPAT_LATEST_PER_SCOPE",
            help="Show, as Dash.DB does, only clusters that the newest snapshot of a kind names.",
        ),
    ] = None
    compat_dora_without_token: Annotated[
        bool | None,
        Parameter(
            env_var="VEDETTE_COMPAT_DORA_WITHOUT_TOKEN",
            help="Take deployments from collectors that show no snapshot's token.",
        ),
    ] = None


def records_of(flags: RecordsFlags, said: RecordsSettings, compat: CompatSettings) -> RecordOptions:
    """Return what flags and environment say, and below them the file; raises Invalid."""
    body = flags.records_max_body or said.max_body
    span = flags.records_expire_after or said.expire_after
    latest, dora = flags.compat_latest_per_scope, flags.compat_dora_without_token
    within = flags.records_causes_within or said.causes_within
    days = flags.records_keep_days or said.keep_days
    looks = flags.records_keep_looks or said.keep_looks
    default = RecordOptions()
    return RecordOptions(
        max_body=default.max_body if body is None else _body(body),
        lifetime=default.lifetime if span is None else _span(span),
        latest_per_scope=bool(compat.latest_per_scope if latest is None else latest),
        causes_within=default.causes_within if within is None else _within(within),
        keep_days=default.keep_days if days is None else _kept(days, "days"),
        keep_looks=default.keep_looks if looks is None else _kept(looks, "looks"),
        dora_without_token=bool(compat.dora_without_token if dora is None else dora),
    )


def _body(text: str) -> int:
    size = sizes.size_bytes(text)
    if not LEAST_BODY <= size <= MOST_BODY:
        raise Invalid(f"--records-max-body {text[:40]} is not between 20MiB and 2GiB")
    return size


def _span(text: str) -> timedelta:
    span = durations.parse(text)
    if not timedelta(minutes=1) <= span <= LONGEST:
        raise Invalid(f"--records-expire-after {text[:40]} is not between 1m and 7d")
    return span


def _within(text: str) -> timedelta:
    span = durations.parse(text)
    if span > LONGEST:
        raise Invalid(f"--records-causes-within {text[:40]} is more than 7d")
    return span


def _kept(text: str, what: str) -> timedelta:
    span = durations.parse(text)
    if not LEAST_KEPT <= span <= MOST_KEPT:
        raise Invalid(f"--records-keep-{what} {text[:40]} is not between 31d and 36500d")
    return span
