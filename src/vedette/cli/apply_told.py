"""What is said of what an `apply` changed: a line for each new thing, a summary where there are many."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from vedette.cli.output import Listing, plain, show

LINES = 200
"""So many new things are named one by one without `--verbose`; what is called the same, once."""
CREATED = Listing("new things", ("what", "name"), "name")

Answer = Mapping[str, Any]


def tell(answers: Sequence[Answer], output: str, *, verbose: bool) -> None:
    """Print what was changed, in all answers together."""
    if output == "table":
        _tell_lines(answers, verbose=verbose)
    elif output in ("json", "yaml"):
        _tell_whole(answers, output)
    else:
        rows = [{"what": what, "name": name} for what, name in _created(answers)]
        show(rows, CREATED, output)


def _tell_whole(answers: Sequence[Answer], output: str) -> None:
    whole: Any = answers[0] if len(answers) == 1 else list(answers)
    if output == "json":
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    else:
        import yaml

        sys.stdout.write(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))


def _tell_lines(answers: Sequence[Answer], *, verbose: bool) -> None:
    created, totals = _created(answers), _totals(answers)
    shown = created if verbose else created[:LINES]
    lines = dict.fromkeys(f"{plain(what)} {plain(name)} created\n" for what, name in shown)
    sys.stdout.write("token created\n" * len(answers))
    sys.stdout.writelines(lines)
    left = dict(totals)
    for what, _ in shown:
        left[what] = left.get(what, 0) - 1
    more = ", ".join(f"{number} {what}" for what, number in left.items() if number > 0)
    if more:
        sys.stdout.write(f"… and also created: {more}\n")
        if not verbose:
            sys.stderr.write(f"the first {LINES} are named; --verbose names up to a thousand\n")
    sys.stderr.write(_summary(answers))


def _summary(answers: Sequence[Answer]) -> str:
    said = [
        f"{number} {word}"
        for word in ("opened", "closed", "changed", "unchanged", "older")
        if (number := sum(int(answer.get(word) or 0) for answer in answers))
    ]
    notes = dict.fromkeys(str(answer["note"]) for answer in answers if answer.get("note"))
    return "".join(
        (f"{', '.join(said) or 'nothing changed'}\n", *(f"{plain(note)}\n" for note in notes))
    )


def _created(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    return [(what, name) for answer in answers for what, name in answer.get("created", ())]


def _totals(answers: Sequence[Answer]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for answer in answers:
        for what, number in (answer.get("totals") or {}).items():
            totals[what] = totals.get(what, 0) + number
    return totals
