"""Tombstones come to an end when nothing can come back, and not before."""

import copy

import pytest

from ringcheck_reference.core.effects import DeleteResult, GetResult, PutResult
from ringcheck_reference.core.encoding import decode_context, encode_context
from ringcheck_reference.core.merkle import leaf
from ringcheck_reference.core.messages import (
    Caller,
    ClientDelete,
    ClientGet,
    ClientPut,
    Leaf,
    PeerRequest,
    Reap,
    Reaped,
)
from ringcheck_reference.core.rest import MARGIN, SPARE_DOTS
from ringcheck_reference.core.versions import Context

from .cluster import Cluster, Link

LIFETIME = 2.0
NEEDED = MARGIN * LIFETIME
A_WHILE = 2.0
KEY = b"key"


def cluster_of(size: int = 5) -> Cluster:
    """Nodes that reap, and have met."""
    cluster = Cluster(size, tombstone_lifetime=LIFETIME)
    cluster.run_for(1.0)
    return cluster


def put(cluster: Cluster, name: str, value: bytes, context: bytes = b"") -> bytes:
    """Put, and give the context of the answer."""
    result = cluster.ask(name, ClientPut(KEY, value, context))
    assert isinstance(result, PutResult), result
    return result.context


def delete(cluster: Cluster, name: str, context: bytes) -> None:
    """Delete, which has to succeed."""
    assert cluster.ask(name, ClientDelete(KEY, context)) == DeleteResult()


def values(cluster: Cluster, name: str) -> tuple[bytes, ...]:
    """What a Get returns there."""
    result = cluster.ask(name, ClientGet(KEY))
    assert isinstance(result, GetResult), result
    return result.values


def repairs(cluster: Cluster) -> int:
    """What a converged, idle cluster does not do."""
    return sum(
        status.anti_entropy_repairs.count + status.transfers.count + status.read_repairs.count
        for status in cluster.statuses().values()
    )


def is_reaped(cluster: Cluster) -> bool:
    """Whether nobody holds anything of the key."""
    return not cluster.holders(KEY)


def test_without_a_lifetime_nothing_is_reaped() -> None:
    """0, the default, is never."""
    cluster = Cluster()
    cluster.run_for(1.0)
    delete(cluster, "n1", put(cluster, "n1", b"value"))
    cluster.run_for(3 * NEEDED)
    assert cluster.holders(KEY) == set(cluster.ring.homes(KEY))


def test_a_tombstone_is_reaped_everywhere_once_it_has_rested() -> None:
    """Not before twice its lifetime, and then by all owners, with nothing to repair."""
    cluster = cluster_of()
    delete(cluster, "n1", put(cluster, "n1", b"value"))
    cluster.run_for(NEEDED - 1.0)
    assert cluster.holders(KEY) == set(cluster.ring.homes(KEY))
    assert cluster.run_until(lambda: is_reaped(cluster), within=1.0 + A_WHILE)
    cluster.run_for(A_WHILE)
    assert is_reaped(cluster)
    assert cluster.converged()
    assert repairs(cluster) == 0


def test_what_was_reaped_can_be_written_again_and_stays() -> None:
    """A new version survives, though its node counts from 1 again, and its context does not grow with every write."""
    cluster = cluster_of()
    context = put(cluster, "n1", b"value")
    delete(cluster, "n1", context)
    assert cluster.run_until(lambda: is_reaped(cluster), within=NEEDED + A_WHILE)
    # A node that is no home, so that one home coordinates everything.
    outsider = cluster.ring.fallbacks(KEY)[0]
    first = len(put(cluster, outsider, b"new"))
    assert values(cluster, "n3") == (b"new",)
    result = cluster.ask("n1", ClientGet(KEY))
    assert isinstance(result, GetResult)
    for number in range(20):
        result = PutResult(put(cluster, outsider, b"%d" % number, result.context))
    assert len(result.context) == first
    cluster.run_for(A_WHILE)
    assert values(cluster, "n3") == (b"19",)
    # A context from before the delete is good too.
    put(cluster, "n1", b"late", context)
    assert sorted(values(cluster, "n4")) == [b"19", b"late"]


