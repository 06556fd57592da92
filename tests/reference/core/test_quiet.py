"""What a cluster does when nothing is wrong."""

import pytest

from ringcheck_reference.core.config import Limits
from ringcheck_reference.core.effects import DeleteResult, Failure, GetResult, PutResult
from ringcheck_reference.core.messages import ClientDelete, ClientGet, ClientPut, Code

from .cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """Five nodes that have met."""
    cluster = Cluster()
    cluster.run_for(1.0)
    return cluster


def put(cluster: Cluster, name: str, value: bytes, context: bytes = b"", key: bytes = b"key") -> bytes:
    """Put, and give the context of the answer."""
    result = cluster.ask(name, ClientPut(key, value, context))
    assert isinstance(result, PutResult), result
    return result.context


def get(cluster: Cluster, name: str, key: bytes = b"key") -> GetResult:
    """Get, which has to succeed."""
    result = cluster.ask(name, ClientGet(key))
    assert isinstance(result, GetResult), result
    return result


def test_an_unknown_key_has_no_values_and_an_empty_context(cluster: Cluster) -> None:
    """A key never written is read as nothing, at every node."""
    for name in cluster.names:
        assert get(cluster, name) == GetResult((), b"")


def test_what_was_put_is_read_at_every_node(cluster: Cluster) -> None:
    """A value put through one node, home or not, is what every node returns."""
    for name in cluster.names:
        key = b"through " + name.encode()
        put(cluster, name, b"value", key=key)
        assert all(get(cluster, other, key).values == (b"value",) for other in cluster.names)


def test_a_home_coordinates_what_it_is_asked_and_the_first_what_others_are(cluster: Cluster) -> None:
    """Only a node that is no home forwards, to the first of the preference list; nobody hints."""
    homes = cluster.ring.homes(b"key")
    for name in cluster.names:
        put(cluster, name, b"value")
    statuses = cluster.statuses()
    writes = {name: status.writes.count for name, status in statuses.items() if status.writes.count}
    assert writes == {homes[0]: 3, homes[1]: 1, homes[2]: 1}
    assert {name for name, status in statuses.items() if status.forwarded_requests.count} == set(cluster.names) - set(
        homes
    )
    assert sum(status.hints_stored.count for status in statuses.values()) == 0


def test_a_context_supersedes_what_it_covers(cluster: Cluster) -> None:
    """A put with the context of a get replaces exactly what was read."""
    put(cluster, "n1", b"old")
    put(cluster, "n2", b"new", get(cluster, "n3").context)
    assert get(cluster, "n4").values == (b"new",)


def test_a_blind_put_supersedes_nothing(cluster: Cluster) -> None:
    """What was there stays as a sibling of a put without a context."""
    put(cluster, "n1", b"one")
    put(cluster, "n1", b"two")
    assert sorted(get(cluster, "n2").values) == [b"one", b"two"]


@pytest.mark.parametrize("other", ["n1", "n2"])
def test_puts_that_share_a_context_stay_siblings(cluster: Cluster, other: str) -> None:
    """Two puts with one context are concurrent, through one node or two."""
    context = put(cluster, "n1", b"base")
    put(cluster, "n1", b"left", context)
    put(cluster, other, b"right", context)
    assert sorted(get(cluster, "n3").values) == [b"left", b"right"]


def test_the_context_of_a_put_covers_no_unseen_sibling(cluster: Cluster) -> None:
    """A client may chain writes without reading, and the siblings that it has not seen stay."""
    put(cluster, "n1", b"unseen")
    context = put(cluster, "n1", b"first")
    put(cluster, "n2", b"second", context)
    assert sorted(get(cluster, "n3").values) == [b"second", b"unseen"]


def test_a_delete_removes_what_it_covers_and_no_more(cluster: Cluster) -> None:
    """A concurrent put survives a delete; without one the key is empty, and can be written again."""
    context = put(cluster, "n1", b"seen")
    put(cluster, "n2", b"concurrent")
    assert cluster.ask("n3", ClientDelete(b"key", context)) == DeleteResult()
    read = get(cluster, "n4")
    assert read.values == (b"concurrent",)
    assert cluster.ask("n5", ClientDelete(b"key", read.context)) == DeleteResult()
    assert get(cluster, "n1").values == ()
    put(cluster, "n2", b"again")
    cluster.run_for(2.0)
    assert get(cluster, "n3").values == (b"again",)


