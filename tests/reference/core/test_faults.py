"""What a cluster does when nodes are gone, links are cut and disks fail."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.effects import Failure, GetResult, PutResult
from ringcheck_reference.core.messages import (
    Caller,
    ClientDelete,
    ClientGet,
    ClientPut,
    Code,
    Forward,
    PeerRequest,
    Ping,
    Pong,
    Refusal,
    Replicate,
)
from ringcheck_reference.core.versions import Context, Dot, State, Version

from .cluster import Cluster, Disk, Link

KEY = b"key"
NAMES = ("n1", "n2", "n3", "n4", "n5")
DETECTION_DEADLINE = 1.0


def started(**options: Any) -> Cluster:
    """Five nodes that have met."""
    cluster = Cluster(**options)
    cluster.run_for(DETECTION_DEADLINE)
    return cluster


def values(cluster: Cluster, name: str, r: int = 0) -> list[bytes]:
    """What a Get through `name` returns, sorted."""
    result = cluster.ask(name, ClientGet(KEY, r))
    assert isinstance(result, GetResult), result
    return sorted(result.values)


def reachable(cluster: Cluster, name: str) -> tuple[str, ...]:
    """Whom a node believes to reach, as its Pong tells."""
    (answer,) = cluster.question(name, Caller("n0", "somebody", 1), PeerRequest(1, Ping()))
    assert isinstance(answer.body, Pong)
    return answer.body.reachable


@pytest.mark.parametrize("link", [Link.REFUSED, Link.DROPPING])
def test_a_stand_in_keeps_a_hint_and_hands_it_off(link: Link) -> None:
    """A write that misses a home node is kept for it elsewhere, and reaches it when it returns."""
    cluster = started(anti_entropy_interval=1000.0)
    home = cluster.ring.homes(KEY)[1]
    others = [name for name in cluster.names if name != home]
    cluster.split(others, link=link)
    cluster.run_for(DETECTION_DEADLINE)
    assert isinstance(cluster.ask(others[0], ClientPut(KEY, b"value")), PutResult)
    cluster.run_for(1.0)
    assert {hint.target for name in others for hint in cluster.running[name].core.list_hints()} == {home}
    assert home not in cluster.holders(KEY)
    cluster.heal()
    cluster.settle()
    assert cluster.holders(KEY) == set(cluster.ring.homes(KEY))
    assert sum(status.hints_delivered.count for status in cluster.statuses().values()) >= 1


def test_what_was_merged_into_a_hint_on_its_way_is_delivered_too() -> None:
    """A hint is dropped only if it is still what was sent."""
    cluster = started(anti_entropy_interval=1000.0)
    home, stand_in = cluster.ring.homes(KEY)[0], cluster.ring.preference_list(KEY)[3]
    early, late = (
        State.of([Version(Dot(b"a", number), b"%d" % number)], Context.of(loose=[Dot(b"a", number)]))
        for number in (1, 2)
    )
    peer = Caller("n0", "somebody", 1)
    cluster.question(stand_in, peer, PeerRequest(1, Replicate(KEY, early, home)))
    assert cluster.run_until(lambda: KEY in cluster.disks[home].replica, within=2.0)
    assert cluster.running[stand_in].core.list_hints(), "its delivery has not been confirmed yet"
    cluster.question(stand_in, peer, PeerRequest(2, Replicate(KEY, late, home)))
    cluster.run_for(2.0)
    (entry,) = cluster.running[home].core.scan(cluster.ring.partition(KEY)).entries
    assert entry.values == (b"1", b"2")
    assert not cluster.running[stand_in].core.list_hints()


def test_hints_survive_a_crash_of_their_holders() -> None:
    """Every node that keeps a hint is restarted before the target returns, and still delivers it."""
    cluster = started(anti_entropy_interval=1000.0)
    home = cluster.ring.homes(KEY)[0]
    cluster.crash(home)
    cluster.run_for(DETECTION_DEADLINE)
    others = [name for name in cluster.names if name != home]
    assert isinstance(cluster.ask(others[0], ClientPut(KEY, b"value")), PutResult)
    cluster.run_for(1.0)
    for name in others:
        cluster.crash(name)
        cluster.start(name)
    cluster.start(home)
    cluster.settle()
    assert home in cluster.holders(KEY)


def test_all_homes_missing_two_stand_ins_hold_the_write() -> None:
    """With only stand-ins left a write is still acknowledged, and W distinct home nodes get it afterwards."""
    cluster = started(anti_entropy_interval=1000.0)
    stand_ins = cluster.ring.preference_list(KEY)[3:]
    cluster.split(stand_ins)
    cluster.run_for(DETECTION_DEADLINE)
    assert isinstance(cluster.ask(stand_ins[0], ClientPut(KEY, b"value")), PutResult)
    hints = {(name, hint.target) for name in stand_ins for hint in cluster.running[name].core.list_hints()}
    assert len({target for _, target in hints}) >= 2
    assert len({holder for holder, _ in hints}) >= 2
    cluster.heal()
    assert cluster.run_until(lambda: len(cluster.holders(KEY)) >= 2, within=10.0)
    assert values(cluster, "n1", r=3) == [b"value"]


def test_a_node_alone_acknowledges_nothing() -> None:
    """With W = 2 and R = 2 an isolated node answers UNAVAILABLE, at once or in time."""
    cluster = started()
    for link in (Link.REFUSED, Link.DROPPING):
        for name in cluster.names:
            cluster.split([name], [other for other in cluster.names if other != name], link=link)
            # The first of them is sent to peers that nobody suspects yet.
            for request in (ClientGet(KEY), ClientPut(KEY, b"value"), ClientGet(KEY)):
                result = cluster.ask(name, request)
                assert isinstance(result, Failure), (name, request)
                assert result.code is Code.UNAVAILABLE


def test_a_lagging_home_is_repaired_by_a_read_alone() -> None:
    """A get that met a stale home node sends it the merged state; without a difference it sends nothing."""
    cluster = started(anti_entropy_interval=1000.0, handoff_interval=1000.0)
    stale = cluster.ring.homes(KEY)[2]
    asked = cluster.ring.homes(KEY)[0]
    cluster.crash(stale)
    cluster.run_for(DETECTION_DEADLINE)
    assert isinstance(cluster.ask(asked, ClientPut(KEY, b"value")), PutResult)
    cluster.start(stale)
    cluster.run_for(DETECTION_DEADLINE)
    assert stale not in cluster.holders(KEY)
    assert values(cluster, asked) == [b"value"]
    cluster.run_for(1.0)
    assert stale in cluster.holders(KEY)
    assert cluster.running[asked].core.status().read_repairs.count == 1
    assert values(cluster, asked) == [b"value"]
    cluster.run_for(1.0)
    assert cluster.running[asked].core.status().read_repairs.count == 1


def test_a_lost_disk_is_rebuilt_by_anti_entropy() -> None:
    """A node that comes back empty gets all its partitions again, without any client."""
    cluster = started()
    for number in range(200):
        assert isinstance(cluster.ask(f"n{number % 5 + 1}", ClientPut(b"key %d" % number, b"value")), PutResult)
    cluster.settle()
    before = cluster.running["n2"].core.roots()
    cluster.crash("n2")
    cluster.replace_disk("n2", Disk())
    cluster.start("n2")
    cluster.settle()
    assert cluster.running["n2"].core.roots() == before
    assert cluster.running["n2"].core.status().anti_entropy_repairs.count > 0


def test_a_deleted_key_stays_deleted() -> None:
    """A replica that missed a delete does not bring the version back, however it is read or repaired."""
    cluster = started()
    late = cluster.ring.homes(KEY)[2]
    put = cluster.ask("n1", ClientPut(KEY, b"value"))
    assert isinstance(put, PutResult)
    cluster.settle()
    cluster.crash(late)
    cluster.run_for(DETECTION_DEADLINE)
    asked = cluster.ring.homes(KEY)[0]
    assert not isinstance(cluster.ask(asked, ClientDelete(KEY, put.context)), Failure)
    cluster.start(late)
    for name in cluster.names:
        values(cluster, name)
    cluster.settle()
    assert all(values(cluster, name) == [] for name in cluster.names)


def test_a_coordinator_that_vanished_before_the_write_was_sent_is_replaced() -> None:
    """Refused connections let the node asked try the next one, at once."""
    cluster = started()
    first, *rest = cluster.ring.preference_list(KEY)
    cluster.crash(first)
    assert isinstance(cluster.ask(rest[-1], ClientPut(KEY, b"value")), PutResult)


@pytest.mark.parametrize("lag", [0.2, 0.9, 3.0])
def test_a_write_takes_no_way_that_is_slow(lag: float) -> None:
    """A home that answers late answers all the same; other nodes pass writes on to somebody else, or see to them."""
    cluster = Cluster()
    *homes, asked, _last = cluster.ring.preference_list(KEY)
    soon = 2 * cluster.config.replica_timeout
    for slow in (homes[:1], homes[:2], homes):
        cluster.lags = {frozenset((asked, home)): lag for home in slow}
        cluster.run_for(4 * lag + 2)
        for _ in range(20):
            put, get = cluster.call(asked, ClientPut(KEY, b"value")), cluster.call(asked, ClientGet(KEY))
            cluster.run_for(soon)
            assert isinstance(cluster.replies.get(put), PutResult), slow
            assert isinstance(cluster.replies.get(get), GetResult), slow


def test_a_write_is_not_passed_on_to_where_all_ways_on_are_slow() -> None:
    """A home that answers the node asked in time may itself wait for all the others."""
    cluster = Cluster()
    first, *homes, asked, last = cluster.ring.preference_list(KEY)
    cluster.lags = {frozenset((first, other)): 0.9 for other in (*homes, last)}
    cluster.run_for(5)
    for _ in range(20):
        put = cluster.call(asked, ClientPut(KEY, b"value", w=3))
        cluster.run_for(2 * cluster.config.replica_timeout)
        assert isinstance(cluster.replies.get(put), PutResult)


def test_a_write_that_may_have_been_sent_is_not_sent_elsewhere() -> None:
    """When the coordinator dies with the write in its hands, the answer is UNAVAILABLE, and there is one version."""
    cluster = started()
    first, *rest = cluster.ring.preference_list(KEY)
    call = cluster.call(rest[-1], ClientPut(KEY, b"value"))
    # The write is on its way, the coordinator's own copy commits, and then it is gone.
    assert cluster.run_until(lambda: KEY in cluster.disks[first].replica, within=1.0)
    cluster.crash(first)
    cluster.run_until(lambda: call in cluster.replies, within=2.0)
    result = cluster.replies[call]
    assert isinstance(result, Failure)
    assert result.code is Code.UNAVAILABLE
    cluster.heal()
    cluster.settle()
    assert values(cluster, "n1", r=3) in ([], [b"value"])


def test_a_failed_disk_is_no_copy() -> None:
    """Without stand-ins, W = N needs the coordinator's own disk; a number whose write failed is not used again."""
    cluster = started(size=3)
    first = cluster.ring.homes(KEY)[0]
    cluster.disks[first].refuses = True
    result = cluster.ask(first, ClientPut(KEY, b"burnt", w=3))
    assert isinstance(result, Failure)
    assert result.code is Code.UNAVAILABLE
    cluster.disks[first].refuses = False
    assert isinstance(cluster.ask(first, ClientPut(KEY, b"next", w=3)), PutResult)
    cluster.settle()
    assert values(cluster, "n1", r=3) == [b"burnt", b"next"]


