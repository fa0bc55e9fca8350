"""When which target is looked at: one task a target, its own phase, never two looks at once.

The phase of a target is fixed by its name and the agent's, so that restarts and reloads do not make
all targets due at the same moment, and a little jitter keeps agents of a fleet apart.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

import structlog

from vedette.agent.watch import Host, Watch
from vedette.link.client import Assignment
from vedette.link.encode import Looked

log = structlog.get_logger(__name__)

FIRST_LOOK_WITHIN_S = 1.0
"""A new target is looked at soon, whatever its period: someone is waiting to see it."""
LEAST_EVERY_S = 1.0
"""No server has a target looked at more often: an agent is no hammer."""
JITTER = 0.02
"""Part of the period by which each look may come later."""
_RANDOM = random.SystemRandom()


def phase_of(target: str, agent: str) -> float:
    """Return where in its period a target is due, from 0 up to 1."""
    digest = hashlib.blake2b(f"{target}\0{agent}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def next_beat(now_s: float, every_s: float, phase: float) -> float:
    """Return the first instant after now that is due; beats missed in between are not made up."""
    beats = (now_s - phase * every_s) // every_s + 1
    return beats * every_s + phase * every_s


class Schedule:
    """The targets of this agent, each looked at in its own time; `deliver` gets what was seen."""

    def __init__(self, agent: str, host: Host, deliver: Callable[[Looked], None]) -> None:
        self._agent = agent
        self._host = host
        self._deliver = deliver
        self._running: dict[str, tuple[Assignment, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.looks = 0

    def __len__(self) -> int:
        return len(self._running)

    def apply(self, assignments: Iterable[Assignment]) -> None:
        """Go over to these targets; those that did not change miss no beat."""
        wanted = {assignment.name: assignment for assignment in assignments}
        for name, (assignment, task) in list(self._running.items()):
            if wanted.get(name) != assignment:
                del self._running[name]
                self._end(task)
        started = [name for name in wanted if name not in self._running]
        for name in started:
            task = asyncio.create_task(self._keep_looking(wanted[name]), name=f"watch {name}")
            self._running[name] = (wanted[name], task)
        log.info("configuration applied", targets=len(wanted), changed=len(started))

    def assignment(self, target_id: int) -> Assignment | None:
        """Return the assignment of that target; None when it is not ours."""
        for assignment, _ in self._running.values():
            if assignment.target_id == target_id:
                return assignment
        return None

    def target_called(self, name: str) -> int | None:
        """Return the id of the target of that name; None when it is not ours."""
        running = self._running.get(name)
        return running[0].target_id if running else None

    async def stop(self) -> None:
        """End every watch and wait until all have let go."""
        for _, task in self._running.values():
            self._end(task)
        self._running.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    def _end(self, task: "asyncio.Task[None]") -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _keep_looking(self, assignment: Assignment) -> None:
        loop = asyncio.get_running_loop()
        watch = Watch(assignment, self._host)
        every_s = max(assignment.every / timedelta(seconds=1), LEAST_EVERY_S)
        phase = phase_of(assignment.name, self._agent)
        due = loop.time() + phase * min(every_s, FIRST_LOOK_WITHIN_S)
        try:
            while True:
                await asyncio.sleep(due - loop.time())
                began = loop.time()
                seen = await watch.look()
                self.looks += 1
                self._deliver(seen)
                # Half a period at least: the first look does not wait for its beat.
                due = next_beat(max(loop.time(), began + every_s / 2), every_s, phase)
                due += _RANDOM.uniform(0, JITTER * every_s)
        finally:
            with suppress(Exception):
                await watch.close()
