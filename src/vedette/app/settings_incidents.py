"""What the settings file says of incidents: what machines may tell people by themselves."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from vedette import durations
from vedette.errors import Invalid
from vedette.incidents.model import Impact
from vedette.incidents.policy_rules import Policy

Duration = Annotated[str, Meta(min_length=2, max_length=40, pattern=durations.PATTERN)]
Consent = Literal["auto", "ask"]
Percent = Annotated[int, Meta(ge=0, le=100)]

LONGEST = timedelta(days=30)
FLAP_HIGH, FLAP_LOW = Policy().flap_high, Policy().flap_low
SPANS = ("publish_after", "reopen_within", "join_within")


def _says(text: str) -> Meta:
    return Meta(description=text)


class PolicySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may happen to incidents by itself; what is left out is as the wider place says."""

    enabled: Annotated[bool | None, _says("Open incidents at all; default true.")] = None
    publish: Annotated[
        Consent | None, _says("`ask` keeps drafts until a person publishes; default auto.")
    ] = None
    publish_after: Annotated[
        Duration | None, _says("How long trouble lasts before the public reads of it; default 5m.")
    ] = None
    cap: Annotated[
        Literal["minor", "major", "outage"] | None,
        _says("The gravest impact a machine may state; default major."),
    ] = None
    close: Annotated[
        Consent | None, _says("`ask` waits for a person when it is up again; default auto.")
    ] = None
    reopen_within: Annotated[
        Duration | None, _says("Trouble back so soon is the same incident; default 10m.")
    ] = None
    join_within: Annotated[
        Duration | None, _says("Failing so close together is one incident; default 2m.")
    ] = None
    flap_high: Annotated[
        Percent | None, _says("Per cent of changes that is flapping; 0 never; default 20.")
    ] = None
    flap_low: Annotated[
        Percent | None, _says("Per cent at which it ends; less than `flap_high`; default 5.")
    ] = None


NOTHING_SAID = PolicySettings()


class IncidentsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How incidents are made."""

    policy: Annotated[PolicySettings, _says("For every component.")] = field(
        default_factory=PolicySettings
    )


def policy_fields(said: PolicySettings) -> dict[str, Any]:
    """Return the fields of a policy that are named, as incidents know them; raises Invalid."""
    named: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(said).items() if value is not None
    }
    for name in named.keys() & set(SPANS):
        named[name] = durations.parse(named[name])
    if "cap" in named:
        named["cap"] = Impact[named["cap"].upper()]
    return named


def merged(wider: PolicySettings, said: PolicySettings | None) -> PolicySettings:
    """Return what holds in a place: what is said there, and what the wider place says of the rest."""
    own = msgspec.structs.asdict(said) if said else {}
    named = {name: value for name, value in own.items() if value is not None}
    return msgspec.structs.replace(wider, **named)


def policy_faults(
    said: PolicySettings, wider: PolicySettings = NOTHING_SAID
) -> Iterator[tuple[str, str]]:
    """Yield key and complaint for each fault of what is said below this wider place."""
    for name in SPANS:
        text: str | None = getattr(said, name)
        try:
            if text is not None and durations.parse(text) > LONGEST:
                yield name, f"{text} is more than 30d"
        except Invalid as error:
            yield name, str(error)
    whole = merged(wider, said)
    high = FLAP_HIGH if whole.flap_high is None else whole.flap_high
    low = FLAP_LOW if whole.flap_low is None else whole.flap_low
    is_said = said.flap_high is not None or said.flap_low is not None
    if is_said and 0 < high <= low:
        key = "flap_low" if said.flap_low is not None else "flap_high"
        yield key, f"flap_low ({low}) must be less than flap_high ({high})"


def policies_of(
    widest: PolicySettings,
    services: Mapping[str, tuple[PolicySettings | None, Mapping[str, PolicySettings]]],
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is said for which service and region ("": every one); what says nothing is left out."""
    said = {("", ""): policy_fields(widest)}
    for service, (of_service, of_regions) in services.items():
        if of_service is not None:
            said[service, ""] = policy_fields(of_service)
        for region, of_region in of_regions.items():
            said[service, region] = policy_fields(of_region)
    return {place: fields for place, fields in said.items() if fields}
