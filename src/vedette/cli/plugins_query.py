"""Questions in the words of plugins written for Dash.DB: `query(Pod).filter_by(…).distinct(Pod.name)`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from vedette.errors import Invalid

Listed = Callable[..., list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of what is asked for: of the class its name, of one that was found its value."""

    key: str

    def __get__(self, one: "Entity | None", of: type) -> Any:  # noqa: ANN401 - as the server gives it
        """Return the field itself of the class, the value of one that was found."""
        return self if one is None else one.values.get(self.key)


class Entity:
    """Something the server lists. path: where; filters: what of it the server itself can be asked for."""

    path: ClassVar[str] = ""
    filters: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, values: dict[str, Any]) -> None:
        """Hold one as the server tells of it."""
        self.values = values

    def __repr__(self) -> str:
        """Show the values."""
        return f"{type(self).__name__}({self.values!r})"


@dataclass(frozen=True)
class Query:
    """A question; asked when it is gone through. Each method returns another one."""

    entity: type[Entity]
    listed: Listed
    wanted: tuple[tuple[str, str], ...] = ()
    told_apart_by: tuple[Field, ...] = ()
    most: int | None = None

    def filter_by(self, **wanted: str) -> "Query":
        """Ask only for those with these values; raises Invalid for what cannot be asked."""
        for name in wanted:
            if name not in self.entity.filters:
                raise Invalid(
                    f"{self.entity.__name__} cannot be asked by {name!r}",
                    hint=f"by {', '.join(sorted(self.entity.filters))}",
                )
        return replace(self, wanted=(*self.wanted, *wanted.items()))

    def distinct(self, *fields: Field) -> "Query":
        """Keep one of those that agree in these fields, in their order, as a database in English sorts."""
        return replace(self, told_apart_by=fields)

    def limit(self, most: int) -> "Query":
        """Keep the first so many."""
        return replace(self, most=most)

    def all(self) -> list[Entity]:
        """Ask, and return all."""
        found = [
            self.entity(values) for values in self.listed(self.entity.path, **dict(self.wanted))
        ]
        if self.told_apart_by:
            apart = {self._key(one): one for one in reversed(found)}
            found = [apart[key] for key in sorted(apart, key=lambda key: (_letters(key), key))]
        return found[: self.most]

    def first(self) -> Entity | None:
        """Ask, and return the first or None."""
        return next(iter(self), None)

    def count(self) -> int:
        """Ask, and return how many there are."""
        return len(self.all())

    def __iter__(self) -> Iterator[Entity]:
        """Ask, and go through what is found."""
        return iter(self.all())

    def _key(self, one: Entity) -> tuple[str, ...]:
        return tuple(str(one.values.get(field.key, "")) for field in self.told_apart_by)


def _letters(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return what counts first in the order of words: letters and digits, whatever stands between them."""
    return tuple("".join(filter(str.isalnum, text)).lower() for text in key)
