"""The verdict on anti-entropy, and a small run of what it is about."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.benchmarks import antientropy
from tests.benchmarks.antientropy import Seen

good = Seen(1_000_000, 10, equal=True, right=10, told=Counter(leaves=40), rows=30, idle=Counter())


def holds(seen: Seen) -> list[bool]:
    """What of it holds, within one percent."""
    return [each for each, _ in antientropy.verdict(seen, 1.0)]


def test_few_leaves_and_equal_replicas() -> None:
    """Then all holds."""
    assert all(holds(good))
    assert good.looked_at == pytest.approx(0.007)


@pytest.mark.parametrize(
    "seen",
    [
        replace(good, equal=False),
        replace(good, right=9),
        replace(good, differing=0, right=0),
        replace(good, told=Counter(leaves=10_001)),
        replace(good, rows=10_001),
        replace(good, idle=Counter(leaves=1)),
    ],
)
def test_each_of_them_can_fail(seen: Seen) -> None:
    """And then that one does; nothing is shown by replicas that never differed."""
    assert holds(seen).count(False) == 1


def test_a_small_run() -> None:
    """Every kind of difference is found, and hashes lead to the few buckets that have one."""
    seen = antientropy.run(keys=6000, differing=6, partitions=4, seed=1)
    assert seen.equal
    assert seen.right == seen.differing == 6
    assert seen.told["keys asked for"] <= 2 * 6
    assert 0 < seen.told["leaves"] < 60
    assert not seen.idle
