"""The hints that the node keeps for home nodes that were out of reach."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from .encoding import encode_state
from .messages import NodeId
from .overlay import Overlay
from .replica import entry
from .ring import Ring
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
    """An overlay that knows which hints are durable, by target and partition. A dropped hint is an empty state.

    Where a hint belongs depends on its target and its partition alone. So these are what anybody looks at who wants to
    know which hints there are for whom: there are few of them, however many the hints. Of `ring` only the partitions
    matter, as in OwnReplica; the index is made from the rows at every start.
    """

    def __init__(self, rows: HintRows, ring: Ring) -> None:
        super().__init__(lambda hint: rows.get(*hint))
        self._ring = ring
        self._sizes: dict[NodeId, dict[int, dict[bytes, int]]] = {}
        """The bytes of each state, by target, partition and key; none of the dicts within is empty."""
        self._count = 0
        self._bytes = 0
        for (target, key), state in rows.items():
            self._note(target, key, len(state))

    def settle(self, token: int, key: HintKey, *, durable: bool) -> State | None:
        """As Overlay.settle; keeps the index in step."""
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
        return bool(self._sizes)

    def holds(self, key: bytes) -> bool:
        """Whether there is any hint of `key`, durable or on its way to the disk or from it."""
        return bool(self._targets_of(key)) or any(name == key for _, name in self._flights)

    def targets(self) -> list[NodeId]:
        """The home nodes for which hints are kept, sorted."""
        return sorted(self._sizes)

    def partitions(self, target: NodeId) -> list[int]:
        """The partitions of which hints are kept for `target`, sorted."""
        return sorted(self._sizes.get(target, ()))

    def keys_in(self, target: NodeId, partition: int) -> list[bytes]:
        """The keys of the hints for `target` of one partition, the oldest first; after a start, as the rows were."""
        return list(self._sizes.get(target, {}).get(partition, ()))

    def keys_for(self, target: NodeId) -> list[bytes]:
        """The keys of all hints for `target`, sorted: more work than a node should do at once, if there are many."""
        return sorted(key for keys in self._sizes.get(target, {}).values() for key in keys)

    def of_key(self, key: bytes) -> State:
        """All durable hints of `key`, merged."""
        merged = State.EMPTY
        for target in self._targets_of(key):
            merged = merged.merge(self.durable((target, key)))
        return merged

    def pending(self) -> Tally:
        """How many hints are kept, and the bytes of their keys and states."""
        return Tally(self._count, self._bytes)

    def entries(self) -> Iterator[HintEntry]:
        """Every durable hint, by target and partition; one that comes or goes meanwhile may be left out."""
        for target in self.targets():
            for partition in self.partitions(target):
                for key in self.keys_in(target, partition):
                    if state := self.durable((target, key)):
                        yield HintEntry(target, entry(key, state))

    def list(self) -> tuple[HintEntry, ...]:
        """Every durable hint, by target and key, as of now."""
        return tuple(sorted(self.entries(), key=lambda hint: (hint.target, hint.entry.key)))

    def _targets_of(self, key: bytes) -> tuple[NodeId, ...]:
        partition = self._ring.partition(key)
        return tuple(target for target, kept in self._sizes.items() if key in kept.get(partition, ()))

    def _note(self, target: NodeId, key: bytes, size: int) -> None:
        keys = self._sizes.setdefault(target, {}).setdefault(self._ring.partition(key), {})
        before = keys.get(key)
        if before is None:
            self._count += 1
            self._bytes += len(key) + size
        else:
            self._bytes += size - before
        keys[key] = size

    def _forget(self, target: NodeId, key: bytes) -> None:
        partition = self._ring.partition(key)
        kept = self._sizes.get(target, {})
        keys = kept.get(partition, {})
        size = keys.pop(key, None)
        if size is None:
            return
        self._count -= 1
        self._bytes -= len(key) + size
        if not keys:
            del kept[partition]
        if not kept:
            del self._sizes[target]
