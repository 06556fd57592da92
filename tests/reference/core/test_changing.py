"""A change that was answered OK stays, whoever is switched off and whichever W-1 disks are lost."""

import pytest

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import ChangeResult, Failure, PutResult, Result
from ringcheck_reference.core.messages import ClientJoin, ClientLeave, ClientPut, ClientRemove, Code
from ringcheck_reference.core.ring import Ring

from .cluster import Cluster, Disk, Request


def draining(cluster: Cluster, name: str) -> tuple[str, ...]:
    """Whom `name` knows to be leaving."""
    return cluster.running[name].core.membership().draining


def members(cluster: Cluster, name: str) -> set[str]:
    """The members by `name`'s view."""
    return {member.id for member in cluster.running[name].core.ring().members}


def drained(leaver: str, **settings: object) -> Cluster:
    """Five nodes of which one has left, which all know to be drained, and which still runs."""
    cluster = Cluster(5, w=2, n=3, partition_count=4, **settings)  # type: ignore[arg-type]
    cluster.run_for(1.0)
    assert isinstance(cluster.ask("n1", ClientLeave(leaver)), ChangeResult)
    known = cluster.run_until(
        lambda: all(leaver not in members(cluster, name) and not draining(cluster, name) for name in cluster.names),
        within=20.0,
    )
    assert known
    return cluster


def wipe(cluster: Cluster, name: str) -> None:
    """Its disk is lost, which is what W=2 has to bear."""
    cluster.crash(name)
    cluster.replace_disk(name, Disk())
    cluster.start(name)


def unavailable(result: Result | None) -> bool:
    """Whether nothing was promised."""
    return isinstance(result, Failure) and result.code is Code.UNAVAILABLE


@pytest.mark.parametrize("request_", [ClientJoin(Member("n9")), ClientLeave("n2"), ClientRemove("n2")])
def test_a_change_asked_at_a_drained_node_needs_w_others(request_: Request) -> None:
    """Its own copy is none: it may be switched off the moment after."""
    cluster = drained("n5")
    cluster.split(("n1", "n5"), ("n2", "n3", "n4"))
    assert unavailable(cluster.ask("n5", request_))
    cluster.heal()
    assert isinstance(cluster.ask("n5", request_), ChangeResult)
    cluster.retire("n5")
    wipe(cluster, "n1")
    cluster.run_for(30.0)
    wanted = {"n1", "n2", "n3", "n4", "n9"} if isinstance(request_, ClientJoin) else {"n1", "n3", "n4"}
    assert all(members(cluster, name) == wanted for name in ("n1", "n3", "n4"))


def test_a_drained_seed_holds_nothing_that_counts() -> None:
    """A seed that has left is one no more."""
    cluster = drained("n5", seeds=("n5",))
    cluster.split(("n1", "n5"), ("n2", "n3", "n4"))
    assert unavailable(cluster.ask("n1", ClientJoin(Member("n9"))))


def without_n1(leaver: str, partitions: int) -> bool:
    """Whether `leaver`, of n1 to n6, owns something, all of which it can hand over while n1 is away."""
    members = tuple(Member(f"n{number}") for number in range(1, 7))
    before = Ring(members, 2, partitions).owners
    after = Ring(tuple(member for member in members if member.id != leaver), 2, partitions).owners
    moved = [(old, new) for old, new in zip(before, after, strict=True) if set(old) != set(new)]
    return any(leaver in old for old in before) and all("n1" not in (*old, *new) for old, new in moved)


def test_a_leaver_that_is_drained_without_our_knowing_says_so_before_it_is_counted() -> None:
    """Whoever is asked learns of `drained` by the very answer that it would have counted."""
    leaver, partitions = next(
        (leaver, count)
        for count in range(1, 9)
        for leaver in ("n2", "n3", "n4", "n5", "n6")
        if without_n1(leaver, count)
    )
    cluster = Cluster(6, w=2, r=1, n=2, partition_count=partitions)
    others = [name for name in cluster.names if name not in ("n1", leaver)]
    cluster.run_for(1.0)
    for number in range(20):
        assert isinstance(cluster.ask("n1", ClientPut(b"%d" % number, b"v")), PutResult)
    assert isinstance(cluster.ask("n1", ClientLeave(leaver)), ChangeResult)
    assert cluster.run_until(lambda: all(leaver in draining(cluster, name) for name in cluster.names), within=5.0)
    cluster.split(("n1",), (*others, leaver))
    assert cluster.run_until(lambda: not any(draining(cluster, name) for name in others), within=20.0)
    assert draining(cluster, "n1") == (leaver,)
    cluster.split(("n1", leaver), others)
    assert unavailable(cluster.ask("n1", ClientJoin(Member("n7"))))
    assert draining(cluster, "n1") == ()


def test_a_leaver_that_is_not_drained_counts() -> None:
    """It has to run on, and tells all that it knows when it is done."""
    cluster = Cluster(4, w=2, n=3, partition_count=4)
    cluster.run_for(1.0)
    assert isinstance(cluster.ask("n1", ClientPut(b"k", b"v")), PutResult)
    cluster.split(("n1", "n4"), ("n2", "n3"))
    assert isinstance(cluster.ask("n1", ClientLeave("n4")), ChangeResult)


@pytest.mark.parametrize(
    "request_",
    [
        ClientJoin(Member("n" * 256)),
        ClientJoin(Member("n6", 1, "h" * 256)),
        ClientLeave("n" * 256),
        ClientRemove("n" * 256),
    ],
)
def test_names_without_end_are_refused(request_: Request) -> None:
    """Every event and every view would repeat them for ever; the refusal does not."""
    cluster = Cluster(5)
    digest = cluster.running["n1"].core.ring().digest
    result = cluster.ask("n1", request_)
    assert isinstance(result, Failure)
    assert result.code is Code.INVALID_ARGUMENT
    assert "255 bytes" in result.message
    assert len(result.message) < 200
    assert cluster.running["n1"].core.ring().digest == digest


@pytest.mark.parametrize("w", [1, 2])
def test_a_node_does_not_remove_itself(w: int) -> None:
    """It would stop serving before it has told anybody; nothing is changed."""
    cluster = Cluster(5, w=w)
    cluster.run_for(1.0)
    result = cluster.ask("n1", ClientRemove("n1"))
    assert isinstance(result, Failure)
    assert result.code is Code.FAILED_PRECONDITION
    assert "ask another member" in result.message
    cluster.run_for(5.0)
    assert all(len(members(cluster, name)) == 5 for name in cluster.names)
    assert isinstance(cluster.ask("n1", ClientPut(b"k", b"v")), PutResult)