def test_a_node_that_is_away_keeps_tombstones_from_being_reaped() -> None:
    """An owner that has missed the delete, and is away for longer than any lifetime, does not bring the value back."""
    cluster = cluster_of()
    context = put(cluster, "n1", b"value")
    cluster.run_for(1.0)
    away = cluster.ring.homes(KEY)[1]
    cluster.crash(away)
    cluster.run_for(A_WHILE)
    delete(cluster, "n1" if away != "n1" else "n2", context)
    cluster.run_for(3 * NEEDED)
    cluster.start(away)
    cluster.run_for(A_WHILE)
    assert all(values(cluster, name) == () for name in cluster.names)
    assert cluster.run_until(lambda: is_reaped(cluster), within=2 * NEEDED)
    assert all(values(cluster, name) == () for name in cluster.names)


@pytest.mark.parametrize("link", [Link.REFUSED, Link.DROPPING])
def test_a_stand_in_that_is_cut_off_keeps_them_too(link: Link) -> None:
    """A hint for the version, at a node that no owner reaches, is waited for."""
    cluster = cluster_of()
    homes = cluster.ring.homes(KEY)
    keeper = next(name for name in cluster.names if name not in homes)
    rest = [name for name in cluster.names if name != keeper]
    # The stand-in alone with one home takes the version, and a hint of it.
    cluster.split([keeper, homes[0]], [name for name in rest if name != homes[0]])
    cluster.run_for(A_WHILE)
    context = put(cluster, keeper, b"value")
    assert cluster.running[keeper].core.list_hints()
    cluster.split(rest, [keeper], link=link)
    cluster.run_for(A_WHILE)
    delete(cluster, homes[0], context)
    cluster.run_for(3 * NEEDED)
    assert cluster.holders(KEY) == set(homes)
    cluster.heal()
    cluster.run_for(A_WHILE)
    assert all(values(cluster, name) == () for name in cluster.names)
    assert cluster.run_until(lambda: is_reaped(cluster), within=2 * NEEDED)
    assert all(values(cluster, name) == () for name in cluster.names)


def test_what_a_stand_in_has_issued_is_reaped_too() -> None:
    """It agrees, and from then on writes the key as a new actor: else each of its dots would stand alone for good."""
    cluster = cluster_of()
    *homes, stand_in, _last = cluster.ring.preference_list(KEY)

    def write_far_off(times: int) -> Context:
        """The stand-in coordinates, as its ways to the homes are slow; what a home knows of the key afterwards."""
        cluster.lags = {frozenset((stand_in, home)): 0.7 * cluster.config.replica_timeout for home in homes}
        cluster.run_for(3.0)
        context = b""
        for _ in range(times):
            context = put(cluster, stand_in, b"value", context)
        cluster.lags = {}
        cluster.run_for(3.0)
        found = cluster.ask(homes[0], ClientGet(KEY))
        assert isinstance(found, GetResult)
        return decode_context(KEY, found.context)

    before = write_far_off(3)
    assert [dot.counter for dot in before.vector] == [3]
    delete(cluster, homes[0], encode_context(KEY, before))
    cluster.run_for(NEEDED + A_WHILE)
    assert is_reaped(cluster)
    after = write_far_off(5)
    assert [dot.counter for dot in after.vector] == [5]
    assert after.loose == ()
    assert after.vector[0].actor != before.vector[0].actor


def test_a_lost_order_leaves_a_tombstone_that_is_reaped_later() -> None:
    """An owner that agrees and never hears of it teaches the others again; owners do not differ for ever."""
    cluster = cluster_of()
    delete(cluster, "n1", put(cluster, "n1", b"value"))
    _, second, _ = cluster.ring.homes(KEY)
    cluster.run_until(lambda: len(cluster.holders(KEY)) < 3, within=NEEDED + A_WHILE)
    cluster.crash(second)  # the order may have arrived or not; both are fine
    cluster.run_for(1.0)
    cluster.start(second)
    cluster.settle()
    assert cluster.run_until(lambda: is_reaped(cluster), within=3 * NEEDED)
    cluster.settle()


