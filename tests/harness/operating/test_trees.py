"""Comparing roots: what is a difference, and what cannot be known."""

from ringcheck.operating.trees import compare

A, B = bytes([1] * 32), bytes([2] * 32)
OWNERS = {0: ["n1", "n2"]}


def verdict(roots: dict[str, dict[int, bytes]]) -> str:
    """Of the one partition of n1 and n2."""
    (tree,) = compare(roots, OWNERS)
    return tree.verdict


def test_owners_are_compared() -> None:
    """Equal roots are equal, others differ, and so does an owner that keeps nothing where another does."""
    assert verdict({"n1": {0: A}, "n2": {0: A}}) == "equal"
    assert verdict({"n1": {0: A}, "n2": {0: B}}) == "differ"
    assert verdict({"n1": {0: A}, "n2": {}}) == "differ"


def test_owner_that_was_not_seen_leaves_it_open() -> None:
    """One root alone proves nothing, two that differ do."""
    assert verdict({"n1": {0: A}}) == "unknown"
    (tree,) = compare({"n1": {0: A}, "n2": {0: B}}, {0: ["n1", "n2", "n3"]})
    assert tree.verdict == "differ"


def test_copies_of_others_are_shown_and_not_compared() -> None:
    """Who owns a partition no more may lag behind."""
    (tree,) = compare({"n1": {0: A}, "n2": {0: A}, "n3": {0: B}}, OWNERS)
    assert (tree.verdict, tree.besides) == ("equal", ("n3",))
    assert tree.roots == {"n1": A.hex(), "n2": A.hex(), "n3": B.hex()}


def test_without_a_ring_all_that_keep_a_partition_are_compared() -> None:
    """They are the owners then."""
    (zero, one) = compare({"n1": {0: A, 1: A}, "n2": {0: A}, "n3": {1: B}}, None)
    assert (zero.verdict, zero.owners) == ("equal", ("n1", "n2"))
    assert (one.verdict, one.owners) == ("differ", ("n1", "n3"))


def test_partition_that_somebody_keeps_and_nobody_owns_is_shown() -> None:
    """It has no owners that could differ."""
    (_, stray) = compare({"n1": {0: A, 7: A}, "n2": {0: A}}, OWNERS)
    assert (stray.partition, stray.owners, stray.besides) == (7, (), ("n1",))
