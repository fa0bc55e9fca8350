"""`vedette act follow`: answers as they come, until nobody is left who may answer."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.cli.act_answer import told
from vedette.cli.client import Client
from vedette.cli.output import plain
from vedette.cli.spans import span
from vedette.cli.where import Asking

HERE = Asking()
OPEN = ("held", "waiting", "running", "silent", "offline", "quarantined", "unheard")
"""How commands stand that may still be answered."""
ANSWERED = ("success", "failed", "refused", "timeout", "lost")
PAGE = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0

EXIT_FAILED, EXIT_UNANSWERED, EXIT_REFUSED, EXIT_INVALID = 3, 4, 5, 7

Output = Annotated[
    Literal["text", "jsonl"],
    Parameter(name=["--output", "-o"], help="A line an answer, in words or as JSON."),
]


def follow(
    action: int,
    /,
    *,
    within: str | None = None,
    output: Output = "text",
    asking: Asking = HERE,
) -> int:
    """Show answers as they come, until no agent is left that may answer; then a summary.

    Ends with 0 when all answered well, 3 when one failed, was too slow or was lost, 5 when one
    refused, 4 when one did not answer, 7 when the action was denied or never launched.

    Parameters
    ----------
    action
        Its number.
    within
        Give up waiting after so long, as in 5m; default when the action expires.
    """
    with Client(asking) as client:
        return followed(client, action, output=output, within=span(within) if within else None)


def followed(
    client: Client, action_id: int, *, output: str, within: timedelta | None = None
) -> int:
    """Show the action's answers as they come; return the exit code that says how it went."""
    answers = Answers(client, action_id)
    ends = time.monotonic() + within.total_seconds() if within else None
    line = Line()
    pause_s, held = FIRST_PAUSE_S, ""
    try:
        while True:
            action = client.get(f"/api/v1/actions/{action_id}")
            for result in answers.fresh():
                line.wipe()
                _print(result, output)
                pause_s = FIRST_PAUSE_S
            if held != (held := held_back(action)) and held:
                line.wipe()
                sys.stderr.write(f"vedette: action {action_id}: {held}\n")
            line.say(standing_of(action))
            if is_over(action) or (ends is not None and time.monotonic() >= ends):
                break
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
    except KeyboardInterrupt:
        line.wipe()
        sys.stderr.write(
            f"vedette: the action goes on: vedette act follow {action_id}, or act cancel {action_id}\n"
        )
        raise
    for result in answers.missed(action):
        line.wipe()
        _print(result, output)
    line.wipe()
    sys.stderr.write(f"vedette: action {action_id}: {standing_of(action)}\n")
    return exit_code(action)


class Answers:
    """The answers to an action, each given out once."""

    def __init__(self, client: Client, action_id: int) -> None:
        self._client = client
        self._first = f"/api/v1/actions/{action_id}/results?limit={PAGE}"
        self._next = self._first
        self._seen: set[int] = set()

    def fresh(self) -> Iterator[dict[str, Any]]:
        """Yield what came since the last call."""
        while True:
            page, following = self._client.page(self._next)
            for result in page:
                if result["id"] not in self._seen:
                    self._seen.add(result["id"])
                    yield result
            if not page or following is None:
                return
            self._next = following

    def missed(self, action: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what the place to go on from has passed: two servers store at the same moment."""
        if len(self._seen) < sum(action["commands"].get(word, 0) for word in ANSWERED):
            self._next = self._first
            yield from self.fresh()


class Line:
    """A line at a terminal that is written over; nothing elsewhere."""

    def __init__(self) -> None:
        self._is_shown = False
        self._is_live = sys.stderr.isatty()

    def say(self, words: str) -> None:
        """Show these words instead of the last ones."""
        if self._is_live:
            sys.stderr.write(f"\r\x1b[K{words}")
            sys.stderr.flush()
            self._is_shown = True

    def wipe(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False


def is_over(action: Mapping[str, Any]) -> bool:
    """Whether nobody is left who may answer."""
    if action["state"] in {"proposed", "new"}:
        return False
    return not any(action["commands"].get(word) for word in OPEN)


def standing_of(action: Mapping[str, Any]) -> str:
    """Return in a line how the action stands."""
    if action["state"] in {"proposed", "new"}:
        missing = "; ".join(map(plain, action["missing"]))
        return f"waits: {missing}" if missing else f"counts from {action['valid_from']}"
    if action["state"] == "invalid":
        return f"it is over: {plain(action['why_invalid'])}"
    counts = action["commands"]
    total = sum(counts.values())
    if not total:
        return "no agent is meant yet" if action["state"] == "inflight" else "no agent was meant"
    parts = [f"{counts[word]} {word}" for word in (*ANSWERED, *OPEN) if counts.get(word)]
    parts += [f"{number} {word}" for word, number in counts.items() if word not in _TOLD]
    held = held_back(action)
    return f"{', '.join(parts)} of {total}" + (held and f"; {held}")


def held_back(action: Mapping[str, Any]) -> str:
    """Return why agents are not asked until somebody says so, and how; "" when nobody is held back."""
    if action["state"] != "inflight":
        return ""
    if action["paused"]:
        return f"paused: {plain(action['paused'])} (vedette act resume {action['id']})"
    waits = action["canary"] is not None and action["canary_passed_at"] is None
    if waits and action["commands"].get("held"):
        return f"the others are asked after: vedette act canary {action['id']}"
    return ""


_TOLD = {*ANSWERED, *OPEN}


def exit_code(action: Mapping[str, Any]) -> int:
    """Return the exit code that says how it went; the worst of it counts."""
    counts = action["commands"]
    if action["state"] == "invalid":
        return EXIT_INVALID
    if any(counts.get(word) for word in ("failed", "timeout", "lost")):
        return EXIT_FAILED
    if counts.get("refused"):
        return EXIT_REFUSED
    return 0 if set(counts) == {"success"} else EXIT_UNANSWERED


def _print(result: Mapping[str, Any], output: str) -> None:
    if output == "jsonl":
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{plain(result['agent'])}  {result['outcome']}  {told(result)}\n")
    sys.stdout.flush()
