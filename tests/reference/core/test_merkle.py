"""The tree: equal exactly when the data are, whatever the order of arrival, and as inspect.proto says."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.merkle import ZERO, Tree, bucket, leaf

data_sets = st.dictionaries(st.binary(max_size=3), st.binary(max_size=3), max_size=12)


def tree_of(items: list[tuple[bytes, bytes]]) -> Tree:
    """A tree that these were put into, in this order."""
    tree = Tree()
    for key, state in items:
        tree.put(key, state)
    return tree


def root_by_the_book(data: dict[bytes, bytes]) -> bytes:
    """inspect.proto's tree, written down once more, plainly."""

    def be64(number: int) -> bytes:
        return number.to_bytes(8, "big")

    buckets: list[list[bytes]] = [[] for _ in range(4096)]
    for key in sorted(data):
        state = data[key]
        digest = hashlib.sha256(key).digest()
        index = (digest[8] << 4) | (digest[9] >> 4)
        buckets[index].append(hashlib.sha256(be64(len(key)) + key + be64(len(state)) + state).digest())
    level = [hashlib.sha256(b"".join(leaves)).digest() if leaves else bytes(32) for leaves in buckets]
    while len(level) > 1:
        groups = [level[start : start + 64] for start in range(0, len(level), 64)]
        level = [hashlib.sha256(b"".join(group)).digest() if any(map(any, group)) else bytes(32) for group in groups]
    return level[0]


@settings(deadline=None, max_examples=30)
@given(data_sets)
def test_the_root_is_the_contracts(data: dict[bytes, bytes]) -> None:
    """Anyone can recompute the root from the data."""
    assert tree_of(list(data.items())).root == root_by_the_book(data)


@settings(deadline=None)
@given(data_sets, st.data())
def test_the_order_of_arrival_does_not_matter(data: dict[bytes, bytes], draws: st.DataObject) -> None:
    """Overwritten states leave no trace, and asking in between changes nothing."""
    tree = Tree()
    for key in draws.draw(st.permutations(sorted(data))):
        tree.put(key, b"an older state")
        if draws.draw(st.booleans()):
            _ = tree.root
    for key in draws.draw(st.permutations(sorted(data))):
        tree.put(key, data[key])
    assert tree.root == tree_of(list(data.items())).root


@settings(deadline=None)
@given(data_sets, data_sets)
def test_roots_are_equal_exactly_when_data_are(one: dict[bytes, bytes], two: dict[bytes, bytes]) -> None:
    """Different data have different roots, and the differing keys lie in the buckets whose hashes differ."""
    left, right = tree_of(list(one.items())), tree_of(list(two.items()))
    assert (left.root == right.root) == (one == two)
    differing = {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)}
    nodes = zip(left.nodes(2), right.nodes(2), strict=True)
    assert {index for index, (our, their) in enumerate(nodes) if our != their} == set(map(bucket, differing))


def test_two_keys_with_equal_states_do_not_cancel() -> None:
    """Equal values under different keys are data like any other."""
    tree = tree_of([(b"a", b"same"), (b"b", b"same")])
    assert tree.root != Tree().root == ZERO
    assert leaf(b"a", b"same") != leaf(b"b", b"same")


def test_length_prefixes_keep_key_and_state_apart() -> None:
    """Moving a byte from the key to the state changes the leaf."""
    assert leaf(b"ab", b"c") != leaf(b"a", b"bc")


def test_nodes_are_given_in_the_order_asked_for() -> None:
    """Indexes may be picked; none means all; others are refused."""
    tree = tree_of([(b"a", b"1")])
    index = bucket(b"a")
    whole = tree.nodes(2)
    assert len(whole) == 4096
    assert tree.nodes(2, (index, 0)) == (whole[index], whole[0])
    assert tree.nodes(0) == (tree.root,)
    assert list(tree.leaves([index])) == [(b"a", leaf(b"a", b"1"))]
    for level, indexes in ((3, ()), (-1, ()), (1, (64,)), (2, (-1,))):
        with pytest.raises(ValueError, match="level"):
            tree.nodes(level, indexes)


@given(data_sets, st.data())
def test_a_walk_gives_every_key_once_and_goes_on_beside_changes(data: dict[bytes, bytes], draws: st.DataObject) -> None:
    """What stays is given; what goes or comes meanwhile may be. A tree that has lost its last key is empty."""
    tree = Tree()
    for key, state in data.items():
        tree.put(key, state)
    assert sorted(tree.walk()) == sorted(data)
    gone = draws.draw(st.sets(st.sampled_from(sorted(data)))) if data else set()
    before = draws.draw(st.integers(0, len(data)))
    walk = tree.walk()
    given_ = [next(walk) for _ in range(before)]
    for key in gone:
        tree.remove(key)
    given_ += walk
    assert len(set(given_)) == len(given_)
    assert data.keys() - gone <= set(given_) <= data.keys()
    assert bool(tree) == bool(data.keys() - gone)
    assert len(tree) == len(data.keys() - gone)
