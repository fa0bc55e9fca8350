"""What one agent's stream holds of its targets, kept in memory while it owns the stream.

Only the owner of a stream's epoch writes its observations, so this copy cannot be stale; the deadman's
silence is the one exception, and it stands in its own column. The columns mirror `held`, so that a
batch that contradicts nothing is recognised without making a Python object.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vedette.errors import Denied
from vedette.health.model import Held, Patience, State


@dataclass(frozen=True, slots=True)
class Watched:
    """One target an agent was told to look at, with what is held of it."""

    target_id: int
    held: Held
    patience: Patience


class Sight:
    """The targets one agent may speak for, and what is held of each."""

    def __init__(self, agent_id: int, watched: Iterable[Watched]) -> None:
        ordered = sorted(watched, key=lambda w: w.target_id)
        self.agent_id = agent_id
        self.targets: NDArray[np.uint32] = np.array([w.target_id for w in ordered], dtype=np.uint32)
        self._held = [w.held for w in ordered]
        self._patience = [w.patience for w in ordered]
        self._state = np.array([w.held.state for w in ordered], dtype=np.uint8)
        self._dissents = np.array([w.held.dissent > 0 for w in ordered], dtype=np.bool_)

    def slots(self, target: NDArray[np.uint32]) -> NDArray[np.intp]:
        """Return the slot of each row's target; raise `Denied` naming the first that is not this agent's."""
        if not len(self.targets):
            raise Denied(f"target {int(target[0])} is not this agent's")
        slots = np.minimum(np.searchsorted(self.targets, target), len(self.targets) - 1)
        strangers = np.flatnonzero(self.targets[slots] != target)
        if len(strangers):
            raise Denied(f"target {int(target[strangers[0]])} is not this agent's")
        return slots

    def contradicted(self, slots: NDArray[np.intp], state: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the slots of which some row contradicts, or may confirm a doubt about, what is held."""
        doubtful = (state != self._state[slots]) | self._dissents[slots]
        return np.unique(slots[doubtful])

    def held(self, slot: int) -> tuple[int, Held, Patience]:
        """Return the slot's target id, what is held of it and how patient to be."""
        return int(self.targets[slot]), self._held[slot], self._patience[slot]

    def hold(self, target_id: int, held: Held) -> None:
        """Hold this from now on; called once the transaction that wrote it is committed."""
        slot = int(np.searchsorted(self.targets, target_id))
        self._held[slot] = held
        self._state[slot] = held.state
        self._dissents[slot] = held.dissent > 0

    def held_of(self, target_id: int) -> Held:
        """Return what is held of a target."""
        return self._held[int(np.searchsorted(self.targets, target_id))]

    def state_of(self, target_id: int) -> State:
        """Return the held state of a target."""
        return self.held_of(target_id).state
