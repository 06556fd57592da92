"""The root that a scan must have, by the rule of `dynamo_node/v1/inspect.proto`.

Made from nothing but the entries that a node shows, so that a node whose root says something else is caught.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

FAN_OUT = 64
EMPTY = bytes(32)
"""The hash of a node of the tree below which there is nothing."""


def root(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The 32 bytes that stand for these (key, state) pairs, in any order; each key stands once."""
    leaves: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for key, state in entries:
        leaves[bucket(key)].append((key, leaf(key, state)))
    lowest = {index: _hash(hashed for _, hashed in sorted(found)) for index, found in leaves.items()}
    return _parents(_parents(lowest)).get(0, EMPTY)


def bucket(key: bytes) -> int:
    """The first 12 bits of bytes 8 and 9 of SHA-256(key); bytes 0 to 7 are the key's place on the ring."""
    digest = hashlib.sha256(key).digest()
    return int.from_bytes(digest[8:10], "big") >> 4


def leaf(key: bytes, state: bytes) -> bytes:
    """SHA-256 of key and state, each behind its length in 8 bytes, big-endian."""
    return hashlib.sha256(_prefixed(key) + _prefixed(state)).digest()


def _prefixed(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


def _hash(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _parents(level: Mapping[int, bytes]) -> dict[int, bytes]:
    """The level above; nodes that are left out are EMPTY, and so are those above nothing else."""
    return {
        index: _hash(level.get(child, EMPTY) for child in range(index * FAN_OUT, (index + 1) * FAN_OUT))
        for index in {child // FAN_OUT for child in level}
    }
