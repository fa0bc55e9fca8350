"""Signed actions on their host: taken in the order they come, two run at once, each answered until told.

Only numbers of the journal's lines wait in memory. What verifies and runs actions is imported once this
host holds a trust bundle: before, every action is refused, and most agents hold none.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from vedette.agent.host import HostRules
from vedette.agent.identity import IdentityFiles
from vedette.agent.journal import Journal
from vedette.agent.trusted import Trusted
from vedette.errors import Unavailable, VedetteError
from vedette.link.acts import Act, Answered
from vedette.link.claims import Claims

if TYPE_CHECKING:
    from vedette.agent.act_answer import Outcome
    from vedette.agent.act_steps import Begun, Steps
    from vedette.agent.carry import Carrier
    from vedette.agent.operation import Ran

log = structlog.get_logger(__name__)

AT_ONCE = 2
GRACE_S = 3.0
"""What runs when the agent is stopped may come to its end within so long."""
MOST_UNWRITTEN = 1_000
"""Answers the journal cannot take, which are held in memory; the oldest make room."""
_LARGEST_ID = (1 << 63) - 1


@dataclass(slots=True)
class _Run:
    """An action whose turn has come.

    work: its operations, while they run; `ran`: those that are over. cancelled: nobody wants it any
    more. ended: it was ended by us, perhaps before it ran.
    """

    task: asyncio.Task[None] | None = None
    work: "asyncio.Task[None] | None" = None
    ran: "list[Ran]" = field(default_factory=list)
    cancelled: bool = False
    ended: bool = False

    def end(self) -> None:
        """End what runs of it."""
        self.ended = True
        if self.work is not None:
            self.work.cancel()


@dataclass(slots=True, kw_only=True)
class Acting:
    """Runs signed actions within what the host's owner lets them.

    claims: what the agent says of itself now. say: has a command's answer said on the stream there
    is. trust_changed: called with the version of a trust bundle that was accepted. run: actions begun.
    carrier: carries out what modules order.
    """

    journal: Journal
    trusted: Trusted
    rules: HostRules
    identity: IdentityFiles
    claims: Callable[[], Claims]
    clock: Callable[[], datetime]
    say: Callable[[int], None]
    trust_changed: Callable[[int], None] = lambda _version: None
    carrier: "Carrier | None" = None
    run: int = 0
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)
    _runs: dict[int, _Run] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _preparing: set[asyncio.Task[None]] = field(default_factory=set)
    _unwritten: dict[int, Answered] = field(default_factory=dict)
    _made: "Steps | None" = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)
    _stopping: bool = False

    async def start(self) -> None:
        """Take up what an earlier process left: what it had begun is lost, what it had not is done."""
        if self.trusted.version:
            self._prepare_soon()
        if not self.journal.exists:
            return
        try:
            await asyncio.to_thread(self.journal.purge, now=self.clock())
            for left in await asyncio.to_thread(self.journal.unended):
                if left.begun:
                    await asyncio.to_thread((await self._steps()).lose, left)
                else:
                    self._waiting.append((left.number, left.command))
        except Unavailable as fault:
            log.warning("the journal cannot be used: no action is run", why=str(fault))
        self._pump()

    async def stop(self) -> None:
        """Let what runs come to its end for a little, end it then and answer so; what waits is done later."""
        self._stopping = True
        self._waiting.clear()
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for run in self._runs.values():
            run.end()
        await asyncio.gather(*tasks, *self._tasks, *self._preparing, return_exceptions=True)
        self.journal.close()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many run now."""
        return len(self._runs)

    @property
    def refused(self) -> int:
        """How many were refused since the start."""
        return self._made.refused if self._made else 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits, runs, or is being taken."""
        return not (self._waiting or self._runs or self._tasks)

    async def act(self, act: Act) -> None:
        """Take an action, refuse it, or say again what was answered; returns when it is written down."""
        if act.id > _LARGEST_ID:
            log.warning("a command's number is out of bounds", command=act.id)
            return
        await self._whole(self._cancel(act.id) if act.cancelled else self._take(act))

    async def told(self, commands: Sequence[int]) -> None:
        """Forget answers that the server has."""
        for command in commands:
            self._unwritten.pop(command, None)
        if self.journal.exists:
            await self._whole(asyncio.to_thread(self.journal.told, commands))

    async def trust(self, signed: bytes) -> None:
        """Take a trust bundle, if the roots pinned here signed it."""
        await self._whole(self._trust(signed))

    async def untold(self) -> Sequence[int]:
        """Return the commands whose answers the server may not have."""
        kept: Sequence[int] = ()
        if self.journal.exists:
            with suppress(Unavailable):
                kept = await asyncio.to_thread(self.journal.untold)
        return (*kept, *self._unwritten)

    async def answer(self, command: int) -> Answered | None:
        """Return a command's answer, None when it is kept no longer."""
        if command in self._unwritten:
            return self._unwritten[command]
        found = None
        if self.journal.exists:
            with suppress(Unavailable):
                found = await asyncio.to_thread(self.journal.answer, command)
        return None if found is None else Answered(id=command, answer=found[0], signature=found[1])

    async def _whole(self, step: Coroutine[None, None, None]) -> None:
        """Go to the step's end even if the stream breaks meanwhile."""
        task = asyncio.create_task(self._careful(step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _careful(self, step: Coroutine[None, None, None]) -> None:
        try:
            await step
        except Unavailable as fault:
            # The stream lives on: its reports have nothing to do with a full or broken disk.
            log.warning("an action cannot be taken", why=str(fault))
        except Exception:
            log.exception("an action could not be taken")  # nor with a bug that somebody has found

    def _prepare_soon(self) -> None:
        """Have what judges and runs an action at hand before somebody waits for it, as soon as one can come."""
        if self.claims().mode == "checkin":
            return  # it leaves again: whoever has nothing to do imports nothing
        task = asyncio.create_task(self._careful(self._prepare()), name="prepare for actions")
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _prepare(self) -> None:
        steps = await self._steps()
        await asyncio.to_thread(_prepare, steps)

    async def _steps(self) -> "Steps":
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made

    def _make(self) -> "Steps":
        from vedette.agent.act_steps import Steps

        return Steps(
            self.journal,
            self.trusted,
            self.identity,
            rules=self.rules,
            claims=self.claims(),
            clock=self.clock,
            unwritten=self._keep_unwritten,
        )

    def _keep_unwritten(self, answered: Answered) -> None:
        self._unwritten[answered.id] = answered
        while len(self._unwritten) > MOST_UNWRITTEN:
            del self._unwritten[next(iter(self._unwritten))]

    async def _take(self, act: Act) -> None:
        number = await asyncio.to_thread((await self._steps()).receive, act)
        if number is None:
            self.say(act.id)
        else:
            self._waiting.append((number, act.id))
            self._pump()

    async def _cancel(self, command: int) -> None:
        steps = await self._steps()
        for number in await asyncio.to_thread(steps.cancel, command):
            run = self._runs.get(number)
            if run is not None:
                run.cancelled = True
                run.end()
            elif (number, command) in self._waiting:
                self._waiting.remove((number, command))
                await asyncio.to_thread(steps.end_waiting, number, command)
        self.say(command)

    async def _trust(self, signed: bytes) -> None:
        try:
            if await asyncio.to_thread(self.trusted.take, signed, now=self.clock()):
                log.info("a trust bundle was accepted", version=self.trusted.version)
                self.trust_changed(self.trusted.version)
                self._prepare_soon()
        except VedetteError as refused:
            log.warning("a trust bundle was refused", why=str(refused))

    def _pump(self) -> None:
        """Begin what waits, in the order it came, as far as there is room."""
        while self._waiting and len(self._runs) < AT_ONCE:
            number, command = self._waiting.popleft()
            run = self._runs[number] = _Run()
            run.task = asyncio.create_task(
                self._run(number, command, run), name=f"action {command}"
            )

    async def _run(self, number: int, command: int, run: _Run) -> None:
        steps = await self._steps()
        try:
            if self._stopping:
                return
            begun = await asyncio.to_thread(steps.begin, number, command)
            if begun is not None:
                outcome = await self._outcome(begun, run)
                await asyncio.to_thread(steps.end, number, command, begun.digest, outcome)
            self.say(command)
        except Unavailable as fault:
            log.warning("an action cannot be written down, and is not run", why=str(fault))
        except Exception:
            log.exception("an action could not be run", command=command)
        finally:
            del self._runs[number]
            self._pump()

    async def _outcome(self, begun: "Begun", run: _Run) -> "Outcome":
        from vedette.agent.act_answer import failed, interrupted, outcome_of
        from vedette.agent.act_run import run_operations
        from vedette.agent.act_steps import cancelled

        self.run += 1
        began, operations = time.monotonic(), len(begun.operations)
        working = run_operations(begun, self.rules, self.clock, self.carrier, ran=run.ran)
        run.work = asyncio.create_task(working)
        if run.ended:
            run.end()
        try:
            await run.work
        except asyncio.CancelledError:
            if run.cancelled:
                return cancelled(begun.action.modules)
            return interrupted(run.ran, operations, _ms_since(began))
        except Exception as fault:
            log.exception("an action failed by a fault of ours", command=begun.command)
            return failed(f"a fault of the agent: {type(fault).__name__}", operations)
        return outcome_of(run.ran, operations, _ms_since(began))


def _ms_since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _prepare(steps: "Steps") -> None:
    """Import what runs an operation, and have the bundle read."""
    import vedette.agent.act_run  # noqa: F401 - to have it

    steps.prepare()
