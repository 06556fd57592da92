"""What operators ask for, and what becomes of a node that joined, left or was removed."""

from typing import Any

import pytest

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import ChangeResult, Failure, GetResult, PutResult
from ringcheck_reference.core.events import joined
from ringcheck_reference.core.messages import (
    Caller,
    Cause,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Code,
    Found,
    Gossip,
    Hello,
    Holding,
    Lost,
    NodeId,
    PeerRequest,
    PeerUp,
    Ping,
    Read,
    Refusal,
    Release,
    Replicate,
    Stored,
    Unsent,
)

from .cluster import Cluster, Disk, Link, Process, Request

KEYS = tuple(b"key %d" % number for number in range(40))


def started(size: int = 4, **options: Any) -> Cluster:
    """Some nodes that have met, with data."""
    cluster = Cluster(size, **options)
    cluster.run_for(1.0)
    for key in KEYS:
        assert isinstance(cluster.ask("n1", ClientPut(key, b"value of " + key)), PutResult)
    return cluster


def settle(cluster: Cluster) -> None:
    """Wait until all nodes agree, and nothing is under way."""

    def settled() -> bool:
        cores = [process.core for process in cluster.running.values() if not process.core.is_removed]
        quiet = all(core.membership() == type(core.membership())() for core in cores)
        return quiet and len({core.ring().digest for core in cores}) == 1

    assert cluster.run_until(settled, within=20.0)
    cluster.run_for(2.0)


def change(cluster: Cluster, name: str, request: Request) -> None:
    """Ask for a change, which has to succeed."""
    assert isinstance(cluster.ask(name, request), ChangeResult)


def holders(cluster: Cluster) -> None:
    """Every key is with its owners, and with nobody else."""
    core = cluster.running["n1"].core
    for key in KEYS:
        partition, _ = core.preference_list(key)
        assert cluster.holders(key) == set(core.ring().owners[partition])


def test_a_node_joins_and_takes_its_share() -> None:
    """The new member owns partitions and holds their data; the old owners have dropped theirs."""
    cluster = started()
    cluster.add("n5")
    change(cluster, "n2", ClientJoin(Member("n5")))
    settle(cluster)
    assert {member.id for member in cluster.running["n5"].core.ring().members} == {"n1", "n2", "n3", "n4", "n5"}
    assert any("n5" in owners for owners in cluster.running["n1"].core.ring().owners)
    holders(cluster)
    assert cluster.ask("n5", ClientGet(KEYS[0])) is not None


@pytest.mark.parametrize("through", ["n1", "n4"])
@pytest.mark.parametrize("first", ["join", "put"])
def test_two_members_of_one_machine_are_one_copy_when_one_joins_during_a_write(first: str, through: str) -> None:
    """A member that stands in counts by the machine that it joined with, though the write began before it did."""
    cluster = Cluster(3)
    cluster.add("n4")
    cluster.run_for(1.0)
    cluster.split(("n1", "n2", "n4"), ("n3",), link=Link.DROPPING)
    join = ClientJoin(Member("n4", host="n1"))
    if first == "join":
        change(cluster, "n2", join)
    puts = [cluster.call(through, ClientPut(key, b"value", w=3)) for key in KEYS]
    if first == "put":
        change(cluster, "n2", join)
    cluster.run_for(cluster.config.request_timeout + 1.0)
    assert not [put for put in puts if isinstance(cluster.replies.get(put), PutResult)]


def test_a_node_leaves_is_drained_and_may_be_stopped() -> None:
    """All that it held is with the owners, and when it says so nothing is lost with it."""
    cluster = started()
    change(cluster, "n3", ClientLeave("n3"))
    assert cluster.run_until(lambda: cluster.running["n1"].core.membership().draining == ("n3",), within=1.0)
    settle(cluster)
    assert not cluster.disks["n3"].replica
    cluster.retire("n3")
    holders(cluster)
    for key in KEYS:
        read = cluster.ask("n1", ClientGet(key))
        assert isinstance(read, GetResult)
        assert read.values == (b"value of " + key,)


