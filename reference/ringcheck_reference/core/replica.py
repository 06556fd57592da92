"""The node's own replica: durable states by key, what is on its way to them, and a Merkle tree a partition."""

from collections.abc import Iterable
from typing import Final, Protocol

from .encoding import encode_state
from .merkle import ZERO, Tree
from .overlay import Overlay
from .ring import Ring
from .versions import State
from .views import Entry, Scan

_NO_TREE: Final = Tree()
"""Stands for every partition of which nothing is held; it is only read."""


class ReplicaRows(Protocol):
    """The durable states of the node's own replica, by key: a dict will do."""

    def get(self, key: bytes, /) -> bytes | None:
        """The state bytes of `key`, or None."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every (key, state bytes); read once, at start."""


class OwnReplica(Overlay[bytes]):
    """An overlay that keeps the trees in step with what is durable. A dropped key is an empty state.

    Of `ring` only the partitions matter, which are those of any other ring of as many.
    """

    def __init__(self, rows: ReplicaRows, ring: Ring) -> None:
        super().__init__(rows.get)
        self._ring = ring
        self._trees: dict[int, Tree] = {}
        for key, state in rows.items():
            self._plant(key, state)

    def settle(self, token: int, key: bytes, *, durable: bool) -> State | None:
        """As Overlay.settle; a state that became durable changes its leaf."""
        state = super().settle(token, key, durable=durable)
        if state is not None:
            if state:
                self._plant(key, encode_state(state))
            else:
                self._uproot(key)
        return state

    def root(self, partition: int) -> bytes:
        """The partition's root, zero without keys."""
        tree = self._trees.get(partition)
        return ZERO if tree is None else tree.root

    def tree(self, partition: int) -> Tree:
        """The partition's tree, to read from."""
        return self._trees.get(partition, _NO_TREE)

    def partitions(self) -> list[int]:
        """The partitions of which any key is held, sorted."""
        return sorted(self._trees)

    def scan(self, partition: int) -> Scan:
        """One snapshot. Its keys come from the tree: a row that is not reported durable yet is not there."""
        entries = tuple(entry(key, self.durable(key)) for key in self.tree(partition).sorted_keys())
        return Scan(self.root(partition), entries)

    def _uproot(self, key: bytes) -> None:
        """The key is not held any more."""
        partition = self._ring.partition(key)
        tree = self._trees.get(partition)
        if tree is not None:
            tree.remove(key)
            if not tree:
                del self._trees[partition]

    def _plant(self, key: bytes, state: bytes) -> None:
        partition = self._ring.partition(key)
        tree = self._trees.get(partition)
        if tree is None:
            tree = self._trees[partition] = Tree()
        tree.put(key, state)


def entry(key: bytes, state: State) -> Entry:
    """How a scan shows one key."""
    return Entry(key, state.values, encode_state(state))
