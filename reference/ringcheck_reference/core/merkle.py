"""The Merkle tree of one partition's replica, exactly as inspect.proto fixes it.

4096 buckets (level 2), 64 inner nodes (level 1), one root (level 0). Hashes are computed when somebody asks,
and only along paths that have changed since.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

LEVEL_SIZES: Final = (1, 64, 4096)
ZERO: Final = bytes(32)
_FANOUT: Final = 64
_NO_CHILDREN: Final = ZERO * _FANOUT
_length: Final = struct.Struct(">Q").pack


def leaf(key: bytes, state: bytes) -> bytes:
    """SHA-256 of the length-prefixed key and the length-prefixed canonical state."""
    return hashlib.sha256(_length(len(key)) + key + _length(len(state)) + state).digest()


@lru_cache(maxsize=4096)
def bucket(key: bytes) -> int:
    """The bucket of `key`."""
    return bucket_at(hashlib.sha256(key).digest())


def bucket_at(digest: bytes) -> int:
    """The bucket of the key with this SHA-256: the first 12 bits of bytes 8 and 9; bytes 0 to 7 are its place."""
    return int.from_bytes(digest[8:10], "big") >> 4


class Tree:
    """Leaves by key, and the hashes above them."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[bytes, bytes]] = {}
        self._changed: set[int] = set()
        self._level2: dict[int, list[bytes]] = {}
        """The hashes below each inner node that has any, 64 each."""
        self._level1 = [ZERO] * _FANOUT
        self._root = ZERO

    def put(self, key: bytes, state: bytes, index: int | None = None) -> None:
        """Set the leaf of `key`; who knows its bucket may say it."""
        if index is None:
            index = bucket(key)
        entries = self._buckets.get(index)
        if entries is None:
            entries = self._buckets[index] = {}
        entries[key] = leaf(key, state)
        self._changed.add(index)

    def remove(self, key: bytes) -> None:
        """Take the leaf of `key` away, if there is one."""
        index = bucket(key)
        entries = self._buckets.get(index)
        if entries is not None and entries.pop(key, None) is not None:
            self._changed.add(index)
            if not entries:
                del self._buckets[index]

    def leaf_of(self, key: bytes) -> bytes | None:
        """The leaf of `key`, or None."""
        return self._buckets.get(bucket(key), {}).get(key)

    @property
    def root(self) -> bytes:
        """32 bytes, zero without keys."""
        if self._changed:
            self.refresh()
        return self._root

    def nodes(self, level: int, indexes: Iterable[int] = ()) -> tuple[bytes, ...]:
        """Hashes of one level in the order of `indexes`, or of the whole level; ValueError if out of range."""
        if not 0 <= level < len(LEVEL_SIZES):
            raise ValueError(f"level {level} is not one of 0 to {len(LEVEL_SIZES) - 1}")
        size = LEVEL_SIZES[level]
        wanted = tuple(indexes) or range(size)
        if any(not 0 <= index < size for index in wanted):
            raise ValueError(f"level {level} has nodes 0 to {size - 1} only")
        self.refresh()
        return tuple([self._node(level, index) for index in wanted])

    def leaves(self, buckets: Iterable[int], after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(key, leaf) of every key in these buckets, bucket by bucket, by key; unknown buckets are empty.

        The first of the buckets begins behind the key `after`.
        """
        for index in buckets:
            leaves = sorted(self._buckets.get(index, {}).items())
            yield from [each for each in leaves if each[0] > after] if after else leaves
            after = b""

    def all_leaves(self) -> list[tuple[bytes, bytes]]:
        """(key, leaf) of every key, by key."""
        return sorted(item for entries in self._buckets.values() for item in entries.items())

    def walk(self) -> Iterator[bytes]:
        """Every key, bucket by bucket, by key in each; one that comes or goes meanwhile is given once or not at all.

        Nothing is sorted but what comes next: who takes some keys now and some later pays for these alone.
        """
        for index in sorted(self._buckets):
            yield from sorted(self._buckets.get(index, ()))

    def sorted_keys(self) -> list[bytes]:
        """All keys, sorted."""
        return sorted(key for entries in self._buckets.values() for key in entries)

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def refresh(self) -> None:
        """Hash what has changed now, so that the next who asks need not wait."""
        if not self._changed:
            return
        parents = set()
        for index in self._changed:
            parent, child = divmod(index, _FANOUT)
            if parent not in self._level2:
                self._level2[parent] = [ZERO] * _FANOUT
            leaves = self._buckets.get(index, {})
            joined = b"".join([leaves[key] for key in sorted(leaves)])
            self._level2[parent][child] = hashlib.sha256(joined).digest() if joined else ZERO
            parents.add(parent)
        for parent in parents:
            self._level1[parent] = _combine(self._level2[parent])
        self._root = _combine(self._level1)
        self._changed.clear()

    def _node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self._root
        if level == 1:
            return self._level1[index]
        parent, child = divmod(index, _FANOUT)
        return self._level2[parent][child] if parent in self._level2 else ZERO


def _combine(children: Iterable[bytes]) -> bytes:
    """The hash of a node from its children; zero when all of them are."""
    joined = b"".join(children)
    return ZERO if joined == _NO_CHILDREN else hashlib.sha256(joined).digest()
