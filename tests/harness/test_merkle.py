import hashlib
from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck import merkle

replicas = st.dictionaries(st.binary(min_size=1, max_size=8), st.binary(max_size=8), max_size=40)


def by_the_letter(replica: Mapping[bytes, bytes]) -> bytes:
    """The tree of inspect.proto, node by node, with nothing left out."""

    def sha(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    buckets: list[list[bytes]] = [[] for _ in range(4096)]
    for key in sorted(replica):
        state = replica[key]
        leaf = sha(len(key).to_bytes(8, "big"), key, len(state).to_bytes(8, "big"), state)
        place = hashlib.sha256(key).digest()
        buckets[place[8] << 4 | place[9] >> 4].append(leaf)
    level = [sha(*leaves) if leaves else bytes(32) for leaves in buckets]
    for _ in range(2):
        groups = [level[start : start + 64] for start in range(0, len(level), 64)]
        level = [sha(*group) if any(any(node) for node in group) else bytes(32) for group in groups]
    return level[0]


@settings(deadline=None)  # a busy machine may take its time
@given(replicas)
def test_root_is_that_of_the_contract(replica: dict[bytes, bytes]) -> None:
    """The root is what the letter of inspect.proto makes of the entries."""
    assert merkle.root(replica.items()) == by_the_letter(replica)


@settings(deadline=None)  # a busy machine may take its time
@given(replicas, st.randoms())
def test_root_does_not_know_the_order_of_entries(replica: dict[bytes, bytes], random: Random) -> None:
    """A scan may give its entries in any order."""
    entries = list(replica.items())
    random.shuffle(entries)
    assert merkle.root(entries) == merkle.root(replica.items())


@settings(deadline=None)  # a busy machine may take its time
@given(replicas, replicas)
def test_roots_are_equal_exactly_when_data_are(one: dict[bytes, bytes], other: dict[bytes, bytes]) -> None:
    """Different data have different roots, equal data equal ones."""
    assert (merkle.root(one.items()) == merkle.root(other.items())) == (one == other)


def test_keys_of_one_bucket_are_all_in_the_root() -> None:
    """Leaves that share a bucket do not hide one another."""
    first = b"0"
    fellow = next(key for key in map(b"%d".__mod__, range(1, 100_000)) if merkle.bucket(key) == merkle.bucket(first))
    both = {first: b"s", fellow: b"s"}
    assert merkle.root(both.items()) == by_the_letter(both) != merkle.root([(first, b"s")])


def test_empty_replica_has_a_root_of_zeroes() -> None:
    """Nothing at all hashes to 32 zero bytes."""
    assert merkle.root([]) == bytes(32)
