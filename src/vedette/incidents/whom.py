"""Whom people mean: slugs, `service@region`, whole services and whole regions, as component ids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vedette.db.queries import Connection, load
from vedette.errors import Invalid

Q = load(__file__, "whom.sql")

SHOWN = 5
"""Unknown words that an error names."""


@dataclass(frozen=True, slots=True)
class Named:
    """A living component with every word it answers to; region None: it has none."""

    id: int
    slug: str
    service: str
    service_slug: str
    region: str | None
    region_slug: str | None

    def is_called(self, word: str) -> bool:
        """Say whether this is its slug, or `service@region`; capitals do not count."""
        service, at, region = word.rpartition("@")
        return _same(word, self.slug) or (bool(at) and self.is_of(service) and self.is_in(region))

    def is_of(self, service: str) -> bool:
        """Say whether it is a part of this service, by name or slug."""
        return _same(service, self.service, self.service_slug)

    def is_in(self, region: str) -> bool:
        """Say whether it runs in this region, by name or slug."""
        return _same(region, self.region, self.region_slug)


async def components_of(
    conn: Connection,
    *,
    components: Sequence[str] = (),
    services: Sequence[str] = (),
    regions: Sequence[str] = (),
) -> list[int]:
    """Return the ids of these components, and of every one of these services in these regions.

    A service alone means all its regions, a region alone all its services. A word that names
    nothing raises Invalid, so that a typo does not leave anybody out.
    """
    if not (components or services or regions):
        return []
    living = await Q.all(conn, "living_named", row=Named)
    return chosen(living, components=components, services=services, regions=regions)


def chosen(
    living: Sequence[Named],
    *,
    components: Sequence[str],
    services: Sequence[str],
    regions: Sequence[str],
) -> list[int]:
    """Return the ids of those of `living` that are meant, those named one by one first; raises Invalid."""
    _check("component", components, living, Named.is_called, "components")
    _check("service", services, living, Named.is_of, "services")
    _check("region", regions, living, Named.is_in, "regions")

    at_large = [
        one.id
        for one in living
        if (services or regions)
        and (not services or any(one.is_of(word) for word in services))
        and (not regions or any(one.is_in(word) for word in regions))
    ]
    if (services or regions) and not at_large:
        raise Invalid(
            "none of these services runs in these regions", hint="`vedette get components`"
        )
    one_by_one = [one.id for one in living if any(one.is_called(word) for word in components)]
    return list(dict.fromkeys([*one_by_one, *at_large]))


def _check(
    noun: str,
    words: Sequence[str],
    living: Sequence[Named],
    fits: Callable[[Named, str], bool],
    listed: str,
) -> None:
    unknown = [word for word in words if not any(fits(one, word) for one in living)]
    if unknown:
        named = ", ".join(ascii(word[:80]) for word in unknown[:SHOWN])
        raise Invalid(
            f"there is no {noun} {named}", hint=f"`vedette get {listed}` lists what there is"
        )


def _same(word: str, *names: str | None) -> bool:
    plain = word.strip().casefold()
    return any(name is not None and name.casefold() == plain for name in names)