def test_a_disk_within_the_lifetime_brings_nothing_back_and_an_older_one_does() -> None:
    """What Describe says: a copy that is older than the lifetime must not come back."""
    for age, expected in ((LIFETIME, ()), (NEEDED + A_WHILE, (b"value",))):
        cluster = cluster_of()
        context = put(cluster, "n1", b"value")
        cluster.run_for(1.0)
        old = cluster.ring.homes(KEY)[1]
        held = copy.deepcopy(cluster.disks[old])
        delete(cluster, "n1", context)
        cluster.run_for(age)
        assert is_reaped(cluster) == (age > LIFETIME)
        cluster.crash(old)
        cluster.replace_disk(old, held)
        cluster.start(old)
        cluster.run_for(A_WHILE)
        assert {values(cluster, name) for name in cluster.names} == {expected}


def test_a_long_context_is_cut_down_and_the_version_stays() -> None:
    """What a live version's context remembers of actors that are gone goes the same way; no sibling comes of it."""
    cluster = cluster_of(3)
    context = put(cluster, "n1", b"first")
    for number in range(SPARE_DOTS + 4):
        name = cluster.ring.homes(KEY)[0]
        cluster.crash(name)
        cluster.start(name)
        cluster.run_for(0.1)
        context = put(cluster, "n1", b"%d" % number, context)
    whole = len(context)
    assert cluster.run_until(lambda: _context_bytes(cluster) * 10 < whole, within=NEEDED + A_WHILE)
    cluster.run_for(A_WHILE)
    assert cluster.converged()
    assert values(cluster, "n2") == (b"%d" % number,)
    put(cluster, "n1", b"with an old context", context)
    assert values(cluster, "n3") == (b"with an old context",)
    cluster.settle()


def _context_bytes(cluster: Cluster) -> int:
    result = cluster.ask("n1", ClientGet(KEY))
    assert isinstance(result, GetResult)
    return len(result.context)


def test_who_does_not_reap_agrees_to_nothing() -> None:
    """A node without a lifetime wants everything to be kept."""
    cluster = Cluster()
    cluster.run_for(1.0)
    delete(cluster, "n1", put(cluster, "n1", b"value"))
    cluster.run_for(3 * NEEDED)
    partition = cluster.ring.partition(KEY)
    core = cluster.running["n1"].core
    (entry,) = cluster.running[cluster.ring.homes(KEY)[0]].core.scan(partition).entries
    leaves = (Leaf(KEY, leaf(KEY, entry.state)),)
    question = PeerRequest(2, Reap(partition, core._desk.standing.view.changes_digest, leaves), core.ring().digest)
    (answer,) = cluster.question("n1", Caller("n2", "run", 1), question)
    assert answer.body == Reaped((0,))


def test_nothing_is_remembered_of_keys_that_are_reaped() -> None:
    """However many were, neither coordinator nor owners keep anything of them; they can be written again."""
    cluster = Cluster(3, n=3, r=1, w=3, partition_count=4, tombstone_lifetime=0.5, request_timeout=1.0)
    cluster.run_for(2.0)
    for number in range(60):
        key = b"k%d" % number
        written = cluster.ask("n1", ClientPut(key, b"v"))
        assert isinstance(written, PutResult)
        assert isinstance(cluster.ask("n1", ClientDelete(key, written.context)), DeleteResult)
    cluster.run_for(20.0)
    for name, process in cluster.running.items():
        assert not cluster.disks[name].replica
        assert not process.core._desk.rest._parting
        assert not process.core._clients._mint._issued
    again = cluster.ask("n1", ClientPut(b"k1", b"again"))
    assert isinstance(again, PutResult)
    assert cluster.ask("n2", ClientGet(b"k1")) == GetResult((b"again",), again.context)
