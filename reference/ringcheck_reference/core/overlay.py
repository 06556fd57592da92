"""States on their way to the disk, over the rows that are there.

A conversation merges into and mints from the latest state, and serves the durable one. The rows may run ahead
of what has been reported durable, since commits happen on another thread; until the report is in, `durable`
keeps giving the state from before, so that tree, scan and reads always tell of one moment.

A row that is no state, as a damaged disk may hold, is taken for lost: it never was.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .encoding import decode_state
from .versions import MalformedState, State

K = TypeVar("K", bound=Hashable)

_MOST_TOLD: Final = 1000
"""So many lost rows are told of, each once."""


@dataclass(slots=True)
class _Flight:
    """One key's durable state, and what is to replace it, oldest first, each under its token."""

    durable: State
    steps: deque[tuple[int, State]]


class Overlay(Generic[K]):
    """Durable and latest states by key; `read` gives a row's state bytes, `State.EMPTY` stands for no row."""

    def __init__(self, read: Callable[[K], bytes | None]) -> None:
        self._read = read
        self._flights: dict[K, _Flight] = {}
        self._told: set[K] = set()
        self.on_lost: Callable[[K, str], object] = lambda _key, _reason: None
        """Is told of rows that cannot be read, and why."""

    def durable(self, key: K) -> State:
        """What the node may speak of."""
        flight = self._flights.get(key)
        return flight.durable if flight else self._row(key)

    def latest(self, key: K) -> State:
        """What the node will hold once all that is on its way has arrived."""
        flight = self._flights.get(key)
        return flight.steps[-1][1] if flight else self._row(key)

    def settled(self, key: K) -> State:
        """The durable state, unless another one is on its way to the disk."""
        flight = self._flights.get(key)
        if flight is None:
            return self._row(key)
        return flight.durable if flight.steps[-1][1] == flight.durable else State.EMPTY

    def lose(self, key: K, error: Exception) -> State:
        """The row is there, and what it holds is not; gives what is left of it."""
        if key not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(key)
            self.on_lost(key, str(error))
        return State.EMPTY

    def stage(self, token: int, key: K, state: State) -> None:
        """`state` goes to the disk under `token`, tokens ascending. To be called before its row can change."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(self._row(key), deque())
        flight.steps.append((token, state))

    def settle(self, token: int, key: K, *, durable: bool) -> State | None:
        """The disk has answered for `token`; gives the state that became durable, if it did."""
        flight = self._flights[key]
        steps = flight.steps
        # Reports come in the order of the tokens, so this is nearly always the first step.
        step = steps[0] if steps[0][0] == token else next(step for step in steps if step[0] == token)
        steps.remove(step)
        if durable:
            flight.durable = step[1]
        if not steps:
            del self._flights[key]
        return step[1] if durable else None

    def _row(self, key: K) -> State:
        row = self._read(key)
        try:
            return State.EMPTY if row is None else decode_state(row)
        except (MalformedState, TypeError) as error:
            return self.lose(key, error)