def test_a_removed_node_serves_nobody() -> None:
    """It is removed while it is down; when it comes back all the same it learns of it, and stays out."""
    cluster = started(w=2)
    cluster.crash("n4")
    change(cluster, "n1", ClientRemove("n4"))
    settle(cluster)
    cluster.start("n4")
    cluster.run_for(1.0)
    assert cluster.running["n4"].core.is_removed
    result = cluster.ask("n4", ClientGet(KEYS[0]))
    assert isinstance(result, Failure)
    assert result.code is Code.UNAVAILABLE
    (answer,) = cluster.question("n4", Caller("n1", "somebody", 1), PeerRequest(1, Ping()))
    assert isinstance(answer.body, Refusal)
    assert "n4" not in {member.id for member in cluster.running["n1"].core.ring().members}
    cluster.crash("n4")
    cluster.start("n4")
    assert cluster.running["n4"].core.is_removed, "it remembers"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ClientLeave("nobody"), Code.NOT_FOUND),
        (ClientRemove("nobody"), Code.NOT_FOUND),
        (ClientLeave("n1"), Code.FAILED_PRECONDITION),
        (ClientRemove("n2"), Code.FAILED_PRECONDITION),
        (ClientJoin(Member("n1", 2)), Code.FAILED_PRECONDITION),
        (ClientJoin(Member("n1", 1, "elsewhere")), Code.FAILED_PRECONDITION),
        (ClientJoin(Member("n4")), Code.FAILED_PRECONDITION),
        (ClientJoin(Member("", 1)), Code.INVALID_ARGUMENT),
        (ClientJoin(Member("n9", 0)), Code.INVALID_ARGUMENT),
    ],
)
def test_a_change_that_cannot_be_is_refused(request_: Request, code: Code) -> None:
    """Unknown ids, too few hosts, an id that was there before; nothing changes."""
    cluster = Cluster(4)
    cluster.run_for(0.5)
    change(cluster, "n1", ClientLeave("n4"))
    cluster.run_for(0.5)
    before = cluster.running["n1"].core.ring().digest
    result = cluster.ask("n1", request_)
    assert isinstance(result, Failure)
    assert result.code is code
    assert cluster.running["n1"].core.ring().digest == before


def test_to_repeat_a_change_is_harmless() -> None:
    """The second call is answered like the first."""
    cluster = Cluster(4)
    cluster.run_for(0.5)
    cluster.add("n5")
    for request in (ClientJoin(Member("n5")), ClientLeave("n1"), ClientRemove("n1")):
        for name in ("n2", "n2", "n3"):
            change(cluster, name, request)


def test_a_change_without_w_machines_is_not_acknowledged() -> None:
    """One node on its own cannot promise that the change is there to stay; later the others hear of it."""
    cluster = Cluster(4)
    cluster.run_for(0.5)
    cluster.split(["n1"], ["n2", "n3", "n4"])
    result = cluster.ask("n1", ClientLeave("n4"))
    assert isinstance(result, Failure)
    assert result.code is Code.UNAVAILABLE
    cluster.heal()
    settle(cluster)
    assert len(cluster.running["n2"].core.ring().members) == 3


def test_a_view_survives_restarts_and_a_disk_that_refuses_it() -> None:
    """A view is in force once it is durable, and not before."""
    cluster = Cluster(4)
    cluster.run_for(0.5)
    cluster.disks["n2"].refuses = True
    change(cluster, "n1", ClientLeave("n4"))
    cluster.run_for(1.0)
    assert len(cluster.running["n2"].core.ring().members) == 4
    cluster.disks["n2"].refuses = False
    settle(cluster)
    for name in ("n1", "n2", "n3"):
        cluster.crash(name)
        cluster.start(name)
        assert len(cluster.running[name].core.ring().members) == 3


def test_an_old_owner_that_is_down_is_waited_for() -> None:
    """Nobody confirms what a node that may hold more has not released."""
    cluster = started(3, n=1, r=1, w=1)
    cluster.add("n4")
    cluster.crash("n1")
    change(cluster, "n2", ClientJoin(Member("n4", 3)))
    cluster.run_for(5.0)
    waiting = cluster.running["n4"].core.membership().unconfirmed
    assert waiting
    cluster.start("n1")
    settle(cluster)
    holders(cluster)


@pytest.mark.parametrize("cause", list(Cause))
def test_nothing_is_taken_from_a_removed_node(cause: Cause) -> None:
    """It was not asked whether tombstones may be forgotten, and has old hints and replicas for all that is known."""
    cluster = started(5, partition_count=4)
    (found,) = cluster.question("n1", Caller("n2", "somebody", 1), PeerRequest(3, Read(KEYS[0])))
    assert isinstance(found.body, Found)
    cluster.retire("n5")
    change(cluster, "n1", ClientRemove("n5"))
    settle(cluster)
    old = PeerRequest(4, Replicate(b"old", found.body.state, cause=cause))
    (answer,) = cluster.question("n1", Caller("n5", "somebody", 1), old)
    assert isinstance(answer.body, Refusal)
    assert answer.body.code == Code.FAILED_PRECONDITION
    cluster.run_for(2.0)
    assert not cluster.holders(b"old")
    (answer,) = cluster.question("n1", Caller("n2", "somebody", 1), old)
    assert isinstance(answer.body, Stored)


def test_a_node_that_has_another_view_confirms_nothing_and_releases_nothing() -> None:
    """Release and Holding name the changes that they are about."""
    cluster = started()
    peer = Caller("n9", "somebody", 1)
    for body in (Release(0, bytes(32)), Holding(0, bytes(32), ())):
        (answer,) = cluster.question("n1", peer, PeerRequest(3, body))
        assert isinstance(answer.body, Refusal)
        assert answer.body.code == Code.FAILED_PRECONDITION


