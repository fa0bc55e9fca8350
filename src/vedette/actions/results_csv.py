"""Answers as lines of a table: one an agent, what was found as JSON in the last cell."""

import msgspec

from vedette.actions.reads import ResultRow

HEADINGS = (
    "command",
    "agent",
    "agent_key",
    "outcome",
    "reason",
    "message",
    "found",
    "truncated",
    "took_s",
    "stored_at",
    "elements",
)


def result_cells(row: ResultRow) -> tuple[object, ...]:
    """Return the cells of an answer; elements: a list, one entry an operation."""
    return (
        row.id,
        row.agent,
        f"sha256:{row.agent_key}",
        row.outcome,
        row.reason,
        row.message,
        row.found,
        row.truncated,
        row.took_s,
        row.stored_at.isoformat(),
        _elements(row.answer),
    )


def _elements(answer: str) -> str:
    results = msgspec.json.decode(answer).get("results") or []
    found = [one.get("elements") if isinstance(one, dict) else one for one in results]
    return msgspec.json.encode(found).decode()
