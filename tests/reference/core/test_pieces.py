"""Leaves in pieces: put together they are all there is, each fits, and nobody need remember where it was."""

import hashlib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core import pieces
from ringcheck_reference.core.merkle import Tree, bucket_at
from ringcheck_reference.core.messages import Leaf, Leaves, LeavesQuery
from ringcheck_reference.core.pieces import MalformedPiece, piece, rest, spoken_of

BUCKETS = (3, 1, 2, 9)
"""Not in ascending order, which nothing promises; the last one stays empty."""
SMALL_BYTES = 200
"""Some five leaves."""
HASH_BYTES = 32


def crowded(each: int) -> dict[int, list[bytes]]:
    """So many keys of each of the buckets but the last."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for number in itertools.count():
        key = b"%d" % number
        index = bucket_at(hashlib.sha256(key).digest())
        if index in BUCKETS[:-1] and len(found[index]) < each:
            found[index].append(key)
            if all(len(found[index]) == each for index in BUCKETS[:-1]):
                return found
    raise AssertionError


KEYS = [key for keys in crowded(12).values() for key in keys]


def tree_of(data: dict[bytes, bytes]) -> Tree:
    """A tree of these states."""
    tree = Tree()
    for key, state in data.items():
        tree.put(key, state)
    return tree


trees = st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=2)).map(tree_of)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_BYTES", SMALL_BYTES)


def conversation(tree: Tree) -> Iterator[tuple[LeavesQuery, Leaves, LeavesQuery | None]]:
    """Every query, its answer, and what follows, until all is told."""
    query: LeavesQuery | None = LeavesQuery(7, BUCKETS, in_pieces=True)
    while query is not None:
        answer = piece(tree, query)
        following = rest(query, answer)
        yield query, answer, following
        query = following


@given(trees)
def test_the_pieces_are_all_there_is(tree: Tree) -> None:
    """No leaf is left out and none is told twice, in the order of the buckets."""
    told = [leaf for _, answer, _ in conversation(tree) for leaf in answer.leaves]
    assert [(leaf.key, leaf.hash) for leaf in told] == list(tree.leaves(BUCKETS))


@given(trees)
def test_every_piece_fits(tree: Tree) -> None:
    """Only a single leaf may be longer; and no piece is smaller than it has to be."""
    for _, answer, following in conversation(tree):
        size = sum(len(leaf.key) + len(leaf.hash) for leaf in answer.leaves)
        assert size <= SMALL_BYTES or len(answer.leaves) == 1
        assert following is None or size > SMALL_BYTES - HASH_BYTES - max(map(len, KEYS))


@given(trees, trees)
def test_each_of_our_leaves_is_spoken_of_once(ours: Tree, theirs: Tree) -> None:
    """So that what only we hold is found, and nothing is taken for missing that stands in another piece."""
    spoken = [spoken_of(ours, query, following) for query, _, following in conversation(theirs)]
    assert sum(map(len, spoken)) == len(ours)
    assert {key: leaf for each in spoken for key, leaf in each.items()} == dict(ours.leaves(BUCKETS))
    for (_, answer, _), leaves in zip(conversation(theirs), spoken, strict=True):
        for leaf in answer.leaves:
            assert leaves.get(leaf.key) == ours.leaf_of(leaf.key)


@settings(max_examples=50)
@given(trees, st.randoms())
def test_queries_may_be_repeated_and_overtake_one_another(tree: Tree, chance: random.Random) -> None:
    """An answer depends on the query alone: who tells need not remember what was told."""
    known = list(conversation(tree))
    again = known * 3
    chance.shuffle(again)
    assert all(piece(tree, query) == answer for query, answer, _ in again)


@given(trees, st.sampled_from(KEYS))
def test_what_comes_meanwhile_does_not_hide_what_was_there(tree: Tree, key: bytes) -> None:
    """A key that is put between two pieces may or may not be told; all others are."""
    before = dict(tree.leaves(BUCKETS))
    told: dict[bytes, bytes] = {}
    for _, answer, _ in conversation(tree):
        told.update((leaf.key, leaf.hash) for leaf in answer.leaves)
        tree.put(key, b"new")
    assert before.keys() <= told.keys() <= before.keys() | {key}
    assert all(told[each] == leaf for each, leaf in before.items() if each != key)


def test_a_long_key_goes_alone() -> None:
    """A piece with nothing in it would never end."""
    long = max(KEYS) + b"x" * SMALL_BYTES
    tree = tree_of({long: b""})
    index = bucket_at(hashlib.sha256(long).digest())
    assert piece(tree, LeavesQuery(7, (index,), in_pieces=True)).leaves == (Leaf(long, tree.leaf_of(long) or b""),)


@given(trees)
def test_who_does_not_ask_for_pieces_is_told_all(tree: Tree) -> None:
    """It would take the first piece for the whole."""
    answer = piece(tree, LeavesQuery(7, BUCKETS))
    assert not answer.more
    assert [(leaf.key, leaf.hash) for leaf in answer.leaves] == list(tree.leaves(BUCKETS))


QUERY = LeavesQuery(7, BUCKETS[1:], sorted(crowded(12)[BUCKETS[1]])[5], in_pieces=True)


@pytest.mark.parametrize(
    "key",
    [b"", QUERY.after, min(crowded(12)[BUCKETS[1]]), crowded(12)[BUCKETS[0]][0]],
    ids=["no leaf", "the last one again", "an earlier one", "one of another bucket"],
)
def test_a_piece_that_leads_nowhere_is_malformed(key: bytes) -> None:
    """Nobody is asked the same for ever."""
    leaves = (Leaf(key, bytes(HASH_BYTES)),) if key else ()
    with pytest.raises(MalformedPiece):
        rest(QUERY, Leaves(leaves, more=True))
    assert rest(QUERY, Leaves(leaves)) is None
