"""The node's own replica: durable states by key, what is on its way to them, and a Merkle tree a partition."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, Protocol

from .encoding import encode_state
from .merkle import ZERO, Tree, bucket_at
from .overlay import Overlay
from .ring import Ring
from .versions import State
from .views import Entry, Scan

_READ_AT_ONCE: Final = 4096
"""So many rows are read before anything else; more of them are left to whoever has time."""
_NO_TREE: Final = Tree()
"""Stands for every partition of which nothing is held; it is only read."""


class ReplicaRows(Protocol):
    """The durable states of the node's own replica, by key: a dict will do."""

    def get(self, key: bytes, /) -> bytes | None:
        """The state bytes of `key`, or None."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every (key, state bytes) as of the first that is taken; the others are taken later, while rows change."""


class OwnReplica(Overlay[bytes]):
    """An overlay that keeps the trees in step with what is durable. A dropped key is an empty state.

    Of `ring` only the partitions matter, which are those of any other ring of as many. The trees are no data of their
    own: they are made from the rows at every start, so that no crash can leave one that tells of other rows. Many rows
    take seconds, and states can be read and written meanwhile; who asks for a tree before all are read waits for them.
    """

    def __init__(self, rows: ReplicaRows, ring: Ring) -> None:
        super().__init__(rows.get)
        self._ring = ring
        self._trees: dict[int, Tree] = {}
        self._rows = rows
        self._unread: Iterator[tuple[bytes, bytes]] | None = iter(rows.items())
        self._settled: set[bytes] = set()
        """The keys that were written since the rows have begun to be read: their leaves are newer than those rows."""
        self.read(_READ_AT_ONCE)

    @property
    def is_read(self) -> bool:
        """Whether all rows have been read."""
        return self._unread is None

    def read(self, count: int | None = None) -> None:
        """Read so many rows more into the trees, or all that are left. If that fails, the next begins at the first."""
        if self._unread is None:
            return
        taken = 0
        try:
            for taken, (key, state) in enumerate(islice(self._unread, count), start=1):  # noqa: B007 - counts after it
                if key not in self._settled:
                    try:
                        self._plant(key, state, hashlib.sha256(key).digest())
                    except TypeError as error:
                        self.lose(key, error)  # it is not even bytes
        except Exception:
            self._unread = iter(self._rows.items())
            raise
        if count is None or taken < count:
            self._unread = None
            self._settled.clear()

    def refresh(self, partition: int) -> None:
        """Hash the partition's tree now, so that the next who asks need not wait."""
        self.tree(partition).refresh()

    def settle(self, token: int, key: bytes, *, durable: bool) -> State | None:
        """As Overlay.settle; a state that became durable changes its leaf."""
        state = super().settle(token, key, durable=durable)
        if state is not None:
            if self._unread is not None:
                self._settled.add(key)
            if state:
                self._plant(key, encode_state(state))
            else:
                self._uproot(key)
        return state

    def lose(self, key: bytes, error: Exception) -> State:
        """As Overlay.lose; what is lost has no leaf."""
        if self._unread is not None:
            self._settled.add(key)
        self._uproot(key)
        return super().lose(key, error)

    def root(self, partition: int) -> bytes:
        """The partition's root, zero without keys."""
        self.read()
        tree = self._trees.get(partition)
        return ZERO if tree is None else tree.root

    def tree(self, partition: int) -> Tree:
        """The partition's tree, to read from."""
        self.read()
        return self._trees.get(partition, _NO_TREE)

    def partitions(self) -> list[int]:
        """The partitions of which any key is held, sorted."""
        self.read()
        return sorted(self._trees)

    def scan(self, partition: int) -> Scan:
        """One snapshot. Its keys come from the tree: a row that is not reported durable yet is not there."""
        states = [(key, self.durable(key)) for key in self.tree(partition).sorted_keys()]
        return Scan(self.root(partition), tuple(entry(key, state) for key, state in states if state))

    def _uproot(self, key: bytes) -> None:
        """The key is not held any more."""
        partition = self._ring.partition(key)
        tree = self._trees.get(partition)
        if tree is not None:
            tree.remove(key)
            if not tree:
                del self._trees[partition]

    def _plant(self, key: bytes, state: bytes, digest: bytes | None = None) -> None:
        """Set a leaf. Where many keys follow one another it is cheaper to hash each once than to remember them."""
        partition = self._ring.partition(key) if digest is None else self._ring.partition_at(digest)
        tree = self._trees.get(partition)
        if tree is None:
            tree = self._trees[partition] = Tree()
        tree.put(key, state, None if digest is None else bucket_at(digest))


def entry(key: bytes, state: State) -> Entry:
    """How a scan shows one key."""
    return Entry(key, state.values, encode_state(state))
