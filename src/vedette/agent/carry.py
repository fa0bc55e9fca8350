"""Carrying out what a module orders, in the agent itself and under the host's rules.

Which modules may order stands here; of any other, an answer is only an answer. An order is read as
strictly as if a stranger had written it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vedette.actions.model import ROWS, SIZE_BYTES, Column
from vedette.agent.modules import Result
from vedette.agent.modules.command import CommandParameters
from vedette.agent.modules.host_files import MASKED
from vedette.agent.modules.ordering import NOT_DONE
from vedette.agent.modules.persistent import Query
from vedette.agent.obey import Obedience
from vedette.agent.obey_rows import Rows
from vedette.agent.persist import Persisting
from vedette.agent.retire import retire
from vedette.agent.running import Order as Retirement
from vedette.link.orders import Order, Said

_ORDERING = frozenset(["agentdestroy", "audit", "command", "dispatch", "fswatch"])
"""Built-in modules whose answer is an order; those of others order only as they keep running."""


class Carrier:
    """Carries out orders.

    target_called: a target's id by its name. persisting: the modules that keep running here.
    retires: whether the host's owner lets agents be retired.
    """

    def __init__(
        self,
        obedience: Obedience,
        target_called: Callable[[str], int | None],
        persisting: Persisting | None = None,
        *,
        retires: bool = True,
    ) -> None:
        self._obedience = obedience
        self._target_called = target_called
        self._persisting = persisting or Persisting({}, Path())
        self._retires = retires

    async def out(
        self, module: str, answer: bytes, *, within_s: float, privacy: bool = False
    ) -> bytes:
        """Return the module's answer, an order in it replaced by what became of it; both are JSON."""
        if module not in _ORDERING and module not in self._persisting.names:
            return answer
        result = msgspec.json.decode(answer, type=Result)
        try:
            carried = await self._carried(module, result.elements, within_s, privacy=privacy)
        except msgspec.ValidationError:
            return answer
        errors = [one for one in result.errors if one != NOT_DONE] + carried.errors
        return msgspec.json.encode(msgspec.structs.replace(carried, errors=errors))

    async def _carried(
        self,
        module: str,
        elements: Any,  # noqa: ANN401 - plain JSON
        within_s: float,
        *,
        privacy: bool,
    ) -> Result:
        if module == "agentdestroy":
            return await retire(msgspec.convert(elements, Retirement), allowed=self._retires)
        if module != "command":
            query = msgspec.convert(elements, Query)
            return self._persisting.answer(module, query, privacy=privacy)
        asked = msgspec.convert(elements, CommandParameters)
        return await self._asked(asked, within_s, privacy=privacy)

    async def _asked(self, asked: CommandParameters, within_s: float, *, privacy: bool) -> Result:
        begun = time.monotonic()
        target_id = self._target_called(asked.target)
        if target_id is None:
            return Result(errors=[f"this agent does not look at a target called {asked.target!r}"])
        said: list[Said] = []
        rows = Rows(command_id=0, say=said.append, most_rows=ROWS, most_bytes=SIZE_BYTES)
        order = Order(
            id=0,
            name=asked.command,
            target_id=target_id,
            parameters_json=msgspec.json.encode(asked.parameters).decode(),
            within_s=within_s,
            rows=ROWS,
            size_bytes=SIZE_BYTES,
        )
        await self._obedience.ask(order, rows)
        return await asyncio.to_thread(_result, asked, rows, said, begun, privacy)


def _result(
    asked: CommandParameters,
    rows: Rows,
    said: list[Said],
    begun: float,
    privacy: bool,
) -> Result:
    found = [row for part in said for row in msgspec.json.decode(part.rows_json)]
    if privacy:
        found = [_masked(row, rows.columns) for row in found]
    last = said[-1]
    why = "refused by this host" if last.error_class == "refused_by_host" else last.error_class
    return Result(
        foundanything=bool(found),
        success=not last.error_class,
        elements={
            "target": asked.target,
            "command": asked.command,
            "columns": [
                {"name": one.name, "type": one.type, "unit": one.unit} for one in rows.columns
            ],
            "rows": found,
            "truncated": last.truncated,
        },
        statistics={"rows": len(found), "exectime": f"{time.monotonic() - begun:.6f}s"},
        errors=[f"{why}: {last.message}"] if last.error_class else [],
    )


def _masked(row: list[Any], columns: Sequence[Column]) -> list[Any]:
    return [
        MASKED if column.type == "text" and cell is not None else cell
        for cell, column in zip(row, columns, strict=False)
    ]
