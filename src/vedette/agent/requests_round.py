"""The requests of one target, asked when they are due; what one of them brought home stays until then."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from vedette.agent.connector import Look, RefusedByHost
from vedette.agent.connectors.errors import EXPECTED, fault_of, told
from vedette.agent.requests import Reader, Request, measured, reader_of, units_of
from vedette.errors import VedetteError
from vedette.health.model import Measurement

FAILED = "request_failed"
CLOSE_S = 2.0
_SOON = 0.9
"""A request is due when this much of its period is over: looks come with some jitter."""


@dataclass(slots=True)
class _Held:
    """What a request said last. why: of a failure, or a remark; "" for neither."""

    asked_at: float = -1e9
    failed: bool = False
    why: str = ""
    measurements: list[Measurement] = field(default_factory=list)


class Round:
    """Asks what is due, one after the other, beside the looks and never twice at once."""

    def __init__(
        self,
        requests: Sequence[Request],
        *,
        connector: str,
        settings: Mapping[str, Any],
        monotonic: Callable[[], float],
    ) -> None:
        self._requests = requests
        self._connector = connector
        self._settings = settings
        self._monotonic = monotonic
        self._held = {request.name: _Held() for request in requests}
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def units(self) -> dict[str, tuple[str, str]]:
        """Measurement → unit and help."""
        failed = (FAILED, ("bool", "1 when a request of your own failed; a fact says why."))
        return {**units_of(self._requests), **dict([failed])}

    async def ask(self, look: Look, *, within_s: float) -> None:
        """Ask what is due; what takes longer than this goes on and is there at the next look."""
        if self._task is None or self._task.done():
            due = [request for request in self._requests if self._is_due(request)]
            if not due:
                return
            self._task = asyncio.create_task(self._go(due, look), name=f"requests of {look.target}")
        await asyncio.wait({self._task}, timeout=within_s)

    def measurements(self) -> list[Measurement]:
        """Return what the requests said last, and which of them failed."""
        found: list[Measurement] = []
        for request in self._requests:
            held = self._held[request.name]
            if held.asked_at > 0:
                found.append(Measurement(FAILED, float(held.failed), f"request:{request.name}"))
            found += held.measurements
        return found

    def facts(self) -> dict[str, str]:
        """Return why requests failed."""
        said = {f"request {name}": held.why for name, held in self._held.items()}
        return {name: why for name, why in said.items() if why}

    async def aclose(self) -> None:
        """End what is under way and let go of the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_S)
        if self._reader is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await self._reader.aclose()

    def _is_due(self, request: Request) -> bool:
        asked_at = self._held[request.name].asked_at
        return self._monotonic() - asked_at >= request.every_s * _SOON

    async def _go(self, due: Sequence[Request], look: Look) -> None:
        for request in due:
            self._held[request.name] = await self._asked(request, look)

    async def _asked(self, request: Request, look: Look) -> _Held:
        at = self._monotonic()
        timeout_s = request.timeout_s or look.timeout_s
        try:
            if self._reader is None:
                self._reader = reader_of(self._connector, self._settings)
            async with asyncio.timeout(timeout_s):
                rows = await self._reader.read(replace(look, timeout_s=timeout_s), request.query)
            found, remark = measured(request, rows)
        except Exception as error:  # noqa: BLE001 - a request that fails, in whatever way, says so
            return _Held(at, failed=True, why=_why(error, look, timeout_s))
        return _Held(at, why=remark, measurements=found)


def _why(error: Exception, look: Look, timeout_s: float) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, VedetteError | RefusedByHost):
        return told(error, look)
    if isinstance(error, EXPECTED):
        return told(fault_of(error).message, look)
    return told(f"{type(error).__name__}: {error}", look)