def test_a_wiped_node_hears_of_the_view_again() -> None:
    """A node without a disk starts as the first members, and ends with the others' view and its data."""
    cluster = started()
    cluster.add("n5")
    change(cluster, "n2", ClientJoin(Member("n5")))
    settle(cluster)
    cluster.crash("n2")
    cluster.replace_disk("n2", Disk())
    cluster.start("n2")
    settle(cluster)
    cluster.run_for(3.0)
    holders(cluster)


def test_who_neither_owns_nor_holds_never_says_that_there_is_nothing() -> None:
    """A node that is no member refuses a read instead of answering that it found nothing."""
    cluster = started()
    cluster.add("n5")
    (answer,) = cluster.question("n5", Caller("n1", "somebody", 1), PeerRequest(3, Read(KEYS[0])))
    assert isinstance(answer.body, Refusal)


def test_who_has_had_a_view_is_told_what_came_after_it() -> None:
    """And tells what it has besides; what it knows itself it is not told again."""
    cluster = Cluster(4)
    before = cluster.running["n1"].core.ring().digest
    assert isinstance(cluster.ask("n1", ClientJoin(Member("n8"))), ChangeResult)
    caller, join = Caller("n2", "somebody", 1), joined(Member("n9"))
    (answer,) = cluster.question("n1", caller, PeerRequest(3, Gossip((join,), before)))
    assert answer.body == Gossip((joined(Member("n8")),))
    assert {"n8", "n9"} <= {member.id for member in cluster.running["n1"].core.ring().members}
    (answer,) = cluster.question("n1", caller, PeerRequest(4, Gossip((join,))))
    assert isinstance(answer.body, Gossip)
    assert {event.member.id for event in answer.body.events} == {"n1", "n2", "n3", "n4", "n8"}


def test_a_view_that_is_not_recalled_is_not_reckoned_with() -> None:
    """Nothing is learnt: who asks tells all it knows then."""
    cluster = Cluster(4)
    digest = cluster.running["n1"].core.ring().digest
    gossip = Gossip((joined(Member("n9")),), b"a view of some other life")
    (answer,) = cluster.question("n1", Caller("n2", "somebody", 1), PeerRequest(3, gossip))
    assert isinstance(answer.body, Refusal)
    assert answer.body.code == Code.FAILED_PRECONDITION
    assert cluster.running["n1"].core.ring().digest == digest


class Overhearing(Cluster):
    """Keeps all that is asked in gossip; nobody knows more than `protocol`."""

    def __init__(self, size: int, protocol: int) -> None:
        self.told: list[Gossip] = []
        self._protocol = protocol
        super().__init__(size)

    def _tell(self, name: NodeId, process: Process, about: NodeId, news: Unsent | Lost | PeerUp) -> None:
        if isinstance(news, PeerUp):
            news = PeerUp(Hello(news.hello.node_id, news.hello.incarnation, self._protocol))
        super()._tell(name, process, about, news)

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        if isinstance(request.body, Gossip) and target in self.running:
            self.told.append(request.body)
        super()._send_request(source, target, request)


@pytest.mark.parametrize("protocol", [2, 3])
def test_only_who_knows_of_it_is_told_the_difference_alone(protocol: int) -> None:
    """Others are told all, and both come to the same."""
    cluster = Overhearing(4, protocol)
    cluster.run_for(1.0)
    assert isinstance(cluster.ask("n1", ClientJoin(Member("n8"))), ChangeResult)
    assert cluster.run_until(
        lambda: len({process.core.ring().digest for process in cluster.running.values()}) == 1, within=5.0
    )
    assert cluster.told
    if protocol == 2:
        assert all(len(gossip.events) >= 4 and not gossip.since for gossip in cluster.told)
    else:
        assert all(len(gossip.events) <= 1 and gossip.since for gossip in cluster.told)


def test_who_has_lost_its_disk_is_told_all_again() -> None:
    """It does not recall the view that it is known to have had."""
    cluster = Overhearing(4, 3)
    cluster.run_for(1.0)
    assert isinstance(cluster.ask("n1", ClientJoin(Member("n8"))), ChangeResult)
    cluster.run_for(1.0)
    cluster.crash("n2")
    cluster.replace_disk("n2", Disk())
    assert isinstance(cluster.ask("n1", ClientJoin(Member("n9"))), ChangeResult)
    cluster.start("n2")
    assert cluster.run_until(
        lambda: len({process.core.ring().digest for process in cluster.running.values()}) == 1, within=5.0
    )
    assert {"n8", "n9"} <= {member.id for member in cluster.running["n2"].core.ring().members}


def test_gossip_that_makes_no_sense_changes_nothing() -> None:
    """An event about nobody, or about a name without end."""
    cluster = Cluster(4)
    digest = cluster.running["n1"].core.ring().digest
    for member in (Member(""), Member("n" * 256), Member("n8", 1, "h" * 256)):
        join = Gossip((joined(member), joined(Member("n9"))))
        (answer,) = cluster.question("n1", Caller("n2", "somebody", 1), PeerRequest(3, join))
        assert isinstance(answer.body, Refusal)
        assert answer.body.code == Code.INVALID_ARGUMENT
        assert cluster.running["n1"].core.ring().digest == digest