def test_puts_before_the_first_commit_get_dots_of_their_own() -> None:
    """Two blind puts in one breath are two siblings, though neither saw the other on the disk."""
    cluster = started()
    first = cluster.ring.homes(KEY)[0]
    calls = [cluster.call(first, ClientPut(KEY, value)) for value in (b"left", b"right")]
    cluster.run_until(lambda: all(call in cluster.replies for call in calls), within=2.0)
    assert values(cluster, first) == [b"left", b"right"]


def test_a_wrong_suspicion_costs_no_request() -> None:
    """A node that suspects everybody finds out with the request itself that they are there."""
    cluster = started(gossip_interval=0.6)
    first = cluster.ring.homes(KEY)[0]
    for request in (ClientPut(KEY, b"value"), ClientGet(KEY)):
        others = [name for name in cluster.names if name != first]
        cluster.split([first], others, link=Link.DROPPING)
        assert cluster.run_until(lambda: not reachable(cluster, first), within=2.0)
        cluster.heal()
        assert isinstance(cluster.ask(first, request), PutResult | GetResult)


def test_a_replayed_forward_is_carried_out_once() -> None:
    """The same forwarded write, twice, makes one version and has one outcome; after a restart it is refused."""
    cluster = started()
    home = cluster.ring.homes(KEY)[0]
    caller = Caller("n1" if home != "n1" else "n2", "somebody", 7)
    request = PeerRequest(9, Forward(cluster.running[home].incarnation, KEY, b"value", b"", 2))
    answers = [*cluster.question(home, caller, request, request), *cluster.question(home, caller, request)]
    assert [answer.id for answer in answers] == [9, 9], "one for the first two, one for the third"
    assert len({answer.body for answer in answers}) == 1
    assert values(cluster, home) == [b"value"]
    cluster.crash(home)
    cluster.start(home)
    (refusal,) = cluster.question(home, caller, request)
    assert isinstance(refusal.body, Refusal)
    assert values(cluster, home) == [b"value"]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_clique_of_w_nodes_serves_writes_and_reads(data: st.DataObject) -> None:
    """Whoever else is cut, gone or silent: W nodes that all reach each other acknowledge, through any of them."""
    clique = set(data.draw(st.permutations(NAMES))[: data.draw(st.integers(2, 4))])
    asked = data.draw(st.sampled_from(sorted(clique)))
    cluster = started(seed=data.draw(st.integers(0, 1000)))
    for name in NAMES:
        if name not in clique and data.draw(st.booleans()):
            cluster.crash(name)
    for source, target in itertools.permutations(NAMES, 2):
        if not {source, target} <= clique:
            cluster.set_link(source, target, data.draw(st.sampled_from(Link)))
    cluster.run_for(DETECTION_DEADLINE)
    assert isinstance(cluster.ask(asked, ClientPut(KEY, b"value")), PutResult)
    assert isinstance(cluster.ask(asked, ClientGet(KEY)), GetResult)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_less_than_a_quorum_answers_nothing(data: st.DataObject) -> None:
    """W-1 nodes that reach nobody else acknowledge no write and answer no read, however messages are repeated."""
    w = data.draw(st.integers(2, 3))
    group = data.draw(st.permutations(NAMES))[: w - 1]
    cluster = started(seed=data.draw(st.integers(0, 1000)), duplication=0.5)
    cluster.split(group, link=data.draw(st.sampled_from([Link.REFUSED, Link.DROPPING])))
    cluster.run_for(data.draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])))
    requests: list[ClientPut | ClientGet] = [ClientPut(KEY, b"value", w=w), ClientGet(KEY, r=w)]
    for request in data.draw(st.permutations(requests)):
        assert isinstance(cluster.ask(group[0], request), Failure)
