"""Do what policies decided of many components at once; call it under `writes.hold`.

Every deed takes all that were decided alike, so that a region that fails costs a few statements an
incident and not a few a component. Each changed incident is settled once a deed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.model import Draft, Impact, Incident, Kind, Origin, Said, Status
from vedette.incidents.policy_judged import Candidate, Done, Judged, names_of, title_of
from vedette.incidents.policy_rules import Consent, Deed
from vedette.incidents.reads import incidents
from vedette.incidents.rules import escalation

Q = load(__file__, "policy_deeds.sql")

BY = "automation:incidents_from_transitions"


class Deeds:
    """One round of deeds at one moment, on one connection."""

    def __init__(self, conn: Connection, candidates: Iterable[Candidate], *, now: datetime) -> None:
        self.conn = conn
        self.now = now
        self.candidates = list(candidates)
        self.done: list[Done] = []

    async def do(self, judged: Sequence[Judged]) -> list[Done]:
        """Do all of these; whoever leaves an incident leaves it before anybody enters another."""
        of: dict[Deed, list[Judged]] = defaultdict(list)
        for one in judged:
            of[one.deed].append(one)
        awaited = {one.standing.last.incident_id for one in of[Deed.REJOIN] if one.standing.last}
        await self._leave(of[Deed.LEAVE], awaited)
        moving = await self._escalate(of[Deed.ESCALATE])
        await self._resume(of[Deed.RESUME])
        await self._reopen(of[Deed.REOPEN])
        await self._rejoin(of[Deed.REJOIN])
        await self._note(of[Deed.NOTE])
        await self._open(of[Deed.OPEN], moving)
        acted = {id(done.judged) for done in self.done}
        self.done += [Done(one, one.deed, _told_in(one)) for one in judged if id(one) not in acted]
        return self.done

    async def _leave(self, judged: Sequence[Judged], awaited: Collection[int]) -> None:
        """Let who is well go; an incident that is left by all, with nobody on the way, is over."""
        groups = _grouped(judged)
        held = await self._held(groups)
        left, closed = [], []
        for number, members in (await self._members(groups)).items():
            leaving = groups[number]
            last = max(one.at for one in leaving)
            if number in awaited or members - {one.component_id for one in leaving}:
                await self._go(number, leaving)
                left.append(number)
                self.done += [Done(one, Deed.LEAVE, number) for one in leaving]
                continue
            # The last ones stay in its past: an incident of nobody would say nothing.
            await self._go(number, [one for one in leaving if one.at < last])
            if any(one.standing.policy.close is Consent.ASK for one in leaving if one.at == last):
                await self._watch(held[number], last)
                left.append(number)
            else:
                await self._close(held[number], last)
                closed.append(number)
            deed = Deed.CLOSE if number in closed else Deed.OBSERVE
            self.done += [Done(one, deed, number) for one in leaving]
        self.candidates = [each for each in self.candidates if each.incident_id not in closed]
        await self._settle(left, "leave")
        await self._settle(closed, "close")

    async def _close(self, held: Incident, at: datetime) -> None:
        end = max(at, held.starts_at)
        if held.published_at is None:
            if held.publish_at is not None and held.publish_at <= end:
                # It lasted as long as that: had we looked in time, people had read of it.
                await writes.change(self.conn, held.id, published_at=self.now)
            await Q.run(self.conn, "wait_no_longer", number=held.id)
        await writes.change(self.conn, held.id, ends_at=end, status=Status.RESOLVED)
        await self._say(held.id, Status.RESOLVED, "Our checks say that it is over.", at=end)

    async def _watch(self, held: Incident, at: datetime) -> None:
        await writes.change(self.conn, held.id, status=Status.OBSERVING)
        text = "Our checks say that it is over; we keep an eye on it."
        await self._say(held.id, Status.OBSERVING, text, at=max(at, held.starts_at))

    async def _resume(self, judged: Sequence[Judged]) -> None:
        groups = _grouped(judged)
        for number, members in groups.items():
            await writes.change(self.conn, number, status=Status.DETECTED)
            text = f"{names_of(members)}: the trouble is back."
            await self._say(number, Status.DETECTED, text, at=self.now)
            self.done += [Done(one, Deed.RESUME, number) for one in members]
        await self._settle(list(groups), "update")

    async def _escalate(self, judged: Sequence[Judged]) -> list[Judged]:
        """Make graver what all its members agree on; return those who must go to a graver one."""
        groups = _grouped(judged)
        held = await self._held(groups)
        graver, moved, moving = [], [], []
        for number, members in (await self._members(groups)).items():
            worse = groups[number]
            if members - {one.component_id for one in worse}:
                await self._go(number, worse)
                moved.append(number)
                moving += worse
                continue
            impact = max(one.impact for one in worse)
            at = max(min(one.at for one in worse), held[number].starts_at)
            await writes.weigh(self.conn, number, impact, since=at)
            await writes.change(self.conn, number, impact=impact, status=Status.DETECTED)
            text = escalation(held[number].impact, impact)
            await self._say(number, Said.IMPACT_CHANGED, text, at=at)
            graver.append(number)
            for each in self.candidates:
                if each.incident_id == number:
                    each.impact = impact
            self.done += [Done(one, Deed.ESCALATE, number) for one in worse]
        await self._retitle(graver)
        await self._settle(moved, "leave")
        await self._settle(graver, "escalate")
        return moving

    async def _reopen(self, judged: Sequence[Judged]) -> None:
        groups = _grouped(judged)
        held = await self._held(groups)
        for number, members in (await self._members(groups)).items():
            back = groups[number]
            was = held[number]
            assert was.ends_at is not None
            well = members - {one.component_id for one in back}
            await writes.leave(self.conn, number, sorted(well), at=was.ends_at)
            impact, began = max(one.impact for one in back), min(one.began for one in back)
            at = max(began, was.starts_at)
            if was.published_at is None:
                # Nobody was told of the first time: the second is waited for anew.
                waits = _publish_at(back[0], at)
                await Q.run(self.conn, "begin_anew", number=number, at=at, publish_at=waits)
                await writes.change(self.conn, number, reopen=True, status=Status.DETECTED)
            else:
                await writes.change(
                    self.conn, number, reopen=True, status=Status.DETECTED, revised_at=self.now
                )
            if impact != was.impact:
                await writes.weigh(self.conn, number, impact, since=at)
                await writes.change(self.conn, number, impact=impact)
            await writes.join(self.conn, number, [one.component_id for one in back], at=at)
            text = f"{names_of(back)}: the trouble is back."
            await self._say(number, Said.REOPENED, text, at=at)
            self.done += [Done(one, Deed.REOPEN, number) for one in back]
        await self._retitle(list(groups))
        await self._settle(list(groups), "reopen")

    async def _rejoin(self, judged: Sequence[Judged]) -> None:
        groups = _grouped(judged)
        for number, members in groups.items():
            await self._join(number, members)
            self.done += [Done(one, Deed.REJOIN, number) for one in members]
        await self._retitle(list(groups))
        await self._settle(list(groups), "join")

    async def _note(self, judged: Sequence[Judged]) -> None:
        groups = _grouped(judged)
        for number, members in groups.items():
            for state in sorted({one.state for one in members}):
                alike = [one for one in members if one.state == state]
                since = min(one.at for one in alike)
                text = f"{names_of(alike)}: {state} since {since:%H:%M:%S} UTC, our checks say."
                await self._say(number, Said.NOTE, text, at=self.now, internal=True)
            self.done += [Done(one, Deed.NOTE, number) for one in members]
        await self._settle(list(groups), "note")

    async def _open(self, judged: Sequence[Judged], moving: Sequence[Judged]) -> None:
        joining: dict[int, list[Judged]] = defaultdict(list)
        opened: list[int] = []
        for one in [*moving, *judged]:
            found = next((each for each in self.candidates if each.takes(one)), None)
            if found is None:
                found = await self._begin(one)
                opened.append(found.incident_id)
                deed = Deed.OPEN
            else:
                joining[found.incident_id].append(one)
                deed = Deed.JOIN
            found.cause |= one.cause
            deed = Deed.MOVE if one.deed is Deed.ESCALATE else deed
            waits = found.publish_at if found.published_at is None else None
            self.done.append(Done(one, deed, found.incident_id, waits))
        for number, members in joining.items():
            await self._join(number, members)
        await self._retitle(list(joining))
        await self._settle(opened, "open")
        await self._settle([number for number in joining if number not in opened], "join")

    async def _begin(self, one: Judged) -> Candidate:
        began = min(one.began, self.now)
        publish_at = _publish_at(one, began)
        # What was public stays public when it moves to a graver incident.
        is_due = one.is_public or (publish_at is not None and publish_at <= self.now)
        draft = Draft(
            kind=Kind.INCIDENT,
            title=title_of(one.label, 1, one.impact),
            impact=one.impact,
            status=Status.DETECTED,
            origin=Origin.AUTOMATION,
            system=True,
            starts_at=began,
            published_at=self.now if is_due else None,
            publish_at=None if is_due else publish_at,
            components=[one.component_id],
        )
        number = await writes.insert(self.conn, draft, by=BY, now=self.now)
        text = f"Our checks say that {draft.title}."
        await self._say(number, Status.DETECTED, text, at=began)
        found = Candidate(
            number,
            one.impact,
            began,
            goes_out=publish_at is not None,
            published_at=draft.published_at,
            publish_at=draft.publish_at,
        )
        self.candidates.append(found)
        return found

    async def _join(self, number: int, members: Sequence[Judged]) -> None:
        moments: dict[datetime, list[int]] = defaultdict(list)
        for one in members:
            moments[one.began].append(one.component_id)
        for at, ids in moments.items():
            await writes.join(self.conn, number, ids, at=at)
        text = f"{names_of(members)}: affected, too."
        await self._say(number, Said.SYSTEM, text, at=self.now)

    async def _go(self, number: int, members: Sequence[Judged]) -> None:
        moments: dict[datetime, list[int]] = defaultdict(list)
        for one in members:
            moments[one.at].append(one.component_id)
        for at, ids in moments.items():
            await writes.leave(self.conn, number, ids, at=at)
        well = [one for one in members if one.state == "up"]
        if well:
            text = f"{names_of(well)}: no longer affected."
            await self._say(number, Said.SYSTEM, text, at=self.now)

    async def _held(self, numbers: Iterable[int]) -> dict[int, Incident]:
        return {one.id: one for one in await incidents(self.conn, list(numbers))}

    async def _members(self, numbers: Iterable[int]) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {number: set() for number in numbers}
        for number, component_id in await Q.all(self.conn, "members", numbers=list(found)):
            found[number].add(component_id)
        return found

    async def _retitle(self, numbers: Sequence[int]) -> None:
        rows = await Q.all(self.conn, "titles", numbers=list(numbers)) if numbers else []
        for number, label, size, impact in rows:
            await writes.change(self.conn, number, title=title_of(label, size, Impact(impact)))

    async def _say(
        self, number: int, word: str, text: str, *, at: datetime, internal: bool = False
    ) -> None:
        await writes.say(
            self.conn, number, word, text, at=at, by=BY, now=self.now, internal=internal
        )

    async def _settle(self, numbers: Sequence[int], change: str) -> None:
        if numbers:
            await writes.settle(self.conn, numbers, change, by=BY, now=self.now)


def _publish_at(one: Judged, began: datetime) -> datetime | None:
    policy = one.standing.policy
    return began + policy.publish_after if policy.publish is Consent.AUTO else None


def _told_in(one: Judged) -> int | None:
    return one.standing.told.incident_id if one.standing.told else None


def _grouped(judged: Iterable[Judged]) -> dict[int, list[Judged]]:
    """Return them by the incident they are in, or were in last."""
    groups: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        place = one.standing.told or one.standing.last
        assert place is not None
        groups[place.incident_id].append(one)
    return groups


async def let_go(conn: Connection, *, now: datetime) -> int:
    """Tidy up drafts: let go of whom others tell of, end what nobody is left in; return how many changed."""
    yielded = sorted({row[0] for row in await Q.all(conn, "yield")})
    ended = [row[0] for row in await Q.all(conn, "end_empty")]
    for number in ended:
        await writes.say(conn, number, Status.RESOLVED, at=now, by=BY, now=now)
    remaining = [number for number in yielded if number not in ended]
    if remaining:
        await writes.settle(conn, remaining, "leave", by=BY, now=now)
    if ended:
        await writes.settle(conn, ended, "close", by=BY, now=now)
    return len(ended) + len(remaining)
