"""Random clusters: each is one that the reference can be, and every size and quorum is among them."""

from pathlib import Path

from hypothesis import given, settings

from ringcheck.node import node_config
from ringcheck.schedule import Configuration
from ringcheck_properties.configurations import MOST_NODES, configurations
from ringcheck_properties.exploration import draw
from ringcheck_reference.shell.config import check_core

SEEDS = 150


@settings(deadline=None)
@given(configurations())
def test_every_cluster_can_be_started(drawn: Configuration) -> None:
    """The reference takes its NodeConfig, and what it promises follows from its intervals."""
    for name in drawn.node_ids:
        config = node_config(name, drawn, address="127.0.0.1:1", address_book={}, data=Path())
        core = check_core(config)
        assert core.n == drawn.n
    hosts = len(set(drawn.hosts)) or drawn.nodes
    assert drawn.n <= hosts
    assert drawn.detection_deadline_ms > drawn.gossip_interval_ms + drawn.replica_timeout_ms
    assert drawn.convergence_deadline_ms > drawn.detection_deadline_ms + 2 * drawn.anti_entropy_interval_ms


def test_all_kinds_are_drawn() -> None:
    """Sizes, copies, quorums that do and do not overlap, weights, shared hosts, quick and slow repair."""
    found = [draw(seed).configuration for seed in range(SEEDS)]
    assert {each.nodes for each in found} >= {1, 2, 3, 5, MOST_NODES}
    assert {each.n for each in found} >= {1, 2, 3, 5}
    assert {each.r + each.w > each.n for each in found} == {True, False}
    assert any(each.weights for each in found)
    assert any(each.hosts for each in found)
    assert {each.anti_entropy_interval_ms for each in found} >= {100, 10_000}
    reaping = sum(each.tombstone_lifetime_ms > 0 for each in found)
    assert SEEDS / 10 < reaping < SEEDS / 2
    assert len({each.partition_count for each in found}) > 3
