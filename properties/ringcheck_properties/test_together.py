"""Mixed clusters as tests: the target and the reference, turn by turn, in examples of others and random schedules.

Only processes can be mixed, since peer.proto is about what they say to one another. The examples are those in which
nodes have the most to say: quorums of both kinds, hints, repair of what was missed, contexts that go from one kind to
the other, partitions that are handed over in both directions, tombstones that all have to agree to reap.
"""

import pytest

from ringcheck.conform import Conform
from ringcheck_properties.clusters import TooFewNodesError, mixed, usual
from ringcheck_properties.machine import carry_out_one
from ringcheck_properties.registry import MIXED, all_examples

TOLD = (
    "AE-01-a-home-that-missed-writes",
    "HND-01-hints-go-home",
    "KV-05-puts-that-share-a-context",
    "DUR-01-writes-on-both-sides-of-a-split",
    "AVL-01-links-refused",
)
"""Few, since each takes seconds; all on clusters that are configured alike, but for the first."""

MOVING = (
    "MEM-02-the-link-is-cut-in-mid-transfer",
    "MEM-02-the-only-copy-moves",
    "MEM-01-removal-of-a-dead-node",
)
"""Members that come and go; of one copy alone, where it can be, since what is given away too early is gone then.

Nodes that are started later go on in the same turn: with three nodes the first of them is the reference and takes over
from two of the target's, and the second is the target's and takes over from the reference.
"""

REAPING = ("kv679-reaped-clock",)
"""Tombstones that all have to agree to reap, and who counts on afterwards."""

RANDOM_ONE_IN = 8
"""Of so many random schedules that are asked for, one more goes to a mixed cluster."""

FIRST_PART = 1_000
"""Random schedules of mixed clusters are numbered from here on, apart from the others."""


pytestmark = [pytest.mark.requirement(MIXED), pytest.mark.ringcheck_live]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many random schedules as their share of those that are asked for."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(metafunc.config.option.ringcheck_schedules // RANDOM_ONE_IN))


@pytest.mark.parametrize("name", [*TOLD, *MOVING, *REAPING])
def test_example(name: str, conform: Conform) -> None:
    """Target and reference keep their word together where an example puts them to the test."""
    (example,) = (each for each in all_examples() if each.name == name)
    try:
        schedule = example.mixed(conform.settings.nodes, conform.settings.seed)
    except TooFewNodesError as error:
        pytest.skip(f"inconclusive: {MIXED} {error}")
    conform(schedule)


def test_random(part: int, conform: Conform) -> None:
    """Target and reference keep their word together whatever happens."""
    try:
        configuration = mixed(usual)(conform.settings.nodes)
    except TooFewNodesError as error:
        pytest.skip(f"inconclusive: {MIXED} {error}")
    name = f"{MIXED}-random-{part}"
    carry_out_one(configuration, conform, name=name, run_seed=conform.settings.seed, part=FIRST_PART + part)
