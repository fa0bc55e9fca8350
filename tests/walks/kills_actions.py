"""Kill agents, the server and PostgreSQL between any two steps of signed actions: none runs twice, none is lost.

Every action is for one host and runs a module of ours that leaves a mark on the disk, so the truth is known: an
action that is answered `success` left one mark, one that is `lost` (its agent was killed while it ran) left one
or none, and every one is answered.

    PYTHONPATH=.:tests python tests/walks/kills_actions.py --kills 100 [--seed 7]
"""

import argparse
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from acting import Acting
from programs import until

from actions_world import bundle, signed_by
from vedette import clock
from vedette.actions.document import Action, Operation
from vedette.actions.document_write import sealed
from vedette.errors import VedetteError

AGENTS = ("one", "two")


@contextmanager
def world(folder: Path) -> Iterator[Acting]:
    """A server and two agents that obey Ada and Bob together."""
    made = Acting(folder)
    made.start_server()
    try:
        made.await_server()
        now = datetime.now(UTC).replace(microsecond=0)
        made.push(bundle(made_at=now - timedelta(hours=1), expires_at=now + timedelta(days=1)))
        made.enrol(*AGENTS)
        yield made
    finally:
        made.end()


def marking(folder: Path, name: str, agent: str) -> bytes:
    """An action for one agent that leaves its name in a file, and takes a moment."""
    code = (
        "import os, time\n"
        f"file = os.open({str(folder / 'marks')!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        f"os.write(file, b'{name}\\n')\n"
        "time.sleep(0.2)\n"
    )
    now = clock.now().replace(microsecond=0)
    draft = Action(
        syntax_version=3,
        name=name,
        target=f"name = '{agent}'",
        operations=(Operation("rogue-write", {"code": code}),),
        valid_from=now - timedelta(minutes=1),
        expire_after=now + timedelta(hours=1),
    )
    return signed_by(sealed(draft, nonce=secrets.token_hex(16)), "ada", "bob")


def hand_in(made: Acting, document: bytes) -> None:
    """Hand it in until the server has it, as a client does whose server is away; the same one is one action."""

    def is_taken() -> bool:
        with suppress(VedetteError, OSError):
            return made.send(document) > 0
        return False

    until(is_taken, within_s=120, what="the server takes an action", seen=lambda: last(made))


def last(made: Acting) -> list[str]:
    assert made.server
    return made.server.errors[-8:]


def run(folder: Path, kills: list[str], *, seed: int, within_s: float = 0) -> str:
    """Hand in an action for each agent before each kill; return one line, or raise AssertionError.

    within_s: after so long no more is killed; 0 for no end.
    """
    chance = random.Random(seed)
    ends = within_s and time.monotonic() + within_s
    with world(folder) as made:
        for number, what in enumerate(kills, start=1):
            if ends and time.monotonic() > ends:
                kills = kills[: number - 1]
                break
            for agent in AGENTS:
                hand_in(made, marking(folder, f"{number}-{agent}", agent))
            time.sleep(chance.uniform(0, 1.2))  # anywhere between two steps
            made.kill(chance.choice(AGENTS) if what == "agent" else what)
            print(f"\r{number} of {len(kills)} kills", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        until(
            lambda: len(outcomes(made)) == len(kills) * len(AGENTS),
            within_s=180,
            what="every command is answered",
            seen=lambda: (outcomes(made), last(made)),
        )
        return verify(made, kills)


def outcomes(made: Acting) -> list[tuple[str, str]]:
    """Return the action's name and the outcome of each command that is answered; none while the database is away."""
    try:
        return made.rows(  # type: ignore[return-value]
            "SELECT a.name, c.outcome FROM actions.command AS c JOIN actions.action AS a ON a.id = c.action_id"
            " JOIN actions.result AS r ON r.command_id = c.id"
        )
    except psycopg.Error:
        return []


def verify(made: Acting, kills: list[str]) -> str:
    """Compare what was answered with the marks."""
    answered = dict(outcomes(made))
    marks = Counter((made.folder / "marks").read_text().split())
    assert len(answered) == len(kills) * len(AGENTS)
    assert set(marks) <= set(answered)
    for name, how in answered.items():
        assert how in ("success", "lost"), f"action {name}: {how}"
        assert marks[name] <= 1, f"action {name} ran {marks[name]} times"
        assert marks[name] == 1 or how == "lost", f"action {name}: {how}, and it did not run"
    return (
        f"{len(kills)} kills ({dict(Counter(kills))}): {len(answered)} actions,"
        f" {dict(Counter(answered.values()))}; {marks.total()} ran, none twice, none unanswered"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0, help="then no more; 0: no end")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    order = [chance.choice(["agent", "server", "postgres"]) for _ in range(options.kills)]
    with tempfile.TemporaryDirectory(prefix="vedette-soak-") as folder:
        print(run(Path(folder), order, seed=options.seed, within_s=options.seconds))


if __name__ == "__main__":
    main()
