"""The list of targets: which of them are asked for, a page at a time. For operators only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from vedette.errors import Invalid
from vedette.web import reads
from vedette.web.looks import BY_WORD, Look, look_of
from vedette.web.paging import Part, last_page, page_of, part
from vedette.web.words import Moment, moment

TEXT_LENGTH = 200
"""No declared name is longer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which targets; "" asks for all. words: a part of the name, of the component or of the reason."""

    state: str = ""
    cluster: str = ""
    connector: str = ""
    words: str = ""
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for less than everything."""
        return bool(self.state or self.cluster or self.connector or self.words)

    def link(self, *, state: str | None = None, page: int = 1) -> str:
        """Return the address that asks the same, of another state or further on in the list."""
        asked = replace(self, state=self.state if state is None else state, page=page)
        said = {name: value for name, value in asdict(asked).items() if value not in ("", 1)}
        return "?" + urlencode(said) if said else "/targets"


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what a query string asks for; raises Invalid for what can never be answered."""
    texts = {name: query.get(name, "").strip() for name in ("cluster", "connector", "words")}
    for name, text in texts.items():
        if len(text) > TEXT_LENGTH or "\0" in text:
            raise Invalid(f"{name} is not a text of at most {TEXT_LENGTH} characters")
    state = query.get("state", "")
    if state and state not in BY_WORD:
        raise Invalid(f"state cannot be {state[:40]!r}", hint=f"one of {', '.join(BY_WORD)}")
    return Asked(state=state, page=page_of(query), **texts)


class StateLink(NamedTuple):
    """A way to the targets of one state; `look` None to those of all."""

    look: Look | None
    number: int
    href: str
    is_current: bool


class TargetRow(NamedTuple):
    """One line of the list."""

    target: reads.TargetLine
    look: Look
    since: Moment | None


@dataclass(frozen=True, slots=True)
class TargetList:
    """The whole page; `total` is how many targets there are at all."""

    asked: Asked
    rows: list[TargetRow]
    states: list[StateLink]
    clusters: list[str]
    connectors: list[str]
    total: int
    part: Part
    updated: Moment


def at_most(asked: Asked, tally: Sequence[reads.Tally]) -> Asked:
    """Return the same, its page no further than the list goes: it may have become shorter."""
    return replace(asked, page=min(asked.page, last_page(_found(asked, tally))))


def target_list(
    asked: Asked,
    tally: Sequence[reads.Tally],
    rows: Sequence[reads.TargetLine],
    *,
    now: datetime,
) -> TargetList:
    """Return the page of these rows, which are page `asked.page` of what was asked for."""
    return TargetList(
        asked=asked,
        rows=[
            TargetRow(row, look_of(row.state), moment(row.since, now) if row.since else None)
            for row in rows
        ],
        states=_states(asked, tally),
        clusters=_words(tally, "cluster"),
        connectors=_words(tally, "connector"),
        total=sum(each.number for each in tally if each.kind == "connector"),
        part=part(asked.page, _found(asked, tally), lambda page: asked.link(page=page)),
        updated=moment(now, now),
    )


def _states(asked: Asked, tally: Sequence[reads.Tally]) -> list[StateLink]:
    """Return the states there are, the gravest first, and all of them before."""
    numbers = {each.word: each.number for each in tally if each.kind == "state" and each.number}
    every = StateLink(None, sum(numbers.values()), asked.link(state=""), not asked.state)
    return [
        every,
        *(
            StateLink(look, numbers.get(word, 0), asked.link(state=word), asked.state == word)
            for word, (_, look) in sorted(BY_WORD.items(), key=lambda item: -item[1][0])
            if numbers.get(word) or asked.state == word
        ),
    ]


def _words(tally: Sequence[reads.Tally], kind: str) -> list[str]:
    return [each.word for each in tally if each.kind == kind and each.word]


def _found(asked: Asked, tally: Sequence[reads.Tally]) -> int:
    return sum(
        each.number
        for each in tally
        if each.kind == "state" and (not asked.state or each.word == asked.state)
    )
