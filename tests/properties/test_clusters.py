"""The configurations that schedules ask for."""

import msgspec
import pytest

from ringcheck_properties.clusters import (
    HOUR_MS,
    SHAPES,
    Shape,
    TooFewNodesError,
    by_reads_alone,
    everywhere,
    forgetful_with_fallbacks,
    mixed,
    reaping_with_fallbacks,
    uneven,
    usual,
    with_fallbacks,
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nodes", range(1, 10))
def test_no_shape_takes_more_nodes_than_given(shape: Shape, nodes: int) -> None:
    """Every shape fits any number of nodes, or says how many it needs."""
    if shape in (with_fallbacks, forgetful_with_fallbacks, reaping_with_fallbacks) and nodes == 1:
        with pytest.raises(TooFewNodesError, match="needs at least 2 nodes and --nodes gives 1"):
            shape(nodes)
    else:
        assert shape(nodes).nodes <= nodes


def test_few_different_clusters_are_needed() -> None:
    """With the default number of nodes, hints are shown on the same cluster as nearly everything else."""
    assert with_fallbacks(5) == usual(5)


def test_a_mixed_cluster_is_one_of_its_shape_and_takes_two() -> None:
    """The reference comes to a cluster like any other; alone nobody is mixed."""
    assert mixed(usual)(5).mixed
    assert msgspec.structs.replace(mixed(usual)(5), mixed=False) == usual(5)
    with pytest.raises(TooFewNodesError, match="needs at least 2 nodes and --nodes gives 1"):
        mixed(usual)(1)


def test_everywhere_leaves_nobody_to_stand_in() -> None:
    """Every node is a home of every key, so W = N means every node."""
    for nodes in range(1, 8):
        assert everywhere(nodes).nodes == everywhere(nodes).n == min(3, nodes)


def test_only_reads_repair_where_they_are_to() -> None:
    """Handoff and anti-entropy are an hour away."""
    configuration = by_reads_alone(5)
    assert min(configuration.handoff_interval_ms, configuration.anti_entropy_interval_ms) == HOUR_MS


def test_uneven_has_a_shared_host_and_enough_hosts() -> None:
    """Two nodes are one physical node, and more where they are many; one is heavier, and N hosts are left."""
    for nodes in range(3, 8):
        configuration = uneven(nodes)
        assert configuration.hosts[-1] == configuration.hosts[-2]
        assert nodes > len(set(configuration.hosts)) >= configuration.n == min(3, nodes - 1)
        assert max(configuration.weights) > min(configuration.weights)


def test_neighbours_share_hosts_where_nodes_are_uneven() -> None:
    """Of five nodes, N that follow one another are on N hosts in one place of the round at most."""
    configuration = uneven(5)
    around = configuration.hosts * 2
    apart = [first for first in range(5) if len(set(around[first : first + configuration.n])) == configuration.n]
    assert len(apart) <= 1
