"""Two servers on one database with a Redis between them: take away one part after the other, and read every answer.

Once a second a component goes down, or up again. Clients ask both servers, and turn to the other where one is gone.
No answer may be an error, and none that was asked half a second after a commit may show what was before it.

    python tests/walks/faults.py --seconds 120
"""

import argparse
import asyncio
import json
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from programs import Program, Redis, free_port, until

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests import factories as make

from vedette.db.pool import connect

COMPONENTS = 8
CLIENTS = 3
"""Of each server."""
FRESH_S = 0.5
"""So long after its commit everybody knows."""
TURN_S = 1.0
PAUSE_S = 0.01
PATIENCE_S = 10.0
BETWEEN_S = 1.6
"""Two faults."""

LINE = re.compile(r'<li class="line tone-([a-z]+)" id="service-([0-9]+)-')
LISTENERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'vedette listen'"""

NAMES = "AB"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
State = tuple[bool, ...]
"""Of each component, whether it is up."""


def of_page(body: bytes) -> State:
    """What the front page says."""
    said = {int(nth): tone == "up" for tone, nth in LINE.findall(body.decode())}
    return tuple(said[nth] for nth in range(COMPONENTS))


def of_document(body: bytes) -> State:
    """What the summary for other programs says."""
    said = {
        each["name"]: each["status"] == "operational"
        for each in json.loads(body)["components"]
        if not each["group"]
    }
    return tuple(said[f"Service {nth}"] for nth in range(COMPONENTS))


PATHS: dict[str, Callable[[bytes], State]] = {"/": of_page, "/api/v2/summary.json": of_document}


@dataclass
class Truth:
    """Every state there was, when its commit was begun and when it was done."""

    states: list[State] = field(default_factory=lambda: [(True,) * COMPONENTS])
    begun: list[float] = field(default_factory=lambda: [0.0])
    done: list[float] = field(default_factory=lambda: [0.0])

    def may_be(self, asked: float, answered: float) -> list[State]:
        """What an answer may show that was asked and given then."""
        known = max(nth for nth, at in enumerate(self.done) if at + FRESH_S <= asked)
        return [
            state
            for state, begun in zip(self.states[known:], self.begun[known:], strict=False)
            if begun <= answered
        ]

    def behind(self, shown: State, asked: float) -> float:
        """For how long it was no longer so when somebody asked, in seconds; 0: it was."""
        latest = max((nth for nth, state in enumerate(self.states) if state == shown), default=0)
        return max(0.0, asked - self.done[latest + 1]) if latest + 1 < len(self.done) else 0.0


@dataclass
class Counted:
    """What came of all questions; stale and errors: each in words."""

    answers: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    """Questions that were asked again of the other server."""
    slowest_s: float = 0.0
    slowest: str = ""
    behind_s: float = 0.0
    """The oldest past that anybody was shown, counted from the commit that ended it to the question."""
    stale: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def said(self) -> str:
        """Return it as a line."""
        heard = ", ".join(f"{count:,} from {who}" for who, count in sorted(self.answers.items()))
        return (
            f"{self.answers.total():,} answers ({heard}), {len(self.stale)} stale, {len(self.errors)} errors, "
            f"{self.moved} asked again of the other server; the oldest past shown {self.behind_s * 1000:.0f} ms, "
            f"the slowest {self.slowest_s * 1000:.0f} ms ({self.slowest})"
        )


@dataclass
class World:
    """The programs, the truth, and what clients count; `log`: what was done and when."""

    folder: Path
    dsn: str
    redis: Redis
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    servers: list[Program | None] = field(default_factory=lambda: [None, None])
    alive: list[bool] = field(default_factory=lambda: [True, True])
    truth: Truth = field(default_factory=Truth)
    counted: Counted = field(default_factory=Counted)
    components: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    ends_at: float = 0.0

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.ends_at

    def start(self, nth: int) -> None:
        self.servers[nth] = Program(
            "serve", "--seal-key-file", self.folder / "seal.key",
            "--http", f"127.0.0.1:{self.ports[nth]}", "--grpc", "127.0.0.1:0",
            "--grpc-clients", "127.0.0.1:0",
            "--cache-type", "redis", "--cache-redis-url", f"redis://127.0.0.1:{self.redis.port}/0",
            cwd=self.folder, VEDETTE_DATABASE_URL=self.dsn,
        )  # fmt: skip

    async def is_ready(self, nth: int) -> None:
        """Wait until that server answers."""
        await asyncio.to_thread(
            until, lambda: self.answers(nth), within_s=60, what="the server answers",
            seen=lambda: (self.servers[nth] or self.servers[0]).errors[-5:],  # type: ignore[union-attr]
        )  # fmt: skip

    def answers(self, nth: int) -> bool:
        try:
            return asyncio.run(get(self.ports[nth], "/readyz", []))[0] == 200
        except OSError:
            return False


async def get(port: int, path: str, held: list[Streams]) -> tuple[int, bytes]:
    """Ask for a path on the kept connection, or on a new one; raise OSError when the server is gone."""
    if held:
        try:
            return await talk(held[0], path)
        except OSError:  # it was idle for long, and the server has let go of it
            held.clear()
    held.append(await asyncio.open_connection("127.0.0.1", port))
    try:
        return await talk(held[0], path)
    except BaseException:
        held.clear()
        raise


async def talk(streams: Streams, path: str) -> tuple[int, bytes]:
    """Ask on that connection."""
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        return int(head.split()[1]), await reader.readexactly(length)
    except EOFError as error:
        raise ConnectionResetError("it has hung up") from error


async def ask(world: World, first: int) -> None:
    """Ask the one server path after path until it is over; turn to the other while it is gone."""
    held: list[list[Streams]] = [[], []]
    while not world.is_over:
        for path, read in PATHS.items():
            asked = time.monotonic()
            for server in (first, 1 - first):
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        status, body = await get(world.ports[server], path, held[server])
                except OSError as error:
                    if world.alive[server]:
                        world.counted.errors.append(f"{path} of {NAMES[server]}: {error!r}")
                    # As a balancer does. The next question tries the first again.
                    world.counted.moved += server == first
                else:
                    read_answer(world, NAMES[server], path, status, body, asked, read)
                    break
        await asyncio.sleep(PAUSE_S)


def read_answer(
    world: World,
    who: str,
    path: str,
    status: int,
    body: bytes,
    asked: float,
    read: Callable[[bytes], State],
) -> None:
    """Count an answer, and say what is wrong with it."""
    now, counted = time.monotonic(), world.counted
    counted.answers[who] += 1
    after = world.log[-1] if world.log else "nothing"
    if now - asked > counted.slowest_s:
        counted.slowest_s, counted.slowest = now - asked, f"{path} of {who}, after {after}"
    if status != 200:
        counted.errors.append(f"{path} of {who}: {status} {body[:200]!r}, after {after}")
        return
    shown = read(body)
    counted.behind_s = max(counted.behind_s, world.truth.behind(shown, asked))
    if shown not in world.truth.may_be(asked, now):
        counted.stale.append(
            f"{path} of {who}: {shown}, not {world.truth.states[-1]}, after {after}"
        )


async def turn(world: World) -> None:
    """Let one component after the other go down, then up, once a second, as the server writes it."""
    truth = world.truth
    async with await connect(world.dsn) as conn:
        for number in range(10**9):
            if world.is_over:
                return
            nth = number % COMPONENTS
            was = truth.states[-1]
            state = (*was[:nth], not was[nth], *was[nth + 1 :])
            word, at = "up" if state[nth] else "down", datetime.now(UTC)
            truth.begun.append(time.monotonic())
            truth.states.append(state)
            async with conn.transaction():
                component = world.components[nth]
                await conn.execute(
                    "UPDATE health.target_state SET (state, since) = (%s, %s)"
                    " WHERE target_id = (SELECT id FROM fleet.target WHERE component_id = %s)",
                    (word, at, component),
                )
                await make.make_component_state(conn, component, word, since=at)
                changed = await make.make_transition(conn, word, at=at, component_id=component)
                await conn.execute("SELECT pg_notify('vedette_transition', %s)", (str(changed),))
            truth.done.append(time.monotonic())
            await asyncio.sleep(TURN_S)


async def redis_ends(world: World) -> None:
    """Redis is stopped."""
    await asyncio.to_thread(world.redis.stop)


async def redis_comes(world: World) -> None:
    """Redis is started again, empty."""
    await asyncio.to_thread(world.redis.start)


async def redis_hangs(world: World) -> None:
    """Redis takes questions for a second and answers none."""
    assert world.redis.process
    world.redis.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1)
    world.redis.process.send_signal(signal.SIGCONT)


async def listeners_end(world: World) -> None:
    """Every LISTEN connection of both servers is cut by PostgreSQL."""
    async with await connect(world.dsn) as conn:
        cut = await (await conn.execute(LISTENERS)).fetchone()
    assert cut and cut[0] >= 2, "there was nobody who listened"


async def server_ends(world: World) -> None:
    """kill -9 of one of the two servers."""
    killed = world.servers[1]
    assert killed
    world.alive[1] = False
    await asyncio.to_thread(killed.kill)
    world.servers[1] = None


async def server_comes(world: World) -> None:
    """The killed server is started again."""
    world.start(1)
    await world.is_ready(1)
    world.alive[1] = True


Fault = Callable[[World], Awaitable[None]]
SHORT: tuple[Fault, ...] = (redis_ends, redis_comes, listeners_end, server_ends)
LONG: tuple[Fault, ...] = (
    redis_ends, redis_comes, redis_hangs, listeners_end, server_ends, redis_ends, listeners_end,
    redis_comes, server_comes, listeners_end,
)  # fmt: skip


async def break_things(world: World, faults: tuple[Fault, ...], *, again: bool) -> None:
    """Do one after the other; `again`: over and over until it is over."""
    while not world.is_over:
        for fault in faults:
            await asyncio.sleep(BETWEEN_S)
            if world.is_over:
                break
            world.log.append(fault.__name__)
            await fault(world)
        if not again:
            return


@asynccontextmanager
async def standing(folder: Path, dsn: str) -> AsyncIterator[World]:
    """Two servers that answer, of a database with some components that are up."""
    redis = Redis(folder)
    redis.start()
    world = World(folder, dsn, redis)
    try:
        world.start(0)
        async with await connect(dsn) as conn:
            for nth in range(COMPONENTS):
                now = datetime.now(UTC)
                component = await make.make_component(conn, f"Service {nth}", state="up", since=now)
                # Without one it would be unknown.
                await make.make_target(
                    conn, f"target-{nth}", component_id=component, state="up", since=now
                )
                world.components.append(component)
        # The first makes the seal key, which both need.
        until((folder / "seal.key").exists, within_s=60, what="the seal key is made")
        world.start(1)
        await asyncio.gather(world.is_ready(0), world.is_ready(1))
        yield world
    finally:
        for server in world.servers:
            if server is not None:
                server.kill()
        if redis.process is not None:
            redis.process.send_signal(signal.SIGCONT)
        redis.stop()


async def run(
    folder: Path, dsn: str, *, seconds: float, faults: tuple[Fault, ...] = LONG
) -> tuple[Counted, str]:
    """Break one thing after the other for so long; return what was counted, and a line."""
    async with standing(folder, dsn) as world:
        world.ends_at = time.monotonic() + seconds
        await asyncio.gather(
            turn(world),
            break_things(world, faults, again=faults is LONG),
            *(ask(world, nth % 2) for nth in range(2 * CLIENTS)),
        )
        done = Counter(world.log)
        turns = len(world.truth.states) - 1
        return world.counted, f"{turns} turns, {dict(done)}: {world.counted.said()}"


async def main() -> int:
    from vedette.db import testing
    from vedette.db.embedded import embedded

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-faults-") as folder:
        async with embedded(Path(folder, "pg")) as running:
            admin = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            roles = ("vedette_owner", "vedette_app", "vedette_grafana")
            await testing.make_template(admin, {role: words[role] for role in roles})
            name = await testing.clone(admin)
            dsn = testing.dsn_for(admin, dbname=name)
            counted, said = await run(Path(folder), dsn, seconds=options.seconds)
    print(said)
    for wrong in [*counted.errors[:5], *counted.stale[:5]]:
        print(wrong)
    return 1 if counted.errors or counted.stale else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
