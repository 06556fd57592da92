"""The hints that the node keeps for home nodes that were out of reach."""

from collections.abc import Iterable
from typing import Protocol

from .encoding import encode_state
from .messages import NodeId
from .overlay import Overlay
from .replica import entry
from .versions import State
from .views import HintEntry, Tally

HintKey = tuple[NodeId, bytes]
"""(target, key)"""


class HintRows(Protocol):
    """The durable hints, by (target, key)."""

    def get(self, target: NodeId, key: bytes, /) -> bytes | None:
        """The state bytes kept for `target`, or None."""

    def items(self) -> Iterable[tuple[HintKey, bytes]]:
        """Every ((target, key), state bytes); read once, at start."""


class Hints(Overlay[HintKey]):
    """An overlay that knows which hints are durable, by target and by key. A dropped hint is an empty state."""

    def __init__(self, rows: HintRows) -> None:
        super().__init__(lambda hint: rows.get(*hint))
        self._sizes: dict[NodeId, dict[bytes, int]] = {}
        self._targets: dict[bytes, set[NodeId]] = {}
        for (target, key), state in rows.items():
            self._note(target, key, len(state))

    def settle(self, token: int, key: HintKey, *, durable: bool) -> State | None:
        """As Overlay.settle; keeps the indexes in step."""
        state = super().settle(token, key, durable=durable)
        if state is not None:
            target, name = key
            if state:
                self._note(target, name, len(encode_state(state)))
            else:
                self._forget(target, name)
        return state

    def lose(self, key: HintKey, error: Exception) -> State:
        """As Overlay.lose; what is lost is no hint."""
        self._forget(*key)
        return super().lose(key, error)

    def __bool__(self) -> bool:
        return bool(self._targets)

    def holds(self, key: bytes) -> bool:
        """Whether there is any hint of `key`, durable or on its way to the disk or from it."""
        return key in self._targets or any(name == key for _, name in self._flights)

    def targets(self) -> list[NodeId]:
        """The home nodes for which hints are kept, sorted."""
        return sorted(self._sizes)

    def keys_for(self, target: NodeId) -> list[bytes]:
        """The keys of the hints for `target`, sorted."""
        return sorted(self._sizes.get(target, ()))

    def of_key(self, key: bytes) -> State:
        """All durable hints of `key`, merged."""
        merged = State.EMPTY
        for target in tuple(self._targets.get(key, ())):
            merged = merged.merge(self.durable((target, key)))
        return merged

    def pending(self) -> Tally:
        """How many hints are kept, and the bytes of their keys and states."""
        sizes = [(key, size) for keys in self._sizes.values() for key, size in keys.items()]
        return Tally(len(sizes), sum(len(key) + size for key, size in sizes))

    def list(self) -> tuple[HintEntry, ...]:
        """Every durable hint, by target and key."""
        hints = [(target, key) for target in self.targets() for key in self.keys_for(target)]
        states = [(target, key, self.durable((target, key))) for target, key in hints]
        return tuple(HintEntry(target, entry(key, state)) for target, key, state in states if state)

    def _note(self, target: NodeId, key: bytes, size: int) -> None:
        self._sizes.setdefault(target, {})[key] = size
        self._targets.setdefault(key, set()).add(target)

    def _forget(self, target: NodeId, key: bytes) -> None:
        keys = self._sizes.get(target, {})
        keys.pop(key, None)
        if not keys:
            self._sizes.pop(target, None)
        holders = self._targets.get(key, set())
        holders.discard(target)
        if not holders:
            self._targets.pop(key, None)
