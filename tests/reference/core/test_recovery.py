"""A node with many keys is there for clients before it has read all of them, and tells of no half tree."""

from collections.abc import Iterator

import pytest

from ringcheck_reference.core.effects import GetResult, PutResult
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.messages import (
    Caller,
    ClientGet,
    ClientPut,
    Code,
    PeerRequest,
    Refusal,
    Roots,
    RootsQuery,
)
from ringcheck_reference.core.versions import Context, Dot, State, Version

from .cluster import Cluster, Disk

PEER = Caller("n2", "somebody", 9)
KEYS = 12_000


class Rows(dict[bytes, bytes]):
    """Goes on giving the rows that there were, while they change."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]
        """As of the first that is taken."""
        yield from list(super().items())


@pytest.fixture
def cluster() -> Cluster:
    """A node alone, that has just started on a full disk."""
    dot = Dot(b"a", 1)
    state = encode_state(State.of([Version(dot, b"old")], Context.of([dot])))
    cluster = Cluster(1, n=1, r=1, w=1, partition_count=4)
    cluster.crash("n1")
    cluster.replace_disk("n1", Disk(replica=Rows({b"key %d" % number: state for number in range(KEYS)})))
    cluster.start("n1")
    return cluster


def test_clients_do_not_wait_until_all_is_read(cluster: Cluster) -> None:
    """Keys are read and written at once, those that are not in a tree yet too."""
    core = cluster.running["n1"].core
    key = b"key %d" % (KEYS - 1)
    read = cluster.ask("n1", ClientGet(key))
    assert isinstance(read, GetResult)
    assert read.values == (b"old",)
    assert isinstance(cluster.ask("n1", ClientPut(key, b"new", read.context)), PutResult)
    assert not core.is_recovered


def test_the_trees_come_to_tell_of_all_that_is_durable(cluster: Cluster) -> None:
    """Also of what was written meanwhile; a later start, from the rows alone, finds the same roots."""
    core = cluster.running["n1"].core
    for number in range(0, KEYS, 500):
        context = cluster.ask("n1", ClientGet(b"key %d" % number))
        assert isinstance(context, GetResult)
        cluster.ask("n1", ClientPut(b"key %d" % number, b"new", context.context))
    cluster.ask("n1", ClientPut(b"another key", b"new"))
    assert cluster.run_until(lambda: core.is_recovered, within=5.0)
    roots = core.roots()
    cluster.crash("n1")
    cluster.start("n1")
    assert cluster.running["n1"].core.roots() == roots


def test_peers_are_told_of_whole_trees_only(cluster: Cluster) -> None:
    """Until then they are refused, and come again."""
    question = PeerRequest(5, RootsQuery((0, 1, 2, 3)))
    (early,) = cluster.question("n1", PEER, question)
    assert isinstance(early.body, Refusal)
    assert early.body.code is Code.UNAVAILABLE
    assert cluster.run_until(lambda: cluster.running["n1"].core.is_recovered, within=5.0)
    (late,) = cluster.question("n1", PEER, question)
    assert isinstance(late.body, Roots)