def test_a_context_survives_restarts(cluster: Cluster) -> None:
    """A context from before every node was restarted supersedes what it covers."""
    context = put(cluster, "n1", b"old")
    for name in cluster.names:
        cluster.crash(name)
        cluster.start(name)
    cluster.run_for(1.0)
    put(cluster, "n2", b"new", context)
    assert get(cluster, "n3").values == (b"new",)


def test_only_home_nodes_hold_a_replica(cluster: Cluster) -> None:
    """After a write the N owners of the key's partition hold it, and nobody else."""
    put(cluster, "n1", b"value")
    cluster.run_for(1.0)
    assert cluster.holders(b"key") == set(cluster.ring.homes(b"key"))


def test_an_idle_cluster_repairs_nothing(cluster: Cluster) -> None:
    """Once converged, a cluster without clients makes no repair, transfer or hint."""
    for number in range(30):
        put(cluster, f"n{number % 5 + 1}", b"value", key=b"key %d" % number)
    cluster.settle()
    before = cluster.statuses()
    cluster.run_for(5.0)
    assert cluster.statuses() == before


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ClientGet(b""), "the key has 0 bytes"),
        (ClientGet(b"k" * 1025), "the key has 1025 bytes"),
        (ClientGet(b"key", r=4), "r is 4"),
        (ClientPut(b"", b"value"), "the key has 0 bytes"),
        (ClientPut(b"key", b"v" * 65537), "the value has 65537 bytes, the limit is 65536"),
        (ClientPut(b"key", b"value", w=4), "w is 4"),
        (ClientPut(b"key", b"value", b"\x01garbage"), "the context is damaged"),
        (ClientPut(b"key", b"value", b"garbage"), "none that this store handed out"),
        (ClientDelete(b"key", b""), "a Delete needs a context that covers a version"),
    ],
)
def test_invalid_input_has_no_effect(
    cluster: Cluster, request_: ClientGet | ClientPut | ClientDelete, reason: str
) -> None:
    """A request beyond a limit is refused with the limit, and nothing is stored anywhere."""
    result = cluster.ask("n1", request_)
    assert isinstance(result, Failure)
    assert result.code is Code.INVALID_ARGUMENT
    assert reason in result.message
    cluster.run_for(1.0)
    assert not cluster.holders(b"key")
    assert all(not disk.replica and not disk.hints.rows for disk in cluster.disks.values())


def test_a_context_of_another_key_is_refused(cluster: Cluster) -> None:
    """A context belongs to one key."""
    context = put(cluster, "n1", b"value", key=b"another")
    for request in (ClientPut(b"key", b"value", context), ClientDelete(b"key", context)):
        result = cluster.ask("n1", request)
        assert isinstance(result, Failure)
        assert result.code is Code.INVALID_ARGUMENT
        assert "another key" in result.message


def test_a_put_beyond_the_sibling_limit_is_refused_at_every_node() -> None:
    """One sibling too many is INVALID_ARGUMENT, through a forwarder too; a put that covers one is not."""
    cluster = Cluster(limits=Limits(max_siblings=5))
    cluster.run_for(1.0)
    contexts = [put(cluster, "n1", b"%d" % number) for number in range(5)]
    for name in cluster.names:
        result = cluster.ask(name, ClientPut(b"key", b"one too many"))
        assert isinstance(result, Failure)
        assert result.code is Code.INVALID_ARGUMENT
        assert "the limit is 5" in result.message
    put(cluster, "n1", b"instead", contexts[0])
    assert sorted(get(cluster, "n1").values) == [b"1", b"2", b"3", b"4", b"instead"]


def test_w_and_r_of_one_and_all(cluster: Cluster) -> None:
    """W and R may be chosen for each request, from 1 to N."""
    for number in (1, 2, 3):
        assert isinstance(cluster.ask("n1", ClientPut(b"key", b"value", w=number)), PutResult)
        assert isinstance(cluster.ask("n2", ClientGet(b"key", r=number)), GetResult)
